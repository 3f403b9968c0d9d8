import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PARTITION_ROWS_MIN, PARTITIONS_MAX } from '../../src/config/limits.js';
import { MIXED, PARTITION_MICROSECONDS, partitionOf, splitByDay } from '../../src/storage/partition.js';

test('a day holds its first and its last microsecond, before 1970 too', () => {
  for (const day of [-1, 0, 20_000]) {
    const first = day * PARTITION_MICROSECONDS;
    expect(partitionOf(first, first + PARTITION_MICROSECONDS - 1)).toBe(day);
    expect(partitionOf(first, first + PARTITION_MICROSECONDS)).toBe(MIXED);
  }
});

test('every day is in exactly one cut, full days alone, and there are never more than so many', () => {
  const day = fc.integer({ min: -106_751_991, max: 106_751_991 });
  const days = fc.uniqueArray(
    fc.tuple(
      day,
      fc.oneof(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: PARTITION_ROWS_MIN * 2 })),
    ),
    { selector: ([index]) => index, minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(days, (list) => {
      const full = list.filter(([, rows]) => rows >= PARTITION_ROWS_MIN).length;
      const cuts = splitByDay(new Map(list));
      if (list.length < 2 || full === 0) {
        expect(cuts).toBeUndefined();
        return;
      }
      expect(cuts?.length).toBeLessThanOrEqual(PARTITIONS_MAX + 1);
      const daysOf = cuts?.map(({ ranges, inside }) =>
        list.filter(([index]) => {
          const time = index * PARTITION_MICROSECONDS;
          let within = false;
          for (let at = 0; at < ranges.length; at += 2)
            within ||= time >= (ranges[at] as number) && time < (ranges[at + 1] as number);
          return within === inside;
        }),
      );
      expect(daysOf?.flat().toSorted()).toEqual(list.toSorted());
      expect(daysOf?.filter((each) => each.length === 1).length).toBeGreaterThanOrEqual(
        Math.min(full, PARTITIONS_MAX),
      );
      for (const each of daysOf ?? []) expect(each.length).toBeGreaterThan(0);
    }),
  );
});
