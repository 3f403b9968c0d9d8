import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DueQueue } from '../../src/storage/due-queue.js';

test('gives what is due, earliest first, each item once with the earliest of its times', () => {
  const pushes = fc.array(fc.tuple(fc.nat(20), fc.nat(100)), { maxLength: 200 });
  fc.assert(
    fc.property(pushes, fc.nat(100), (list, now) => {
      const queue = new DueQueue<number>();
      const model = new Map<number, number>();
      for (const [item, dueMs] of list) {
        queue.push(item, dueMs);
        model.set(item, Math.min(dueMs, model.get(item) ?? Number.POSITIVE_INFINITY));
      }
      const taken: number[] = [];
      for (let item = queue.popDue(now); item !== undefined; item = queue.popDue(now)) taken.push(item);
      const due = [...model].filter(([, dueMs]) => dueMs <= now);
      expect(taken.map((item) => model.get(item))).toEqual(
        due.map(([, dueMs]) => dueMs).sort((a, b) => a - b),
      );
      expect(taken.toSorted()).toEqual(due.map(([item]) => item).toSorted());
    }),
  );
});

test('an item that was taken can be queued again, for later too', () => {
  const queue = new DueQueue<string>();
  queue.push('a', 5);
  expect(queue.popDue(5)).toBe('a');
  queue.push('a', 9);
  expect([queue.popDue(8), queue.popDue(9), queue.popDue(99)]).toEqual([undefined, 'a', undefined]);
});
