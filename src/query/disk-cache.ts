/**
 * The L2 cache: answers of scans as compressed files under a limit of bytes, least recently used out first, none older than the limit
 * of age. It outlives the process, because segment paths do. Names and sizes are here, on the main thread; query workers read and write
 * the files (disk-cache-file.ts). A file that is gone or damaged is a miss, and is counted.
 */
import { createHash } from 'node:crypto';
import { lstat, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { CacheCounts, Partial } from './partial-cache.js';
import type { LoadTask, StoreTask } from './query-task.js';

/** Runs a task on a query worker. */
export type RunDiskTask = (task: LoadTask | StoreTask) => Promise<Partial | number | undefined>;

interface Entry {
  bytes: number;
  writtenMs: number;
}

export const CACHE_SUFFIX = '.part';

/** Files looked at together at start. */
const STAT_BATCH = 64;

export class DiskCache {
  readonly counts: CacheCounts = { hits: 0, misses: 0 };
  /** Files that could not be read, written or removed. */
  failures = 0;
  bytes = 0;
  /** By file name, least recently used first. */
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly directory: string,
    private readonly bytesMax: number,
    private readonly ttlSeconds: number,
    private readonly run: RunDiskTask,
  ) {}

  /** Finds what an earlier process left. Until it is done, that counts as absent. */
  async open(): Promise<void> {
    const found: (Entry & { name: string })[] = [];
    const names = await readdir(this.directory);
    for (let start = 0; start < names.length; start += STAT_BATCH) {
      const batch = names.slice(start, start + STAT_BATCH).map(async (name) => {
        const entry = await lstat(join(this.directory, name));
        const { size, mtimeMs } = entry;
        // Somebody else's: reading a named pipe would wait for ever.
        if (!entry.isFile()) this.failures++;
        else if (name.endsWith(CACHE_SUFFIX)) found.push({ name, bytes: size, writtenMs: mtimeMs });
        else await unlink(join(this.directory, name));
      });
      for (const { status } of await Promise.allSettled(batch)) if (status === 'rejected') this.failures++;
    }
    found.sort((a, b) => a.writtenMs - b.writtenMs);
    for (const { name, bytes, writtenMs } of found) this.add(name, { bytes, writtenMs });
    this.evict();
  }

  has(key: string): boolean {
    const entry = this.entries.get(fileName(key));
    const found = entry !== undefined && !this.expired(entry);
    if (!found) this.counts.misses++;
    return found;
  }

  async load(key: string): Promise<Partial | undefined> {
    const name = fileName(key);
    const path = join(this.directory, name);
    const loaded = await this.run({ kind: 'load', path, key }).catch(() => undefined);
    if (typeof loaded !== 'object') {
      this.failures++;
      this.counts.misses++;
      this.drop(name);
      return undefined;
    }
    this.counts.hits++;
    const entry = this.entries.get(name);
    if (entry) {
      this.entries.delete(name);
      this.entries.set(name, entry);
    }
    return loaded;
  }

  /** Writes in the background; a failure only means that the answer is not kept. */
  store(key: string, partial: Partial): void {
    const name = fileName(key);
    if (this.entries.has(name)) this.drop(name);
    this.run({ kind: 'store', path: join(this.directory, name), key, partial }).then(
      (bytes) => {
        if (typeof bytes === 'number') this.add(name, { bytes, writtenMs: Date.now() });
        this.evict();
      },
      () => {
        this.failures++;
      },
    );
  }

  /** Drops what is too old. */
  sweep(): void {
    for (const [name, entry] of this.entries) if (this.expired(entry)) this.drop(name);
  }

  private evict(): void {
    for (const name of this.entries.keys()) {
      if (this.bytes <= this.bytesMax) return;
      this.drop(name);
    }
  }

  clear(): void {
    for (const name of [...this.entries.keys()]) this.drop(name);
  }

  private expired({ writtenMs }: Entry): boolean {
    return Date.now() - writtenMs > this.ttlSeconds * 1000;
  }

  private add(name: string, entry: Entry): void {
    this.forget(name);
    this.entries.set(name, entry);
    this.bytes += entry.bytes;
  }

  private forget(name: string): void {
    const entry = this.entries.get(name);
    if (!entry) return;
    this.entries.delete(name);
    this.bytes -= entry.bytes;
  }

  private drop(name: string): void {
    this.forget(name);
    unlink(join(this.directory, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') this.failures++;
    });
  }
}

function fileName(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 40) + CACHE_SUFFIX;
}
