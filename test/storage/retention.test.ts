import { describe, expect, test } from 'vitest';
import type { Retention } from '../../src/storage/catalog.js';
import { FileLease } from '../../src/storage/file-lease.js';
import { expiredBefore, expiredSegments } from '../../src/storage/retention.js';
import { type LiveSegment, Stream } from '../../src/storage/stream.js';

const DAY = 86_400_000_000;
const NOW = 20_000 * DAY;
const NONE = { days: 0, bytes: 0 };

/** Segments of 100 bytes that end so many days ago, and begin a day before. */
function streamOf(ages: number[], retention: Retention = { days: null, bytes: null }): Stream {
  const stream = new Stream(1, 'o', 's', 0);
  stream.retention = retention;
  const segments = ages.map((age, id): LiveSegment => {
    const timeMax = NOW - age * DAY;
    const lease = new FileLease(`/nowhere/${id}`, () => {});
    const common = { rows: 1, rowGroups: 1, bytes: 100, firstSequence: id };
    return { ...common, id, file: `${age}`, lease, timeMin: timeMax - DAY, timeMax };
  });
  stream.swap({}, segments);
  return stream;
}

function gone(stream: Stream, defaults = NONE): number[] {
  return expiredSegments(stream, defaults, NOW)
    .map(({ file }) => Number(file))
    .sort((a, b) => a - b);
}

describe('by age', () => {
  test('only what is wholly older goes; a setting of the stream comes before the default', () => {
    const ages = [0, 6.5, 7, 7.5, 100];
    expect(gone(streamOf(ages))).toEqual([]);
    expect(gone(streamOf(ages), { days: 7, bytes: 0 })).toEqual([7.5, 100]);
    expect(gone(streamOf(ages, { days: 50, bytes: null }), { days: 7, bytes: 0 })).toEqual([100]);
  });

  test('queries see nothing from before the same moment', () => {
    expect(expiredBefore({ days: null, bytes: null }, NONE, NOW)).toBeUndefined();
    expect(expiredBefore({ days: null, bytes: null }, { days: 7, bytes: 0 }, NOW)).toBe(NOW - 7 * DAY);
    expect(expiredBefore({ days: 0.5, bytes: null }, { days: 7, bytes: 0 }, NOW)).toBe(NOW - DAY / 2);
  });
});

test('by bytes, the oldest go until the rest fits, whatever order they came in', () => {
  const ages = [3, 1, 4, 2, 5];
  expect(gone(streamOf(ages), { days: 0, bytes: 500 })).toEqual([]);
  expect(gone(streamOf(ages), { days: 0, bytes: 499 })).toEqual([5]);
  expect(gone(streamOf(ages), { days: 0, bytes: 250 })).toEqual([3, 4, 5]);
  expect(gone(streamOf(ages, { days: null, bytes: 1 }))).toEqual([1, 2, 3, 4, 5]);
  // What goes for its age counts.
  expect(gone(streamOf(ages), { days: 3.5, bytes: 300 })).toEqual([4, 5]);
});
