/** The clock that ages are counted by, under clocks that a test sets. */
import { describe, expect, test } from 'vitest';
import { CLOCK_ABSENCE_MS, CLOCK_HOLD_MS, WallClock } from '../../src/storage/wall-clock.js';

const START_MS = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const YEARS_MS = 3 * 365 * DAY_MS;

class Bench {
  wallMs = START_MS;
  monotonicMs = 5000;
  readonly told: (number | 'released')[] = [];
  readonly clock = new WallClock({ wallMs: () => this.wallMs, monotonicMs: () => this.monotonicMs });

  constructor() {
    this.clock.observer = {
      held: (seconds) => this.told.push(seconds),
      released: () => this.told.push('released'),
    };
  }

  /** Both clocks go on. */
  pass(ms: number): void {
    this.wallMs += ms;
    this.monotonicMs += ms;
  }

  trustedMs(): number {
    return this.clock.trustedUs() / 1000;
  }
}

describe('a jump while the server runs', () => {
  test('forward is not believed, and over when the clock is back', () => {
    const bench = new Bench();
    bench.wallMs += YEARS_MS;
    expect(bench.trustedMs()).toBe(START_MS);
    expect(bench.clock.jumpSeconds).toBe(YEARS_MS / 1000);
    bench.pass(30_000);
    expect(bench.trustedMs()).toBe(START_MS + 30_000);
    bench.wallMs -= YEARS_MS;
    expect(bench.trustedMs()).toBe(START_MS + 30_000);
    expect(bench.clock.jumpSeconds).toBe(0);
    expect(bench.told).toEqual([YEARS_MS / 1000, 'released']);
  });

  test('forward is believed once the clock has stayed there for hours, counted from its last jump', () => {
    const bench = new Bench();
    bench.wallMs += YEARS_MS;
    bench.trustedMs();
    bench.pass(CLOCK_HOLD_MS - 1);
    bench.wallMs += DAY_MS;
    expect(bench.trustedMs()).toBe(START_MS + CLOCK_HOLD_MS - 1);
    bench.pass(CLOCK_HOLD_MS - 1);
    expect(bench.trustedMs()).toBeLessThan(START_MS + DAY_MS);
    bench.pass(1);
    expect(bench.trustedMs()).toBe(bench.wallMs);
    expect(bench.told.at(-1)).toBe('released');
  });

  test('backward keeps more, so it counts as it is; and forward again from there is the time that was', () => {
    const bench = new Bench();
    bench.wallMs -= DAY_MS;
    expect(bench.trustedMs()).toBe(START_MS - DAY_MS);
    bench.wallMs += DAY_MS;
    expect(bench.trustedMs()).toBe(START_MS);
    expect(bench.told).toEqual([-DAY_MS / 1000, 'released']);
  });

  test('steps of time servers are none', () => {
    const bench = new Bench();
    bench.wallMs += 30_000;
    expect(bench.trustedMs()).toBe(START_MS);
    bench.wallMs -= 60_000;
    expect(bench.trustedMs()).toBe(START_MS - 30_000);
    expect(bench.told).toEqual([]);
  });
});

describe('a jump between two processes', () => {
  test.each([
    ['nobody knows', undefined, 0, 0],
    ['a short pause', (START_MS - CLOCK_ABSENCE_MS) * 1000, 0, 0],
    ['a long pause, or a jump', (START_MS - YEARS_MS) * 1000, -YEARS_MS, YEARS_MS / 1000],
    ['the clock stands before it', (START_MS + YEARS_MS) * 1000, 0, 0],
  ])('%s', (_, lastUs, trustedMs, jumpSeconds) => {
    const bench = new Bench();
    bench.clock.continueFrom(lastUs);
    expect(bench.trustedMs()).toBe(START_MS + trustedMs);
    expect(bench.clock.jumpSeconds).toBe(jumpSeconds);
    bench.pass(CLOCK_HOLD_MS);
    expect(bench.trustedMs()).toBe(START_MS + CLOCK_HOLD_MS);
  });
});
