/** A server that limits the range of time of a search. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../harness/server.js';

const HOUR_US = 3_600_000_000;
const END = 1_700_000_000_000_000;
const NOTE = 'Query duration is modified due to query range restriction of 2 hours';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ env: { BASALT_MAX_QUERY_RANGE_HOURS: '2' } });
  const hours = [0.5, 1.5, 2.5, 3.5];
  await server.client.store(
    'logs',
    hours.map((hour) => ({ _timestamp: END - hour * HOUR_US, hour })),
  );
});
afterAll(() => server?.stop());

function search(hours: number) {
  return server.client.search('SELECT hour FROM logs ORDER BY hour', {
    startTime: END - hours * HOUR_US,
    endTime: END,
  });
}

test('a longer one is cut at its start, and the answer says so', async () => {
  expect((await search(10)).json).toMatchObject({
    hits: [{ hour: 0.5 }, { hour: 1.5 }],
    is_partial: true,
    new_start_time: END - 2 * HOUR_US,
    new_end_time: END,
    function_error: [NOTE],
  });
});

test('an export of a longer one is refused, since a file cannot say that it is not all', async () => {
  const ask = (hours: number, size?: number) =>
    server.client.request('POST', '/api/default/_export', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query: { sql: 'SELECT hour FROM logs', start_time: END - hours * HOUR_US, end_time: END, size },
      }),
    });
  expect(await ask(10)).toMatchObject({ status: 400, json: { code: 20011 } });
  expect(await ask(2)).toMatchObject({ status: 200, text: '{"hour":0.5}\n{"hour":1.5}\n' });
  expect(await ask(2, 0)).toMatchObject({ status: 422 });
});

test('one that is as long as allowed is not', async () => {
  const { json } = await search(2);
  expect(json).toMatchObject({ hits: [{ hour: 0.5 }, { hour: 1.5 }], is_partial: false });
  expect(json).not.toHaveProperty('function_error');
  expect(json).not.toHaveProperty('new_start_time');
});

test('a streamed one is cut too, and what is told of parts of it', async () => {
  const body = { sql: 'SELECT hour FROM logs', start_time: END - 10 * HOUR_US, end_time: END };
  const options = { headers: { 'content-type': 'application/json' } };
  const stream = await server.client.request('POST', '/api/default/_search_stream', {
    ...options,
    body: JSON.stringify({ query: body }),
  });
  expect(stream.text).toContain('data: {"hits":[{"hour":0.5},{"hour":1.5}]}');
  expect(stream.text).toContain(NOTE);
  const partition = await server.client.request('POST', '/api/default/_search_partition', {
    ...options,
    body: JSON.stringify(body),
  });
  expect(partition.json).toMatchObject({ max_query_range: 2, partitions: [[END - 2 * HOUR_US, END]] });
});
