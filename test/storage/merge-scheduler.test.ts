/** What is merged when: the picks as pure functions, and the scheduler over a store and a pool that do as the test says. */
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { pino } from 'pino';
import type { Piscina } from 'piscina';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  COMPACT_SEGMENTS,
  MERGE_AGE_MS,
  MERGE_BLOCKS_MAX,
  MERGE_ROWS,
  MERGE_URGENT_ROWS,
  PARTITIONS_MAX,
} from '../../src/config/limits.js';
import { FileLease } from '../../src/storage/file-lease.js';
import type { MergeInputs } from '../../src/storage/merge-inputs.js';
import { MergeScheduler, pickBlocks } from '../../src/storage/merge-scheduler.js';
import { mergeSize } from '../../src/storage/merge-size.js';
import type { MergeTask } from '../../src/storage/merge-task.js';
import type { Merged, Store } from '../../src/storage/store.js';
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
    overflow: '',
    lease: lease(),
    receivedMs: NOW,
    ...fields,
  };
}

function segment(firstSequence: number, rows: number): LiveSegment {
  const id = firstSequence;
  return {
    id,
    file: `${files}`,
    rows,
    rowGroups: 1,
    bytes: 10,
    timeMin: 0,
    timeMax: 0,
    firstSequence,
    lease: lease(),
  };
}

function stream(blocks: LiveBlock[], segments: LiveSegment[] = [], name = 's'): Stream {
  const made = new Stream(1, 'o', name, 5);
  for (const each of blocks) made.addBlock(each);
  made.swap({}, segments);
  return made;
}

const SIZE = mergeSize(512 << 20);

describe('pickBlocks', () => {
  test('waits until there are enough rows, enough blocks, or one that is old enough', () => {
    expect(pickBlocks(stream([]), SIZE, 99, NOW)).toBeUndefined();
    expect(pickBlocks(stream([block(1, MERGE_ROWS - 1)]), SIZE, 0, NOW)).toBeUndefined();
    expect(pickBlocks(stream([block(1, MERGE_ROWS)]), SIZE, 0, NOW)).toHaveLength(1);
    expect(pickBlocks(stream([block(1, 1)]), SIZE, 0, NOW + MERGE_AGE_MS - 1)).toBeUndefined();
    expect(pickBlocks(stream([block(1, 1)]), SIZE, 0, NOW + MERGE_AGE_MS)).toHaveLength(1);
    const many = Array.from({ length: MERGE_BLOCKS_MAX }, (_, index) => block(index + 1, 1));
    expect(pickBlocks(stream(many.slice(1)), SIZE, 0, NOW)).toBeUndefined();
    expect(pickBlocks(stream(many), SIZE, 0, NOW)).toHaveLength(MERGE_BLOCKS_MAX);
  });

  test('a flush takes what is there at once, and only when it is of the flush', () => {
    const one = stream([block(5, 1)]);
    expect(pickBlocks(one, SIZE, 4, NOW)).toBeUndefined();
    expect(pickBlocks(one, SIZE, 5, NOW)).toHaveLength(1);
  });

  test('a block larger than a merge is merged alone', () => {
    const pick = pickBlocks(stream([block(1, MERGE_ROWS + 1), block(2, 1)]), SIZE, 0, NOW);
    expect(pick?.map(({ sequence }) => sequence)).toEqual([1]);
  });

  test('takes several parts if each is full, and if all is of one day', () => {
    const half = MERGE_ROWS / 2;
    const five = [1, 2, 3, 4, 5].map((sequence) => block(sequence, half));
    expect(pickBlocks(stream(five), SIZE, 0, NOW, 1)).toHaveLength(2);
    expect(pickBlocks(stream(five), SIZE, 0, NOW, 2)).toHaveLength(4);
    expect(pickBlocks(stream(five), SIZE, 0, NOW, 3)).toHaveLength(4);
    expect(pickBlocks(stream(five.slice(0, 3)), SIZE, 0, NOW, 2)).toHaveLength(2);
    const days = [...five.slice(0, 4), block(5, half, { timeMax: 86_400e6 }), block(6, half)];
    expect(pickBlocks(stream(days), SIZE, 0, NOW, 2)).toHaveLength(4);
    expect(pickBlocks(stream(days.slice(1)), SIZE, 0, NOW, 2)).toHaveLength(2);
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
        const pick = pickBlocks(one, SIZE, flushUpTo, NOW);
        const total = live.reduce((sum, each) => sum + each.rows, 0);
        const due = live.some(({ sequence }) => sequence <= flushUpTo) || total >= MERGE_ROWS;
        expect(pick !== undefined).toBe(due);
        if (!pick) return;
        const sorted = live.toSorted((a, b) => a.sequence - b.sequence);
        expect(pick).toEqual(sorted.slice(0, pick.length));
        const taken = pick.reduce((sum, each) => sum + each.rows, 0);
        expect(taken <= MERGE_ROWS || pick.length === 1).toBe(true);
        // It stops only because the next one would be too much.
        const next = sorted[pick.length];
        if (next) expect(taken + next.rows).toBeGreaterThan(MERGE_ROWS);
        // What the stream holds is not reordered under the feet of its readers.
        expect(one.blocks).toEqual(live);
      }),
    );
  });
});

/** A store that only keeps streams, and a pool whose tasks the test ends. */
class Bench {
  readonly tasks: {
    task: MergeTask;
    urgent: boolean;
    resolve: (result: unknown) => void;
    reject: (error: unknown) => void;
  }[] = [];
  readonly commits: ({ files: string[]; firstSequences: number[] } & MergeInputs)[] = [];
  readonly abandoned: string[] = [];
  readonly merged: number[] = [];
  sequence = 0;
  readonly scheduler: MergeScheduler;

  constructor(
    readonly streams: Stream[],
    threads = 1,
  ) {
    const store = {
      currentSequence: () => this.sequence,
      lineages: async (streams: Stream[]) =>
        streams.map(() => ({
          walMerged: { 'a.wal': 0, 'before.wal': 7 },
          retired: ['old.seg'],
          sequence: this.sequence + 1,
        })),
      totals: {
        get blockRows() {
          return streams.reduce((sum, { blockRows }) => sum + blockRows, 0);
        },
      },
      allStreams: () => this.streams,
      isLive: (each: Stream) => this.streams.includes(each),
      beginSegments: (each: Stream[]) => each.map(({ id }) => `${id}-${files++}.seg`),
      abandonSegments: (names: string[]) => this.abandoned.push(...names),
      segmentPath: (file: string) => `/segments/${file}`,
      footers: { get: () => ({ groups: [{ offset: 64 }], headers: new Uint8Array() }) },
      commitMerges: async (merges: Merged[]) =>
        merges.map(({ stream, written, inputs }) => {
          if (!this.streams.includes(stream)) return false;
          const firstSequences = written.map(({ firstSequence }) => firstSequence);
          this.commits.push({ files: written.map(({ file }) => file), firstSequences, ...inputs });
          stream.swap(inputs);
          return true;
        }),
    };
    const poolOf = (urgent: boolean) => {
      const run = (task: MergeTask) =>
        new Promise((resolve, reject) => this.tasks.push({ task, urgent, resolve, reject }));
      return { options: { maxThreads: threads }, run } as unknown as Piscina;
    };
    this.scheduler = new MergeScheduler(
      store as unknown as Store,
      poolOf(false),
      poolOf(true),
      pino({ level: 'silent' }),
      { merged: (rows) => this.merged.push(rows) },
      SIZE,
      () => Date.now(),
    );
  }

  async finish(rows = 1): Promise<void> {
    const group = { offset: 0, bytes: 1, headerBytes: 0, rows, timeMin: 0, timeMax: 0, schema: '' };
    const footer = { groups: [group], headers: new Uint8Array(), metadata: new Uint8Array(), fileBytes: 1 };
    this.tasks.shift()?.resolve({ outputs: [{ index: 0, footer }], untouched: false, tookMs: 1 });
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
    await turn();
    expect(bench.tasks).toHaveLength(1);
    const { task } = bench.tasks[0] as Bench['tasks'][number];
    expect(task.inputs.map(({ offset }) => offset)).toEqual([1000, 2000]);
    expect(task.metadata).toEqual({
      organization: 'o',
      stream: 's',
      streamCreatedUs: 5,
      firstSequence: 1,
      walMerged: { 'before.wal': 7, 'a.wal': 1, 'b.wal': 2 },
      walInputs: { 'a.wal': [1, 1], 'b.wal': [2, 2] },
      inputs: [],
      retired: ['old.seg'],
      sequence: 1,
    });
    await bench.finish(MERGE_ROWS);
    expect(bench.commits).toHaveLength(1);
    expect(bench.merged).toEqual([MERGE_ROWS]);
    vi.advanceTimersByTime(1000);
    await turn();
    expect(bench.tasks).toHaveLength(0);
    await bench.scheduler.stop();
  });

  test('small ones of several streams are one task and one commit; where it fails, each is tried alone', async () => {
    const small = [1, 2, 3].map((id) => stream([block(id, 10)], [], `s${id}`));
    const large = stream([block(9, MERGE_ROWS)], [], 'large');
    const bench = new Bench([...small, large]);
    bench.sequence = 9;
    bench.scheduler.start();
    const flushed = bench.scheduler.flush();
    await turn();
    // The due one came first.
    await bench.finish();
    const together = bench.tasks[0]?.task as unknown as MergeTask[];
    const read = together.map(({ inputs, metadata }) => [
      metadata.stream,
      inputs.map(({ offset }) => offset),
    ]);
    expect(read.sort()).toEqual([
      ['s1', [1000]],
      ['s2', [2000]],
      ['s3', [3000]],
    ]);
    await bench.fail(new Error('one of them is damaged'));
    const alone = new Set<string | undefined>();
    for (let tries = 0; tries < 3; tries++) {
      expect(bench.tasks).toHaveLength(1);
      alone.add(bench.tasks[0]?.task.metadata.stream);
      await bench.finish();
    }
    expect([...alone].sort()).toEqual(['s1', 's2', 's3']);
    await flushed;
    expect(bench.commits).toHaveLength(4);
    await bench.scheduler.stop();
  });

  test('a flush ends without a stream that is deleted meanwhile', async () => {
    const [first, gone] = [stream([block(1, MERGE_ROWS)], [], 'a'), stream([block(2, MERGE_ROWS)], [], 'b')];
    const bench = new Bench([first, gone]);
    bench.scheduler.start();
    bench.sequence = 2;
    const flushed = bench.scheduler.flush();
    await turn();
    bench.streams.splice(
      bench.streams.indexOf(bench.tasks[0]?.task.metadata.stream === 'a' ? gone : first),
      1,
    );
    await bench.finish();
    await flushed;
    expect(bench.tasks).toHaveLength(0);
    await bench.scheduler.stop();
  });

  test('one merge a stream at a time, and no more than there are workers', async () => {
    const streams = [1, 2, 3].map(() => stream([block(1, MERGE_ROWS), block(2, MERGE_ROWS)]));
    const bench = new Bench(streams, 2);
    bench.scheduler.start();
    vi.advanceTimersByTime(1000);
    await turn();
    expect(bench.tasks).toHaveLength(2);
    expect(streams.filter(({ merging }) => merging)).toHaveLength(2);
  });

  test('much of one stream is merged in parts side by side, which become live together', async () => {
    const one = stream([1, 2, 3].map((sequence) => block(sequence, MERGE_ROWS)));
    const bench = new Bench([one], 2);
    bench.scheduler.start();
    vi.advanceTimersByTime(250);
    await turn();
    expect(bench.tasks.map(({ task }) => task.inputs.map(({ offset }) => offset))).toEqual([[1000], [2000]]);
    const [first, second] = bench.tasks.map(({ task }) => task);
    const paths = [...(first?.outputPaths ?? []), ...(second?.outputPaths ?? [])];
    expect(first?.allOutputs?.map((file) => `/segments/${file}`)).toEqual(paths);
    expect(second?.allOutputs).toEqual(first?.allOutputs);
    expect(first?.metadata.firstSequence).toBe(1);
    expect(second?.metadata).toEqual({ ...first?.metadata, firstSequence: 2 });
    expect(second?.metadata.walInputs).toEqual({ 'w.wal': [1, 2] });
    await bench.finish(MERGE_ROWS);
    expect(bench.commits).toEqual([]);
    await bench.finish(MERGE_ROWS);
    expect(bench.commits.map(({ files, blocks }) => [files, blocks.length])).toEqual([
      [first?.allOutputs, 2],
    ]);
    expect(bench.commits[0]?.firstSequences).toEqual([1, 2]);
    expect(bench.abandoned).toEqual([]);
    expect(bench.merged).toEqual([2 * MERGE_ROWS]);
  });

  test('a failed part fails its merge, and files go when no part writes any more', async () => {
    const one = stream([1, 2, 3].map((sequence) => block(sequence, MERGE_ROWS)));
    const bench = new Bench([one], 2);
    bench.scheduler.start();
    vi.advanceTimersByTime(250);
    await turn();
    const outputs = bench.tasks[0]?.task.allOutputs;
    await bench.fail(new Error('disk'));
    expect(bench.abandoned).toEqual([]);
    await bench.finish(MERGE_ROWS);
    expect(bench.commits).toEqual([]);
    expect(bench.abandoned).toEqual(outputs);
    expect(one.blocks).toHaveLength(3);
  });

  test('holds the files that it reads until it has finished', async () => {
    const live = block(1, MERGE_ROWS);
    const released = vi.spyOn(live.lease, 'release');
    const bench = new Bench([stream([live])]);
    bench.scheduler.start();
    vi.advanceTimersByTime(250);
    await turn();
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
    await turn();
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
    await turn();
    await bench.fail(new Error('disk is full'));
    vi.advanceTimersByTime(500);
    await turn();
    await refused;
    expect(one.blocks).toHaveLength(1);
    expect(bench.tasks).toHaveLength(0);
    vi.advanceTimersByTime(10_000);
    await turn();
    const again = bench.scheduler.flush();
    await turn();
    await bench.finish();
    await again;
    expect(one.blocks).toHaveLength(0);
  });

  test('a stream deleted meanwhile gets no segment', async () => {
    const bench = new Bench([stream([block(1, MERGE_ROWS)])]);
    bench.scheduler.start();
    vi.advanceTimersByTime(250);
    await turn();
    bench.streams.pop();
    await bench.finish();
    expect(bench.commits).toEqual([]);
  });

  test('stop waits for the running merge and starts no other', async () => {
    const bench = new Bench([stream([block(1, MERGE_ROWS), block(2, MERGE_ROWS)])]);
    bench.scheduler.start();
    vi.advanceTimersByTime(250);
    await turn();
    let stopped = false;
    const stop = bench.scheduler.stop().then(() => {
      stopped = true;
    });
    await turn();
    expect(stopped).toBe(false);
    await bench.finish();
    await stop;
    vi.advanceTimersByTime(1000);
    await turn();
    expect(bench.tasks).toHaveLength(0);
    expect(bench.commits).toHaveLength(1);
  });

  test('a full tier is merged when no blocks are due; its row groups may be copied', async () => {
    const small = Array.from({ length: COMPACT_SEGMENTS }, (_, index) => segment(index + 1, 10));
    const one = stream([block(100, MERGE_ROWS)], small);
    const bench = new Bench([one]);
    bench.scheduler.start();
    vi.advanceTimersByTime(250);
    await turn();
    expect(bench.tasks.map(({ task }) => task.inputs.map(({ reusable }) => reusable))).toEqual([[false]]);
    await bench.finish();
    expect(bench.tasks.map(({ task }) => task.inputs.map(({ reusable }) => reusable))).toEqual([
      small.map(() => true),
    ]);
    await bench.finish();
    expect(bench.commits.map(({ blocks, segments }) => [blocks.length, segments.length])).toEqual([
      [1, 0],
      [0, COMPACT_SEGMENTS],
    ]);
    await bench.scheduler.stop();
  });

  test('a merge over several days has a name for each that may fill a segment; names that are not used are given back', async () => {
    const bench = new Bench([stream([block(1, MERGE_ROWS, { timeMin: -1 })])]);
    bench.scheduler.start();
    vi.advanceTimersByTime(250);
    await turn();
    expect(bench.tasks[0]?.task.outputPaths).toHaveLength(PARTITIONS_MAX + 1);
    await bench.finish();
    expect(bench.commits[0]?.files).toHaveLength(1);
    expect(bench.abandoned).toHaveLength(PARTITIONS_MAX);
    expect(bench.abandoned).not.toContain(bench.commits[0]?.files[0]);
  });

  test('merges together read no more than the byte budget', async () => {
    const blockBytes = SIZE.runningBytes / 2 + 1;
    const streams = [1, 2].map(() => stream([block(1, MERGE_ROWS, { blockBytes })]));
    const bench = new Bench(streams, 2);
    bench.scheduler.start();
    vi.advanceTimersByTime(1000);
    await turn();
    expect(bench.tasks).toHaveLength(1);
    await bench.finish();
    vi.advanceTimersByTime(250);
    await turn();
    expect(bench.tasks).toHaveLength(1);
    expect(bench.commits).toHaveLength(1);
  });

  test('blocks are merged at normal priority once too much has gathered', async () => {
    for (const [rows, urgent] of [
      [MERGE_URGENT_ROWS, false],
      [MERGE_URGENT_ROWS + 1, true],
    ] as const) {
      const bench = new Bench([stream([block(1, rows)])]);
      bench.scheduler.start();
      vi.advanceTimersByTime(250);
      await turn();
      expect(bench.tasks.map((task) => task.urgent)).toEqual([urgent]);
      await bench.finish();
      await bench.scheduler.stop();
    }
  });

  test('a stream that is held is not merged; whoever wants it next waits', async () => {
    const one = stream([block(1, MERGE_ROWS), block(2, MERGE_ROWS)]);
    const bench = new Bench([one]);
    bench.scheduler.start();
    vi.advanceTimersByTime(250);
    await turn();
    const order: string[] = [];
    const hold = async (name: string) => {
      const release = await bench.scheduler.hold(one);
      order.push(name);
      return release;
    };
    const [first, second] = [hold('first'), hold('second')];
    await turn();
    expect(order).toEqual([]);
    await bench.finish();
    expect(order).toEqual(['first']);
    vi.advanceTimersByTime(1000);
    await turn();
    expect(bench.tasks).toHaveLength(0);
    (await first)();
    await turn();
    expect(order).toEqual(['first', 'second']);
    expect(bench.tasks).toHaveLength(0);
    (await second)();
    await turn();
    expect(bench.tasks).toHaveLength(1);
    await bench.finish();
    await bench.scheduler.stop();
  });
});
