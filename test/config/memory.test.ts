/** How one limit of memory is divided. */
import { describe, expect, test } from 'vitest';
import { divideMemory, MEMORY_LIMIT_BYTES_MIN, type MemoryBudget, shareOf } from '../../src/config/memory.js';

const GB = 2 ** 30;
const MB = 2 ** 20;

function sum({
  ringBytes,
  pageCacheBytes,
  resultCacheBytes,
  footerCacheBytes,
  heapBodyBytes,
  query,
}: MemoryBudget) {
  const parts = [ringBytes, pageCacheBytes, resultCacheBytes, footerCacheBytes, heapBodyBytes];
  const { memoryBytes, leafCreditBytes, gatheredBytes } = query;
  return [...parts, memoryBytes, leafCreditBytes, gatheredBytes].reduce((total, bytes) => total + bytes, 0);
}

describe('divideMemory', () => {
  test.each([MEMORY_LIMIT_BYTES_MIN, 512 * MB, GB, 2 * GB, 64 * GB])(
    'of %i bytes stays within them',
    (limit) => {
      const budget = divideMemory(limit);
      expect(sum(budget)).toBeLessThan(limit);
      expect(budget.query.memoryBytes).toBeGreaterThan(32 * MB);
      expect(budget.query.groupingRunGroups).toBeGreaterThanOrEqual(1);
      expect(budget.query.scanBytes).toBeGreaterThan(MB);
    },
  );

  test('gives more to every part where there is more', () => {
    const [small, large] = [divideMemory(512 * MB), divideMemory(2 * GB)];
    for (const part of ['ringBytes', 'pageCacheBytes', 'resultCacheBytes'] as const)
      expect(large[part]).toBeGreaterThan(small[part]);
    expect(large.query.memoryBytes).toBeGreaterThan(small.query.memoryBytes);
  });

  test('takes what is set as it is, and queries get the difference', () => {
    const usual = divideMemory(GB);
    const set = divideMemory(GB, { pageCacheBytes: 0, ringBytes: 8 * MB });
    expect(set).toMatchObject({ pageCacheBytes: 0, ringBytes: 8 * MB });
    expect(set.query.memoryBytes).toBeGreaterThan(usual.query.memoryBytes);
  });

  test('refuses settings that leave nothing for queries', () => {
    expect(() => divideMemory(512 * MB, { pageCacheBytes: 400 * MB })).toThrow(/memoryLimitBytes .* leaves/);
  });
});

test('running queries share what waits for them', () => {
  const { query } = divideMemory(2 * GB);
  expect(shareOf(query, 1)).toEqual(query);
  expect(shareOf(query, 4).leafCreditBytes).toBe(Math.floor(query.leafCreditBytes / 4));
  expect(shareOf(query, 4).memoryBytes).toBe(query.memoryBytes);
  expect(shareOf(query, 100_000).gatheredBytes).toBe(MB);
});
