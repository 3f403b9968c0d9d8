/** What is kept of queries: never an old answer, and told in the answer and the metrics. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../harness/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server?.stop());

const GROUP_ROWS = 65_536;
const DAY_US = 1_700_000_000_000_000;

function records(count: number, fromUs: number) {
  return Array.from({ length: count }, (_, n) => ({
    _timestamp: fromUs + n,
    n,
    level: n % 10 === 0 ? 'error' : 'info',
    text: `request ${n} of user ${n % 997}`,
  }));
}

async function storeMany(stream: string, count: number, fromUs = DAY_US): Promise<void> {
  const all = records(count, fromUs);
  for (let at = 0; at < count; at += 20_000) await server.client.store(stream, all.slice(at, at + 20_000));
}

async function cachedRatio(sql: string): Promise<number> {
  const reply = await server.client.search(sql);
  expect(reply.status, reply.text).toBe(200);
  return (reply.json as { cached_ratio: number }).cached_ratio;
}

test('a repeated answer is kept, until anything in the stream changes', async () => {
  const { client } = server;
  const sql = 'SELECT count(*) AS n, sum(n) AS s FROM kept';
  await client.store('kept', [{ n: 1 }, { n: 2 }]);
  expect([await cachedRatio(sql), await cachedRatio(sql)]).toEqual([0, 100]);
  await client.store('kept', [{ n: 3 }]);
  expect(await client.rows(sql)).toEqual([{ n: 3, s: 6 }]);
  await client.flush();
  expect(await client.rows(sql)).toEqual([{ n: 3, s: 6 }]);
  await client.request('DELETE', '/api/default/streams/kept');
  await client.store('kept', [{ n: 10 }]);
  expect(await client.rows(sql)).toEqual([{ n: 1, s: 10 }]);
});

test('new data is scanned, what was in segments is not scanned again', async () => {
  const { client } = server;
  await storeMany('grown', GROUP_ROWS * 2);
  await client.flush();
  const sql =
    "SELECT level, count(*) AS n, max(n) AS most FROM grown WHERE text LIKE '%user 1%' GROUP BY level";
  const first = await client.rows(sql, { useCache: false });
  expect(await cachedRatio(sql)).toBe(0);
  await storeMany('grown', 1000, DAY_US + 10_000_000);
  expect(await cachedRatio(sql)).toBeGreaterThan(90);
  const now = await client.rows(sql, { useCache: false });
  expect(now).not.toEqual(first);
  expect(await client.rows(sql)).toEqual(now);
});

test('a query that depends on the clock or on chance is answered anew each time', async () => {
  const { client } = server;
  await client.store('clock', [{ n: 1 }]);
  for (const sql of ['SELECT now() AS x FROM clock', 'SELECT random() AS x FROM clock']) {
    const seen = new Set<string>();
    for (let round = 0; round < 3; round++) {
      seen.add(JSON.stringify(await client.rows(sql)));
      await sleep(3);
    }
    expect(seen.size, sql).toBe(3);
  }
});

test('each organization, time range, size and format has its own answer', async () => {
  const { client } = server;
  await client.store('own', [
    { _timestamp: DAY_US + 100, n: 1 },
    { _timestamp: DAY_US + 200, n: 2 },
  ]);
  await client.request('POST', '/api/other/own/_json', {
    body: JSON.stringify([{ _timestamp: DAY_US, n: 7 }]),
  });
  const sql = 'SELECT n FROM own ORDER BY n';
  for (let round = 0; round < 2; round++) {
    expect(await client.rows(sql)).toEqual([{ n: 1 }, { n: 2 }]);
    expect(await client.rows(sql, { organization: 'other' })).toEqual([{ n: 7 }]);
    expect(await client.rows(sql, { startTime: DAY_US + 150 })).toEqual([{ n: 2 }]);
    expect(await client.rows(sql, { size: 1 })).toEqual([{ n: 1 }]);
    expect(await client.rows(sql, { queryType: 'table' })).toEqual([[1], [2]]);
    expect((await client.search(sql, { trackTotalHits: true })).json).toMatchObject({ total: 2 });
  }
});

test('no-store and use_cache=false go past the caches, clear_cache empties them', async () => {
  const { client } = server;
  await client.store('past', [{ n: 1 }]);
  const query = { sql: 'SELECT count(*) AS n FROM past', start_time: 0, end_time: 9e15 };
  const ratio = async (path: string, headers: Record<string, string> = {}, more = {}) => {
    const body = JSON.stringify({ query, ...more });
    const json = { 'content-type': 'application/json', ...headers };
    const reply = await client.request('POST', `/api/default/_search${path}`, { headers: json, body });
    return (reply.json as { cached_ratio: number }).cached_ratio;
  };
  await ratio('');
  expect(await ratio('')).toBe(100);
  expect(await ratio('?use_cache=false')).toBe(0);
  expect(await ratio('', { 'cache-control': 'no-store' })).toBe(0);
  expect(await ratio('', {}, { use_cache: false })).toBe(0);
  expect(await ratio('', {}, { clear_cache: true })).toBe(0);
  expect(await ratio('')).toBe(100);
});

test('answers of scans outlive the process on disk, and a damaged file of them is never believed', async () => {
  const { client } = server;
  await storeMany('disk', GROUP_ROWS * 5);
  await client.flush();
  const sql = "SELECT count(*) AS n, avg(n) AS mean FROM disk WHERE text LIKE '%7%3%'";
  const expected = await client.rows(sql);
  const cache = join(server.dataDir, 'cache');
  for (let wait = 0; wait < 200 && readdirSync(cache).length === 0; wait++) await sleep(10);
  await server.restart('SIGTERM');
  for (let wait = 0; wait < 100 && (await metric('basalt_disk_cache_bytes')) === 0; wait++) await sleep(10);
  expect(await server.client.rows(sql)).toEqual(expected);
  expect(await metric('basalt_disk_cache_hits')).toBeGreaterThan(0);
});

test('EXPLAIN ANALYZE runs the query and tells what was pruned and read', async () => {
  const { client } = server;
  await storeMany('explained', 1000);
  await client.flush();
  const rows = await client.rows<{ plan: string }>(
    'EXPLAIN ANALYZE SELECT level, count(*) FROM explained WHERE n >= 5000 OR n < 10 GROUP BY level',
  );
  const text = rows.map(({ plan }) => plan).join('\n');
  expect(text).toMatch(/rows: \d+ scanned, 10 passed/);
  expect(text).toMatch(/1 row groups, 0 pruned by time, 0 by zone map, 1 left/);
  expect(text).toContain('Scan: ');
  const absent = await client.rows<{ plan: string }>(
    "EXPLAIN ANALYZE SELECT count(*) FROM explained WHERE level LIKE '%nothing%'",
  );
  expect(absent.map(({ plan }) => plan).join()).toMatch(
    /pages ruled out: 0 by zone map, [1-9]\d* by dictionary, 0 by index/,
  );
});

async function metric(name: string): Promise<number> {
  const { text } = await server.client.request('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}
