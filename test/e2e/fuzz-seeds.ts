/** Good requests of every route: what the fuzzer mutates. */

export interface FuzzRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const RANGE = { start_time: 1_700_000_000_000_000, end_time: 1_700_000_600_000_000 };

/** The fields of the stream `a`, of every kind that a record can have. */
export function fuzzRecords(count: number): object[] {
  return Array.from({ length: count }, (_, index) => ({
    _timestamp: RANGE.start_time + index * 1_000_000,
    level: ['info', 'warn', 'error'][index % 3],
    message: `request ${index} took ${index * 3} ms, path=/a/b?x=%${index}`,
    n: index - 50,
    big: index % 2 ? 2 ** 62 : -5,
    f: index / 7,
    ok: index % 2 === 0,
    tags: JSON.stringify([index, 'x', null]),
    kubernetes: { pod: `p${index % 5}`, labels: { app: 'web' } },
    ...(index % 4 === 0 ? { sparse: `s${index}` } : {}),
  }));
}

export const STATEMENTS = [
  'SELECT * FROM a',
  'SELECT level, count(*) AS c FROM a WHERE n > 10 AND f <= 7.25 GROUP BY level ORDER BY c DESC, level LIMIT 5',
  "SELECT * FROM a WHERE message LIKE '%took%ms' AND level IN ('info', 'error') AND n BETWEEN -5 AND 60",
  "SELECT histogram(_timestamp, '30 seconds') AS t, avg(f), approx_percentile_cont(f, 0.9) FROM a GROUP BY t ORDER BY t",
  "SELECT count(*) FROM a WHERE match_all('request 1*') OR NOT ok OR sparse IS NULL",
  "SELECT re_match(message, 'to+k \\\\d+'), regexp_replace(message, '(\\\\d+)', '<$1>', 'g') FROM a WHERE str_match(level, 'err')",
  'SELECT n, big, big + 1, n / 0.5, n % 7, CAST(f AS BIGINT), round(f, 2) FROM a WHERE big > 4611686018427387903',
  "SELECT cast_to_arr(tags), substr(message, 3, 9), lpad(level, 10, '*') FROM a",
  'WITH w AS (SELECT level, max(n) AS m FROM a GROUP BY level) SELECT a.n FROM a JOIN w ON a.level = w.level AND a.n = w.m',
  'SELECT level, n, row_number() OVER (PARTITION BY level ORDER BY n DESC) AS r FROM a ORDER BY level, r LIMIT 20',
  "SELECT date_trunc('minute', to_timestamp_micros(_timestamp)), min(_timestamp) FROM a GROUP BY 1",
  "SELECT DISTINCT kubernetes_pod FROM a WHERE kubernetes_labels_app = 'web' UNION ALL SELECT level FROM a LIMIT 7 OFFSET 2",
  "SELECT CASE WHEN n > 0 THEN 'p' WHEN n < 0 THEN 'm' ELSE NULL END AS s, sum(n) FILTER (WHERE ok) FROM a GROUP BY s HAVING count(*) > 3",
  'SELECT n FROM a WHERE n IN (SELECT n FROM a WHERE ok) AND EXISTS (SELECT 1 FROM a AS b WHERE b.n > a.n)',
  'SELECT _timestamp FROM a WHERE _timestamp >= 1700000000000000 AND _timestamp < 1700000100000000 ORDER BY _timestamp ASC',
  'EXPLAIN ANALYZE SELECT level, count(*) FROM a GROUP BY level',
];

const encodedLevel = Buffer.from("SELECT * FROM a WHERE level = 'info'").toString('base64');

/** One request for each route that a statement goes to. */
function searches(sql: string): FuzzRequest[] {
  const query = { sql, ...RANGE, from: 0, size: 20 };
  const post = (path: string, body: object, headers: Record<string, string> = {}): FuzzRequest => ({
    method: 'POST',
    path,
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  });
  const limits = { timeout: 3 };
  return [
    post('/api/default/_search', { query, ...limits }),
    post('/api/default/_search', {
      query: { ...query, query_type: 'table', track_total_hits: true },
      use_cache: false,
      ...limits,
    }),
    post('/api/default/_search', {
      query: { ...query, timezone: 'Europe/Berlin', histogram_interval: 30 },
      agent_options: { output_format: 'md_table' },
      ...limits,
    }),
    post('/api/default/_search?is_ui_histogram=true', { query, search_type: 'ui', ...limits }),
    post('/api/default/_search', { query, ...limits }, { accept: 'text/csv' }),
    post('/api/default/_search', { query: { ...query, query_type: 'metrics' }, ...limits }),
    post('/api/default/_search_stream', { query, ...limits }),
    post('/api/default/_search_partition', { sql, ...RANGE }),
    post('/api/default/_search_multi', { sql: [sql, { sql, ...RANGE }], ...RANGE, size: 5, ...limits }),
    post('/api/default/_search_multi_stream', { sql: [sql], ...RANGE, per_query_response: true, ...limits }),
    post('/api/default/result_schema', { query }),
    ...['ndjson', 'csv', 'arrow', 'parquet'].map((format) =>
      post(`/api/default/_export?format=${format}`, { query: { sql, ...RANGE }, ...limits }),
    ),
  ];
}

const plain = (
  method: string,
  path: string,
  body = '',
  headers: Record<string, string> = {},
): FuzzRequest => ({
  method,
  path,
  headers,
  body,
});

export const SEEDS: FuzzRequest[] = [
  ...STATEMENTS.flatMap(searches),
  plain(
    'GET',
    '/api/default/a/_values?fields=level,n&start_time=1700000000000000&end_time=1700000600000000&size=5&from=0&keyword=e&filter=level=info,warn&no_count=false',
  ),
  plain(
    'GET',
    `/api/default/a/_values?fields=level&size=5&start_time=1&end_time=1900000000000000&sql=${encodedLevel}`,
  ),
  plain(
    'POST',
    '/api/default/_values_stream',
    JSON.stringify({
      fields: ['level', 'f'],
      no_count: false,
      stream_name: 'a',
      stream_type: 'logs',
      sql: encodedLevel,
      ...RANGE,
      size: 3,
    }),
    JSON_TYPE,
  ),
  plain('GET', '/api/default/a/_around?key=1700000050000000&size=6'),
  plain(
    'POST',
    '/api/default/a/_around?size=4',
    JSON.stringify({ _timestamp: 1_700_000_050_000_000, hostname: 'h', kubernetes_pod: 'p1' }),
    JSON_TYPE,
  ),
  plain('GET', '/api/default/_search'),
  plain('DELETE', '/api/default/_search/0123456789abcdef0123456789abcdef'),
  plain(
    'POST',
    '/api/default/_search_history',
    JSON.stringify({ start_time: 1, end_time: 4_000_000_000_000_000, stream_name: 'a', size: 9 }),
    JSON_TYPE,
  ),
  plain('GET', '/api/default/_export/0123456789abcdef0123456789abcdef'),
  plain('GET', '/api/default/streams?fetchSchema=true&sort=doc_num&keyword=a&asc=false&offset=0&limit=5'),
  plain('GET', '/api/default/streams/a/schema'),
  plain('DELETE', '/api/default/streams/unknown'),
  plain(
    'PUT',
    '/api/default/streams/b/settings',
    JSON.stringify({ data_retention: 30, data_retention_bytes: 1_000_000 }),
  ),
  plain(
    'POST',
    '/api/default/b/_delete_by_query',
    JSON.stringify({ where: "n > 5 AND level LIKE 'e%'", ...RANGE }),
  ),
  plain('GET', '/api/default/query_functions'),
  plain('GET', "/api/default/a/_tail?filter=level = 'error'&from=5".replaceAll(' ', '%20')),
  plain('GET', '/healthz'),
  plain('GET', '/readyz'),
  plain('GET', '/'),
  plain('GET', '/api/default/'),
  plain('HEAD', '/'),
  plain('POST', '/api/default/b/_json', JSON.stringify(fuzzRecords(3))),
  plain(
    'POST',
    '/api/default/b/_multi',
    fuzzRecords(3)
      .map((record) => JSON.stringify(record))
      .join('\n'),
  ),
  ...['/api/default/_bulk', '/api/default/b/_bulk', '/_bulk?filter_path=errors,items.*.status'].map((path) =>
    plain(
      'POST',
      path,
      `{"create":{"_index":"b","_id":"1"}}\n{"n":1,"level":"info"}\n{"index":{"_index":"b"}}\n{"f":0.5,"o":{"k":[1]}}\n{"delete":{"_index":"b","_id":"x"}}\n`,
    ),
  ),
];
