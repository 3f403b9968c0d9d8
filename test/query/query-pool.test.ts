/** The watch over query workers, with a worker that is held up outside of JavaScript, where nothing can end it. */
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { STOPPED_TASK_MS_MAX } from '../../src/config/limits.js';
import { QueryPool } from '../../src/query/query-pool.js';
import type { QueryTask } from '../../src/query/query-task.js';

/** As `held-up-worker.mjs` has it. */
const HELD_UP_SECONDS = 8;
async function started(threads: number): Promise<{ pool: QueryPool; givenUp: string[] }> {
  const givenUp: string[] = [];
  const pool = new QueryPool({
    filename: join(import.meta.dirname, 'held-up-worker.mjs'),
    threads,
    idleTimeoutMs: 30_000,
    workerData: { pageCache: undefined, filesMax: 1 },
    onGivenUp: (kind) => givenUp.push(kind),
  });
  onTestFinished(() => pool.destroy());
  return { pool, givenUp };
}

const heldUp = (query: number): QueryTask => ({
  kind: 'combine',
  query,
  request: '',
  answers: [],
  share: 0,
  shares: 1,
  complete: true,
});

test('a worker that goes on after its query was stopped is given up, and a fresh one answers', {
  timeout: 60_000,
}, async () => {
  const { pool, givenUp } = await started(1);
  expect(await pool.run({ kind: 'freeRun', handle: 1 })).toBe(1);
  const held = pool.run(heldUp(7));
  held.catch(() => {});
  // Behind it, since there is no other worker.
  const waiting = pool.run({ kind: 'freeRun', handle: 2 });
  pool.stopped(7);
  const stoppedMs = performance.now();
  await expect(held).rejects.toMatchObject({ status: 503 });
  expect(await waiting).toBe(2);
  expect(performance.now() - stoppedMs).toBeLessThan(
    (HELD_UP_SECONDS * 1000 + STOPPED_TASK_MS_MAX) / 2 + 2000,
  );
  expect(givenUp).toEqual(['combine']);
  expect([pool.givenUp, pool.held]).toEqual([1, 1]);
  // Its thread ends when its call does.
  await vi.waitFor(() => expect(pool.held).toBe(0), { timeout: 30_000, interval: 100 });
  expect(pool.trouble).toBeUndefined();
});

test('a pool of which too many workers are held up says so', { timeout: 60_000 }, async () => {
  const { pool } = await started(1);
  for (const query of [1, 2]) {
    expect(pool.trouble).toBeUndefined();
    const held = pool.run(heldUp(query));
    held.catch(() => {});
    pool.stopped(query);
    await expect(held).rejects.toMatchObject({ status: 503 });
  }
  expect(pool.trouble).toMatch(/2 query workers are held up/);
  expect(await pool.run({ kind: 'freeRun', handle: 3 })).toBe(3);
  await vi.waitFor(() => expect(pool.trouble).toBeUndefined(), { timeout: 30_000, interval: 100 });
});

test('a worker that is at a long task of a query that goes on is left alone', {
  timeout: 60_000,
}, async () => {
  const { pool, givenUp } = await started(1);
  await pool.run(heldUp(1));
  expect([pool.givenUp, givenUp]).toEqual([0, []]);
});
