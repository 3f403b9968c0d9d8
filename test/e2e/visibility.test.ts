/** A record is seen by every query that starts after its acknowledgement. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { long } from '../harness/random.js';
import { TestServer } from '../harness/server.js';

const CONNECTIONS = 8;
const ROUNDS = long ? 500 : 40;

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server?.stop());

test('each connection sees its own records at once, also while merges swap blocks for segments', async () => {
  const { client } = server;
  let flushing = true;
  const flushes = (async () => {
    while (flushing) await client.flush();
  })();
  const connection = async (id: number) => {
    for (let round = 1; round <= ROUNDS; round++) {
      await client.store('seen', [
        { id, round },
        { id, round: -round },
      ]);
      const [row] = await client.rows(`SELECT count(*) AS n, max(round) AS m FROM seen WHERE id = ${id}`);
      expect(row).toEqual({ n: round * 2, m: round });
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, id) => connection(id)));
  flushing = false;
  await flushes;
  expect(await client.number('SELECT count(*) FROM seen')).toBe(CONNECTIONS * ROUNDS * 2);
});

test('a count never goes down while records arrive and merges run', async () => {
  const { client } = server;
  let sending = true;
  const sender = (async () => {
    for (let n = 0; sending; n++) {
      await client.store('rising', [{ n }, { n }, { n }]);
      if (n % 10 === 0) await client.flush();
    }
  })();
  let seen = 0;
  await client.store('rising', [{ n: -1 }]);
  for (let round = 0; round < ROUNDS * 4; round++) {
    const [row] = await client.rows('SELECT count(*) AS n, count(n) AS m, sum(1) AS s FROM rising');
    const { n, m, s } = row as { n: number; m: number; s: number };
    expect([m, s]).toEqual([n, n]);
    expect(n).toBeGreaterThanOrEqual(seen);
    seen = n;
  }
  sending = false;
  await sender;
});

test('a field whose type becomes wider while queries run is always read whole', async () => {
  const { client } = server;
  for (let round = 0; round < (long ? 100 : 15); round++) {
    const stream = `widening_${round}`;
    await client.store(stream, [{ v: 1 }]);
    let reading = true;
    const answers = new Set<string>();
    const readers = Array.from({ length: 4 }, async () => {
      while (reading) {
        const rows = await client.rows<{ v: unknown }>(`SELECT v FROM ${stream} WHERE v IS NOT NULL`);
        answers.add(
          rows
            .map(({ v }) => JSON.stringify(v))
            .sort()
            .join(','),
        );
      }
    });
    await client.store(stream, [{ v: 2.5 }]);
    await client.store(stream, [{ v: 'x' }]);
    await client.rows(`SELECT v FROM ${stream}`);
    reading = false;
    await Promise.all(readers);
    for (const answer of answers) expect(['1', '1,2.5', '"1","2.5","x"']).toContain(answer);
  }
});
