/**
 * The wall clock, held against the monotonic one. What is deleted by age is gone for good, so age is never counted by a clock that has just
 * jumped: three years forward for some seconds would take everything. States: TRUSTED → (a jump) HELD → (back, or hours later) TRUSTED.
 *
 * The two clocks run alike but for steps of the wall clock. Their distance when the wall clock was last trusted is the base; while the
 * wall clock stands elsewhere, time goes on from the base by the monotonic clock alone, and a wall clock that stands earlier counts:
 * of two readings the one that keeps more. Main thread only.
 */
export interface ClockSources {
  /** Milliseconds since 1970. */
  wallMs: () => number;
  /** Milliseconds since any moment; never set. */
  monotonicMs: () => number;
}

export interface ClockObserver {
  /** The wall clock jumped by so many seconds: what goes by age waits. */
  held(jumpSeconds: number): void;
  released(): void;
}

/** Steps of time servers and leap seconds are smaller. */
export const CLOCK_TOLERANCE_MS = 60_000;

/** So long a clock that jumped has to stay where it is to be believed. */
export const CLOCK_HOLD_MS = 6 * 3_600_000;

/** A process that was away for longer cannot tell whether the clock jumped. */
export const CLOCK_ABSENCE_MS = 24 * 3_600_000;

const SYSTEM: ClockSources = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

export class WallClock {
  /** Set once the server can say it. */
  observer: ClockObserver = { held: () => {}, released: () => {} };
  private state: 'TRUSTED' | 'HELD' = 'TRUSTED';
  /** Wall clock less monotonic clock, milliseconds: as it was trusted last, and as it is while it is not. */
  private baseMs: number;
  private heldMs = 0;
  private heldSinceMs = 0;

  constructor(private readonly sources: ClockSources = SYSTEM) {
    this.baseMs = this.distanceMs();
  }

  /** @param lastTrustedUs of an earlier process. If the clock is far beyond it, that one stopped long ago or one of both is wrong. */
  continueFrom(lastTrustedUs: number | undefined): void {
    if (lastTrustedUs === undefined) return;
    const awayMs = this.sources.wallMs() - lastTrustedUs / 1000;
    if (awayMs > CLOCK_ABSENCE_MS) this.baseMs = lastTrustedUs / 1000 - this.sources.monotonicMs();
    this.observe();
  }

  /** Microseconds since 1970, by which age is counted: no later than both clocks bear out. */
  trustedUs(): number {
    this.observe();
    const { wallMs, monotonicMs } = this.sources;
    return Math.floor(Math.min(wallMs(), this.baseMs + monotonicMs()) * 1000);
  }

  /** Seconds by which the wall clock is ahead of what is trusted; 0 while it is trusted itself. */
  get jumpSeconds(): number {
    return this.state === 'HELD' ? Math.round((this.heldMs - this.baseMs) / 1000) : 0;
  }

  private observe(): void {
    const distanceMs = this.distanceMs();
    const nowMs = this.sources.monotonicMs();
    if (near(distanceMs, this.baseMs)) {
      if (this.state === 'HELD') this.release();
      return;
    }
    if (this.state === 'HELD' && near(distanceMs, this.heldMs)) {
      if (nowMs - this.heldSinceMs < CLOCK_HOLD_MS) return;
      this.baseMs = distanceMs;
      this.release();
      return;
    }
    this.state = 'HELD';
    this.heldMs = distanceMs;
    this.heldSinceMs = nowMs;
    this.observer.held(this.jumpSeconds);
  }

  private release(): void {
    this.state = 'TRUSTED';
    this.observer.released();
  }

  private distanceMs(): number {
    return this.sources.wallMs() - this.sources.monotonicMs();
  }
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= CLOCK_TOLERANCE_MS;
}
