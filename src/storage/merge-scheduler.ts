/**
 * Decides what is merged when: WAL blocks into segments once a stream has enough rows or the oldest is old enough, small segments
 * into larger ones. One merge a stream at a time, on the merge workers. State of a stream: idle → merging → idle.
 */

import { basename } from 'node:path';
import type { Logger } from 'pino';
import type { Piscina } from 'piscina';
import {
  COMPACT_SEGMENTS,
  MERGE_AGE_MS,
  MERGE_BLOCKS_MAX,
  MERGE_ROWS,
  SEGMENT_ZSTD_LEVEL,
} from '../config/limits.js';
import type { FileLease } from './file-lease.js';
import type { MergeResult, MergeTask, SegmentMetadata } from './merge-task.js';
import type { Store } from './store.js';
import type { LiveBlock, LiveSegment, Stream } from './stream.js';

interface Pick {
  blocks: LiveBlock[];
  segments: LiveSegment[];
}

interface Flush {
  /** Blocks up to this sequence are to be merged. */
  sequence: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

const TICK_MS = 250;

/** A failed merge is tried again after this long; meanwhile its blocks are served from the WAL. */
const RETRY_MS = 10_000;

export interface MergeObserver {
  merged(rows: number, bytes: number, tookMs: number): void;
}

export class MergeScheduler {
  private readonly running = new Set<Promise<void>>();
  private flushes: Flush[] = [];
  private timer: NodeJS.Timeout | undefined;
  private failure: unknown;

  constructor(
    private readonly store: Store,
    private readonly pool: Piscina,
    private readonly log: Logger,
    private readonly observer: MergeObserver,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** Starts no more merges and waits for the running ones. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await Promise.allSettled(this.running);
  }

  /** Turns every block that is live now into segments; resolves when they are live. */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.flushes.push({ sequence: this.store.currentSequence(), resolve, reject });
      this.tick();
    });
  }

  private tick(): void {
    if (this.failure !== undefined) {
      for (const flush of this.flushes.splice(0)) flush.reject(this.failure);
      this.failure = undefined;
    }
    this.flushes = this.flushes.filter((flush) => {
      const waiting = this.store.allStreams().some((stream) => hasBlocksUpTo(stream, flush.sequence));
      if (!waiting) flush.resolve();
      return waiting;
    });
    const flushUpTo = Math.max(0, ...this.flushes.map((flush) => flush.sequence));
    for (const stream of this.store.allStreams()) {
      if (stream.merging || this.running.size >= this.pool.options.maxThreads) continue;
      if (Date.now() < stream.mergeNotBeforeMs) continue;
      const pick = pickBlocks(stream, flushUpTo, Date.now()) ?? pickSegments(stream);
      if (pick) this.run(stream, pick);
    }
  }

  private run(stream: Stream, pick: Pick): void {
    stream.merging = true;
    const merge = this.merge(stream, pick)
      .catch((error: unknown) => {
        this.failure = error;
        stream.mergeNotBeforeMs = Date.now() + RETRY_MS;
        this.log.error(
          { stream: stream.name, error: String(error) },
          'merge failed; its blocks stay in the WAL',
        );
      })
      .finally(() => {
        stream.merging = false;
        this.running.delete(merge);
        if (this.timer && this.failure === undefined) this.tick();
      });
    this.running.add(merge);
  }

  private async merge(stream: Stream, pick: Pick): Promise<void> {
    const leases: FileLease[] = [...pick.segments, ...pick.blocks].map((part) => part.lease);
    for (const lease of leases) lease.acquire();
    try {
      const file = this.store.newSegmentName(stream);
      const outputPath = this.store.segmentPath(file);
      const task: MergeTask = {
        inputs: mergeInputs(pick),
        outputPath,
        metadata: JSON.stringify(segmentMetadata(this.store, stream, pick, file)),
        zstdLevel: SEGMENT_ZSTD_LEVEL,
      };
      const { footer, tookMs } = (await this.pool.run(task)) as MergeResult;
      // A stream deleted meanwhile has no use for the file; the next start removes it.
      if (!this.store.isLive(stream)) return;
      this.store.commitMerge(stream, file, footer, pick.blocks, pick.segments);
      const rows = footer.groups.reduce((sum, group) => sum + group.rows, 0);
      this.observer.merged(rows, footer.fileBytes, tookMs);
      this.log.debug(
        { stream: stream.name, rows, bytes: footer.fileBytes, tookMs: Math.round(tookMs) },
        'merged',
      );
    } finally {
      for (const lease of leases) lease.release();
    }
  }
}

function hasBlocksUpTo(stream: Stream, sequence: number): boolean {
  return stream.blocks.some((block) => block.sequence <= sequence);
}

/**
 * The oldest blocks up to one merge's size, when they are worth a merge. A prefix in sequence order, so that one number a WAL file
 * notes it.
 */
export function pickBlocks(stream: Stream, flushUpTo: number, nowMs: number): Pick | undefined {
  if (stream.blocks.length === 0) return undefined;
  let rows = 0;
  let due = stream.blocks.length >= MERGE_BLOCKS_MAX;
  for (const block of stream.blocks) {
    rows += block.rows;
    due ||= rows >= MERGE_ROWS || nowMs - block.receivedMs >= MERGE_AGE_MS || block.sequence <= flushUpTo;
  }
  if (!due) return undefined;
  const sorted = stream.blocks.toSorted((a, b) => a.sequence - b.sequence);
  const blocks: LiveBlock[] = [];
  let taken = 0;
  for (const block of sorted) {
    if (blocks.length > 0 && (taken + block.rows > MERGE_ROWS || blocks.length >= MERGE_BLOCKS_MAX)) break;
    blocks.push(block);
    taken += block.rows;
  }
  return { blocks, segments: [] };
}

/**
 * Segments of one size tier, when enough have gathered; the tiers grow by COMPACT_SEGMENTS, so that each row is rewritten once a tier,
 * O(log n) times in all.
 */
export function pickSegments(stream: Stream): Pick | undefined {
  const tiers = new Map<number, LiveSegment[]>();
  for (const segment of stream.segments) {
    if (segment.rows >= MERGE_ROWS / 2) continue;
    const tier = Math.floor(Math.log(segment.rows) / Math.log(COMPACT_SEGMENTS));
    tiers.set(tier, [...(tiers.get(tier) ?? []), segment]);
  }
  for (const [, segments] of [...tiers].sort(([a], [b]) => a - b)) {
    if (segments.length < COMPACT_SEGMENTS) continue;
    const picked = fitting(segments);
    if (picked.length >= 2) {
      return { blocks: [], segments: picked };
    }
  }
  return undefined;
}

/** As many of the segments, in order of arrival, as one merge may hold. */
function fitting(segments: LiveSegment[]): LiveSegment[] {
  const picked: LiveSegment[] = [];
  let rows = 0;
  for (const segment of segments.toSorted((a, b) => a.firstSequence - b.firstSequence)) {
    if (rows + segment.rows > MERGE_ROWS) break;
    picked.push(segment);
    rows += segment.rows;
  }
  return picked;
}

function mergeInputs(pick: Pick): MergeTask['inputs'] {
  const inputs = pick.segments.flatMap((segment) =>
    segment.groups.map((group) => ({ path: segment.lease.path, offset: group.offset })),
  );
  for (const block of pick.blocks) inputs.push({ path: block.lease.path, offset: block.offset });
  return inputs;
}

function segmentMetadata(store: Store, stream: Stream, pick: Pick, file: string): SegmentMetadata {
  const { walMerged, retired } = store.lineage(stream);
  const walInputs: SegmentMetadata['walInputs'] = {};
  for (const { walFile, sequence } of pick.blocks) {
    const [first, last] = walInputs[walFile] ?? [sequence, sequence];
    walInputs[walFile] = [Math.min(first, sequence), Math.max(last, sequence)];
    walMerged[walFile] = Math.max(walMerged[walFile] ?? 0, sequence);
  }
  const sequences = [
    ...pick.blocks.map((block) => block.sequence),
    ...pick.segments.map((segment) => segment.firstSequence),
  ];
  return {
    organization: stream.organization,
    stream: stream.name,
    streamCreatedUs: stream.createdUs,
    firstSequence: Math.min(...sequences),
    walMerged,
    walInputs,
    inputs: pick.segments.map((segment) => basename(segment.lease.path)),
    retired,
    outputs: [file],
    sequence: store.currentSequence(),
  };
}
