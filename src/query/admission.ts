/** Backpressure of queries: so many run, so many wait in order, the rest is refused. */
import { overloaded } from '../errors/index.js';

export class QueryAdmission {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private idleListeners: (() => void)[] = [];

  constructor(
    private readonly runningMax: number,
    private readonly waitingMax: number,
  ) {}

  get runningCount(): number {
    return this.running;
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  /** Runs `work` when it is its turn. @throws BasaltError 503 when the queue is full */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.runningMax) {
      if (this.waiting.length >= this.waitingMax) {
        throw overloaded(
          `${this.running} queries are running and ${this.waiting.length} are waiting`,
          'retry after the time given; more query workers allow more',
        );
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.running++;
    }
    try {
      return await work();
    } finally {
      // The place goes straight to the next in line, so that nobody can slip in between.
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
      if (this.running === 0) for (const listener of this.idleListeners.splice(0)) listener();
    }
  }

  /** Resolves when nothing runs or waits. */
  idle(): Promise<void> {
    if (this.running === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }
}
