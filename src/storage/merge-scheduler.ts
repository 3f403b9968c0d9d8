/**
 * Decides what is merged when: WAL blocks into segments once a stream has enough rows or the oldest is old enough, small segments
 * into larger ones. Streams wait in a queue by the time they are due, so that a tick looks at no stream that is not. One merge a stream
 * at a time, on the merge workers, within a byte budget; with much to do it has several parts, each the task of one worker, that become
 * live together. State of a stream: idle → merging (or held by somebody else) → idle.
 */

import type { Logger } from 'pino';
import type { Piscina } from 'piscina';
import {
  MERGE_AGE_MS,
  MERGE_BLOCKS_MAX,
  MERGE_ROWS,
  MERGE_URGENT_ROWS,
  PARTITIONS_MAX,
  SEGMENT_ZSTD_LEVEL,
} from '../config/limits.js';
import { diskFull, isDiskFull, overloaded } from '../errors/index.js';
import { DueQueue } from './due-queue.js';
import type { FileLease } from './file-lease.js';
import { firstSequenceOf, type MergeInputs } from './merge-inputs.js';
import { fits, heldBytes, type MergeSize } from './merge-size.js';
import type { MergeInput, MergeResult, MergeTask } from './merge-task.js';
import { MIXED, partitionOf } from './partition.js';
import { isFull, isSmall, mergeTogether, type Picked, segmentMetadata } from './small-merges.js';
import type { Lineage, Store } from './store.js';
import type { LiveBlock, Stream } from './stream.js';
import { Pace } from './turns.js';

interface Flush {
  /** Blocks up to this sequence are to be merged. */
  sequence: number;
  /** All streams have been looked at. */
  gathered: boolean;
  /** Streams that may still have some. */
  streams: Set<Stream>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

const TICK_MS = 250;

/** Streams that one tick looks at for segments to merge. */
const COMPACTABLE_LOOKS_MAX = 256;

/** A failed merge is tried again after this long; meanwhile its blocks are served from the WAL. */
const RETRY_MS = 10_000;

export interface MergeObserver {
  merged(rows: number, bytes: number, tookMs: number): void;
}

export class MergeScheduler {
  private readonly running = new Set<Promise<void>>();
  private runningTasks = 0;
  private runningBytes = 0;
  /** Streams with blocks, by when these are due. */
  private readonly due = new DueQueue<Stream>();
  /** Streams with a full tier, in order of that. */
  private readonly compactable = new Set<Stream>();
  private readonly flushes = new Set<Flush>();
  /** Who waits for a stream that is being merged. */
  private readonly holders = new Map<Stream, (() => void)[]>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: Store,
    private readonly pool: Piscina,
    /** For when there is too much to merge: threads of normal priority. */
    private readonly urgentPool: Piscina,
    private readonly log: Logger,
    private readonly observer: MergeObserver,
    private readonly size: MergeSize,
    /** Of the monotonic clock: what somebody does to the wall clock keeps no block from being merged. */
    private readonly nowMs = () => performance.now(),
  ) {}

  start(): void {
    this.store.onGrowth = (stream) => this.consider(stream);
    for (const stream of this.store.allStreams()) this.consider(stream);
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** Starts no more merges. Those that run are left to themselves; who waits for a flush is told. */
  abandon(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    for (const flush of this.flushes)
      this.end(flush, overloaded('the server is stopping', 'flush again later'));
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
      const sequence = this.store.currentSequence();
      const flush = { sequence, gathered: false, streams: new Set<Stream>(), resolve, reject };
      this.flushes.add(flush);
      this.gather(flush).catch(reject);
    });
  }

  private async gather(flush: Flush): Promise<void> {
    const pace = new Pace();
    for (const stream of this.store.allStreams()) {
      if (!this.flushes.has(flush)) return;
      if (this.store.isLive(stream) && hasBlocksUpTo(stream, flush.sequence)) {
        flush.streams.add(stream);
        this.consider(stream);
      }
      if (!pace.isOver) continue;
      this.tick();
      await pace.next();
    }
    flush.gathered = true;
    this.settle(flush);
    this.tick();
  }

  /** The first blocks of a stream up to that sequence that one merge takes. */
  firstBlocks(stream: Stream, upTo: number): LiveBlock[] {
    return firstBlocks(stream, this.size, upTo);
  }

  /** Keeps merges off a stream until what it returns is called. Waits for a merge that runs. */
  async hold(stream: Stream): Promise<() => void> {
    if (stream.merging) {
      await new Promise<void>((resolve) => {
        this.holders.set(stream, [...(this.holders.get(stream) ?? []), resolve]);
      });
    }
    stream.merging = true;
    return () => this.release(stream);
  }

  /** Merges inputs of a stream that the caller holds, without the rows that the scan request `removal` matches. @returns rows that stay */
  async rewrite(stream: Stream, inputs: MergeInputs, removal?: string): Promise<number> {
    const leases: FileLease[] = [...inputs.segments, ...inputs.blocks].map((part) => part.lease);
    for (const lease of leases) lease.acquire();
    const bytes = heldBytes(inputs.blocks, inputs.segments);
    this.runningBytes += bytes;
    const parts = removal === undefined ? partsOf(inputs, this.size) : [inputs];
    this.runningTasks += parts.length;
    const outputsMax = parts.length > 1 || !spansDays(inputs) ? parts.length : PARTITIONS_MAX + 1;
    const files = this.store.beginSegments(Array<Stream>(outputsMax).fill(stream));
    const unused = new Set(files);
    try {
      const [lineage] = await this.store.lineages([stream]);
      const metadata = segmentMetadata(stream, inputs, lineage as Lineage);
      const taskOf = async (part: MergeInputs, outputFiles: string[]): Promise<MergeTask> => ({
        inputs: await this.taskInputs(part),
        outputPaths: outputFiles.map((file) => this.store.segmentPath(file)),
        metadata: { ...metadata, firstSequence: firstSequenceOf(part) },
        allOutputs: parts.length > 1 ? files : undefined,
        zstdLevel: SEGMENT_ZSTD_LEVEL,
        removal,
      });
      const tasks = await Promise.all(
        parts.map((part, index) => taskOf(part, parts.length > 1 ? [files[index] as string] : files)),
      );
      const pool = this.poolFor(inputs);
      // All have ended before any of their files is given up.
      const ended = await Promise.allSettled(tasks.map((task) => pool.run(task) as Promise<MergeResult>));
      const results = ended.map((result) => {
        if (result.status === 'rejected') throw result.reason;
        return result.value;
      });
      if (results.every(({ untouched }) => untouched))
        return inputs.segments.reduce((sum, segment) => sum + segment.rows, 0);
      const written = results.flatMap(({ outputs }, part) => {
        const firstSequence = firstSequenceOf(parts[part] as MergeInputs);
        return outputs.map(({ index, footer }) => ({
          file: files[part + index] as string,
          footer,
          firstSequence,
        }));
      });
      const tookMs = Math.max(...results.map((result) => result.tookMs));
      const merged = { stream, written, inputs, removes: removal !== undefined };
      const [live] = await this.store.commitMerges([merged]);
      if (!live) return 0;
      let rows = 0;
      let writtenBytes = 0;
      for (const { file, footer } of written) {
        unused.delete(file);
        rows += footer.groups.reduce((sum, group) => sum + group.rows, 0);
        writtenBytes += footer.fileBytes;
      }
      this.observer.merged(rows, writtenBytes, tookMs);
      const outputFiles = written.length;
      this.log.debug(
        { stream: stream.name, rows, writtenBytes, outputFiles, tookMs: Math.round(tookMs) },
        'merged',
      );
      return rows;
    } finally {
      this.store.abandonSegments([...unused]);
      this.runningBytes -= bytes;
      this.runningTasks -= parts.length;
      for (const lease of leases) lease.release();
    }
  }

  /** Once too much has gathered in the WAL, its blocks are not merged behind everything else any more. */
  private poolFor(inputs: MergeInputs | undefined): Piscina {
    if (!inputs || inputs.blocks.length === 0) return this.pool;
    return this.store.totals.blockRows > MERGE_URGENT_ROWS ? this.urgentPool : this.pool;
  }

  /** Queues a stream for when it is due. */
  private consider(stream: Stream): void {
    if (stream.merging) return;
    if (stream.tiers.due) this.compactable.add(stream);
    const dueMs = blocksDueMs(stream, this.flushSequence(stream));
    if (dueMs !== undefined) this.due.push(stream, Math.max(dueMs, stream.mergeNotBeforeMs));
  }

  private flushSequence(stream: Stream): number {
    let sequence = 0;
    for (const flush of this.flushes)
      if (flush.streams.has(stream)) sequence = Math.max(sequence, flush.sequence);
    return sequence;
  }

  private tick(): void {
    for (let idle = this.idleThreads(); idle > 0; idle = this.idleThreads()) {
      const [next, ...others] = this.nextBlocks(idle) ?? this.nextSegments() ?? [];
      if (!next) return;
      if (others.length > 0) this.runTogether([next, ...others]);
      else this.run(next);
    }
  }

  private idleThreads(): number {
    return this.pool.options.maxThreads - this.runningTasks;
  }

  /** One merge, or several small ones. */
  private nextBlocks(parts: number): Picked[] | undefined {
    const nowMs = this.nowMs();
    const small: Picked[] = [];
    while (!isFull(small)) {
      const stream = this.due.popDue(nowMs);
      if (!stream) break;
      if (!this.store.isLive(stream)) this.settleAll(stream);
      if (stream.merging || !this.store.isLive(stream)) continue;
      const blocks = pickBlocks(
        stream,
        this.size,
        this.flushSequence(stream),
        nowMs,
        this.affordedParts(parts),
      );
      const inputs = { blocks: blocks ?? [], segments: [] };
      const affordable = blocks !== undefined && this.affords(inputs);
      if (affordable && !stream.mergeAlone && isSmall(inputs)) {
        small.push({ stream, inputs });
        continue;
      }
      if (affordable && small.length === 0) return [{ stream, inputs }];
      // Not due after all, or too much at once: it is looked at again when it is due, or when a merge has ended.
      const dueMs = blocksDueMs(stream, this.flushSequence(stream));
      if (dueMs !== undefined) this.due.push(stream, affordable ? dueMs : Math.max(dueMs, nowMs + 1));
      if (blocks) break;
    }
    return small.length > 0 ? small : undefined;
  }

  private nextSegments(): Picked[] | undefined {
    const nowMs = this.nowMs();
    let looks = 0;
    for (const stream of this.compactable) {
      if (looks++ === COMPACTABLE_LOOKS_MAX) return undefined;
      if (stream.merging || stream.mergeNotBeforeMs > nowMs) continue;
      const segments = this.store.isLive(stream) ? stream.tiers.pick() : undefined;
      if (!segments) {
        this.compactable.delete(stream);
        continue;
      }
      const inputs = { blocks: [], segments };
      if (this.affords(inputs)) return [{ stream, inputs }];
    }
    return undefined;
  }

  /** One merge may always run. */
  private affords({ blocks, segments }: MergeInputs): boolean {
    return (
      this.running.size === 0 || this.runningBytes + heldBytes(blocks, segments) <= this.size.runningBytes
    );
  }

  private affordedParts(idle: number): number {
    const { partBytes, runningBytes } = this.size;
    return Math.max(1, Math.min(idle, Math.floor((runningBytes - this.runningBytes) / partBytes)));
  }

  private run({ stream, inputs }: Picked): void {
    stream.merging = true;
    const merge = this.rewrite(stream, inputs)
      .then(
        () => {
          stream.mergeAlone = false;
        },
        (cause: unknown) => {
          const error = isDiskFull(cause) ? diskFull('the disk is full: a merge found no room') : cause;
          stream.mergeNotBeforeMs = this.nowMs() + RETRY_MS;
          this.log.error(
            { stream: stream.name, error: String(error) },
            'merge failed; what it read stays as it is',
          );
          for (const flush of this.flushes) if (flush.streams.has(stream)) this.end(flush, error);
        },
      )
      .finally(() => {
        this.running.delete(merge);
        this.release(stream);
      });
    this.running.add(merge);
  }

  /** Where it fails, each is tried alone: one of them may be the cause. */
  private runTogether(picked: Picked[]): void {
    for (const { stream } of picked) stream.merging = true;
    const bytes = picked.reduce((sum, { inputs }) => sum + heldBytes(inputs.blocks, []), 0);
    this.runningBytes += bytes;
    this.runningTasks++;
    const merge = mergeTogether(this.store, this.poolFor(picked[0]?.inputs), picked)
      .then(
        ({ merged, tookMs }) => {
          const footers = merged.flatMap(({ written }) => written.map(({ footer }) => footer));
          const groups = footers.flatMap((footer) => footer.groups);
          const rows = groups.reduce((sum, group) => sum + group.rows, 0);
          const writtenBytes = footers.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
          this.observer.merged(rows, writtenBytes, tookMs);
          this.log.debug({ streams: merged.length, rows, writtenBytes }, 'merged small streams');
        },
        (error: unknown) => {
          for (const { stream } of picked) stream.mergeAlone = true;
          this.log.warn(
            { streams: picked.length, error: String(error) },
            'a merge of several streams failed; each is tried alone',
          );
        },
      )
      .finally(() => {
        this.runningBytes -= bytes;
        this.runningTasks--;
        this.running.delete(merge);
        for (const { stream } of picked) this.settleFreed(stream);
        if (this.timer) this.tick();
      });
    this.running.add(merge);
  }

  private release(stream: Stream): void {
    this.settleFreed(stream);
    if (!stream.merging && this.timer) this.tick();
  }

  /** The stream is held no more, or by the next who waits for it. */
  private settleFreed(stream: Stream): void {
    this.settleAll(stream);
    const [next, ...later] = this.holders.get(stream) ?? [];
    if (later.length > 0) this.holders.set(stream, later);
    else this.holders.delete(stream);
    if (next) {
      next();
      return;
    }
    stream.merging = false;
    this.consider(stream);
  }

  private settleAll(stream: Stream): void {
    for (const flush of this.flushes) this.settle(flush, stream);
  }

  /** Takes a stream off a flush if it has nothing of it any more, and ends the flush when there is none left. */
  private settle(flush: Flush, only?: Stream): void {
    if (only && !(this.store.isLive(only) && hasBlocksUpTo(only, flush.sequence))) flush.streams.delete(only);
    if (flush.gathered && flush.streams.size === 0) this.end(flush);
  }

  private end(flush: Flush, error?: unknown): void {
    if (!this.flushes.delete(flush)) return;
    if (error === undefined) flush.resolve();
    else flush.reject(error);
  }

  private async taskInputs({ blocks, segments }: MergeInputs): Promise<MergeInput[]> {
    const inputs: MergeInput[] = [];
    for (const { lease } of segments) {
      const { groups } = await this.store.footers.get(lease.path);
      for (const { offset } of groups) inputs.push({ path: lease.path, offset, reusable: true });
    }
    for (const { lease, offset } of blocks) inputs.push({ path: lease.path, offset, reusable: false });
    return inputs;
  }
}

function hasBlocksUpTo(stream: Stream, sequence: number): boolean {
  return stream.blocks.some((block) => block.sequence <= sequence);
}

/** When the blocks of a stream are worth a merge: when the oldest came, if that is so already; undefined: it has none. */
export function blocksDueMs(stream: Stream, flushUpTo: number): number | undefined {
  const [oldest] = stream.blocks;
  if (!oldest) return undefined;
  if (stream.blockRows >= MERGE_ROWS || stream.blocks.length >= MERGE_BLOCKS_MAX) return oldest.receivedMs;
  if (flushUpTo > 0 && hasBlocksUpTo(stream, flushUpTo)) return oldest.receivedMs;
  return oldest.receivedMs + MERGE_AGE_MS;
}

/**
 * The oldest blocks up to the size of so many parts, when they are worth a merge. A prefix in sequence order, so that one number a WAL
 * file notes it. Blocks of several days are for one part.
 */
export function pickBlocks(
  stream: Stream,
  size: MergeSize,
  flushUpTo: number,
  nowMs: number,
  parts = 1,
): LiveBlock[] | undefined {
  const dueMs = blocksDueMs(stream, flushUpTo);
  if (dueMs === undefined || dueMs > nowMs) return undefined;
  const blocks = firstBlocks(stream, size, Number.POSITIVE_INFINITY, parts);
  return parts > 1 && spansDays({ blocks, segments: [] })
    ? firstBlocks(stream, size, Number.POSITIVE_INFINITY)
    : blocks;
}

/** The first blocks in sequence order, up to that sequence and to the size of so many parts, all of which are full if there are several. */
function firstBlocks(stream: Stream, size: MergeSize, upTo: number, parts = 1): LiveBlock[] {
  const sorted = stream.blocks
    .filter((block) => block.sequence <= upTo)
    .sort((a, b) => a.sequence - b.sequence);
  let end = firstPart(sorted, size).length;
  for (let part = 1; part < parts; part++) {
    const next = end + firstPart(sorted.slice(end), size).length;
    if (next === sorted.length) break;
    end = next;
  }
  return sorted.slice(0, end);
}

/** The first of these blocks, up to the size of one part. */
function firstPart(sorted: readonly LiveBlock[], size: MergeSize): readonly LiveBlock[] {
  let [rows, bytes] = [0, 0];
  const end = sorted.findIndex((block, index) => {
    const full = index > 0 && (index >= MERGE_BLOCKS_MAX || !fits(size, rows, bytes, block));
    rows += block.rows;
    bytes += block.blockBytes;
    return full;
  });
  return end < 0 ? sorted : sorted.slice(0, end);
}

/** Blocks of more than one part's size in parts of near that size, in order; anything else as it is. */
function partsOf(inputs: MergeInputs, size: MergeSize): MergeInputs[] {
  if (inputs.segments.length > 0 || spansDays(inputs)) return [inputs];
  const parts: MergeInputs[] = [];
  for (let rest: readonly LiveBlock[] = inputs.blocks; rest.length > 0; ) {
    const blocks = firstPart(rest, size);
    parts.push({ blocks, segments: [] });
    rest = rest.slice(blocks.length);
  }
  return parts.length > 1 ? parts : [inputs];
}

function spansDays({ blocks, segments }: MergeInputs): boolean {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const list of [blocks, segments]) {
    for (const { timeMin, timeMax } of list) {
      min = Math.min(min, timeMin);
      max = Math.max(max, timeMax);
    }
  }
  return partitionOf(min, max) === MIXED;
}
