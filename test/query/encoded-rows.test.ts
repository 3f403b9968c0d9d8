/** Encoded rows are cut between rows only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rowChunks, splitRows } from '../../src/query/encoded-rows.js';

function encode(rows: unknown[]): Buffer {
  return Buffer.from(rows.map((row) => JSON.stringify(row)).join());
}

test('rows of any content are found', () => {
  const row = fc.oneof(fc.object(), fc.array(fc.jsonValue()));
  fc.assert(
    fc.property(fc.array(row, { maxLength: 20 }), (rows) => {
      const found = splitRows([encode(rows)]).map((each) => JSON.parse(Buffer.from(each).toString()));
      expect(found).toEqual(JSON.parse(JSON.stringify(rows)));
    }),
  );
});

test('quotes and backslashes do not mislead', () => {
  const rows = [{ a: '\\' }, { b: '\\"},{' }, { c: '"' }, { '},{': [1, { d: ']' }] }];
  expect(splitRows([encode(rows), encode(rows)])).toHaveLength(8);
});

test('chunks hold whole rows, as many bytes as wanted, and no more rows than allowed', () => {
  const rows = Array.from({ length: 100 }, (_, n) => ({ n, text: 'x'.repeat(n) }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 120 }), (bytes, most) => {
      const chunks = [...rowChunks(encode(rows), bytes, most)];
      const found = chunks.flatMap((chunk) => JSON.parse(`[${Buffer.from(chunk.bytes)}]`));
      expect(found).toEqual(rows.slice(0, most));
      expect(chunks.reduce((sum, chunk) => sum + chunk.rows, 0)).toBe(found.length);
      for (const chunk of chunks.slice(0, -1)) expect(chunk.bytes.length).toBeGreaterThanOrEqual(bytes);
    }),
  );
});

test('of nothing there is nothing', () => {
  expect(splitRows([])).toEqual([]);
  expect(splitRows([new Uint8Array()])).toEqual([]);
  expect([...rowChunks(new Uint8Array(), 10, 10)]).toEqual([]);
});
