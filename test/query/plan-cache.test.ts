import { expect, test } from 'vitest';
import { PLANS_KEPT_MAX } from '../../src/config/limits.js';
import type { PlanAnswer } from '../../src/native/index.js';
import { PlanCache } from '../../src/query/plan-cache.js';

function planAnswer(handle: number, stability: PlanAnswer['stability'] = 'fixed'): PlanAnswer {
  return { handle, leaves: [], deferred: [], schema: '[]', stability, analyze: false };
}

function cache() {
  const freed: number[] = [];
  return { plans: new PlanCache((handle) => freed.push(handle)), freed };
}

test('a plan is found again by its key, and lives as long as it is kept', () => {
  const { plans, freed } = cache();
  expect(plans.acquire('a', 0)).toBeUndefined();
  plans.add('a', planAnswer(1), 0).release();
  expect(plans.acquire('a', 0)?.plan.handle).toBe(1);
  expect(freed).toEqual([]);
});

test('what is pushed out is freed once its last user is gone', () => {
  const { plans, freed } = cache();
  const used = plans.add('used', planAnswer(0), 0);
  for (let handle = 1; handle <= PLANS_KEPT_MAX; handle++)
    plans.add(`${handle}`, planAnswer(handle), 0).release();
  expect([plans.count, freed]).toEqual([PLANS_KEPT_MAX, []]);
  expect(plans.acquire('used', 0)).toBeUndefined();
  used.release();
  expect(freed).toEqual([0]);
});

test('of two plans of one statement made at the same time the first gives way', () => {
  const { plans, freed } = cache();
  const first = plans.add('a', planAnswer(1), 0);
  const second = plans.add('a', planAnswer(2), 0);
  first.release();
  second.release();
  expect(freed).toEqual([1]);
  expect(plans.acquire('a', 0)?.plan.handle).toBe(2);
});

test('a plan that depends on the clock is not kept', () => {
  const { plans, freed } = cache();
  const lease = plans.add('a', planAnswer(1, 'clock'), 0);
  expect(plans.acquire('a', 0)).toBeUndefined();
  expect(freed).toEqual([]);
  lease.release();
  expect(freed).toEqual([1]);
  expect(() => lease.release()).toThrow(/BUG/);
});

test('which statements were planned is known, also of plans that are not kept', () => {
  const { plans } = cache();
  expect(plans.isKnown('a')).toBe(false);
  plans.add('a', planAnswer(1, 'clock'), 0).release();
  expect([plans.isKnown('a'), plans.isKnown('b')]).toEqual([true, false]);
});

test('a plan whose bounds follow the clock is kept for a while, but not for earlier moments', () => {
  const { plans, freed } = cache();
  const clock = { lifetimeUs: 100, follows: [true, false] };
  plans.add('a', { ...planAnswer(1, 'clock'), clock }, 1000).release();
  expect(plans.acquire('a', 999)).toBeUndefined();
  const lease = plans.acquire('a', 1100);
  expect(lease?.plannedUs).toBe(1000);
  lease?.release();
  expect(plans.acquire('a', 1101)).toBeUndefined();
  plans.add('a', { ...planAnswer(2, 'clock'), clock }, 1101).release();
  expect(freed).toEqual([1]);
  expect(plans.acquire('a', 1101)?.plan.handle).toBe(2);
});
