/** Streamed searches over real connections: the parts are the whole, readers that are slow or gone, searches that are stopped. */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EventStream, type ServerEvent } from '../harness/event-stream.js';
import { ALL_TIME } from '../harness/http.js';
import { TestServer } from '../harness/server.js';

const ROWS = 300_000;
const TRACE_ID = '0123456789abcdef0123456789abcdef';
/** Runs for minutes. */
const LONG = 'SELECT count(*) FROM few a, few b, few c';

// Some read all rows, and a busy host has little time for each.
vi.setConfig({ testTimeout: 180_000 });

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ env: { BASALT_QUERY_WORKERS: '2' } });
  const perBody = 100_000;
  for (let from = 0; from < ROWS; from += perBody) {
    // Times that go up and down, no two alike (the order of equal ones is nobody's promise), and some far off.
    const lines = Array.from({ length: perBody }, (_, index) => {
      const n = from + index;
      const time = 1_700_000_000_000_000 + ((n * 7919) % ROWS) * 1000 + (n % 1000 === 0 ? 1e12 : 0);
      return `{"_timestamp":${time},"n":${n},"text":"row, \\"${n}\\" },{ ${'x'.repeat(n % 40)}"}`;
    });
    const reply = await server.client.ingest('many', '_multi', lines.join('\n'));
    expect(reply.status).toBe(200);
  }
  await server.client.store(
    'few',
    Array.from({ length: 2000 }, (_, n) => ({ n })),
  );
});
afterAll(() => server?.stop());

function body(sql: string, fields: object = {}): object {
  return { query: { sql, start_time: ALL_TIME.start, end_time: ALL_TIME.end, ...fields } };
}

function stream(
  sql: string,
  fields: object = {},
  headers: Record<string, string> = {},
): Promise<EventStream> {
  return EventStream.open(server, '/api/default/_search_stream', body(sql, fields), headers);
}

function hitsOf(events: ServerEvent[]): unknown[] {
  return events
    .filter(({ event }) => event === 'search_response_hits')
    .flatMap(({ data }) => (JSON.parse(data) as { hits: unknown[] }).hits);
}

/** Read without care for long integers, which the test's own client takes: there are many rows. */
async function search(sql: string, fields: object): Promise<unknown[]> {
  const { response } = await EventStream.open(server, '/api/default/_search', body(sql, fields));
  return (JSON.parse(await text(response)) as { hits: unknown[] }).hits;
}

/** Short, where two long lists differ. */
function firstDifference(found: unknown[], wanted: unknown[]): string | undefined {
  if (found.length !== wanted.length) return `${found.length} instead of ${wanted.length}`;
  const at = found.findIndex((hit, index) => JSON.stringify(hit) !== JSON.stringify(wanted[index]));
  if (at < 0) return undefined;
  return `${at}: ${JSON.stringify(found[at])} instead of ${JSON.stringify(wanted[at])}`;
}

function metadataOf(events: ServerEvent[]) {
  return events
    .filter(({ event }) => event === 'search_response_metadata')
    .map(
      ({ data }) =>
        JSON.parse(data) as {
          results: { total: number };
          time_offset: { start_time: number; end_time: number };
        },
    );
}

async function list(): Promise<{ trace_id: string; sql: string }[]> {
  const reply = await server.client.request('GET', '/api/default/_search');
  return (reply.json as unknown as { list: { trace_id: string; sql: string }[] }).list;
}

/** Waits until the only search that runs is this one, or none. */
async function untilRunning(sql: string | undefined, timeoutMs = 5000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const running = await list();
    if (sql === undefined ? running.length === 0 : running.some((each) => each.sql === sql)) return;
    if (Date.now() > deadline) throw new Error(`running: ${JSON.stringify(running)}`);
    await sleep(5);
  }
}

describe.each([{ state: 'in the WAL' }, { state: 'in segments' }])('parts of rows $state', ({ state }) => {
  beforeAll(async () => {
    if (state === 'in segments') await server.client.flush();
  });

  test.each([
    { name: 'all rows', sql: 'SELECT n FROM many', fields: { size: -999 } },
    { name: 'the newest rows', sql: 'SELECT * FROM many', fields: { size: 700 } },
    { name: 'rare rows', sql: 'SELECT n FROM many WHERE n % 5000 = 77', fields: { size: 90 } },
    { name: 'more than there are', sql: 'SELECT n FROM many WHERE n % 50000 = 77', fields: { size: 90 } },
    { name: 'a limit of the statement', sql: 'SELECT n FROM many WHERE n % 100 = 3 LIMIT 4000', fields: {} },
    {
      name: 'rows as arrays',
      sql: 'SELECT text, n FROM many WHERE n < 2000',
      fields: { query_type: 'table' },
    },
    {
      name: 'rows of some time',
      sql: 'SELECT n FROM many',
      fields: { start_time: 1.7e15 + 5e6, end_time: 1.7e15 + 5.5e6 },
    },
    { name: 'later ones', sql: 'SELECT n FROM many', fields: { size: 10, from: 20 } },
    { name: 'the oldest', sql: 'SELECT n FROM many ORDER BY _timestamp LIMIT 30', fields: {} },
    { name: 'buckets', sql: 'SELECT histogram(_timestamp) AS t, n FROM many', fields: { size: 20 } },
    { name: 'groups', sql: 'SELECT n % 10 AS d, count(*) AS c FROM many GROUP BY d ORDER BY d', fields: {} },
    { name: 'a limit inside', sql: 'SELECT count(*) FROM (SELECT * FROM many LIMIT 5)', fields: {} },
    { name: 'distinct', sql: 'SELECT DISTINCT n % 7 AS d FROM many ORDER BY d', fields: {} },
  ])('are what one search answers: $name', async ({ sql, fields }) => {
    const whole = await search(sql, fields);
    const events = await (await stream(sql, fields)).all();
    expect(firstDifference(hitsOf(events), whole)).toBeUndefined();
    expect(events.at(-1)).toEqual({ event: '', data: '[[DONE]]' });
    const metadata = metadataOf(events);
    expect(metadata.reduce((sum, { results }) => sum + results.total, 0)).toBe(whole.length);
    for (const [index, { time_offset }] of metadata.entries())
      if (index > 0) expect(time_offset.end_time).toBe(metadata[index - 1]?.time_offset.start_time);
  });

  test('are several where there are many rows, and no more than are needed', async () => {
    const all = metadataOf(await (await stream('SELECT n FROM many', { size: -999 })).all());
    expect(all.length).toBeGreaterThan(2);
    const few = metadataOf(await (await stream('SELECT n FROM many', { size: 100 })).all());
    expect(few).toHaveLength(1);
    const rare = metadataOf(await (await stream('SELECT n FROM many WHERE n % 5000 = 77')).all());
    expect(rare.length).toBeGreaterThan(1);
    const grouped = metadataOf(await (await stream('SELECT count(*) FROM many')).all());
    expect(grouped).toHaveLength(1);
  });

  test('come with the newest first, before the others are read', async () => {
    const opened = await stream('SELECT n FROM many', { size: -999 });
    const events: string[] = [];
    for await (const { event } of opened.events()) {
      events.push(event);
      if (events.length === 2) break;
    }
    expect(events).toEqual(['search_response_metadata', 'search_response_hits']);
    opened.destroy();
    await untilRunning(undefined);
  });
});

describe('a reader', () => {
  test('that goes away stops its search', async () => {
    const gone = server.client.request('POST', '/api/default/_search_stream', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body(LONG)),
      timeoutMs: 1000,
    });
    await untilRunning(LONG);
    await expect(gone).rejects.toThrow();
    await untilRunning(undefined);
  });

  test('that is slow holds the search back, not the memory', async () => {
    // What the first reading warms up is no part of the measurement.
    await (await stream('SELECT * FROM many', { size: -999 })).all();
    const opened = await stream('SELECT * FROM many', { size: -999 });
    const before = residentMb();
    const running: number[] = [];
    let bytes = 0;
    for await (const { data } of opened.events()) {
      bytes += data.length;
      if (running.length >= 8) continue;
      await sleep(500);
      running.push((await list()).length);
    }
    expect(bytes).toBeGreaterThan(20_000_000);
    // The search waits for its reader instead of running ahead.
    expect(running).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(residentMb() - before).toBeLessThan(200);
  });
});

describe('a search that is stopped by its trace id', () => {
  test('ends at once, and so do its workers', async () => {
    const answer = server.client.request('POST', '/api/default/_search', {
      headers: { 'content-type': 'application/json', 'x-openobserve-trace-id': TRACE_ID },
      body: JSON.stringify(body(LONG)),
    });
    await untilRunning(LONG);
    expect(await list()).toMatchObject([{ trace_id: TRACE_ID, sql: LONG }]);
    const started = performance.now();
    const reply = await server.client.request('DELETE', `/api/default/_search/${TRACE_ID}`);
    expect(reply).toMatchObject({ status: 200, json: { code: 200 } });
    expect(await answer).toMatchObject({ status: 429, json: { code: 20009, trace_id: TRACE_ID } });
    expect(performance.now() - started).toBeLessThan(100);
    const deadline = Date.now() + 2000;
    let running = 1;
    while (running > 0 && Date.now() < deadline) {
      const { text } = await server.client.request('GET', '/metrics');
      running = Number(/^basalt_queries_running (\d+)$/m.exec(text)?.[1]);
    }
    expect(running).toBe(0);
    const again = await server.client.request('DELETE', `/api/default/_search/${TRACE_ID}`);
    expect(again.status).toBe(404);
  });

  test('ends its stream with that word', async () => {
    const opened = await stream('SELECT n FROM many', { size: -999 }, { 'x-openobserve-trace-id': TRACE_ID });
    const events: ServerEvent[] = [];
    for await (const event of opened.events()) {
      events.push(event);
      if (events.length === 1) await server.client.request('DELETE', `/api/default/_search/${TRACE_ID}`);
    }
    expect(opened.response.headers['x-openobserve-trace-id']).toBe(TRACE_ID);
    expect(events.at(-2)).toMatchObject({ event: 'error', data: expect.stringContaining('20009') });
    expect(events.at(-1)).toEqual({ event: '', data: '[[CANCELLED]]' });
  });

  test('is remembered', async () => {
    const reply = await server.client.request('POST', '/api/default/_search_history', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ start_time: 0, end_time: ALL_TIME.end, trace_id: TRACE_ID }),
    });
    expect(reply.json).toMatchObject({ total: 2, hits: [{ error: 'the query was cancelled' }, {}] });
  });
});

function residentMb(): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}
