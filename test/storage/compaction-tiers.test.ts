/** Which segments are merged again: enough of like size, of one partition, up to a limit. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMPACT_SEGMENTS, SEGMENT_ROWS_MAX } from '../../src/config/limits.js';
import { CompactionTiers } from '../../src/storage/compaction-tiers.js';
import { FileLease } from '../../src/storage/file-lease.js';
import { PARTITION_MICROSECONDS } from '../../src/storage/partition.js';
import type { LiveSegment } from '../../src/storage/stream.js';

function segment(id: number, rows: number, timeMin = 0, timeMax = timeMin): LiveSegment {
  const lease = new FileLease(`/nowhere/${id}`, () => {});
  return { id, file: `${id}`, lease, rows, rowGroups: 1, bytes: 10, timeMin, timeMax, firstSequence: id };
}

function tiersOf(segments: LiveSegment[]): CompactionTiers {
  const tiers = new CompactionTiers();
  for (const each of segments) tiers.add(each);
  return tiers;
}

describe('pick', () => {
  const small = Array.from({ length: COMPACT_SEGMENTS }, (_, index) => segment(index + 1, 10));

  test('needs enough small ones, and leaves large ones alone', () => {
    expect(tiersOf(small.slice(1)).due).toBe(false);
    const large = segment(100, SEGMENT_ROWS_MAX / 2 + 1);
    const tiers = tiersOf([...small, large]);
    expect(tiers.due).toBe(true);
    expect(tiers.pick()).toEqual(small);
    tiers.delete(small[0] as LiveSegment);
    expect([tiers.due, tiers.pick()]).toEqual([false, undefined]);
    expect(tiersOf(Array.from({ length: 20 }, (_, id) => segment(id, SEGMENT_ROWS_MAX))).due).toBe(false);
  });

  test('never joins days, nor a day with segments that span several', () => {
    const day = (index: number, times: [number, number]) =>
      segment(index, 10, times[0] * PARTITION_MICROSECONDS, times[1] * PARTITION_MICROSECONDS);
    const times: [number, number][] = [
      [0, 0],
      [1, 1],
      [-1, -1],
      [0, 1],
    ];
    const few = times.flatMap((each, kind) =>
      Array.from({ length: COMPACT_SEGMENTS - 1 }, (_, index) => day(kind * 100 + index, each)),
    );
    const tiers = tiersOf(few);
    expect(tiers.due).toBe(false);
    tiers.add(day(500, [1, 1]));
    expect(tiers.pick()?.map(({ timeMin }) => timeMin)).toEqual(
      Array(COMPACT_SEGMENTS).fill(PARTITION_MICROSECONDS),
    );
  });

  test('is never larger than a segment may be, and in arrival order', () => {
    const rows = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: SEGMENT_ROWS_MAX }));
    fc.assert(
      fc.property(fc.array(rows, { maxLength: 60 }), (list) => {
        const pick = tiersOf(list.map((count, index) => segment(index + 1, count))).pick();
        if (!pick) return;
        expect(pick.length).toBeGreaterThanOrEqual(2);
        expect(pick.reduce((sum, each) => sum + each.rows, 0)).toBeLessThanOrEqual(SEGMENT_ROWS_MAX);
        const sequences = pick.map(({ firstSequence }) => firstSequence);
        expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
      }),
    );
  });
});

test('a row is rewritten a logarithmic number of times, however many small segments arrive', () => {
  const tiers = new CompactionTiers();
  let live = 0;
  let rewritten = 0;
  const arrivals = 4000;
  for (let index = 1; index <= arrivals; index++) {
    tiers.add(segment(index, 100));
    live++;
    for (let pick = tiers.pick(); pick; pick = tiers.pick()) {
      const rows = pick.reduce((sum, each) => sum + each.rows, 0);
      rewritten += rows;
      for (const each of pick) tiers.delete(each);
      tiers.add(segment(pick[0]?.firstSequence ?? 0, rows));
      live -= pick.length - 1;
    }
  }
  const levels = Math.ceil(Math.log(arrivals) / Math.log(COMPACT_SEGMENTS));
  expect(rewritten / (arrivals * 100)).toBeLessThanOrEqual(levels);
  // Nor may they pile up.
  expect(live).toBeLessThan(COMPACT_SEGMENTS * (levels + 1));
});
