/** The caches of the query side, made from the configuration: plans, whole answers, answers of scans in memory (L1) and on disk (L2). */
import { mkdirSync } from 'node:fs';
import type { Config } from '../config/index.js';
import { CACHE_SWEEP_MS } from '../config/limits.js';
import { AnswerCache } from './answer-cache.js';
import { DiskCache, type RunDiskTask } from './disk-cache.js';
import { PartialCache } from './partial-cache.js';
import { PlanCache } from './plan-cache.js';
import type { QueryPool } from './query-pool.js';
import type { QueryTask } from './query-task.js';

type CacheConfig = Pick<Config, 'resultCacheTtlSeconds' | 'diskCacheBytes' | 'diskCacheTtlSeconds'> & {
  resultCacheBytes: number;
};

export class QueryCaches {
  readonly plans: PlanCache;
  /** Undefined when switched off. */
  readonly answers: AnswerCache | undefined;
  readonly partials: PartialCache | undefined;
  readonly disk: DiskCache | undefined;
  private readonly timer: NodeJS.Timeout;

  constructor(pool: QueryPool, directory: string, config: CacheConfig) {
    const run = (task: QueryTask) => pool.run(task);
    // Fails only when the pool is being destroyed, and the handle goes with the process then.
    this.plans = new PlanCache((handle) => void run({ kind: 'freePlan', handle }).catch(() => {}));
    const { resultCacheBytes, resultCacheTtlSeconds, diskCacheBytes, diskCacheTtlSeconds } = config;
    if (resultCacheBytes > 0) {
      if (diskCacheBytes > 0) {
        mkdirSync(directory, { recursive: true });
        this.disk = new DiskCache(directory, diskCacheBytes, diskCacheTtlSeconds, run as RunDiskTask);
      }
      // Half and half: a whole answer saves most, the answers of pieces still serve when there is new data.
      const half = Math.floor(resultCacheBytes / 2);
      this.answers = new AnswerCache(half, resultCacheTtlSeconds);
      this.partials = new PartialCache(half, resultCacheTtlSeconds, this.disk);
    }
    this.timer = setInterval(() => this.disk?.sweep(), CACHE_SWEEP_MS).unref();
  }

  /** Learns what an earlier process left on disk. */
  async open(): Promise<void> {
    await this.disk?.open();
  }

  /** Forgets every answer, on disk too. */
  clear(): void {
    this.answers?.clear();
    this.partials?.clear();
    this.disk?.clear();
  }

  close(): void {
    clearInterval(this.timer);
  }
}
