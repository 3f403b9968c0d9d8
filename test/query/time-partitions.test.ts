/** Ranges of time cut by rows: nothing is left out or in two parts, and no part has many more rows than wanted. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PartitionSizes, type TimedRows, timePartitions } from '../../src/query/time-partitions.js';

const sizes: PartitionSizes = { firstRows: 10, growth: 2, rowsMax: 1000, countMax: 100 };

function rowsIn(lists: TimedRows[], startTime: number, endTime: number): number {
  return lists.reduce((sum, { rows, timeMin, timeMax }) => {
    const overlap = Math.min(endTime, timeMax + 1) - Math.max(startTime, timeMin);
    return sum + (Math.max(0, overlap) / (timeMax + 1 - timeMin)) * rows;
  }, 0);
}

describe('parts', () => {
  test('are one where there is nothing to cut', () => {
    const range = { startTime: 0, endTime: 1000 };
    expect(timePartitions([], range, sizes)).toEqual([range]);
    expect(timePartitions([{ rows: 10, timeMin: 5, timeMax: 900 }], range, sizes)).toEqual([range]);
    expect(timePartitions([{ rows: 1e6, timeMin: 2000, timeMax: 3000 }], range, sizes)).toEqual([range]);
  });

  test('begin at the newest rows and grow', () => {
    const lists = [{ rows: 100, timeMin: 0, timeMax: 99 }];
    expect(timePartitions(lists, { startTime: -50, endTime: 200 }, sizes)).toEqual([
      { startTime: 90, endTime: 200 },
      { startTime: 70, endTime: 90 },
      { startTime: 30, endTime: 70 },
      { startTime: -50, endTime: 30 },
    ]);
  });

  test('are no more than allowed', () => {
    const lists = [{ rows: 100, timeMin: 0, timeMax: 99 }];
    const parts = timePartitions(lists, { startTime: 0, endTime: 100 }, { ...sizes, growth: 1, countMax: 3 });
    expect(parts.map(({ startTime }) => startTime)).toEqual([90, 80, 0]);
  });

  test('do not cut a microsecond', () => {
    const lists = [
      { rows: 500, timeMin: 50, timeMax: 50 },
      { rows: 500, timeMin: 20, timeMax: 20 },
    ];
    expect(timePartitions(lists, { startTime: 0, endTime: 100 }, sizes)).toEqual([
      { startTime: 21, endTime: 100 },
      { startTime: 0, endTime: 21 },
    ]);
  });

  test('together are the range, and hold about as many rows as wanted', () => {
    const list = fc
      .record({ rows: fc.integer({ min: 1, max: 500 }), timeMin: fc.nat(10_000), length: fc.nat(3000) })
      .map(({ rows, timeMin, length }) => ({ rows, timeMin, timeMax: timeMin + length }));
    const range = fc
      .tuple(fc.nat(12_000), fc.nat(12_000))
      .map(([a, b]) => ({ startTime: Math.min(a, b), endTime: Math.max(a, b) + 1 }));
    fc.assert(
      fc.property(fc.array(list, { maxLength: 30 }), range, (lists, whole) => {
        const parts = timePartitions(lists, whole, { ...sizes, countMax: Number.POSITIVE_INFINITY });
        expect(parts[0]?.endTime).toBe(whole.endTime);
        expect(parts.at(-1)?.startTime).toBe(whole.startTime);
        const densest = lists.reduce(
          (sum, { rows, timeMin, timeMax }) => sum + rows / (timeMax + 1 - timeMin),
          0,
        );
        let wanted = sizes.firstRows;
        for (const [index, part] of parts.entries()) {
          expect(part.startTime).toBeLessThan(part.endTime);
          if (index > 0) expect(part.endTime).toBe(parts[index - 1]?.startTime);
          // A microsecond cannot be cut.
          expect(rowsIn(lists, part.startTime, part.endTime)).toBeLessThanOrEqual(wanted + densest + 1e-6);
          wanted = Math.min(sizes.rowsMax, wanted * sizes.growth);
        }
      }),
    );
  });
});
