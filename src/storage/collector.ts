/**
 * The collection cycle: every interval it takes away what nobody needs: expired segments, files whose removal failed, files in the data
 * directory that belong to nothing, prepared WAL files while nothing is written, and what caches hold idle. Errors are logged and counted,
 * and the next cycle tries again. One cycle at a time. Main thread; files are listed and removed asynchronously.
 */
import { readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { SEGMENT_SUFFIX, TEMPORARY_SUFFIX } from './layout.js';
import type { Store } from './store.js';
import type { LiveSegment, Stream } from './stream.js';
import { Pace } from './turns.js';

export type CollectedKind = 'expired' | 'orphan' | 'retried' | 'idle';

export interface CollectorObserver {
  collected(kind: CollectedKind, files: number, bytes: number): void;
  failed(): void;
}

export interface CollectorOptions {
  intervalMs: number;
  /** Fewer bytes of expired segments are left for a later cycle. */
  thresholdBytes: number;
}

/** Gives back what is idle. @returns bytes */
export type IdleHook = () => number | Promise<number>;

export class Collector {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private readonly idleHooks: IdleHook[] = [];
  /** Unknown files of the last cycle: only what two cycles meet is an orphan. */
  private suspects = new Set<string>();

  constructor(
    private readonly store: Store,
    private readonly log: Logger,
    private readonly observer: CollectorObserver,
    private readonly options: CollectorOptions,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.collect(), this.options.intervalMs);
    this.timer.unref();
  }

  /** Starts no more cycles and waits for the running one. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** Called in every cycle. */
  onIdle(hook: IdleHook): void {
    this.idleHooks.push(hook);
  }

  /** One cycle; the one that is running, if there is one. */
  collect(): Promise<void> {
    this.running ??= this.cycle().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async cycle(): Promise<void> {
    this.store.noteClock();
    await this.step('expired segments', () => this.dropExpired());
    await this.step('files that could not be removed', async () => {
      this.store.retryNotes();
      const files = this.store.disposals.retry();
      if (files > 0) this.observer.collected('retried', files, 0);
    });
    await this.step('orphan files', () => this.removeOrphans());
    for (const hook of this.idleHooks) {
      await this.step('idle caches', async () => {
        const bytes = await hook();
        if (bytes > 0) this.observer.collected('idle', 0, bytes);
      });
    }
  }

  private async step(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.observer.failed();
      this.log.error({ error: String(error) }, `collecting ${what} failed; the next cycle tries again`);
    }
  }

  private async dropExpired(): Promise<void> {
    const expired: [Stream, LiveSegment[]][] = [];
    let bytes = 0;
    const pace = new Pace();
    for (const stream of this.store.allStreams()) {
      if (pace.isOver) await pace.next();
      const segments = this.store.expiredSegments(stream);
      if (segments.length === 0) continue;
      expired.push([stream, segments]);
      bytes += sumBytes(segments);
    }
    if (bytes < this.options.thresholdBytes) return;
    for (const [stream, segments] of expired) {
      const dropped = await this.store.dropSegments(stream, segments);
      if (dropped.length === 0) continue;
      this.observer.collected('expired', dropped.length, sumBytes(dropped));
      this.log.info(
        { stream: stream.name, files: dropped.length, bytes: sumBytes(dropped) },
        'expired segments were dropped',
      );
    }
  }

  /** Files in the segment folder that are neither live nor being written nor on their way out. */
  private async removeOrphans(): Promise<void> {
    const { layout } = this.store;
    const suspects = new Set<string>();
    for (const file of await readdir(layout.segments)) {
      if (!file.endsWith(SEGMENT_SUFFIX) && !file.endsWith(TEMPORARY_SUFFIX)) continue;
      if (this.store.segmentFiles.owns(file)) continue;
      if (!this.suspects.has(file)) {
        suspects.add(file);
        continue;
      }
      const path = join(layout.segments, file);
      const { size } = await stat(path);
      if (file.endsWith(TEMPORARY_SUFFIX)) await unlink(path);
      else await rename(path, join(layout.quarantine, file));
      this.observer.collected('orphan', 1, size);
      this.log.warn(
        { file, bytes: size },
        'a file that belongs to nothing was taken out of the segment folder',
      );
    }
    this.suspects = suspects;
  }
}

function sumBytes(segments: readonly LiveSegment[]): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}
