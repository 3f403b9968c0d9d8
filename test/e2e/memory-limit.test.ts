/**
 * `memoryLimitBytes` is a promise: with the least limit, in a control group of 1.2 times as much, ingest at full speed beside heavy queries
 * is never killed, and what was acknowledged is there. Where no group can be made, the resident memory is held to the same bound.
 */
import { expect, onTestFinished, test } from 'vitest';
import { MEMORY_LIMIT_BYTES_MIN } from '../../src/config/memory.js';
import type { Client } from '../harness/http.js';
import { makeMemoryGroup } from '../harness/memory-group.js';
import { long, Random } from '../harness/random.js';
import { TestServer } from '../harness/server.js';

const GROUP_BYTES = Math.floor(MEMORY_LIMIT_BYTES_MIN * 1.2);
const INGEST_MS = long ? 120_000 : 15_000;
const BODY_RECORDS = 5000;
const SEED = 12;

/** Each takes more memory than a query gets: it spills, or is refused with the numbers. */
const QUERIES = [
  'SELECT trace_id, max(message) AS m, count(*) AS n FROM app GROUP BY trace_id ORDER BY n DESC LIMIT 5',
  'SELECT message FROM app ORDER BY message LIMIT 1000',
  'SELECT count(DISTINCT user_id) AS n FROM app',
  'SELECT a.service, count(*) AS n FROM app a JOIN app b ON a.user_id = b.user_id GROUP BY a.service',
  'SELECT * FROM app ORDER BY response_time LIMIT 50000',
  'SELECT message, row_number() OVER (PARTITION BY service ORDER BY response_time) AS r FROM app ORDER BY r LIMIT 10',
];

function bodies(count: number): string[] {
  const random = new Random(SEED);
  const hex = () => random.word().toString(16).padStart(8, '0');
  const record = (row: number) =>
    JSON.stringify({
      level: ['info', 'warn', 'error'][row % 3],
      service: `service-${row % 20}`,
      trace_id: hex() + hex() + hex(),
      path: `/items/${random.int(0, 600_000)}/view`,
      response_time: random.real() * 1000,
      user_id: random.int(0, 200_000),
      message: `Accepted password for user${row % 500} from 10.0.${row % 200}.${row % 99} port ${hex()} ssh2 session ${hex()}`,
    });
  return Array.from({ length: count }, (_, body) =>
    Array.from({ length: BODY_RECORDS }, (_, row) => record(body * BODY_RECORDS + row)).join('\n'),
  );
}

/** Sends until `endMs`, once at least. @returns records that were acknowledged */
async function send(client: Client, list: string[], from: number, endMs: number): Promise<number> {
  let stored = 0;
  let next = from;
  do {
    const body = list[next++ % list.length] as string;
    const reply = await client.request('POST', '/api/default/app/_multi', { body });
    expect([200, 503]).toContain(reply.status);
    if (reply.status === 200) stored += BODY_RECORDS;
  } while (Date.now() < endMs);
  return stored;
}

/** Asks until `endMs`. @returns how many were answered, with rows or with a refusal that names the limit */
async function ask(client: Client, from: number, endMs: number): Promise<number> {
  let answered = 0;
  for (let next = from; Date.now() < endMs; next++, answered++) {
    const reply = await client.search(QUERIES[next % QUERIES.length] as string, {
      size: 100,
      useCache: false,
      timeoutMs: 110_000,
    });
    if (reply.status !== 200) expect(reply.text).toMatch(/ MB/);
  }
  return answered;
}

test('the least memory limit holds in a control group of 1.2 times as much', {
  timeout: INGEST_MS + 240_000,
}, async () => {
  const group = makeMemoryGroup('basalt-limit', GROUP_BYTES);
  const server = await TestServer.start({
    wrapper: group?.wrapper,
    env: { BASALT_MEMORY_LIMIT_BYTES: String(MEMORY_LIMIT_BYTES_MIN) },
  });
  onTestFinished(async () => {
    await server.stop();
    group?.remove();
  });
  const { client } = server;
  const list = bodies(12);
  let stored = await send(client, list, 0, Date.now());
  const endMs = Date.now() + INGEST_MS;
  const sending = [0, 3, 6, 9].map((from) => send(client, list, from, endMs));
  const asking = [0, 2, 4].map((from) => ask(client, from, endMs));
  for (const records of await Promise.all(sending)) stored += records;
  const answered = (await Promise.all(asking)).reduce((sum, queries) => sum + queries, 0);
  expect(server.running, server.log).toBe(true);
  expect(stored).toBeGreaterThan(0);
  expect(answered).toBeGreaterThanOrEqual(asking.length);
  expect(await client.rows('SELECT count(*) AS n FROM app')).toEqual([{ n: stored }]);
  if (group) expect(group.kills()).toBe(0);
  else expect(server.residentBytes('VmHWM')).toBeLessThan(GROUP_BYTES);
});
