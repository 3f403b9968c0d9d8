/** The slab between TypeScript and scans: same answers, counters that add up, files told apart. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { expect, onTestFinished, test } from 'vitest';
import { PAGE_CACHE_BYTES_MIN } from '../../src/config/limits.js';
import { BasaltError } from '../../src/errors/index.js';
import { answerBytes } from '../../src/native/held.js';
import { type CacheUse, type ScanAnswer, scan } from '../../src/native/index.js';
import { CacheUser, PageCache } from '../../src/query/page-cache.js';
import { FileLease } from '../../src/storage/file-lease.js';
import { columnsOf, encodeRecords, openFile } from '../native/encoded.js';

const ROWS = 3000;

function blockFile(records: object[]) {
  const folder = mkdtempSync(join(tmpdir(), 'basalt-cache-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const group = encodeRecords(records);
  return { group, ...openFile(folder, 'block', group.block) };
}

function records(salt: number): object[] {
  return Array.from({ length: ROWS }, (_, row) => ({
    _timestamp: 1_700_000_000_000_000 + row,
    level: ['info', 'warn', 'error'][(row + salt) % 3],
    taken: row * 0.25 + salt,
    ok: (row + salt) % 2 === 0,
    user: row % 7 === 0 ? null : row * salt,
  }));
}

function read(file: ReturnType<typeof blockFile>, cache?: CacheUse): ScanAnswer & { text: string } {
  const columns = columnsOf(file.group.schema);
  const output = { kind: 'rows', project: columns.map(({ name }) => name), limit: null };
  const filter = { op: 'compare', column: 'level', cmp: '!=', value: { string: 'info' } };
  const request = { stream: 'logs', columns, time: { min: null, max: null }, filter, output };
  const answer = scan(JSON.stringify(request), Int32Array.of(file.fd), Float64Array.of(0), cache);
  const text = JSON.stringify(tableFromIPC(answerBytes(answer.ipc)).toArray(), (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  return { ...answer, text };
}

test('a second scan finds every page and gives the same answer', () => {
  const cache = new PageCache(PAGE_CACHE_BYTES_MIN, 60);
  const user = new CacheUser(cache.share);
  const file = blockFile(records(1));
  const plain = read(file);
  const first = read(file, user.use([1]));
  const cold = cache.counters();
  const second = read(file, user.use([1]));
  expect(first.text).toBe(plain.text);
  expect(second.text).toBe(plain.text);
  expect([plain.pagesRead, plain.pagesCached]).toEqual([5, 0]);
  expect([first.pagesRead, first.pagesCached]).toEqual([5, 0]);
  expect([second.pagesRead, second.pagesCached]).toEqual([0, 5]);
  // Only the header was read.
  expect(second.bytesRead).toBeLessThan(first.bytesRead / 5);
  const warm = cache.counters();
  expect(cold).toMatchObject({ hits: 0, evictions: 0, refusals: 0, entries: cold.insertions });
  expect(warm).toMatchObject({ misses: cold.misses, bytes: cold.bytes, insertions: cold.insertions });
  expect(warm.hits).toBeGreaterThanOrEqual(6);
  expect(warm.bytes).toBeGreaterThan(ROWS * 8 * 2);
  expect(warm.bytes).toBeLessThan(PAGE_CACHE_BYTES_MIN);
});

test('a block of another file at the same place is another block', () => {
  const user = new CacheUser(new PageCache(PAGE_CACHE_BYTES_MIN, 60).share);
  const files = [blockFile(records(1)), blockFile(records(2))];
  const texts = files.map((file) => read(file).text);
  expect(new Set(texts).size).toBe(2);
  for (let round = 0; round < 3; round++) {
    files.forEach((file, index) => {
      expect(read(file, user.use([index])).text).toBe(texts[index]);
    });
  }
});

test('pages expire', () => {
  const cache = new PageCache(PAGE_CACHE_BYTES_MIN, 60);
  const use = new CacheUser(cache.share).use([1]);
  const file = blockFile(records(1));
  read(file, use);
  expect(read(file, { ...use, nowSeconds: use.nowSeconds + 59 }).pagesCached).toBe(5);
  expect(read(file, { ...use, nowSeconds: use.nowSeconds + 60 }).pagesCached).toBe(0);
  expect(cache.counters().evictions).toBeGreaterThanOrEqual(5);
});

test('a slab that is none, or files that do not fit the blocks, are refused', () => {
  const file = blockFile(records(1));
  const use = new CacheUser(new PageCache(PAGE_CACHE_BYTES_MIN, 60).share).use([1]);
  expect(() => read(file, { ...use, slab: new Uint8Array(100) })).toThrow(BasaltError);
  expect(() => read(file, { ...use, files: Float64Array.of(1, 2) })).toThrow(/2 file ids for 1 blocks/);
});

test('no two leases have the same file id, even of one path', () => {
  const leases = Array.from({ length: 100 }, () => new FileLease('/same', () => {}));
  expect(new Set(leases.map(({ fileId }) => fileId)).size).toBe(100);
});
