/** The questions in Basalt's SQL. */
import type { QueryParameters, Statements } from './queries.js';

export function basaltStatements(p: QueryParameters): Statements {
  return {
    count: 'SELECT count(*) AS count FROM logs',
    filter: "SELECT count(*) AS count FROM logs WHERE level = 'error'",
    group2: 'SELECT level, count(*) AS count, avg(response_time) AS average FROM logs GROUP BY level',
    seed:
      "SELECT timestamp_bucket('1 hour', timestamp) AS time_bucket, level, COUNT(*) AS count, " +
      'AVG(response_time) AS avg_response FROM logs ' +
      `WHERE timestamp >= NOW() - INTERVAL '${p.hours} hours' AND level IN ('error', 'warn') ` +
      'GROUP BY time_bucket, level ORDER BY time_bucket DESC, count DESC',
    p95:
      'SELECT service, approx_percentile_cont(response_time, 0.95) AS p95 FROM logs ' +
      'GROUP BY service ORDER BY p95 DESC LIMIT 10',
    substr: `SELECT count(*) AS count FROM logs WHERE message LIKE '%${p.phrase}%'`,
    match_all: `SELECT count(*) AS count FROM logs WHERE match_all('${p.phrase}')`,
    needle: `SELECT * FROM logs WHERE trace_id = '${p.traceId}'`,
    toppath: 'SELECT path, count(*) AS count FROM logs GROUP BY path ORDER BY count DESC, path LIMIT 10',
    last100: "SELECT * FROM logs WHERE level = 'error' ORDER BY _timestamp DESC LIMIT 100",
    distinct: 'SELECT count(DISTINCT user_id) AS users FROM logs',
    regex: `SELECT count(*) AS count FROM logs WHERE re_match(message, '${p.pattern}')`,
    hist1h:
      "SELECT timestamp_bucket('1 minute', timestamp) AS time_bucket, count(*) AS count FROM logs " +
      `WHERE service = '${p.service}' AND _timestamp >= ${p.fromUs} AND _timestamp < ${p.untilUs} ` +
      'GROUP BY time_bucket ORDER BY time_bucket',
    join:
      'SELECT l.service AS service, count(*) AS count FROM logs l JOIN ' +
      `(SELECT user_id FROM logs WHERE level = 'error' GROUP BY user_id HAVING count(*) >= ${p.errorsMin}) u ` +
      'ON l.user_id = u.user_id GROUP BY l.service ORDER BY count DESC, service',
  };
}
