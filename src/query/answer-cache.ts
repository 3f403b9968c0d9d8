/**
 * Whole answers, by statement and by the state of the streams they were made from: true until a stream changes, and then never asked
 * for again. Under a limit of bytes, least recently used out first. Main thread only.
 */
import { LRUCache } from 'lru-cache';
import type { QueryResult } from './executor.js';
import type { CacheCounts } from './partial-cache.js';

const ENTRY_OVERHEAD_BYTES = 1024;
const LARGEST_SHARE = 32;

export class AnswerCache {
  readonly counts: CacheCounts = { hits: 0, misses: 0 };
  private readonly entries: LRUCache<string, QueryResult>;

  constructor(bytesMax: number, ttlSeconds: number) {
    this.entries = new LRUCache({
      maxSize: bytesMax,
      maxEntrySize: Math.floor(bytesMax / LARGEST_SHARE),
      sizeCalculation: ({ pieces }, key) =>
        pieces.reduce((sum, piece) => sum + piece.length, key.length + ENTRY_OVERHEAD_BYTES),
      ttl: ttlSeconds * 1000,
    });
  }

  get bytes(): number {
    return this.entries.calculatedSize;
  }

  get(key: string): QueryResult | undefined {
    const found = this.entries.get(key);
    if (found) this.counts.hits++;
    else this.counts.misses++;
    return found;
  }

  set(key: string, result: QueryResult): void {
    this.entries.set(key, result);
  }

  clear(): void {
    this.entries.clear();
  }
}
