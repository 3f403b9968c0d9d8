/** One leaf of a query: what is pruned, how morsels are cut, and when enough has been seen. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MORSEL_GROUPS_MAX } from '../../src/config/limits.js';
import { Leaf, type Morsel, type Part } from '../../src/query/leaf.js';
import type { Output, ScanRequest } from '../../src/query/scan-request.js';
import type { Stream } from '../../src/storage/stream.js';
import { liveBlock, liveSegment, makeStream, snapshotOf } from './streams.js';

const ROWS: Output = { kind: 'rows', project: ['_timestamp'], limit: null };
const COUNT: Output = { kind: 'aggregate', groups: [], aggregates: [{ kind: 'countRows' }] };

function topTime(limit: number, descending = true): Output {
  return { kind: 'topTime', project: ['_timestamp'], descending, limit };
}

function makeLeaf(stream: Stream, output: Output, fields: Partial<ScanRequest> = {}) {
  const request: ScanRequest = {
    stream: 'logs',
    columns: [{ name: '_timestamp', type: 'int64' }],
    time: { min: null, max: null },
    filter: null,
    output,
    ...fields,
  };
  return { leaf: new Leaf(0, JSON.stringify(request), snapshotOf(stream)) };
}

/** All morsels, each answered with `rows` before the next is taken. */
function takeAll(leaf: Leaf, workers: number, rows: (morsel: Morsel) => number): Morsel[] {
  const morsels: Morsel[] = [];
  for (let morsel = leaf.takeMorsel(workers); morsel; morsel = leaf.takeMorsel(workers)) {
    morsels.push(morsel);
    leaf.answer(morsel, rows(morsel));
  }
  return morsels;
}

describe('pruning', () => {
  const stream = makeStream(
    [liveBlock(1, 5, 300, 399), liveBlock(2, 5, 400, 499)],
    [
      liveSegment(10, [
        [7, 0, 99],
        [7, 100, 199],
      ]),
      liveSegment(11, [[7, 200, 299]]),
    ],
  );

  test('by time: whole segments, single groups and blocks', () => {
    const { leaf } = makeLeaf(stream, ROWS, { time: { min: 150, max: 400 } });
    const parts = takeAll(leaf, 1, () => 0).flatMap((morsel) => morsel.parts);
    expect(parts.map(({ path, offset }) => [path, offset])).toEqual([
      ['/segments/10', 100],
      ['/segments/11', 0],
      ['/wal/1', 1000],
    ]);
    expect(leaf.stats).toEqual({ blocks: 5, prunedByTime: 2, prunedByZoneMap: 0, rows: 19, bytes: 200 });
  });

  test('the time range is half open', () => {
    const paths = (time: ScanRequest['time']) =>
      takeAll(makeLeaf(stream, ROWS, { time }).leaf, 1, () => 0).flatMap(({ parts }) =>
        parts.map(({ path }) => path),
      );
    expect(paths({ min: 499, max: null })).toEqual(['/wal/2']);
    expect(paths({ min: 500, max: null })).toEqual([]);
    expect(paths({ min: 299, max: 300 })).toEqual(['/segments/11']);
    expect(paths({ min: 299, max: 301 })).toEqual(['/segments/11', '/wal/1']);
  });

  test('by zone map', () => {
    const filter = { op: 'compare', column: 'absent', cmp: '=', value: { int64: 1 } } as const;
    const { leaf } = makeLeaf(stream, ROWS, { filter });
    expect(leaf.exhausted).toBe(true);
    expect(leaf.stats).toMatchObject({ prunedByZoneMap: 5, rows: 0 });
  });

  test('blocks whose rows are only counted are not read, unless the time range cuts them', () => {
    const whole = makeLeaf(stream, COUNT);
    expect([whole.leaf.countedRows, whole.leaf.exhausted]).toEqual([31, true]);
    const { leaf } = makeLeaf(stream, COUNT, { time: { min: 50, max: 450 } });
    expect(leaf.countedRows).toBe(7 + 7 + 5);
    expect(takeAll(leaf, 1, () => 1).flatMap(({ parts }) => parts.map(({ path }) => path))).toEqual([
      '/segments/10',
      '/wal/2',
    ]);
    const edge = makeLeaf(stream, COUNT, { time: { min: 300, max: 400 } });
    expect([edge.leaf.countedRows, edge.leaf.exhausted]).toEqual([5, true]);
  });
});

describe('morsels', () => {
  test('cover every part once, in order, with bounded rows', () => {
    const groups = fc.array(fc.constantFrom(1, 100, 65_536), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(groups, fc.integer({ min: 1, max: 8 }), (rows, workers) => {
        const stream = makeStream(rows.map((count, index) => liveBlock(index, count, index, index)));
        const morsels = takeAll(makeLeaf(stream, ROWS).leaf, workers, () => 0);
        expect(morsels.flatMap(({ parts }) => parts.map(({ offset }) => offset / 1000))).toEqual([
          ...rows.keys(),
        ]);
        for (const { parts } of morsels) {
          const total = parts.reduce((sum, part) => sum + part.rows, 0);
          expect(total <= MORSEL_GROUPS_MAX * 65_536 || parts.length === 1).toBe(true);
        }
      }),
    );
  });

  test('leave work for all workers, with row groups and with small blocks', () => {
    for (const [blocks, rows] of [
      [8, 65_536],
      [40, 5000],
      [1000, 400],
    ] as const) {
      const stream = makeStream(
        Array.from({ length: blocks }, (_, index) => liveBlock(index, rows, index, index)),
      );
      const morsels = takeAll(makeLeaf(stream, ROWS).leaf, 4, () => 0);
      expect(morsels.length, `${blocks} blocks of ${rows} rows`).toBeGreaterThanOrEqual(4);
    }
  });

  test('a leaf without parts is done from the start', () => {
    const { leaf } = makeLeaf(makeStream([]), ROWS);
    expect([leaf.done, leaf.takeMorsel(2)]).toEqual([true, undefined]);
  });

  test('is done only when the running ones have answered', () => {
    const { leaf } = makeLeaf(makeStream([liveBlock(1, 1, 0, 0)]), ROWS);
    const morsel = leaf.takeMorsel(1) as Morsel;
    expect([leaf.exhausted, leaf.done]).toEqual([true, false]);
    leaf.answer(morsel, 1);
    expect(leaf.done).toBe(true);
  });
});

describe('early stop', () => {
  test('of a limit: no more morsels once enough rows are there', () => {
    const stream = makeStream(
      Array.from({ length: 20 }, (_, index) => liveBlock(index, 65_536, index, index)),
    );
    const { leaf } = makeLeaf(stream, { kind: 'rows', project: [], limit: 10 });
    expect(takeAll(leaf, 4, () => 4)).toHaveLength(3);
    expect(leaf.done).toBe(true);
    expect(takeAll(makeLeaf(stream, { kind: 'rows', project: [], limit: 0 }).leaf, 4, () => 0)).toEqual([]);
  });

  test('of top by time: newest blocks first, and no further than needed', () => {
    const stream = makeStream(
      Array.from({ length: 20 }, (_, index) => liveBlock(index, 65_536, index * 10, index * 10 + 9)),
    );
    const newest = takeAll(makeLeaf(stream, topTime(5)).leaf, 4, () => 5);
    expect(newest.map(({ parts }) => parts[0]?.timeMin)).toEqual([190]);
    const oldest = takeAll(makeLeaf(stream, topTime(7, false)).leaf, 4, () => 5);
    expect(oldest.map(({ parts }) => parts[0]?.timeMin)).toEqual([0, 10]);
  });

  test('of top by time does not trust blocks that overlap or touch', () => {
    const stream = makeStream([
      liveBlock(1, 65_536, 100, 199),
      liveBlock(2, 65_536, 50, 100),
      liveBlock(3, 65_536, 0, 49),
    ]);
    // 100 is in both of the newer blocks, so five rows of the first may not be the five newest.
    expect(takeAll(makeLeaf(stream, topTime(5)).leaf, 1, () => 5)).toHaveLength(2);
  });

  test('of top by time never loses one of the rows asked for', () => {
    const span = fc.tuple(fc.nat(60), fc.nat(15), fc.integer({ min: 1, max: 6 }));
    const arbitrary = fc.tuple(
      fc.array(span, { maxLength: 25 }),
      fc.integer({ min: 0, max: 12 }),
      fc.boolean(),
      fc.integer(),
    );
    fc.assert(
      fc.property(arbitrary, ([spans, limit, descending, seed]) => {
        // Each block's rows: its bounds are attained, the rest lies between.
        const rowsOf = spans.map(([start, length, rows], index) =>
          Array.from({ length: rows }, (_, row) => {
            if (row === 0) return start;
            return row === 1
              ? start + length
              : start + (Math.abs(seed + index * 7 + row * 13) % (length + 1));
          }),
        );
        const blocks = rowsOf.map((times, index) =>
          liveBlock(index, 65_536, Math.min(...times), Math.max(...times)),
        );
        const { leaf } = makeLeaf(makeStream(blocks), topTime(limit, descending));
        const best = (times: number[]) =>
          times.toSorted((a, b) => (descending ? b - a : a - b)).slice(0, limit);
        const timesOf = ({ parts }: { parts: Part[] }) =>
          best(parts.flatMap(({ offset }) => rowsOf[offset / 1000] ?? []));
        const seen = takeAll(leaf, 2, (morsel) => timesOf(morsel).length).flatMap(timesOf);
        expect(best(seen)).toEqual(best(rowsOf.flat()));
      }),
      { numRuns: 500 },
    );
  });

  test('the run may say that it has enough', () => {
    const { leaf } = makeLeaf(makeStream([liveBlock(1, 1, 0, 0)]), ROWS);
    leaf.satisfied = true;
    expect([leaf.takeMorsel(1), leaf.done]).toEqual([undefined, true]);
  });
});
