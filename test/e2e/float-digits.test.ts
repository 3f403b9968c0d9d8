/** Every fraction that an answer shows is found by what it shows: from the WAL, from a segment, kept or not. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../harness/server.js';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
}, 60_000);

afterAll(() => server.stop());

/** Xorshift; the same numbers each time. */
function* random(): Generator<bigint> {
  let bits = 0x9e3779b97f4a7c15n;
  for (;;) {
    bits ^= (bits << 13n) & 0xffffffffffffffffn;
    bits ^= bits >> 7n;
    bits ^= (bits << 17n) & 0xffffffffffffffffn;
    yield bits;
  }
}

function fractions(count: number): number[] {
  const source = random();
  const view = new DataView(new ArrayBuffer(8));
  const found = new Set<number>([5e-324, 2.225073858507201e-308, Number.MAX_VALUE, -Number.MAX_VALUE, 1e23]);
  while (found.size < count) {
    const bits = source.next().value as bigint;
    const unit = Number(bits >> 11n) / 2 ** 53;
    view.setBigUint64(0, bits);
    const any = view.getFloat64(0);
    for (const value of [unit, unit * 1e3, -unit * 1e9, any]) if (Number.isFinite(value)) found.add(value);
  }
  return [...found].slice(0, count);
}

test('thousands of random fractions are found by the text of their answers', async () => {
  const values = fractions(3000);
  const records = values.map((f, i) => ({ _timestamp: 1_700_000_000_000_000 + i, i, f }));
  const { client } = server;
  await client.store('digits', records);
  const rows = (sql: string) => client.rows<number[]>(sql, { queryType: 'table' });
  for (const state of ['wal', 'segment', 'kept']) {
    if (state === 'segment') await client.flush();
    const shown = await rows('SELECT i, f FROM digits ORDER BY i');
    expect(shown.map(([, f]) => Number(f))).toEqual(values);
    for (let from = 0; from < values.length; from += 250) {
      const part = values.slice(from, from + 250);
      const list = part.map((value) => `CAST('${value}' AS DOUBLE)`).join();
      const [found] = await rows(`SELECT count(*) FROM digits WHERE f IN (${list})`);
      expect(found, `${state}, from ${from}`).toEqual([part.length]);
      const sums = part.slice(0, 25).map((value, at) => {
        const text =
          Math.abs(value) < 1e15 && Math.abs(value) > 1e-6 ? String(value) : `${value.toExponential()}`;
        return `sum(CASE WHEN f = ${text} AND f >= ${text} AND f <= ${text} AND i = ${from + at} THEN 1 ELSE 0 END)`;
      });
      const [ones] = await rows(`SELECT ${sums.join()} FROM digits`);
      expect(ones, `${state}, from ${from}`).toEqual(sums.map(() => 1));
    }
    // One by one, through the filter of the scan.
    for (const [i, value] of values.entries()) {
      if (i % 60 > 0) continue;
      const found = await rows(`SELECT i FROM digits WHERE f BETWEEN ${value} AND ${value} AND f = ${value}`);
      expect(found, `${state}: ${value}`).toEqual([[i]]);
    }
  }
}, 120_000);
