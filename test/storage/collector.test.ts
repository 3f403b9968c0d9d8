/** The collection cycle on a real folder. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { Collector } from '../../src/storage/collector.js';
import type { Stream } from '../../src/storage/stream.js';
import { StoreBench } from './store-bench.js';

async function benchOf(thresholdBytes = 0) {
  const bench = new StoreBench();
  await bench.open();
  const observer = { collected: vi.fn(), failed: vi.fn() };
  const options = { intervalMs: 1e6, thresholdBytes };
  const log = pino({ level: 'silent' });
  const collector = new Collector(bench.store, log, observer, options);
  const collect = async () => {
    await collector.collect();
    await bench.store.settled();
  };
  return { bench, observer, collector, collect };
}

function logs(bench: StoreBench): Stream {
  return bench.store.get('default', 'logs');
}

const DAY = 86_400_000_000;

/** One segment a day: ages in days. */
async function ingestDays(bench: StoreBench, ages: number[]): Promise<void> {
  for (const age of ages) {
    bench.ingest('logs', [{ _timestamp: Date.now() * 1000 - age * DAY, id: age }]);
    await bench.flush();
  }
}

test('expired segments go, with their files, for good; what a query reads waits for it', async () => {
  const { bench, observer, collect } = await benchOf();
  await ingestDays(bench, [1, 5, 9]);
  await collect();
  expect(await bench.ids('logs')).toEqual([1, 5, 9]);
  await bench.store.setRetention('default', 'logs', { days: 3, bytes: null });
  const snapshot = bench.store.snapshot(logs(bench));
  // It has expired, so a query does not see it even now.
  expect(snapshot.segments.map(({ rows }) => rows)).toEqual([1]);
  const held = logs(bench).segments.find(({ timeMax }) => timeMax < Date.now() * 1000 - 8 * DAY)?.lease;
  held?.acquire();
  await collect();
  expect(await bench.ids('logs')).toEqual([1]);
  expect([bench.segmentFiles().length, existsSync(held?.path ?? '')]).toEqual([2, true]);
  expect(observer.collected).toHaveBeenCalledWith('expired', 2, expect.any(Number));
  held?.release();
  snapshot.release();
  await bench.store.settled();
  expect(bench.segmentFiles()).toHaveLength(1);
  await bench.reopen();
  expect(await bench.ids('logs')).toEqual([1]);
  expect(logs(bench).retention).toEqual({ days: 3, bytes: null });
});

test('by bytes the oldest goes first', async () => {
  const { bench, collect } = await benchOf();
  await ingestDays(bench, [2, 9, 1]);
  await bench.store.setRetention('default', 'logs', { days: null, bytes: logs(bench).bytes - 1 });
  await collect();
  expect(await bench.ids('logs')).toEqual([1, 2]);
});

test('fewer bytes than the threshold wait for more', async () => {
  const { bench, collect } = await benchOf(1e9);
  await ingestDays(bench, [9]);
  await bench.store.setRetention('default', 'logs', { days: 3, bytes: null });
  await collect();
  expect(bench.segmentFiles()).toHaveLength(1);
});

test('files that belong to nothing are taken out once two cycles have met them; those being written are left', async () => {
  const { bench, observer, collect } = await benchOf();
  await ingestDays(bench, [1]);
  const [writing] = bench.store.beginSegments([logs(bench)]);
  const folder = bench.layout.segments;
  const files = ['1-dead-000000.seg', '1-dead-000001.seg.tmp', `${writing}`, `${writing}.tmp`, 'README'];
  for (const file of files) writeFileSync(join(folder, file), 'something');
  await collect();
  expect(bench.segmentFiles()).toHaveLength(6);
  await collect();
  expect(bench.segmentFiles()).not.toContain('1-dead-000000.seg');
  expect(bench.segmentFiles()).toHaveLength(4);
  // A whole segment may be somebody's only copy.
  expect(readdirSync(bench.layout.quarantine)).toEqual(['1-dead-000000.seg']);
  expect(observer.collected.mock.calls).toEqual([
    ['orphan', 1, 9],
    ['orphan', 1, 9],
  ]);
  bench.store.abandonSegments([writing as string]);
  await bench.store.settled();
  await collect();
  await collect();
  expect(bench.segmentFiles()).toHaveLength(2);
});

test.skipIf(process.getuid?.() === 0)('a file that could not be removed is tried again', async () => {
  const { bench, observer, collect } = await benchOf();
  await ingestDays(bench, [1]);
  await chmod(bench.layout.segments, 0o500);
  await bench.store.deleteStream('default', 'logs');
  await bench.store.settled();
  expect(bench.store.disposals.failedCount).toBe(1);
  await chmod(bench.layout.segments, 0o700);
  await collect();
  expect([bench.segmentFiles(), bench.store.disposals.failedCount]).toEqual([[], 0]);
  expect(observer.collected).toHaveBeenCalledWith('retried', 1, 0);
});

test('a step that fails is counted, and the others are done', async () => {
  const { bench, observer, collector, collect } = await benchOf();
  await ingestDays(bench, [9]);
  await bench.store.setRetention('default', 'logs', { days: 3, bytes: null });
  collector.onIdle(() => {
    throw new Error('a cache is ill');
  });
  collector.onIdle(() => 123);
  await rm(bench.layout.quarantine, { recursive: true });
  writeFileSync(join(bench.layout.segments, 'x.seg'), '');
  await collect();
  await collect();
  // The orphan that cannot be moved, and the hook twice.
  expect(observer.failed).toHaveBeenCalledTimes(3);
  expect(observer.collected).toHaveBeenCalledWith('idle', 0, 123);
  expect(await bench.ids('logs')).toEqual([]);
});
