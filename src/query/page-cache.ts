/**
 * The page cache as this side sees it: one slab of shared memory, allocated by the main thread, used by scans on all query workers
 * (native/cache), its counters read here. Nothing but its address and size has to be known to use it.
 */
import type { CacheUse } from '../native/index.js';

/** What a query worker is given. */
export interface PageCacheShare {
  slab: SharedArrayBuffer;
  ttlSeconds: number;
}

/** Counters at the head of the slab, each one 64-bit word behind the first (native/cache/src/layout.rs). */
const COUNTERS = ['hits', 'misses', 'evictions', 'bytes', 'entries', 'insertions', 'refusals'] as const;
const FIRST_COUNTER_BYTE = 8;

export type PageCacheCounters = Record<(typeof COUNTERS)[number], number>;

/** Main thread. */
export class PageCache {
  readonly share: PageCacheShare;
  private readonly words: BigUint64Array;

  /** Memory is taken from the system only as the cache fills. `bytes`: at least PAGE_CACHE_BYTES_MIN. */
  constructor(bytes: number, ttlSeconds: number) {
    this.share = { slab: new SharedArrayBuffer(bytes), ttlSeconds };
    this.words = new BigUint64Array(this.share.slab, FIRST_COUNTER_BYTE, COUNTERS.length);
  }

  /** Since the start, but `bytes` and `entries`, which are of now. */
  counters(): PageCacheCounters {
    const read = COUNTERS.map((name, index) => [name, Number(Atomics.load(this.words, index))]);
    return Object.fromEntries(read) as PageCacheCounters;
  }
}

/** Query worker. */
export class CacheUser {
  private readonly slab: Uint8Array;

  constructor(private readonly share: PageCacheShare) {
    this.slab = new Uint8Array(share.slab);
  }

  /** For a scan of blocks of these files. */
  use(files: number[]): CacheUse {
    return {
      slab: this.slab,
      files: Float64Array.from(files),
      // Of the system's start, so the same on all threads, and never set back.
      nowSeconds: process.hrtime()[0],
      ttlSeconds: this.share.ttlSeconds,
    };
  }
}
