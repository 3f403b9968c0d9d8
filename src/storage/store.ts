/**
 * The store: all streams, what is live of each, and the swaps between WAL and segments. Main thread only. A change that must last is
 * committed on the catalog thread first; the lists change in the turn of the event loop in which the commit is known to be durable, all
 * at once, so a query sees either all of it or none. Changes are made one after another.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { FOOTER_CACHE_BYTES } from '../config/limits.js';
import { FatalError, overloaded, requestError } from '../errors/index.js';
import type { BatchResult, DurableBlock } from '../ingest/batch-task.js';
import type { SegmentFooter } from '../native/index.js';
import type { CatalogContents, NewSegment, RemovalRow, Retention } from './catalog.js';
import type { CatalogPool } from './catalog-task.js';
import { CatalogThread } from './catalog-thread.js';
import { prepareDataDirectory } from './data-directory.js';
import { DataLock } from './data-lock.js';
import { appendDeletion, appendRemoval } from './deletion-log.js';
import { FileDisposals } from './file-disposal.js';
import { FileLease } from './file-lease.js';
import { FooterCache } from './footer-cache.js';
import { type DataLayout, SEGMENT_SUFFIX, TEMPORARY_SUFFIX, WAL_SUFFIX } from './layout.js';
import type { SegmentMetadata } from './merge-task.js';
import { readWalFile, type WalContents } from './recovery.js';
import { expiredBefore, expiredSegments, type RetentionDefaults } from './retention.js';
import type { ColumnType } from './schema.js';
import { checkSegments, clearSegmentFolder } from './segment-folder.js';
import { StreamSnapshot } from './snapshot.js';
import { type LiveBlock, type LiveSegment, Stream } from './stream.js';
import { WalFiles } from './wal-files.js';
import { WAL_FILE_HEADER_BYTES } from './wal-format.js';
import { WallClock } from './wall-clock.js';

/** A segment file that was written and is not live yet. */
export interface WrittenSegment {
  file: string;
  footer: SegmentFooter;
  /** Of the inputs of its part of the merge. */
  firstSequence: number;
}

/** What a merge read. */
export interface MergeInputs {
  blocks: readonly LiveBlock[];
  segments: readonly LiveSegment[];
}

export type WalReader = (path: string) => Promise<WalContents>;

/** What a start found. */
export interface Recovered {
  segments: number;
  blocks: number;
  rows: number;
  /** Deletions by query that a crash cut off. */
  removals: RemovalRow[];
}

export class Store {
  readonly catalog: CatalogThread;
  readonly walFiles: WalFiles;
  readonly footers: FooterCache;
  readonly disposals: FileDisposals;
  private readonly lock: DataLock;
  /** One BigInt64: the last frame sequence given out; shared with the ingest workers. */
  readonly sequenceBuffer = new SharedArrayBuffer(8);
  /** One Int32: raised with every `cutWal`; shared with the ingest workers. */
  readonly walEpochBuffer = new SharedArrayBuffer(4);
  readonly bootId = randomBytes(6).toString('hex');
  /** Paths of files that are gone, for those who keep descriptors. */
  onFileGone: (path: string) => void = () => {};
  /** A block has become live, in this turn. */
  onLiveBlock: (stream: Stream, block: LiveBlock) => void = () => {};
  /** There is more to merge of this stream than before. */
  onGrowth: (stream: Stream) => void = () => {};
  /** The catalog's disk failed: going on could lose data. */
  onFatal: (error: FatalError) => void = () => {};
  private readonly sequence = new BigInt64Array(this.sequenceBuffer);
  private readonly streams = new Map<string, Stream>();
  private readonly voidUpTo = new Map<string, number>();
  private segmentCount = 0;
  /** Segment files that are being written, live, or on their way out. */
  private readonly ownFiles = new Set<string>();
  /** Replaced or dropped segment files that are still there. */
  private readonly retiredFiles = new Set<string>();
  private lastStreamId = 0;
  private state: 'OPEN' | 'CLOSING' = 'OPEN';
  /** Settles with the last change that was asked for. */
  private changes: Promise<unknown> = Promise.resolve();
  /** Notes on their way to the catalog that nobody waits for. */
  private readonly notes = new Set<Promise<void>>();

  constructor(
    readonly layout: DataLayout,
    private readonly log: Logger,
    catalogPool: CatalogPool,
    private readonly retention: RetentionDefaults = { days: 0, bytes: 0 },
    footerCacheBytes = FOOTER_CACHE_BYTES,
    readonly clock = new WallClock(),
  ) {
    this.footers = new FooterCache(footerCacheBytes);
    prepareDataDirectory(layout);
    this.lock = DataLock.acquire(layout.lock);
    this.catalog = new CatalogThread(catalogPool);
    this.disposals = new FileDisposals((path, error) =>
      log.error({ path, error: String(error) }, 'a file that is not needed cannot be removed'),
    );
    this.walFiles = new WalFiles(layout.wal, layout.quarantine, this.disposals, (name, path) => {
      this.note(this.catalog.change('forgetWalFile', name));
      this.onFileGone(path);
    });
  }

  /**
   * Brings back what the catalog and the WAL hold. Call once, before anything else.
   * @param readWal reads one WAL file; the calls are made at once, so that threads can share the work
   * @returns deletions by query that a crash cut off, beside what there is
   * @throws FatalError when the catalog, a segment or a WAL file cannot be used; nothing was changed then
   */
  async recover(readWal: WalReader = async (path) => readWalFile(path)): Promise<Recovered> {
    const started = performance.now();
    let contents: CatalogContents;
    // Of a catalog of an earlier version the last change tells when its clock stood where.
    const before = changedUs(this.layout.catalog);
    try {
      contents = await this.catalog.open(this.layout.catalog);
    } catch (error) {
      this.lock.release();
      throw error;
    }
    Atomics.store(this.sequence, 0, BigInt(contents.sequence));
    this.clock.continueFrom(contents.clockUs ?? before);
    for (const { organization, stream, sequence } of contents.deletions) {
      this.voidUpTo.set(streamKey(organization, stream), sequence);
    }
    this.openSegments(contents);
    const opened = performance.now();
    const blocks = await this.replayWal(contents, readWal);
    const rows = this.allStreams().reduce((sum, stream) => sum + stream.rows, 0);
    const segments = contents.segments.length;
    const now = performance.now();
    const [catalogMs, walMs] = [Math.round(opened - started), Math.round(now - opened)];
    this.log.info({ segments, walBlocks: blocks, rows, catalogMs, walMs }, 'recovered');
    return { segments, blocks, rows, removals: contents.removals };
  }

  currentSequence(): number {
    return Number(Atomics.load(this.sequence, 0));
  }

  allStreams(): Stream[] {
    return [...this.streams.values()];
  }

  streamsOf(organization: string): Stream[] {
    return this.allStreams().filter((stream) => stream.organization === organization);
  }

  find(organization: string, name: string): Stream | undefined {
    return this.streams.get(streamKey(organization, name));
  }

  /** @throws BasaltError 404 */
  get(organization: string, name: string): Stream {
    const stream = this.find(organization, name);
    if (!stream) throw requestError(404, 'stream not found');
    return stream;
  }

  /** Rows of the stream with an earlier event time (microseconds) have expired; undefined: none has. */
  expiredBefore(stream: Stream): number | undefined {
    return expiredBefore(stream.retention, this.retention, this.clock.trustedUs());
  }

  /** Segments of the stream that may go. */
  expiredSegments(stream: Stream): LiveSegment[] {
    return expiredSegments(stream, this.retention, this.clock.trustedUs());
  }

  /** Lets the next start know how late it was. */
  noteClock(): void {
    this.note(this.catalog.change('noteClock', this.clock.trustedUs()));
  }

  /** What a query sees of a stream now. Release it. */
  snapshot(stream: Stream, expiredBefore = this.expiredBefore(stream)): StreamSnapshot {
    return new StreamSnapshot(stream, this.footers, expiredBefore);
  }

  /** Like `snapshot`, of some blocks of the stream alone. Their files are held by the caller until it returns. */
  snapshotOfBlocks(stream: Stream, blocks: readonly LiveBlock[]): StreamSnapshot {
    const parts = { blocks, segments: [] };
    return new StreamSnapshot(stream, this.footers, this.expiredBefore(stream), parts);
  }

  /** Makes the blocks of a durable batch live. Blocks of a stream that was deleted meanwhile are void. */
  addBatch(batch: Pick<BatchResult, 'blocks' | 'walFile' | 'walBytes' | 'walEpoch' | 'closedWalFile'>): void {
    const { walFile, walBytes, walEpoch } = batch;
    if (walFile !== undefined) this.walFiles.touch(walFile, walBytes ?? 0, walEpoch);
    for (const block of batch.blocks) this.addBlock(block);
    if (batch.closedWalFile) this.walFiles.close(batch.closedWalFile);
  }

  /**
   * Lets go of the WAL files whose blocks are all in segments, open ones too.
   * @param batchesEnded resolves when every batch that is under way now has ended and was made live
   */
  async cutWal(batchesEnded: () => Promise<void>): Promise<void> {
    const epoch = Atomics.add(new Int32Array(this.walEpochBuffer), 0, 1) + 1;
    await batchesEnded();
    this.walFiles.closeBefore(epoch);
  }

  /** Names for `count` new segments, never used before. The caller gives them to `commitMerge` or `abandonSegments`. */
  beginSegments(stream: Stream, count: number): string[] {
    const files = Array.from({ length: count }, () => {
      const number = String(this.segmentCount++).padStart(6, '0');
      return `${stream.id}-${this.bootId}-${number}${SEGMENT_SUFFIX}`;
    });
    for (const file of files) this.ownFiles.add(file);
    this.note(this.catalog.change('beginSegments', files));
    return files;
  }

  /** The files, as far as they were written, go. */
  abandonSegments(files: string[]): void {
    for (const file of files)
      this.disposals.start({ path: this.segmentPath(file), onGone: () => this.forget(file) });
  }

  /** Whether a file of the segment folder, finished or not, is of use or taken care of. */
  ownsSegmentFile(file: string): boolean {
    return this.ownFiles.has(
      file.endsWith(TEMPORARY_SUFFIX) ? file.slice(0, -TEMPORARY_SUFFIX.length) : file,
    );
  }

  segmentPath(file: string): string {
    return join(this.layout.segments, file);
  }

  /** What a segment of the stream that is written now says of those before it. Its sequence is of no other merge nor frame. */
  async lineage(stream: Stream): Promise<Pick<SegmentMetadata, 'walMerged' | 'retired' | 'sequence'>> {
    // A merge that was committed before has its files in `retired` before it asks.
    const merged = await this.catalog.change('walMergedOf', stream.organization, stream.name);
    const sequence = Number(Atomics.add(this.sequence, 0, 1n)) + 1;
    return { walMerged: Object.fromEntries(merged), retired: [...this.retiredFiles], sequence };
  }

  /**
   * Swaps a merge's inputs for its outputs: catalog first, then memory, then the old files go.
   * @param removes whether the merge left rows out
   * @returns false when the stream was deleted meanwhile; the outputs are not live then
   */
  commitMerge(
    stream: Stream,
    written: WrittenSegment[],
    inputs: MergeInputs,
    removes = false,
  ): Promise<boolean> {
    return this.change(async () => {
      if (!this.isLive(stream)) return false;
      const segments = written.map(newSegment);
      const ids = await this.catalog.change('commitMerge', {
        stream: keyOf(stream),
        segments,
        replacedSegments: inputs.segments.map(({ id }) => id),
        walMerged: mergedUpTo(inputs.blocks),
        schema: stream.schema,
        sequence: this.currentSequence(),
      });
      const added = segments.map((segment, index) => this.liveSegment(ids[index] as number, segment));
      stream.swap(inputs, added);
      for (const { file, footer } of written) this.footers.put(this.segmentPath(file), footer);
      if (removes) await this.logRemoval(stream, inputs, written);
      this.releaseBlocks(inputs.blocks);
      this.retire(inputs.segments);
      this.onGrowth(stream);
      return true;
    });
  }

  /** Takes segments away, for good. Those that are not live any more are left alone. @returns those that were taken */
  dropSegments(stream: Stream, segments: readonly LiveSegment[]): Promise<LiveSegment[]> {
    return this.change(async () => {
      const live = new Set(this.isLive(stream) ? stream.segments : []);
      const dropped = segments.filter((segment) => live.has(segment));
      if (dropped.length === 0) return [];
      await this.catalog.change(
        'dropSegments',
        dropped.map(({ id }) => id),
      );
      stream.swap({ segments: dropped });
      await this.logRemoval(stream, { blocks: [], segments: dropped }, []);
      this.retire(dropped);
      return dropped;
    });
  }

  /** Forgets a stream and all its rows. Records that come in meanwhile belong to a new stream. @throws BasaltError 404 */
  deleteStream(organization: string, name: string): Promise<void> {
    return this.change(async () => {
      const stream = this.get(organization, name);
      const sequence = this.currentSequence();
      appendDeletion(this.layout.deletions, { organization, stream: name, sequence });
      await this.catalog.change('deleteStream', stream.id, organization, name, sequence);
      const key = streamKey(organization, name);
      this.voidUpTo.set(key, sequence);
      this.streams.delete(key);
      const { blocks, segments } = stream;
      stream.swap({ blocks, segments });
      for (const block of blocks) {
        if (block.sequence > sequence) this.findOrCreate(organization, name).addBlock(block);
      }
      this.releaseBlocks(blocks.filter((block) => block.sequence <= sequence));
      this.retire(segments);
    });
  }

  /** @throws BasaltError 404 */
  setRetention(organization: string, name: string, retention: Retention): Promise<void> {
    return this.change(async () => {
      const stream = this.get(organization, name);
      await this.catalog.change('setRetention', keyOf(stream), retention);
      stream.retention = retention;
    });
  }

  /** Whether the stream is still the live one of its name. */
  isLive(stream: Stream): boolean {
    return this.find(stream.organization, stream.name) === stream;
  }

  /** Resolves when all that was begun is on disk: changes, notes, and removals of files. */
  async settled(): Promise<void> {
    await this.changes;
    await this.disposals.idle();
    while (this.notes.size > 0) await Promise.all(this.notes);
  }

  /** Finishes what was begun; what is asked for from now on is refused. */
  async close(): Promise<void> {
    this.state = 'CLOSING';
    await this.settled();
    await this.catalog.close();
    this.lock.release();
  }

  /** Makes one change after another. */
  private change<T>(apply: () => Promise<T>): Promise<T> {
    if (this.state === 'CLOSING')
      return Promise.reject(overloaded('the server is stopping', 'retry when it is up again'));
    const done = this.changes.then(apply).catch((error: unknown) => {
      if (error instanceof FatalError) this.onFatal(error);
      throw error;
    });
    this.changes = done.catch(() => {});
    return done;
  }

  /** Lets the catalog know of something that costs nothing to lose. */
  private note(change: Promise<unknown>): void {
    const done = change
      .then(
        () => {},
        (error: unknown) => {
          if (error instanceof FatalError) this.onFatal(error);
          else this.log.error({ error: String(error) }, 'the catalog refused a note');
        },
      )
      .finally(() => this.notes.delete(done));
    this.notes.add(done);
  }

  private addBlock(block: DurableBlock): void {
    const { organization, stream: name, ...rest } = block;
    if (block.sequence <= (this.voidUpTo.get(streamKey(organization, name)) ?? 0)) return;
    const stream = this.findOrCreate(organization, name);
    const lease = this.walFiles.touch(block.walFile, 0);
    this.walFiles.addBlock(block.walFile);
    const live = { ...rest, lease, receivedMs: performance.now() };
    stream.addBlock(live);
    this.onGrowth(stream);
    this.onLiveBlock(stream, live);
  }

  private findOrCreate(organization: string, name: string): Stream {
    const key = streamKey(organization, name);
    let stream = this.streams.get(key);
    if (!stream) {
      stream = new Stream(++this.lastStreamId, organization, name, Date.now() * 1000);
      this.streams.set(key, stream);
      this.note(this.catalog.change('addStream', keyOf(stream)));
    }
    return stream;
  }

  private async logRemoval(
    stream: Stream,
    { blocks, segments }: MergeInputs,
    written: WrittenSegment[],
  ): Promise<void> {
    const merged = await this.catalog.change('walMergedOf', stream.organization, stream.name);
    const removal = {
      organization: stream.organization,
      stream: stream.name,
      walMerged: Object.fromEntries(merged),
      walInputs: walRanges(blocks),
      inputs: segments.map(({ file }) => file),
      retired: [...this.retiredFiles],
      outputs: written.map(({ file }) => file),
    };
    try {
      appendRemoval(this.layout.deletions, removal);
    } catch (cause) {
      throw new FatalError(`${this.layout.deletions} cannot be written: ${String(cause)}`, { cause });
    }
  }

  private retire(segments: readonly LiveSegment[]): void {
    for (const { file, lease } of segments) {
      this.retiredFiles.add(file);
      lease.retire();
    }
  }

  private releaseBlocks(blocks: readonly LiveBlock[]): void {
    const counts = new Map<string, number>();
    for (const block of blocks) counts.set(block.walFile, (counts.get(block.walFile) ?? 0) + 1);
    for (const [file, count] of counts) this.walFiles.removeBlocks(file, count);
  }

  private liveSegment(id: number, segment: NewSegment): LiveSegment {
    const { file } = segment;
    this.ownFiles.add(file);
    const lease = new FileLease(this.segmentPath(file), (path) => {
      this.footers.forget(path);
      const onGone = () => {
        this.forget(file);
        this.onFileGone(path);
      };
      this.disposals.start({ path, onGone });
    });
    return { ...segment, id, lease };
  }

  private forget(file: string): void {
    this.ownFiles.delete(file);
    this.retiredFiles.delete(file);
    this.note(this.catalog.change('forgetSegmentFiles', [file]));
  }

  private openSegments(contents: CatalogContents): void {
    checkSegments(this.layout, contents.segments);
    const byId = new Map<number, { stream: Stream; segments: LiveSegment[] }>();
    for (const row of contents.streams) {
      const stream = new Stream(row.id, row.organization, row.name, row.created_us);
      stream.retention = { days: row.retention_days, bytes: row.retention_bytes };
      this.streams.set(streamKey(row.organization, row.name), stream);
      byId.set(row.id, { stream, segments: [] });
      this.lastStreamId = Math.max(this.lastStreamId, row.id);
    }
    for (const { stream_id, name, type } of contents.fields) {
      byId.get(stream_id)?.stream.schema.set(name, type as ColumnType);
    }
    for (const { id, stream_id, file, rows, bytes, ...row } of contents.segments) {
      const {
        row_groups: rowGroups,
        time_min: timeMin,
        time_max: timeMax,
        first_sequence: firstSequence,
      } = row;
      const segment = { file, rows, rowGroups, bytes, timeMin, timeMax, firstSequence };
      byId.get(stream_id)?.segments.push(this.liveSegment(id, segment));
    }
    for (const { stream, segments } of byId.values()) stream.swap({}, segments);
    const moved = clearSegmentFolder(this.layout, contents);
    if (contents.retired.length > 0) this.note(this.catalog.change('forgetSegmentFiles', contents.retired));
    if (moved.length > 0) {
      this.log.warn(
        { files: moved },
        `segments that the catalog does not name were moved to ${this.layout.quarantine}`,
      );
    }
  }

  private async replayWal({ walMerged }: CatalogContents, readWal: WalReader): Promise<number> {
    const merged = new Map<string, number>();
    for (const { file, organization, stream, sequence } of walMerged) {
      merged.set(`${file}\0${streamKey(organization, stream)}`, sequence);
    }
    const files = readdirSync(this.layout.wal).filter((file) => file.endsWith(WAL_SUFFIX));
    const found: DurableBlock[] = [];
    const read = await Promise.all(files.sort().map((file) => readWal(join(this.layout.wal, file))));
    for (const [index, file] of files.entries()) {
      const contents = read[index] as WalContents;
      this.walFiles.touch(file, contents.fileBytes);
      for (const { frame, ...block } of contents.blocks) {
        this.raiseSequence(frame.sequence);
        const upTo = merged.get(`${file}\0${streamKey(frame.organization, frame.stream)}`) ?? 0;
        if (frame.sequence > upTo) found.push({ ...frame, ...block, walFile: file });
      }
      this.reportDamage(file, contents);
    }
    found.sort((a, b) => a.sequence - b.sequence);
    for (const block of found) this.addBlock(block);
    for (const file of files) this.walFiles.close(file);
    return found.length;
  }

  private raiseSequence(sequence: number): void {
    if (sequence > this.currentSequence()) Atomics.store(this.sequence, 0, BigInt(sequence));
  }

  private reportDamage(file: string, contents: WalContents): void {
    const { tornTail, damage, foreign, blocks } = contents;
    if (foreign !== undefined) {
      throw new FatalError(
        `${join(this.layout.wal, file)}: ${foreign}. It may hold acknowledged records of another version; ` +
          'start the version that wrote it, or move the file away.',
      );
    }
    if (tornTail && tornTail.bytes > 0)
      this.log.info({ file, ...tornTail }, 'dropped the unacknowledged end of a WAL file');
    // A whole file header without one good frame: not a crash while the file was made, so somebody should look at it.
    const unreadable =
      tornTail?.offset === 0 && blocks.length === 0 && tornTail.bytes > WAL_FILE_HEADER_BYTES;
    if (damage.length === 0 && !unreadable) return;
    this.walFiles.markDamaged(file);
    this.log.error(
      { file, damage },
      `WAL file ${file} is damaged: what is good of it was recovered; the file will be kept in ${this.layout.quarantine}`,
    );
  }
}

/** Per WAL file: the last sequence among the blocks. */
export function mergedUpTo(blocks: readonly LiveBlock[]): Map<string, number> {
  const merged = new Map<string, number>();
  for (const { walFile, sequence } of blocks)
    merged.set(walFile, Math.max(merged.get(walFile) ?? 0, sequence));
  return merged;
}

/** Per WAL file: least and greatest sequence among the blocks. */
export function walRanges(blocks: readonly LiveBlock[]): SegmentMetadata['walInputs'] {
  const ranges: SegmentMetadata['walInputs'] = {};
  for (const { walFile, sequence } of blocks) {
    const [first, last] = ranges[walFile] ?? [sequence, sequence];
    ranges[walFile] = [Math.min(first, sequence), Math.max(last, sequence)];
  }
  return ranges;
}

/** Smallest sequence among the inputs' rows. */
export function firstSequenceOf({ blocks, segments }: MergeInputs): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { sequence } of blocks) first = Math.min(first, sequence);
  for (const { firstSequence } of segments) first = Math.min(first, firstSequence);
  return first;
}

function newSegment({ file, footer, firstSequence }: WrittenSegment): NewSegment {
  const { groups, fileBytes } = footer;
  return {
    file,
    rows: groups.reduce((sum, group) => sum + group.rows, 0),
    rowGroups: groups.length,
    bytes: fileBytes,
    timeMin: Math.min(...groups.map((group) => group.timeMin)),
    timeMax: Math.max(...groups.map((group) => group.timeMax)),
    firstSequence,
  };
}

function keyOf({ id, organization, name, createdUs }: Stream) {
  return { id, organization, name, createdUs };
}

function changedUs(path: string): number | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && Math.floor(found.mtimeMs * 1000);
}

function streamKey(organization: string, name: string): string {
  return `${organization}/${name}`;
}
