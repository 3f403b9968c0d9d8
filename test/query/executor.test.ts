/** A query's execution over a pool that answers as the test says: morsels, credit, errors, cancellation, and what is given back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  COMBINE_ROWS_MIN,
  GATHERED_BYTES_MAX,
  GROUPING_RUN_GROUPS_MAX,
  LEAF_CREDIT_BYTES,
  QUERY_MEMORY_BYTES_MAX,
} from '../../src/config/limits.js';
import { copyHeld, type Held, type PlanAnswer, scan } from '../../src/native/index.js';
import { type QueryInput, runQuery } from '../../src/query/executor.js';
import { PartialCache } from '../../src/query/partial-cache.js';
import { PlanCache } from '../../src/query/plan-cache.js';
import type { QueryPool } from '../../src/query/query-pool.js';
import type { CombineTask, FeedResult, FeedTask, QueryTask, ScanTask } from '../../src/query/query-task.js';
import type { Output } from '../../src/query/scan-request.js';
import type { FileLease } from '../../src/storage/file-lease.js';
import type { Stream } from '../../src/storage/stream.js';
import { encodeRecords, openFile } from '../native/encoded.js';
import { liveBlock, liveSegment, makeStream, snapshotOf } from './streams.js';

const ROWS: Output = { kind: 'rows', project: ['_timestamp'], limit: null };
const COUNT: Output = { kind: 'aggregate', groups: [], aggregates: [{ kind: 'countRows' }] };
const GROUPS: Output = {
  kind: 'aggregate',
  groups: [{ kind: 'column', column: '_timestamp' }],
  aggregates: [],
};
const MB = 1024 * 1024;

function leafText(output: Output, stream = 'logs'): string {
  const time = { min: null, max: null };
  return JSON.stringify({
    stream,
    columns: [{ name: '_timestamp', type: 'int64' }],
    time,
    filter: null,
    output,
  });
}

/** The query workers, as far as the executor can tell. A run is done when every leaf has been finished. */
const BUDGET = {
  memoryBytes: QUERY_MEMORY_BYTES_MAX,
  leafCreditBytes: LEAF_CREDIT_BYTES,
  gatheredBytes: GATHERED_BYTES_MAX,
  groupingRunGroups: GROUPING_RUN_GROUPS_MAX,
  scanBytes: Number.MAX_SAFE_INTEGER,
};

class FakeQueryPool {
  readonly options = { maxThreads: 2 };
  readonly tasks: QueryTask[] = [];
  readonly stoppedQueries = new Set<number>();
  scansRunning = 0;
  scansRunningMost = 0;
  leaves = [leafText(ROWS)];
  outline: string | undefined;
  stability: PlanAnswer['stability'] = 'clock';
  clock: PlanAnswer['clock'];
  analyze = false;
  deferred = [false];
  /** Overridable behaviour. */
  onScan: (task: ScanTask, index: number) => Promise<{ ipcBytes: number; rows: number }> = async ({
    parts,
  }) => ({
    ipcBytes: 10,
    rows: parts.length,
  });
  onFeed: (task: FeedTask) => Promise<Partial<FeedResult>> = async () => ({});
  onCombine: (task: CombineTask) => Promise<{ ipc: Uint8Array; rows: number }> = async () => ({
    ipc: new Uint8Array(1),
    rows: 1,
  });
  onFree: () => Promise<void> = async () => {};
  private readonly finished = new Set<number>();

  get asPool(): QueryPool {
    return this as unknown as QueryPool;
  }

  stopped(query: number) {
    this.stoppedQueries.add(query);
  }

  of<Kind extends QueryTask['kind']>(kind: Kind) {
    return this.tasks.filter((task): task is Extract<QueryTask, { kind: Kind }> => task.kind === kind);
  }

  async run(task: QueryTask): Promise<unknown> {
    this.tasks.push(task);
    switch (task.kind) {
      case 'plan':
        return {
          handle: 1,
          leaves: this.leaves.map((text) => ({ text, outline: this.outline })),
          deferred: this.deferred,
          schema: '[{"name":"a","type":"Int64"}]',
          stability: this.stability,
          clock: this.clock,
          analyze: this.analyze,
        };
      case 'combine':
        return this.onCombine(task);
      case 'scan':
        return this.scan(task);
      case 'feed':
        return this.feed(task);
      case 'explain':
        return 'Operator: rows=1\n';
      case 'freeRun':
      case 'freePlan':
        return this.onFree();
      default:
        throw new Error(`no task of this kind here: ${task.kind}`);
    }
  }

  private async scan(task: ScanTask): Promise<unknown> {
    this.scansRunning++;
    this.scansRunningMost = Math.max(this.scansRunningMost, this.scansRunning);
    try {
      const { ipcBytes, rows } = await this.onScan(task, this.of('scan').length - 1);
      return {
        ipc: new Uint8Array(ipcBytes),
        rows,
        rowsScanned: 100,
        rowsMatched: rows,
        pagesRead: 1,
        pagesCached: 0,
        pagesSkipped: 0,
        skippedByZoneMap: 0,
        skippedByDictionary: 0,
        skippedByIndex: 0,
        bytesRead: 50,
      };
    } finally {
      this.scansRunning--;
    }
  }

  private async feed(task: FeedTask): Promise<FeedResult> {
    const special = await this.onFeed(task);
    for (const leaf of task.finished) this.finished.add(leaf);
    const each = <T>(value: T) => this.leaves.map(() => value);
    const rows = task.answers.length;
    const bytes = Buffer.from(task.answers.map(({ leaf }) => leaf).join());
    const done = this.finished.size === this.leaves.length;
    return {
      run: 2,
      done,
      runnable: false,
      outputRows: rows,
      rows,
      bytes,
      queuedBytes: each(0),
      satisfied: each(false),
      requests: [],
      leftOut: [],
      ...special,
    };
  }
}

/** Blocks of one row group each; every lease is watched. */
function streamOf(blocks: number) {
  const stream = makeStream(
    Array.from({ length: blocks }, (_, index) => liveBlock(index + 1, 65_536, index, index)),
  );
  const held = new Map<FileLease, number>();
  for (const { lease } of stream.blocks) {
    const { acquire, release } = lease;
    lease.acquire = () => {
      held.set(lease, (held.get(lease) ?? 0) + 1);
      acquire.call(lease);
    };
    lease.release = () => {
      held.set(lease, (held.get(lease) ?? 0) - 1);
      release.call(lease);
    };
  }
  return { stream, held: () => [...held.values()].reduce((sum, count) => sum + count, 0) };
}

function run(
  pool: FakeQueryPool,
  stream: Stream | undefined,
  signal = new AbortController().signal,
  options: Partial<QueryInput> = {},
) {
  const context = {
    streams: [],
    streamNames: [],
    nowUs: 0,
    startTime: null,
    endTime: null,
    from: 0,
    size: null,
    defaultOrder: false,
  };
  const snapshots = stream ? [snapshotOf(stream)] : [];
  const plans = new PlanCache((handle) => void pool.run({ kind: 'freePlan', handle }).catch(() => {}));
  return runQuery(pool.asPool, {
    sql: 'SELECT',
    planKey: 'SELECT',
    nowUs: 0,
    timeRange: { startTime: null, endTime: null },
    context: () => context,
    inOrder: false,
    format: 'objects',
    usePageCache: true,
    budget: BUDGET,
    answerBytesMax: Number.POSITIVE_INFINITY,
    snapshots,
    plans,
    partials: undefined,
    signal,
    ...options,
  }).finally(() => {
    for (const snapshot of snapshots) snapshot.release();
  });
}

/** Rejections that nobody waits for end the process, so they count as failures here. */
function watchUnhandledRejections(): unknown[] {
  const seen: unknown[] = [];
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => seen.push(reason));
  onTestFinished(() => {
    process.removeAllListeners('unhandledRejection');
    for (const listener of others) process.on('unhandledRejection', listener);
  });
  return seen;
}

describe('a query that succeeds', () => {
  test('scans every block once, feeds every answer once, and gives everything back', async () => {
    const pool = new FakeQueryPool();
    const { stream, held } = streamOf(9);
    const result = await run(pool, stream);
    const offsets = pool.of('scan').flatMap(({ parts }) => parts.map(({ offset }) => offset));
    expect(offsets.toSorted((a, b) => a - b)).toEqual(stream.blocks.map(({ offset }) => offset));
    expect(pool.of('feed').flatMap(({ answers }) => answers)).toHaveLength(pool.of('scan').length);
    expect(pool.of('feed').flatMap(({ finished }) => finished)).toEqual([0]);
    expect(result).toMatchObject({
      rows: pool.of('scan').length,
      leaves: [{ stats: { blocks: 9, prunedByTime: 0, prunedByZoneMap: 0 } }],
      columns: [{ name: 'a' }],
    });
    expect(result.scans.rowsScanned).toBe(100 * pool.of('scan').length);
    expect(pool.of('freeRun')).toMatchObject([{ handle: 2 }]);
    expect(pool.of('freePlan')).toMatchObject([{ handle: 1 }]);
    expect(held()).toBe(0);
  });

  test('keeps all workers busy, and no more scans in flight than workers', async () => {
    const pool = new FakeQueryPool();
    pool.onScan = async () => {
      await sleep(2);
      return { ipcBytes: 10, rows: 1 };
    };
    await run(pool, streamOf(12).stream);
    expect(pool.scansRunningMost).toBe(2);
  });

  test('needs no scan where only the number of rows matters', async () => {
    const pool = new FakeQueryPool();
    pool.leaves = [leafText(COUNT)];
    const result = await run(pool, streamOf(3).stream);
    expect(pool.of('scan')).toEqual([]);
    expect(pool.of('feed').flatMap(({ counts }) => counts)).toEqual([{ leaf: 0, rows: 3 * 65_536 }]);
    expect(result.leaves[0]?.countedRows).toBe(3 * 65_536);
  });

  test('rules out blocks by the outline of a request, and scans by its text', async () => {
    for (const [value, scanned] of [
      [true, 3],
      [false, 0],
    ] as const) {
      const pool = new FakeQueryPool();
      const outlined = { ...JSON.parse(leafText(ROWS)), filter: { op: 'constant', value } };
      pool.outline = JSON.stringify(outlined);
      await run(pool, streamOf(3).stream, undefined, { timeRange: { startTime: 0, endTime: null } });
      const scans = pool.of('scan');
      expect(scans.flatMap(({ parts }) => parts)).toHaveLength(scanned);
      for (const { request } of scans) {
        expect(JSON.parse(request)).toEqual({ ...outlined, filter: null, time: { min: 0, max: null } });
      }
    }
  });

  test('of several leaves tells the run when each one ends', async () => {
    const pool = new FakeQueryPool();
    pool.leaves = [leafText(ROWS), leafText(COUNT), leafText(ROWS)];
    await run(pool, streamOf(4).stream);
    const finished = pool.of('feed').flatMap((task) => task.finished);
    expect(finished.toSorted()).toEqual([0, 1, 2]);
  });

  test('of no blocks at all', async () => {
    const pool = new FakeQueryPool();
    expect(await run(pool, streamOf(0).stream)).toMatchObject({
      rows: 0,
      leaves: [{ stats: { blocks: 0 } }],
    });
  });

  test('whose run needs several steps without any input, for work or for output', async () => {
    // A run returns after a slice of time or bytes though it could go on, and says so.
    const runnable = { runnable: true };
    for (const rows of [0, 1]) {
      const pool = new FakeQueryPool();
      let steps = 0;
      pool.onFeed = async () => {
        steps++;
        const done = steps === 5;
        return { done, rows: done ? 1 : rows, bytes: Buffer.from('x'), ...(done ? {} : runnable) };
      };
      expect(await run(pool, streamOf(1).stream)).toMatchObject({ rows: 4 * rows + 1 });
    }
  });

  test('stops when the run has enough', async () => {
    const pool = new FakeQueryPool();
    pool.onScan = async () => ({ ipcBytes: 5 * MB, rows: 1 });
    pool.onFeed = async () => ({ done: true, satisfied: [true] });
    await run(pool, streamOf(100).stream);
    expect(pool.of('scan').length).toBeLessThanOrEqual(4);
  });
});

test('a slow run bounds the bytes that wait for it', async () => {
  const pool = new FakeQueryPool();
  const answerBytes = 8 * MB;
  let queued = 0;
  let most = 0;
  let stalls = 0;
  pool.onScan = async () => {
    queued += answerBytes;
    most = Math.max(most, queued);
    return { ipcBytes: answerBytes, rows: 1 };
  };
  // Eats nothing for a while, then one answer a step.
  pool.onFeed = async () => {
    if (queued < LEAF_CREDIT_BYTES || stalls++ > 20) queued = Math.max(0, queued - answerBytes);
    return { queuedBytes: [queued] };
  };
  await run(pool, streamOf(60).stream);
  expect(stalls).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(LEAF_CREDIT_BYTES + 2 * answerBytes);
});

describe('a query that fails', () => {
  test('in a scan: the error is the query`s, with its fields', async () => {
    const pool = new FakeQueryPool();
    const { stream, held } = streamOf(6);
    const original = pool.run.bind(pool);
    pool.run = async (task) => {
      const result = await original(task);
      if (task.kind !== 'scan') return result;
      return { failure: { status: 500, message: 'block is damaged', fields: { code: 7 } } };
    };
    await expect(run(pool, stream)).rejects.toMatchObject({
      name: 'BasaltError',
      message: 'block is damaged',
      fields: { code: 7 },
    });
    expect(held()).toBe(0);
    expect(pool.of('freePlan')).toHaveLength(1);
  });

  test('in a scan that ends while the run is being fed', async () => {
    const pool = new FakeQueryPool();
    let failScan = () => {};
    // Two scans run. The first gives enough to feed the run; the second fails in the meantime.
    pool.onScan = (_task, index) => {
      if (index === 0) return Promise.resolve({ ipcBytes: 5 * MB, rows: 1 });
      return new Promise((_, reject) => {
        failScan = () => reject(new Error('block is damaged'));
      });
    };
    pool.onFeed = async ({ answers }) => {
      if (answers.length > 0) failScan();
      await sleep(5);
      return {};
    };
    await expect(run(pool, streamOf(2).stream)).rejects.toThrow('block is damaged');
  });

  test('in the plan: nothing to give back', async () => {
    const pool = new FakeQueryPool();
    pool.run = async () => ({ failure: { status: 400, message: 'no such column', fields: {} } });
    await expect(run(pool, streamOf(1).stream)).rejects.toMatchObject({ status: 400 });
  });

  test('in the residual plan: running scans are waited for before their files are given back', async () => {
    const pool = new FakeQueryPool();
    const { stream, held } = streamOf(8);
    pool.onScan = async (_task, index) => {
      if (index > 0) await sleep(10);
      if (index > 0) expect(held()).toBeGreaterThan(0);
      return { ipcBytes: 5 * MB, rows: 1 };
    };
    pool.onFeed = () => Promise.reject(new Error('out of memory'));
    await expect(run(pool, stream)).rejects.toThrow('out of memory');
    expect([held(), pool.scansRunning]).toEqual([0, 0]);
    expect(pool.of('freePlan')).toHaveLength(1);
  });

  test('because the plan reads what it was not told of', async () => {
    const pool = new FakeQueryPool();
    await expect(run(pool, undefined)).rejects.toThrow(/BUG/);
    expect(pool.of('freePlan')).toHaveLength(1);
  });

  test('a pool that is shut down before the handles are freed does not end the process', async () => {
    const rejections = watchUnhandledRejections();
    const pool = new FakeQueryPool();
    pool.onFree = () => Promise.reject(new Error('Terminating worker thread'));
    await run(pool, streamOf(1).stream);
    await sleep(5);
    expect(rejections).toEqual([]);
  });

  test('no rejection of a scan is left alone', async () => {
    const rejections = watchUnhandledRejections();
    const pool = new FakeQueryPool();
    pool.onScan = async (_task, index) => {
      await sleep(index);
      throw new Error(`scan ${index}`);
    };
    await expect(run(pool, streamOf(20).stream)).rejects.toThrow('scan');
    await sleep(5);
    expect(rejections).toEqual([]);
  });
});

describe('what is kept', () => {
  const GROUPS = 10;

  /** A stream with one segment of ten full groups, an hour apart. */
  function segmented() {
    const groups = Array.from({ length: GROUPS }, (_, hour): [number, number, number] => [
      65_536,
      hour,
      hour,
    ]);
    return makeStream([], [liveSegment(1, groups)]);
  }

  test('answers over segments are found again, and only new blocks are scanned', async () => {
    const partials = new PartialCache(1 << 20, 60, undefined);
    const pool = new FakeQueryPool();
    const stream = segmented();
    const first = await run(pool, stream, undefined, { partials });
    const scans = pool.of('scan').length;
    expect(first.scans).toMatchObject({ morsels: scans, morselsCached: 0, rowsCached: 0 });
    stream.addBlock(liveBlock(7, 65_536, 99, 99));
    const second = await run(pool, stream, undefined, { partials });
    expect(second.scans).toMatchObject({ morselsCached: scans, rowsCached: GROUPS * 65_536 });
    expect(pool.of('scan').slice(scans)).toMatchObject([{ parts: [{ path: '/wal/7' }] }]);
    expect(second.rows).toBe(first.rows + 1);
  });

  test('a range of time that cuts no kept group does not matter, one that cuts it does', async () => {
    const partials = new PartialCache(1 << 20, 60, undefined);
    const pool = new FakeQueryPool();
    const ranged = (min: number, max: number) =>
      leafText(ROWS).replace('"time":{"min":null,"max":null}', `"time":{"min":${min},"max":${max}}`);
    for (const [min, max, scanned] of [
      [0, 10, 3],
      [-5, 12, 0],
      // Another set of groups of the last run, so another answer.
      [0, 9, 1],
    ] as const) {
      pool.leaves = [ranged(min, max)];
      const before = pool.of('scan').length;
      await run(pool, segmented(), undefined, { partials });
      const scans = pool.of('scan').slice(before);
      expect(scans).toHaveLength(scanned);
      for (const { request } of scans) expect(JSON.parse(request).time).toEqual({ min: null, max: null });
    }
  });

  test('a scan that another query has under way is waited for, not repeated', async () => {
    const partials = new PartialCache(1 << 20, 60, undefined);
    const pool = new FakeQueryPool();
    pool.onScan = async () => {
      await sleep(5);
      return { ipcBytes: 10, rows: 1 };
    };
    const stream = segmented();
    const results = await Promise.all([1, 2, 3].map(() => run(pool, stream, undefined, { partials })));
    expect(pool.of('scan')).toHaveLength(3);
    for (const { rows } of results) expect(rows).toBe(3);
  });

  test('a plan serves again unless it depends on the clock', async () => {
    for (const stability of ['fixed', 'chance', 'clock'] as const) {
      const pool = new FakeQueryPool();
      pool.stability = stability;
      const freed: number[] = [];
      const plans = new PlanCache((handle) => freed.push(handle));
      for (let round = 0; round < 3; round++) await run(pool, segmented(), undefined, { plans });
      expect(pool.of('plan')).toHaveLength(stability === 'clock' ? 3 : 1);
      expect(freed).toHaveLength(stability === 'clock' ? 3 : 0);
    }
  });

  test('a kept plan is answered for the moment and the time range of each query', async () => {
    const pool = new FakeQueryPool();
    pool.clock = { lifetimeUs: 1000, follows: [true, false] };
    pool.leaves = [leafText(ROWS).replace('"min":null,"max":null', '"min":-500,"max":9223372036854775807')];
    const plans = new PlanCache(() => {});
    const timesAt = async (nowUs: number, startTime: number | null, endTime: number | null) => {
      const from = pool.of('scan').length;
      await run(pool, segmented(), undefined, { plans, nowUs, timeRange: { startTime, endTime } });
      const texts = pool
        .of('scan')
        .slice(from)
        .map(({ request }) => request);
      return new Set(texts.map((text) => /"time":\{.*?\}/.exec(text)?.[0]));
    };
    expect(await timesAt(100, null, null)).toEqual(
      new Set(['"time":{"min":-500,"max":9223372036854775807}']),
    );
    expect(await timesAt(130, null, 950)).toEqual(new Set(['"time":{"min":-470,"max":950}']));
    expect(await timesAt(200, -390, null)).toEqual(
      new Set(['"time":{"min":-390,"max":9223372036854775807}']),
    );
    expect(pool.of('plan')).toHaveLength(1);
    await timesAt(1101, null, null);
    expect(pool.of('plan')).toHaveLength(2);
  });

  test('EXPLAIN ANALYZE tells what was done instead of answering', async () => {
    const pool = new FakeQueryPool();
    pool.analyze = true;
    const { pieces, columns } = await run(pool, segmented());
    const text = Buffer.concat(pieces).toString();
    expect(columns).toEqual([{ name: 'plan', type: 'Utf8' }]);
    expect(text).toContain('10 row groups, 0 pruned by time');
    expect(text).toContain('Operator: rows=1');
  });
});

describe('a query that is cancelled', () => {
  test('stops dispatching and gives everything back', async () => {
    const pool = new FakeQueryPool();
    const { stream, held } = streamOf(200);
    const controller = new AbortController();
    pool.onScan = async (_task, index) => {
      if (index === 5) controller.abort();
      await sleep(1);
      return { ipcBytes: 10, rows: 1 };
    };
    await expect(run(pool, stream, controller.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(pool.of('scan').length).toBeLessThan(12);
    expect(held()).toBe(0);
    expect(pool.of('freePlan')).toHaveLength(1);
  });

  test('before it began does no scan', async () => {
    const pool = new FakeQueryPool();
    await expect(run(pool, streamOf(5).stream, AbortSignal.abort())).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(pool.of('scan')).toEqual([]);
  });
});

describe('answers that hold groups', () => {
  function groupsPool(rows: number, ipcBytes = 10): FakeQueryPool {
    const pool = new FakeQueryPool();
    pool.leaves = [leafText(GROUPS)];
    pool.onScan = async () => ({ ipcBytes, rows });
    return pool;
  }

  test('are combined in shares once all are there, and only that is fed', async () => {
    const pool = groupsPool(COMBINE_ROWS_MIN);
    let scansBefore = 0;
    pool.onCombine = async ({ share }) => {
      scansBefore = pool.of('scan').length;
      return { ipc: new Uint8Array(3 + share), rows: 1 };
    };
    await run(pool, streamOf(32).stream);
    const combines = pool.of('combine');
    expect(combines.map(({ share, shares, complete }) => [share, shares, complete])).toEqual([
      [0, 2, true],
      [1, 2, true],
    ]);
    expect(scansBefore).toBe(pool.of('scan').length);
    expect(scansBefore).toBeGreaterThan(1);
    for (const { answers } of combines) expect(answers).toHaveLength(scansBefore);
    const fed = pool.of('feed').flatMap(({ answers }) => answers.map(({ ipc }) => ipc.length));
    expect(fed).toEqual([3, 4]);
  });

  test('are fed as they are when they are few', async () => {
    const pool = groupsPool(2);
    await run(pool, streamOf(32).stream);
    expect(pool.of('combine')).toEqual([]);
    const fed = pool.of('feed').flatMap(({ answers }) => answers);
    expect(fed).toHaveLength(pool.of('scan').length);
  });

  test('are combined on the way when they are large, and no more when that does not help', async () => {
    const helps = groupsPool(COMBINE_ROWS_MIN, GATHERED_BYTES_MAX / 2);
    helps.onCombine = async () => ({ ipc: new Uint8Array(1), rows: COMBINE_ROWS_MIN });
    await run(helps, streamOf(200).stream);
    const completes = helps.of('combine').map(({ complete }) => complete);
    expect(completes.filter((complete) => !complete).length).toBeGreaterThan(0);
    expect(completes.at(-1)).toBe(true);

    const useless = groupsPool(COMBINE_ROWS_MIN, GATHERED_BYTES_MAX / 2);
    useless.onCombine = async () => ({ ipc: new Uint8Array(GATHERED_BYTES_MAX / 2), rows: COMBINE_ROWS_MIN });
    await run(useless, streamOf(200).stream);
    expect(useless.of('combine')).toHaveLength(2);
    const fed = useless.of('feed').flatMap(({ answers }) => answers);
    expect(fed.length).toBe(useless.of('scan').length);
  });

  /** So many segments of one group each, an hour apart. */
  function segmentsOf(count: number): Stream {
    const segments = Array.from({ length: count }, (_, hour) =>
      liveSegment(100 + hour, [[65_536, hour * 10, hour * 10 + 9]]),
    );
    return makeStream([], segments);
  }

  test('over segments are kept as one too, so that a moved range scans only its ends', async () => {
    const partials = new PartialCache(1 << 20, 60, undefined);
    const pool = groupsPool(2);
    pool.onCombine = async () => ({ ipc: new Uint8Array(77), rows: 2 });
    const stream = segmentsOf(8);
    const ask = async (endTime: number) => {
      const [scans, feeds] = [pool.of('scan').length, pool.of('feed').length];
      const { scans: totals } = await run(pool, stream, undefined, {
        partials,
        timeRange: { startTime: null, endTime },
      });
      const fed = pool
        .of('feed')
        .slice(feeds)
        .flatMap(({ answers }) => answers.map(({ ipc }) => ipc.length));
      return { scanned: pool.of('scan').length - scans, fed: fed.sort(), cached: totals.rowsCached };
    };
    // The last segment is cut by the range.
    expect(await ask(79)).toEqual({ scanned: 8, fed: [10, 77], cached: 0 });
    expect(pool.of('combine')).toMatchObject([{ share: 0, shares: 1, complete: false }]);
    expect(pool.of('combine')[0]?.answers).toHaveLength(7);
    expect(await ask(78)).toEqual({ scanned: 1, fed: [10, 77], cached: 7 * 65_536 });
    // One piece less is another set of pieces, each of which is kept.
    expect(await ask(65)).toEqual({ scanned: 1, fed: [10, 77], cached: 6 * 65_536 });
    expect(pool.of('combine')).toHaveLength(2);
    expect(await ask(64)).toEqual({ scanned: 1, fed: [10, 77], cached: 6 * 65_536 });
    expect(pool.of('combine')).toHaveLength(2);
  });

  test('over few pieces, or of many groups, are not kept as one', async () => {
    const few = groupsPool(2);
    await run(few, segmentsOf(3), undefined, { partials: new PartialCache(1 << 20, 60, undefined) });
    expect(few.of('combine')).toEqual([]);
    expect(few.of('feed').flatMap(({ answers }) => answers)).toHaveLength(3);

    const many = groupsPool(COMBINE_ROWS_MIN / 2);
    await run(many, segmentsOf(8), undefined, { partials: new PartialCache(1 << 20, 60, undefined) });
    expect(many.of('combine').map(({ complete, answers }) => [complete, answers.length])).toEqual([
      [true, 8],
      [true, 8],
    ]);
  });

  test('over segments that cannot be combined fail the query', async () => {
    const pool = groupsPool(2);
    pool.onCombine = () => Promise.reject(new Error('no room'));
    const partials = new PartialCache(1 << 20, 60, undefined);
    await expect(run(pool, segmentsOf(8), undefined, { partials })).rejects.toThrow('no room');
    expect(pool.of('freePlan')).toHaveLength(1);
  });

  test('that cannot be combined fail the query', async () => {
    const pool = groupsPool(COMBINE_ROWS_MIN);
    pool.onCombine = () => Promise.reject(new Error('no room'));
    await expect(run(pool, streamOf(32).stream)).rejects.toThrow('no room');
    expect(pool.of('freePlan')).toHaveLength(1);
  });
});

test('a deferred leaf is scanned for each request that the run makes, not before', async () => {
  const pool = new FakeQueryPool();
  pool.leaves = [leafText(ROWS), leafText(ROWS)];
  pool.deferred = [true, false];
  const requests = [-1, -2].map((min) =>
    JSON.stringify({ ...JSON.parse(leafText(ROWS)), time: { min, max: null } }),
  );
  let asked = 0;
  const finished: number[] = [];
  pool.onFeed = async (task) => {
    finished.push(...task.finished);
    const due = asked < 2 && task.finished.length > 0;
    const more = due ? [{ leaf: 0, request: { text: requests[asked++] as string } }] : [];
    return { requests: more, done: asked === 2 && finished.filter((leaf) => leaf === 0).length === 2 };
  };
  await run(pool, streamOf(3).stream);
  const texts = pool.of('scan').map(({ request }) => request);
  expect(new Set(texts)).toEqual(new Set([leafText(ROWS), ...requests]));
  expect(texts.indexOf(requests[0] as string)).toBeGreaterThan(texts.lastIndexOf(leafText(ROWS)));
  expect(texts.indexOf(requests[1] as string)).toBeGreaterThan(texts.lastIndexOf(requests[0] as string));
});

describe('rows of an export that stayed in the addon', () => {
  function heldBytes(): Held {
    const folder = mkdtempSync(join(tmpdir(), 'basalt-executor-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const records = Array.from({ length: 20_000 }, (_, n) => ({ _timestamp: 1_700_000_000_000_000 + n }));
    const { fd } = openFile(folder, 'block', encodeRecords(records).block);
    const { ipc } = scan(leafText(ROWS), Int32Array.of(fd), Float64Array.of(0));
    if (!('held' in ipc)) throw new Error('the answer is too small to be held');
    return ipc;
  }

  function isHeld({ held }: Held): boolean {
    try {
      copyHeld(held, 0, new Uint8Array(1));
      return true;
    } catch {
      return false;
    }
  }

  test('are there while they are written, and freed after that', async () => {
    const bytes = heldBytes();
    const pool = new FakeQueryPool();
    pool.onFeed = async () => ({ bytes, done: true });
    const seen: unknown[] = [];
    const sink: QueryInput['sink'] = async (given) => void seen.push(given, isHeld(bytes));
    await run(pool, streamOf(1).stream, undefined, { format: 7, sink });
    expect(seen).toEqual([bytes, true]);
    expect(isHeld(bytes)).toBe(false);
  });

  test('are freed when they cannot be written, and when the query fails before that', async () => {
    const unwritten = heldBytes();
    const pool = new FakeQueryPool();
    pool.onFeed = async () => ({ bytes: unwritten, done: true });
    const sink = () => Promise.reject(new Error('the disk is full'));
    await expect(run(pool, streamOf(1).stream, undefined, { format: 7, sink })).rejects.toThrow('full');
    expect(isHeld(unwritten)).toBe(false);
    const ungiven = heldBytes();
    const request = { text: leafText(ROWS, 'unknown') };
    pool.onFeed = async () => ({ bytes: ungiven, requests: [{ leaf: 0, request }] });
    await expect(run(pool, streamOf(1).stream, undefined, { format: 7, sink })).rejects.toThrow('unknown');
    expect(isHeld(ungiven)).toBe(false);
  });
});
