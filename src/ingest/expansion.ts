/**
 * Compressed bodies that may become large: each is a batch of its own, few are unpacked at once, and senders take turns. So what a sender
 * makes of few bytes is paid by its own waiting, and small bodies of others never wait behind it.
 */
import {
  EXPANDED_ALONE_BYTES,
  EXPANSION_RATIO_MAX,
  EXPANSION_SENDERS_MAX,
  EXPANSIONS_WAITING_MAX,
} from '../config/limits.js';
import { overloaded } from '../errors/index.js';

/** After each body a sender's highest ratio counts for a little less. */
const RATIO_DECAY = 0.98;

export class Expansions<T> {
  /** By sender, what its bodies have become in multiples of their bytes; who is not here is not known. */
  private readonly ratios = new Map<string, number>();
  /** The sender whose turn is next comes first. */
  private readonly waiting = new Map<string, T[]>();
  private runningCount = 0;

  /** @param start begins to unpack one; `ended` is told when that is done */
  constructor(
    private readonly runningMax: number,
    private readonly start: (item: T) => void,
  ) {}

  /** Whether a body may become so large that it has to wait for its turn. */
  isLarge(sender: string, bytes: number): boolean {
    return bytes * (this.ratios.get(sender) ?? EXPANSION_RATIO_MAX) > EXPANDED_ALONE_BYTES;
  }

  /** @throws BasaltError 503 when too many of this sender wait */
  add(sender: string, item: T): void {
    const queue = this.waiting.get(sender) ?? [];
    if (queue.length >= EXPANSIONS_WAITING_MAX) {
      throw overloaded(
        `${EXPANSIONS_WAITING_MAX} compressed bodies of this sender wait to be unpacked`,
        'send fewer at a time, or smaller ones',
      );
    }
    queue.push(item);
    this.waiting.set(sender, queue);
    this.next();
  }

  /** What a compressed body has become. */
  learn(sender: string, bytes: number, expandedBytes: number): void {
    const known = (this.ratios.get(sender) ?? 0) * RATIO_DECAY;
    this.ratios.delete(sender);
    this.ratios.set(sender, Math.max(known, expandedBytes / Math.max(1, bytes)));
    const [oldest] = this.ratios.keys();
    if (this.ratios.size > EXPANSION_SENDERS_MAX && oldest !== undefined) this.ratios.delete(oldest);
  }

  ended(): void {
    this.runningCount--;
    this.next();
  }

  private next(): void {
    while (this.runningCount < this.runningMax) {
      const [turn] = this.waiting;
      if (!turn) return;
      const [sender, queue] = turn;
      const item = queue.shift() as T;
      // Behind all others, if more of it wait.
      this.waiting.delete(sender);
      if (queue.length > 0) this.waiting.set(sender, queue);
      this.runningCount++;
      this.start(item);
    }
  }
}
