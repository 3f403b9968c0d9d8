/** Widths of buckets as answers tell them. */
import { expect, test } from 'vitest';
import { roundInterval } from '../../src/query/envelope.js';

test('multiples and divisors of a day stay, others go up to the next usual width', () => {
  const cases: [number, number][] = [
    [1, 1],
    [2, 2],
    [3, 3],
    [7, 10],
    [11, 15],
    [45, 45],
    [61, 300],
    [1000, 1800],
    [3601, 7200],
    [86_400, 86_400],
    [50_000, 86_400],
    [172_800, 172_800],
    [100_000, 86_400],
    [0.5, 1],
  ];
  for (const [seconds, rounded] of cases)
    expect([seconds, roundInterval(seconds)]).toEqual([seconds, rounded]);
});
