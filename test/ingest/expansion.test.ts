/** Whose compressed bodies wait, and in which order they go. */
import { describe, expect, test } from 'vitest';
import { EXPANSIONS_WAITING_MAX } from '../../src/config/limits.js';
import { Expansions } from '../../src/ingest/expansion.js';

const KB = 1024;

function setUp(runningMax: number) {
  const started: string[] = [];
  const expansions = new Expansions<string>(runningMax, (item) => started.push(item));
  return { started, expansions };
}

describe('which bodies are large', () => {
  test('of who is not known, all that could be; of others, by what theirs became', () => {
    const { expansions } = setUp(1);
    expect(expansions.isLarge('new', 4 * KB)).toBe(false);
    expect(expansions.isLarge('new', 64 * KB)).toBe(true);
    expansions.learn('honest', 100 * KB, 1200 * KB);
    expect(expansions.isLarge('honest', 300 * KB)).toBe(false);
    expect(expansions.isLarge('honest', 2000 * KB)).toBe(true);
  });

  test('a sender of bombs stays one for long, whatever it sends between them', () => {
    const { expansions } = setUp(1);
    expansions.learn('bad', 64 * KB, 64 * KB * 1000);
    for (let count = 0; count < 50; count++) expansions.learn('bad', 10 * KB, 10 * KB);
    expect(expansions.isLarge('bad', 64 * KB)).toBe(true);
    for (let count = 0; count < 500; count++) expansions.learn('bad', 10 * KB, 10 * KB);
    expect(expansions.isLarge('bad', 64 * KB)).toBe(false);
  });
});

describe('turns', () => {
  test('senders take turns, however many of one wait', () => {
    const { started, expansions } = setUp(1);
    for (const item of ['a1', 'a2', 'a3']) expansions.add('a', item);
    for (const item of ['b1', 'b2']) expansions.add('b', item);
    expansions.add('c', 'c1');
    expect(started).toEqual(['a1']);
    for (let count = 0; count < 6; count++) expansions.ended();
    expect(started).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
  });

  test('so many at once', () => {
    const { started, expansions } = setUp(2);
    for (const sender of ['a', 'b', 'c']) expansions.add(sender, sender);
    expect(started).toEqual(['a', 'b']);
    expansions.ended();
    expect(started).toEqual(['a', 'b', 'c']);
  });

  test('more of one sender than may wait are refused, others are not', () => {
    const { expansions } = setUp(1);
    expansions.add('a', 'runs');
    for (let count = 0; count < EXPANSIONS_WAITING_MAX; count++) expansions.add('a', 'waits');
    expect(() => expansions.add('a', 'one more')).toThrow(/of this sender wait/);
    expect(() => expansions.add('b', 'other')).not.toThrow();
  });
});
