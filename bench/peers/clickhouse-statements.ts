/** The questions and the table in ClickHouse's SQL. */
import type { QueryParameters, Statements } from './queries.js';

const bucket = (us: number) => `intDiv(_timestamp, ${us}) * ${us} AS time_bucket`;

export function clickhouseStatements(p: QueryParameters): Statements {
  return {
    count: 'SELECT count() AS count FROM logs',
    filter: "SELECT count() AS count FROM logs WHERE level = 'error'",
    group2: 'SELECT level, count() AS count, avg(response_time) AS average FROM logs GROUP BY level',
    seed:
      `SELECT ${bucket(3600e6)}, level, count() AS count, avg(response_time) AS avg_response FROM logs ` +
      `WHERE _timestamp >= toUnixTimestamp64Micro(now64(6) - INTERVAL ${p.hours} HOUR) ` +
      "AND level IN ('error', 'warn') GROUP BY time_bucket, level ORDER BY time_bucket DESC, count DESC",
    // A t-digest, as in the other engines: quantile() samples 8,192 values and strays by more than the 1 % that answers may differ.
    p95:
      'SELECT service, quantileTDigest(0.95)(response_time) AS p95 FROM logs ' +
      'GROUP BY service ORDER BY p95 DESC LIMIT 10',
    substr: `SELECT count() AS count FROM logs WHERE message LIKE '%${p.phrase}%'`,
    match_all: `SELECT count() AS count FROM logs WHERE message ILIKE '%${p.phrase}%'`,
    needle: `SELECT * FROM logs WHERE trace_id = '${p.traceId}'`,
    toppath: 'SELECT path, count() AS count FROM logs GROUP BY path ORDER BY count DESC, path LIMIT 10',
    last100: "SELECT * FROM logs WHERE level = 'error' ORDER BY _timestamp DESC LIMIT 100",
    distinct: 'SELECT uniqExact(user_id) AS users FROM logs',
    regex: `SELECT count() AS count FROM logs WHERE match(message, '${p.pattern}')`,
    hist1h:
      `SELECT ${bucket(60e6)}, count() AS count FROM logs ` +
      `WHERE service = '${p.service}' AND _timestamp >= ${p.fromUs} AND _timestamp < ${p.untilUs} ` +
      'GROUP BY time_bucket ORDER BY time_bucket',
    join:
      'SELECT l.service AS service, count() AS count FROM logs AS l INNER JOIN ' +
      `(SELECT user_id FROM logs WHERE level = 'error' GROUP BY user_id HAVING count() >= ${p.errorsMin}) AS u ` +
      'ON l.user_id = u.user_id GROUP BY service ORDER BY count DESC, service',
  };
}

/** Strings of few values as dictionaries, zstd for everything, skip indexes for what is searched. */
export const tableDefinition = `CREATE TABLE logs (
  _timestamp Int64 CODEC(Delta, ZSTD(1)),
  level LowCardinality(String) CODEC(ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  host LowCardinality(String) CODEC(ZSTD(1)),
  pod LowCardinality(String) CODEC(ZSTD(1)),
  trace_id String CODEC(ZSTD(1)),
  method LowCardinality(String) CODEC(ZSTD(1)),
  path String CODEC(ZSTD(1)),
  status Int64 CODEC(ZSTD(1)),
  response_time Float64 CODEC(ZSTD(1)),
  bytes Int64 CODEC(ZSTD(1)),
  user_id Int64 CODEC(ZSTD(1)),
  message String CODEC(ZSTD(1)),
  error Tuple(kind LowCardinality(Nullable(String)), retryable Nullable(Bool)) CODEC(ZSTD(1)),
  INDEX trace_ids trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX message_tokens message TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1
) ENGINE = MergeTree ORDER BY _timestamp`;

export const insertFrom = (path: string) =>
  `INSERT INTO logs SELECT * FROM file('${path}', 'JSONEachRow', ` +
  `'_timestamp Int64, level String, service String, host String, pod String, trace_id String, method String, path String, ` +
  'status Int64, response_time Float64, bytes Int64, user_id Int64, message String, ' +
  `error Tuple(kind Nullable(String), retryable Nullable(Bool))')`;
