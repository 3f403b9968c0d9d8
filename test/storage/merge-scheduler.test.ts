/** What is merged when: the picks as pure functions, and the scheduler over a store and a pool that do as the test says. */
import { basename } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { pino } from 'pino';
import type { Piscina } from 'piscina';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { COMPACT_SEGMENTS, MERGE_AGE_MS, MERGE_BLOCKS_MAX, MERGE_ROWS } from '../../src/config/limits.js';
import { FileLease } from '../../src/storage/file-lease.js';
import { MergeScheduler, pickBlocks, pickSegments } from '../../src/storage/merge-scheduler.js';
import type { MergeTask, SegmentMetadata } from '../../src/storage/merge-task.js';
import type { Store } from '../../src/storage/store.js';
import { type LiveBlock, type LiveSegment, Stream } from '../../src/storage/stream.js';

const NOW = 1_000_000_000;
let files = 0;

function lease(): FileLease {
  return new FileLease(`/nowhere/${files++}`, () => {});
}

function block(sequence: number, rows: number, fields: Partial<LiveBlock> = {}): LiveBlock {
  return {
    sequence,
    rows,
    timeMin: 0,
    timeMax: 0,
    walFile: 'w.wal',
    offset: sequence * 1000,
    blockBytes: 100,
    header: new Uint8Array(),
    schema: '',
    lease: lease(),
    receivedMs: NOW,
    ...fields,
  };
}

function segment(firstSequence: number, rows: number): LiveSegment {
  const group = { offset: 64, bytes: 10, headerBytes: 0, rows, timeMin: 0, timeMax: 0, schema: '' };
  const common = { id: firstSequence, rows, bytes: 10, timeMin: 0, timeMax: 0, firstSequence };
  return { ...common, lease: lease(), groups: [group], headers: new Uint8Array() };
}

function stream(blocks: LiveBlock[], segments: LiveSegment[] = []): Stream {
  const made = new Stream(1, 'o', 's', 5);
  for (const each of blocks) made.addBlock(each);
  made.segments = segments;
  return made;
}

describe('pickBlocks', () => {
  test('waits until there are enough rows, enough blocks, or one that is old enough', () => {
    expect(pickBlocks(stream([]), 99, NOW)).toBeUndefined();
    expect(pickBlocks(stream([block(1, MERGE_ROWS - 1)]), 0, NOW)).toBeUndefined();
    expect(pickBlocks(stream([block(1, MERGE_ROWS)]), 0, NOW)?.blocks).toHaveLength(1);
    expect(pickBlocks(stream([block(1, 1)]), 0, NOW + MERGE_AGE_MS - 1)).toBeUndefined();
    expect(pickBlocks(stream([block(1, 1)]), 0, NOW + MERGE_AGE_MS)?.blocks).toHaveLength(1);
    const many = Array.from({ length: MERGE_BLOCKS_MAX }, (_, index) => block(index + 1, 1));
    expect(pickBlocks(stream(many.slice(1)), 0, NOW)).toBeUndefined();
    expect(pickBlocks(stream(many), 0, NOW)?.blocks).toHaveLength(MERGE_BLOCKS_MAX);
  });

  test('a flush takes what is there at once, and only when it is of the flush', () => {
    const one = stream([block(5, 1)]);
    expect(pickBlocks(one, 4, NOW)).toBeUndefined();
    expect(pickBlocks(one, 5, NOW)?.blocks).toHaveLength(1);
  });

  test('a block larger than a merge is merged alone', () => {
    const pick = pickBlocks(stream([block(1, MERGE_ROWS + 1), block(2, 1)]), 0, NOW);
    expect(pick?.blocks.map(({ sequence }) => sequence)).toEqual([1]);
  });

  test('always takes a prefix in sequence order within the limits, so that one number a WAL file notes it', () => {
    const rows = fc.oneof(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: MERGE_ROWS / 4, max: MERGE_ROWS }),
    );
    const blocks = fc.uniqueArray(
      fc.tuple(fc.integer({ min: 1, max: 10_000 }), rows, fc.constantFrom('a.wal', 'b.wal')),
      {
        selector: ([sequence]) => sequence,
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(blocks, fc.nat(10_000), (list, flushUpTo) => {
        const live = list.map(([sequence, count, walFile]) => block(sequence, count, { walFile }));
        const one = stream(live);
        const pick = pickBlocks(one, flushUpTo, NOW);
        const total = live.reduce((sum, each) => sum + each.rows, 0);
        const due = live.some(({ sequence }) => sequence <= flushUpTo) || total >= MERGE_ROWS;
        expect(pick !== undefined).toBe(due);
        if (!pick) return;
        const sorted = live.toSorted((a, b) => a.sequence - b.sequence);
        expect(pick.blocks).toEqual(sorted.slice(0, pick.blocks.length));
        const taken = pick.blocks.reduce((sum, each) => sum + each.rows, 0);
        expect(taken <= MERGE_ROWS || pick.blocks.length === 1).toBe(true);
        // It stops only because the next one would be too much.
        const next = sorted[pick.blocks.length];
        if (next) expect(taken + next.rows).toBeGreaterThan(MERGE_ROWS);
        // What the stream holds is not reordered under the feet of its readers.
        expect(one.blocks).toEqual(live);
      }),
    );
  });
});

describe('pickSegments', () => {
  test('needs enough small ones, and leaves large ones alone', () => {
    const small = Array.from({ length: COMPACT_SEGMENTS }, (_, index) => segment(index + 1, 10));
    expect(pickSegments(stream([], small.slice(1)))).toBeUndefined();
    const large = segment(100, MERGE_ROWS / 2);
    const pick = pickSegments(stream([], [...small, large]));
    expect(pick?.segments).toHaveLength(COMPACT_SEGMENTS);
    expect(pick?.segments).not.toContain(large);
  });

  test('the result is never larger than a merge, and in arrival order', () => {
    const rows = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: MERGE_ROWS }));
    fc.assert(
      fc.property(fc.array(rows, { maxLength: 40 }), (list) => {
        const one = stream(
          [],
          list.map((count, index) => segment(index + 1, count)),
        );
        const before = [...one.segments];
        const pick = pickSegments(one);
        expect(one.segments).toEqual(before);
        if (!pick) return;
        expect(pick.segments.length).toBeGreaterThanOrEqual(2);
        expect(pick.segments.reduce((sum, each) => sum + each.rows, 0)).toBeLessThanOrEqual(MERGE_ROWS);
        const sequences = pick.segments.map(({ firstSequence }) => firstSequence);
        expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
      }),
    );
  });

  test('a row is rewritten a logarithmic number of times, however many small segments arrive', () => {
    const one = stream([]);
    let rewritten = 0;
    const arrivals = 2000;
    for (let index = 1; index <= arrivals; index++) {
      one.segments.push(segment(index, 100));
      for (let pick = pickSegments(one); pick; pick = pickSegments(one)) {
        const rows = pick.segments.reduce((sum, each) => sum + each.rows, 0);
        rewritten += rows;
        const { segments } = pick;
        one.segments = one.segments.filter((each) => !segments.includes(each));
        one.segments.push(segment(segments[0]?.firstSequence ?? 0, rows));
      }
    }
    const levels = Math.ceil(Math.log(arrivals) / Math.log(COMPACT_SEGMENTS));
    expect(rewritten / (arrivals * 100)).toBeLessThanOrEqual(levels);
    // Nor may they pile up.
    expect(one.segments.length).toBeLessThan(COMPACT_SEGMENTS * (levels + 1));
  });
});

/** A store that only keeps streams, and a pool whose tasks the test ends. */
class Bench {
  readonly tasks: {
    task: MergeTask;
    resolve: (result: unknown) => void;
    reject: (error: unknown) => void;
  }[] = [];
  readonly commits: { file: string; blocks: LiveBlock[]; segments: LiveSegment[] }[] = [];
  readonly merged: number[] = [];
  sequence = 0;
  readonly scheduler: MergeScheduler;

  constructor(
    readonly streams: Stream[],
    threads = 1,
  ) {
    const store = {
      currentSequence: () => this.sequence,
      lineage: () => ({ walMerged: { 'a.wal': 0, 'before.wal': 7 }, retired: ['old.seg'] }),
      allStreams: () => this.streams,
      isLive: (each: Stream) => this.streams.includes(each),
      newSegmentName: (each: Stream) => `${each.id}-${files++}.seg`,
      segmentPath: (file: string) => `/segments/${file}`,
      commitMerge: (
        each: Stream,
        file: string,
        _footer: unknown,
        blocks: LiveBlock[],
        segments: LiveSegment[],
      ) => {
        this.commits.push({ file, blocks, segments });
        each.blocks = each.blocks.filter((live) => !blocks.includes(live));
      },
    };
    const run = (task: MergeTask) =>
      new Promise((resolve, reject) => this.tasks.push({ task, resolve, reject }));
    this.scheduler = new MergeScheduler(
      store as unknown as Store,
      { options: { maxThreads: threads }, run } as unknown as Piscina,
      pino({ level: 'silent' }),
      { merged: (rows) => this.merged.push(rows) },
    );
  }

  async finish(rows = 1): Promise<void> {
    const group = { offset: 0, bytes: 1, headerBytes: 0, rows, timeMin: 0, timeMax: 0, schema: '' };
    const footer = { groups: [group], headers: new Uint8Array(), metadata: new Uint8Array(), fileBytes: 1 };
    this.tasks.shift()?.resolve({ footer, tookMs: 1 });
    await turn();
  }

  async fail(error: Error): Promise<void> {
    this.tasks.shift()?.reject(error);
    await turn();
  }
}

describe('MergeScheduler', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'], now: NOW });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('merges what is due, once, with inputs in order and the metadata that a rebuild needs', async () => {
    const one = stream([
      block(2, MERGE_ROWS / 2, { walFile: 'b.wal' }),
      block(1, MERGE_ROWS / 2, { walFile: 'a.wal' }),
    ]);
    const bench = new Bench([one]);
    bench.scheduler.start();
    vi.advanceTimersByTime(1000);
    expect(bench.tasks).toHaveLength(1);
    const { task } = bench.tasks[0] as Bench['tasks'][number];
    expect(task.inputs.map(({ offset }) => offset)).toEqual([1000, 2000]);
    expect(JSON.parse(task.metadata) as SegmentMetadata).toEqual({
      organization: 'o',
      stream: 's',
      streamCreatedUs: 5,
      firstSequence: 1,
      walMerged: { 'before.wal': 7, 'a.wal': 1, 'b.wal': 2 },
      walInputs: { 'a.wal': [1, 1], 'b.wal': [2, 2] },
      inputs: [],
      retired: ['old.seg'],
      outputs: [basename(task.outputPath)],
      sequence: bench.sequence,
    });
    await bench.finish(MERGE_ROWS);
    expect(bench.commits).toHaveLength(1);
    expect(bench.merged).toEqual([MERGE_ROWS]);
    vi.advanceTimersByTime(1000);
    expect(bench.tasks).toHaveLength(0);
    await bench.scheduler.stop();
  });

  test('one merge a stream at a time, and no more than there are workers', () => {
    const streams = [1, 2, 3].map(() => stream([block(1, MERGE_ROWS), block(2, MERGE_ROWS)]));
    const bench = new Bench(streams, 2);
    bench.scheduler.start();
    vi.advanceTimersByTime(1000);
    expect(bench.tasks).toHaveLength(2);
    expect(streams.map(({ merging }) => merging)).toEqual([true, true, false]);
  });

  test('holds the files that it reads until it has finished', async () => {
    const live = block(1, MERGE_ROWS);
    const released = vi.spyOn(live.lease, 'release');
    const bench = new Bench([stream([live])]);
    bench.scheduler.start();
    vi.advanceTimersByTime(250);
    expect(released).not.toHaveBeenCalled();
    await bench.fail(new Error('disk'));
    expect(released).toHaveBeenCalledTimes(1);
  });

  test('flush waits for all blocks that are live when it is asked, over several merges, not for later ones', async () => {
    const one = stream([block(1, MERGE_ROWS), block(2, MERGE_ROWS)]);
    const bench = new Bench([one]);
    bench.sequence = 2;
    bench.scheduler.start();
    let flushed = false;
    const flush = bench.scheduler.flush().then(() => {
      flushed = true;
    });
    one.addBlock(block(3, 1));
    await bench.finish();
    expect(flushed).toBe(false);
    await bench.finish();
    await flush;
    expect(one.blocks.map(({ sequence }) => sequence)).toEqual([3]);
  });

  test('flush of nothing resolves at once', async () => {
    await new Bench([stream([])]).scheduler.flush();
  });

  test('a failed merge fails the flush with its reason, and is tried again later', async () => {
    const one = stream([block(1, 1)]);
    const bench = new Bench([one]);
    bench.sequence = 1;
    bench.scheduler.start();
    const flush = bench.scheduler.flush();
    const refused = expect(flush).rejects.toThrow('disk is full');
    await bench.fail(new Error('disk is full'));
    vi.advanceTimersByTime(500);
    await refused;
    expect(one.blocks).toHaveLength(1);
    expect(bench.tasks).toHaveLength(0);
    vi.advanceTimersByTime(10_000);
    const again = bench.scheduler.flush();
    await bench.finish();
    await again;
    expect(one.blocks).toHaveLength(0);
  });

  test('a stream deleted meanwhile gets no segment', async () => {
    const bench = new Bench([stream([block(1, MERGE_ROWS)])]);
    bench.scheduler.start();
    vi.advanceTimersByTime(250);
    bench.streams.pop();
    await bench.finish();
    expect(bench.commits).toEqual([]);
  });

  test('stop waits for the running merge and starts no other', async () => {
    const bench = new Bench([stream([block(1, MERGE_ROWS), block(2, MERGE_ROWS)])]);
    bench.scheduler.start();
    vi.advanceTimersByTime(250);
    let stopped = false;
    const stop = bench.scheduler.stop().then(() => {
      stopped = true;
    });
    await turn();
    expect(stopped).toBe(false);
    await bench.finish();
    await stop;
    vi.advanceTimersByTime(1000);
    expect(bench.tasks).toHaveLength(0);
    expect(bench.commits).toHaveLength(1);
  });
});
