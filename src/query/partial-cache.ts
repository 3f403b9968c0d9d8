/**
 * Answers of scan requests over pieces of segments. A segment never changes and its path is never used again, so an answer is true as
 * long as anyone keeps it: a refreshed dashboard scans only what is new. In memory (L1) under a limit of bytes, least recently used out
 * first; behind it the disk (L2), which outlives the process. Main thread only.
 */
import { LRUCache } from 'lru-cache';
import { answerBytes } from '../native/held.js';
import type { Ipc, Resume } from '../native/index.js';
import type { DiskCache } from './disk-cache.js';

/** A scan's answer: the Arrow IPC stream, its rows, and the rows that were scanned for it. */
export interface Partial {
  readonly ipc: Ipc;
  readonly rows: number;
  readonly rowsCovered: number;
  /** Where to go on: it stands for a part only of what was asked, and is not kept. */
  readonly resume?: Resume;
}

export interface CacheCounts {
  hits: number;
  misses: number;
}

/** What an entry costs besides its bytes: key, objects, links. */
const ENTRY_OVERHEAD_BYTES = 512;
/** An answer larger than this share of the cache would push out too many others. */
const LARGEST_SHARE = 32;
/** From here on an answer is kept in shared memory, so that handing it to a worker copies nothing. */
const SHARED_FROM_BYTES = 32 * 1024;
/** Answers that took less to find are not worth a file. */
const DISK_FROM_MS = 2;

export class PartialCache {
  readonly memoryCounts: CacheCounts = { hits: 0, misses: 0 };
  private readonly memory: LRUCache<string, Partial>;
  private readonly running = new Map<string, Promise<Partial>>();

  constructor(
    private readonly bytesMax: number,
    ttlSeconds: number,
    private readonly disk: DiskCache | undefined,
  ) {
    this.memory = new LRUCache({
      maxSize: bytesMax,
      maxEntrySize: Math.floor(bytesMax / LARGEST_SHARE),
      sizeCalculation: ({ ipc }, key) => ipc.length + key.length + ENTRY_OVERHEAD_BYTES,
      ttl: ttlSeconds * 1000,
    });
  }

  get bytes(): number {
    return this.memory.calculatedSize;
  }

  get(key: string): Partial | undefined {
    const found = this.memory.get(key);
    if (found) this.memoryCounts.hits++;
    else this.memoryCounts.misses++;
    return found;
  }

  /** From the disk, from a scan of another query that is under way, or by `scan`. `fresh` tells which. */
  async find(key: string, scan: () => Promise<Partial>): Promise<{ partial: Partial; fresh: boolean }> {
    const shared = await this.running.get(key)?.catch(() => undefined);
    // What is held has one owner. The other query may have been cancelled, which is none of this one's business; an error of its own this
    // one will meet itself.
    if (shared && !('held' in shared.ipc)) return { partial: shared, fresh: false };
    if (this.running.has(key)) return this.find(key, scan);
    let fresh = false;
    const finding = this.fromDisk(key).then(async (kept) => {
      if (kept) return kept;
      fresh = true;
      const startedMs = performance.now();
      const scanned = await scan();
      if (!this.keeps(scanned)) return scanned;
      const partial = { ...scanned, ipc: answerBytes(scanned.ipc) };
      if (performance.now() - startedMs >= DISK_FROM_MS) this.disk?.store(key, partial);
      return partial;
    });
    this.running.set(key, finding);
    try {
      const partial = await finding;
      if (this.keeps(partial)) this.memory.set(key, inSharedMemory(partial));
      return { partial, fresh };
    } finally {
      this.running.delete(key);
    }
  }

  clear(): void {
    this.memory.clear();
  }

  private async fromDisk(key: string): Promise<Partial | undefined> {
    return this.disk?.has(key) ? this.disk.load(key) : undefined;
  }

  /** Only what is whole, and small enough. */
  private keeps({ ipc, resume }: Partial): boolean {
    return resume === undefined && ipc.length <= this.bytesMax / LARGEST_SHARE;
  }
}

/** Where that pays. */
function inSharedMemory(partial: Partial): Partial {
  const bytes = answerBytes(partial.ipc);
  if (bytes.length < SHARED_FROM_BYTES || bytes.buffer instanceof SharedArrayBuffer) return partial;
  const ipc = new Uint8Array(new SharedArrayBuffer(bytes.length));
  ipc.set(bytes);
  return { ...partial, ipc };
}
