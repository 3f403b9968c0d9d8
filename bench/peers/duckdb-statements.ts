/** The questions in DuckDB's SQL, for a table and for a Parquet file alike. */
import type { QueryParameters, Statements } from './queries.js';

const bucket = (us: number) => `(_timestamp // ${us}) * ${us} AS time_bucket`;

export function duckdbStatements(p: QueryParameters): Statements {
  return {
    count: 'SELECT count(*) AS count FROM logs',
    filter: "SELECT count(*) AS count FROM logs WHERE level = 'error'",
    group2: 'SELECT level, count(*) AS count, avg(response_time) AS average FROM logs GROUP BY level',
    seed:
      `SELECT ${bucket(3600e6)}, level, count(*) AS count, avg(response_time) AS avg_response FROM logs ` +
      `WHERE _timestamp >= epoch_us(now() - INTERVAL '${p.hours} hours') AND level IN ('error', 'warn') ` +
      'GROUP BY time_bucket, level ORDER BY time_bucket DESC, count DESC',
    // A t-digest, as in the other engines.
    p95:
      'SELECT service, approx_quantile(response_time, 0.95) AS p95 FROM logs ' +
      'GROUP BY service ORDER BY p95 DESC LIMIT 10',
    substr: `SELECT count(*) AS count FROM logs WHERE message LIKE '%${p.phrase}%'`,
    match_all: `SELECT count(*) AS count FROM logs WHERE message ILIKE '%${p.phrase}%'`,
    needle: `SELECT * FROM logs WHERE trace_id = '${p.traceId}'`,
    toppath: 'SELECT path, count(*) AS count FROM logs GROUP BY path ORDER BY count DESC, path LIMIT 10',
    last100: "SELECT * FROM logs WHERE level = 'error' ORDER BY _timestamp DESC LIMIT 100",
    distinct: 'SELECT count(DISTINCT user_id) AS users FROM logs',
    regex: `SELECT count(*) AS count FROM logs WHERE regexp_matches(message, '${p.pattern}')`,
    hist1h:
      `SELECT ${bucket(60e6)}, count(*) AS count FROM logs ` +
      `WHERE service = '${p.service}' AND _timestamp >= ${p.fromUs} AND _timestamp < ${p.untilUs} ` +
      'GROUP BY time_bucket ORDER BY time_bucket',
    join:
      'SELECT l.service AS service, count(*) AS count FROM logs l JOIN ' +
      `(SELECT user_id FROM logs WHERE level = 'error' GROUP BY user_id HAVING count(*) >= ${p.errorsMin}) u ` +
      'ON l.user_id = u.user_id GROUP BY l.service ORDER BY count DESC, service',
  };
}

/** All exact percentiles, with the number of values of each: what the estimates of all engines are checked against. Not timed. */
export const exactPercentiles =
  'SELECT service, quantile_cont(response_time, 0.95) AS p95, count(*) AS rows FROM logs ' +
  'GROUP BY service ORDER BY p95 DESC';

export const tableColumns =
  "{_timestamp: 'BIGINT', level: 'VARCHAR', service: 'VARCHAR', host: 'VARCHAR', pod: 'VARCHAR', trace_id: 'VARCHAR', " +
  "method: 'VARCHAR', path: 'VARCHAR', status: 'BIGINT', response_time: 'DOUBLE', bytes: 'BIGINT', user_id: 'BIGINT', " +
  "message: 'VARCHAR', error: 'STRUCT(kind VARCHAR, retryable BOOLEAN)'}";
