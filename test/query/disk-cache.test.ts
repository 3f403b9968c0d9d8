import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { answerBytes } from '../../src/native/held.js';
import { DiskCache, type RunDiskTask } from '../../src/query/disk-cache.js';
import { readCacheFile, writeCacheFile } from '../../src/query/disk-cache-file.js';
import type { Partial } from '../../src/query/partial-cache.js';

/** Does the worker's part here. */
const run: RunDiskTask = async (task) =>
  task.kind === 'store'
    ? writeCacheFile(task.path, task.key, task.partial)
    : readCacheFile(task.path, task.key);

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'basalt-disk-cache-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Bytes that do not compress. */
function partial(bytes: number, seed = 1): Partial {
  let state = seed;
  const ipc = Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  return { ipc, rows: seed, rowsCovered: seed * 2 };
}

async function stored(cache: DiskCache, key: string, value: Partial): Promise<void> {
  const before = cache.bytes;
  cache.store(key, value);
  for (let wait = 0; wait < 100 && cache.bytes === before; wait++) await sleep(2);
}

test('an answer comes back as it was, from this process and from the next', async () => {
  const path = directory();
  const cache = new DiskCache(path, 1 << 20, 60, run);
  expect(cache.has('k')).toBe(false);
  await stored(cache, 'k', partial(1000, 5));
  expect(cache.has('k')).toBe(true);
  expect(await cache.load('k')).toMatchObject({ rows: 5, rowsCovered: 10 });
  const next = new DiskCache(path, 1 << 20, 60, run);
  await next.open();
  expect(next.bytes).toBe(cache.bytes);
  const loaded = (await next.load('k')) as Partial;
  expect(Buffer.compare(answerBytes(loaded.ipc), answerBytes(partial(1000, 5).ipc))).toBe(0);
  expect(next.counts).toEqual({ hits: 1, misses: 0 });
});

test('bytes on disk are bounded, the least recently used goes first', async () => {
  const path = directory();
  const cache = new DiskCache(path, 10_000, 60, run);
  for (const key of ['a', 'b', 'c']) await stored(cache, key, partial(3000));
  await cache.load('a');
  await stored(cache, 'd', partial(3000));
  expect(['a', 'b', 'c', 'd'].map((key) => cache.has(key))).toEqual([true, false, true, true]);
  await sleep(20);
  expect(readdirSync(path)).toHaveLength(3);
  expect(cache.bytes).toBeLessThanOrEqual(10_000);
  cache.clear();
  await sleep(20);
  expect([readdirSync(path), cache.bytes]).toEqual([[], 0]);
});

test('what is too old is absent and goes with the next sweep', async () => {
  const path = directory();
  const cache = new DiskCache(path, 1 << 20, 60, run);
  await stored(cache, 'k', partial(100));
  const old = Date.now() / 1000 - 61;
  utimesSync(join(path, readdirSync(path)[0] as string), old, old);
  const next = new DiskCache(path, 1 << 20, 60, run);
  await next.open();
  expect(next.has('k')).toBe(false);
  next.sweep();
  await sleep(20);
  expect(readdirSync(path)).toEqual([]);
});

test('no damaged byte is believed: a changed or cut file is a miss and is removed', async () => {
  const path = directory();
  const cache = new DiskCache(path, 1 << 20, 60, run);
  await stored(cache, 'k', partial(300));
  const file = join(path, readdirSync(path)[0] as string);
  const good = readFileSync(file);
  for (let at = 0; at < good.length; at += 1) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] as number) ^ (1 << (at % 8));
    writeFileSync(file, bad);
    expect(readCacheFile(file, 'k'), `byte ${at}`).toBeUndefined();
  }
  writeFileSync(file, good.subarray(0, -1));
  expect(await cache.load('k')).toBeUndefined();
  expect([cache.failures, cache.has('k')]).toEqual([1, false]);
  await sleep(20);
  expect(readdirSync(path)).toEqual([]);
});

test('a file under the name of another key is not its answer', () => {
  const file = join(directory(), 'x.part');
  writeCacheFile(file, 'one', partial(50));
  expect(readCacheFile(file, 'two')).toBeUndefined();
  expect(readCacheFile(file, 'one')).toBeDefined();
});

test('half-written files of a killed process are removed at start', async () => {
  const path = directory();
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'abc.part.1234abcd'), 'half');
  const cache = new DiskCache(path, 1 << 20, 60, run);
  await cache.open();
  expect([readdirSync(path), cache.bytes]).toEqual([[], 0]);
});
