/** The page cache in the real server: what is asked again is found, and what was deleted or merged never comes back. */
import { expect, onTestFinished, test } from 'vitest';
import type { Client } from '../harness/http.js';
import { TestServer } from '../harness/server.js';

const QUERY =
  'SELECT level, count(*) AS n, sum(taken) AS taken, max(user) AS user FROM cached GROUP BY level ORDER BY level';

/** Answers are not kept, so that pages are asked for. */
const SCANNED = { useCache: false };

async function start(env: Record<string, string> = {}): Promise<Client> {
  const server = await TestServer.start({ env });
  onTestFinished(async () => void (await server.stop()));
  return server.client;
}

function records(salt: number, count = 20_000): object[] {
  return Array.from({ length: count }, (_, row) => ({
    _timestamp: 1_700_000_000_000_000 + row,
    level: ['info', 'warn', 'error'][row % 3],
    taken: (row % 100) * salt,
    user: `user-${salt}-${row % 50}`,
  }));
}

/** What QUERY answers over one batch of `records`. */
function expected(salt: number): object[] {
  const rows = records(salt) as { level: string; taken: number; user: string }[];
  return ['error', 'info', 'warn'].map((level) => {
    const of = rows.filter((row) => row.level === level);
    return {
      level,
      n: of.length,
      taken: of.reduce((sum, { taken }) => sum + taken, 0),
      user:
        of
          .map(({ user }) => user)
          .toSorted()
          .at(-1) ?? '',
    };
  });
}

async function counter(client: Client, name: string): Promise<number> {
  const { text } = await client.request('GET', '/metrics', { anonymous: true });
  const line = new RegExp(`^basalt_page_cache_${name} (\\S+)$`, 'm').exec(text);
  return Number(line?.[1]);
}

test('a repeated query finds its pages; merged and deleted rows never come back', async () => {
  const client = await start();
  for (const salt of [1, 2, 3]) {
    await client.store('cached', records(salt));
    // Over the block in the WAL, then over the segment that replaces it.
    for (const merge of [false, true]) {
      if (merge) await client.flush();
      expect(await client.rows(QUERY, SCANNED)).toEqual(expected(salt));
      const hits = await counter(client, 'hits_total');
      expect(await client.rows(QUERY, SCANNED)).toEqual(expected(salt));
      expect(await counter(client, 'hits_total')).toBeGreaterThan(hits + 5);
    }
    expect((await client.request('DELETE', '/api/default/streams/cached')).status).toBe(200);
  }
  expect(await counter(client, 'misses_total')).toBeGreaterThan(0);
  expect(await counter(client, 'bytes')).toBeGreaterThan(100_000);
  expect(await counter(client, 'hit_ratio')).toBeGreaterThan(0);
  expect(await counter(client, 'hit_ratio')).toBeLessThan(1);
});

test('the least cache evicts all the time, and one of no bytes is none: the answers are the same', async () => {
  for (const bytes of [1 << 20, 0]) {
    const client = await start({ BASALT_PAGE_CACHE_BYTES: String(bytes) });
    await client.store('cached', records(5));
    await client.store('other', records(6, 100_000));
    for (let round = 0; round < 4; round++) {
      if (round === 2) await client.flush();
      expect(await client.rows(QUERY, SCANNED)).toEqual(expected(5));
      expect(await client.number('SELECT sum(taken) FROM other', SCANNED)).toBe(6 * 49.5 * 100_000);
    }
    const used = await counter(client, 'bytes');
    if (bytes === 0) expect(used).toBeNaN();
    else expect(used).toBeLessThanOrEqual(bytes);
  }
});
