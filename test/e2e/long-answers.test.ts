/** Answers that are longer than memory should hold are refused with the way out; long ones come whole, and nobody waits for them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sleep, TestServer } from '../harness/server.js';

const ROWS = 60_000;
const BATCHES = 12;
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start({ env: { BASALT_MEMORY_LIMIT_BYTES: String(448 * 1024 * 1024) } });
  for (let batch = 0; batch < BATCHES; batch++) {
    const records = Array.from({ length: ROWS / BATCHES }, (_, index) => ({
      _timestamp: 1_700_000_000_000_000 + batch * 1_000_000 + index,
      value: index,
      pad: `${batch} ${index} `.repeat(100),
    }));
    await server.client.store('long', records);
  }
}, 120_000);
afterAll(() => server?.stop());

function search(query: object, more: object = {}) {
  const body = { query: { start_time: 0, end_time: 4_000_000_000_000_000, ...query }, ...more };
  return server.client.request('POST', '/api/default/_search', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    timeoutMs: 60_000,
  });
}

test('all rows are too many for one answer, and for an export they are not', {
  timeout: 120_000,
}, async () => {
  const refused = await search({ sql: 'SELECT * FROM long', size: -999 });
  expect(refused.status, refused.text.slice(0, 200)).toBe(400);
  // With so little memory, the limit of all queries may be met before that of one answer.
  expect(refused.text).toMatch(/more than \d+ MB.*_export|all queries together hold/);
  const exportAll = () =>
    server.client.request('POST', '/api/default/_export?format=ndjson', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query: { sql: 'SELECT value FROM long', start_time: 0, end_time: 4_000_000_000_000_000 },
      }),
      timeoutMs: 60_000,
    });
  let exported = await exportAll();
  // What the refused query holds is given back a moment after its answer.
  for (let tries = 0; exported.status !== 200 && tries < 20; tries++) {
    await sleep(100);
    exported = await exportAll();
  }
  expect(exported.status, exported.text.slice(0, 300)).toBe(200);
  expect(exported.text.trimEnd().split('\n')).toHaveLength(ROWS);
});

test('a long answer comes whole, in every form', { timeout: 120_000 }, async () => {
  const rows = 8000;
  const whole = await search({ sql: 'SELECT * FROM long', size: rows });
  expect([whole.status, JSON.parse(whole.text).hits.length]).toEqual([200, rows]);
  const series = await search({
    sql: 'SELECT _timestamp, value FROM long',
    size: ROWS,
    query_type: 'metrics',
  });
  expect(JSON.parse(series.text).hits[0].values).toHaveLength(ROWS);
  for (const output_format of ['md_table', 'csv']) {
    const table = await search(
      { sql: 'SELECT * FROM long', size: rows },
      { agent_options: { output_format } },
    );
    expect(JSON.parse(table.text).data.trimEnd().split('\n').length).toBeGreaterThan(rows);
  }
  const metrics = await server.client.request('GET', '/metrics', { anonymous: true });
  expect(metrics.text).toMatch(/^basalt_main_thread_longest_stop_seconds [\d.e-]+$/m);
});
