/**
 * The store: all streams, what is live of each, and the swaps between WAL and segments. Main thread only. A change that must last is
 * committed on the catalog thread first; the lists change in the turn of the event loop in which the commit is known to be durable, all
 * at once, so a query sees either all of it or none. Changes are made one after another.
 */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { FOOTER_CACHE_BYTES, WAL_CHECKPOINT_MS } from '../config/limits.js';
import { diskFull, FatalError, isDiskFull, overloaded, requestError } from '../errors/index.js';
import type { BatchResult, DurableBlock } from '../ingest/batch-task.js';
import { forgetFields } from '../native/index.js';
import { unpackBlocks } from './block-pieces.js';
import type { CatalogContents, NewSegment, RemovalRow, Retention, StreamKey } from './catalog.js';
import { CatalogNotes } from './catalog-notes.js';
import type { CatalogPool } from './catalog-task.js';
import { CatalogThread } from './catalog-thread.js';
import { prepareDataDirectory } from './data-directory.js';
import { DataLock } from './data-lock.js';
import { appendDeletion } from './deletion-log.js';
import { DiskSpace } from './disk-space.js';
import { FileDisposals } from './file-disposal.js';
import { FooterCache } from './footer-cache.js';
import type { DataLayout } from './layout.js';
import { Losses } from './losses.js';
import { type MergeInputs, mergedUpTo, newSegment, type WrittenSegment, walRanges } from './merge-inputs.js';
import type { SegmentMetadata } from './merge-task.js';
import { readWalFile } from './recovery.js';
import { RemovalLog } from './removal-log.js';
import { expiredBefore, expiredSegments, type RetentionDefaults } from './retention.js';
import type { ColumnType } from './schema.js';
import { SegmentFiles } from './segment-files.js';
import { checkSegments, clearSegmentFolder } from './segment-folder.js';
import { StreamSnapshot } from './snapshot.js';
import { type LiveBlock, type LiveSegment, Stream } from './stream.js';
import { StreamDirectory, type StreamTotals } from './stream-directory.js';
import { othersTurn } from './turns.js';
import { WalFiles } from './wal-files.js';
import { journalName } from './wal-journal.js';
import { readWalFolder, tidyJournals, type WalReader } from './wal-start.js';
import { WallClock } from './wall-clock.js';

/** What a start found. */
export interface Recovered {
  segments: number;
  blocks: number;
  rows: number;
  /** Deletions by query that a crash cut off. */
  removals: RemovalRow[];
}

/** What a segment says of those before it. */
export type Lineage = Pick<SegmentMetadata, 'walMerged' | 'retired' | 'sequence'>;

/** A merge that was written. */
export interface Merged {
  stream: Stream;
  written: WrittenSegment[];
  inputs: MergeInputs;
  /** Rows were left out. */
  removes: boolean;
}

export class Store {
  readonly catalog: CatalogThread;
  readonly walFiles: WalFiles;
  readonly losses: Losses;
  readonly space: DiskSpace;
  readonly footers: FooterCache;
  readonly disposals: FileDisposals;
  readonly segmentFiles: SegmentFiles;
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
  private readonly streams = new StreamDirectory();
  /** Streams that the catalog is told of next. */
  private readonly unnotedStreams: StreamKey[] = [];
  private readonly voidUpTo = new Map<string, number>();
  private lastStreamId = 0;
  private checkpointTimer: NodeJS.Timeout | undefined;
  private readonly removals: RemovalLog;
  private readonly notes: CatalogNotes;
  private state: 'OPEN' | 'CLOSING' = 'OPEN';
  /** Settles with the last change that was asked for. */
  private changes: Promise<unknown> = Promise.resolve();

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
    this.space = new DiskSpace(layout.root, layout.reserve, log);
    this.space.prepareStart();
    this.catalog = new CatalogThread(catalogPool);
    this.disposals = new FileDisposals((path, error) =>
      log.error({ path, error: String(error) }, 'a file that is not needed cannot be removed'),
    );
    this.segmentFiles = new SegmentFiles(
      layout.segments,
      this.bootId,
      this.disposals,
      (path) => {
        this.footers.forget(path);
        this.onFileGone(path);
      },
      (file) => this.notes.add(() => this.catalog.change('forgetSegmentFiles', [file])),
    );
    this.losses = new Losses(this.catalog);
    this.notes = new CatalogNotes(log, (error) => this.onFatal(error));
    this.removals = new RemovalLog(layout.deletions, () => this.space.giveUp());
    const retire = (name: string) =>
      this.orFatal(this.withReserve(() => this.catalog.change('retireWalFile', name)));
    this.walFiles = new WalFiles(layout.wal, layout.quarantine, this.disposals, retire, (name, path) => {
      this.notes.add(() => this.catalog.change('forgetWalFile', name));
      this.disposals.start({ path: join(layout.journal, journalName(name)), onGone: () => {} });
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
    for (const stream of this.streams.all()) stream.tellFields();
    const { rows } = this.totals;
    const segments = contents.segments.length;
    const now = performance.now();
    const [catalogMs, walMs] = [Math.round(opened - started), Math.round(now - opened)];
    this.log.info({ segments, walBlocks: blocks, rows, catalogMs, walMs }, 'recovered');
    return { segments, blocks, rows, removals: contents.removals };
  }

  currentSequence(): number {
    return Number(Atomics.load(this.sequence, 0));
  }

  /** Takes the longer the more there are: for starts, and for what goes through them in turns. */
  allStreams(): Stream[] {
    return this.streams.all();
  }

  get streamCount(): number {
    return this.streams.count;
  }

  get totals(): Readonly<StreamTotals> {
    return this.streams.totals;
  }

  /** By name. */
  streamsOf(organization: string): ReadonlyMap<string, Stream> {
    return this.streams.of(organization);
  }

  find(organization: string, name: string): Stream | undefined {
    return this.streams.find(organization, name);
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
    const us = this.clock.trustedUs();
    this.notes.add(() => this.catalog.change('noteClock', us));
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

  /**
   * Makes the blocks of a durable batch live. Blocks of a stream that was deleted meanwhile are void. Call it for one batch after another:
   * blocks of one WAL file become live in their order.
   * @returns of a batch with very many blocks: resolves when all are live
   */
  addBatch(
    batch: Pick<BatchResult, 'blocks' | 'walFile' | 'walBytes' | 'walEpoch' | 'closedWalFile'> &
      Partial<Pick<BatchResult, 'moreBlocks'>>,
  ): Promise<void> | undefined {
    const { walFile, walBytes, walEpoch, closedWalFile, moreBlocks = [] } = batch;
    if (walFile !== undefined) this.walFiles.touch(walFile, walBytes ?? 0, walEpoch);
    this.addBlocks(batch.blocks);
    if (moreBlocks.length > 0) return this.addInTurns(moreBlocks, closedWalFile);
    this.endBatch(closedWalFile);
    return undefined;
  }

  private async addInTurns(pieces: Uint8Array[], closedWalFile: string | undefined): Promise<void> {
    for (const piece of pieces) {
      await othersTurn();
      this.addBlocks(unpackBlocks(piece));
    }
    this.endBatch(closedWalFile);
  }

  private addBlocks(blocks: readonly DurableBlock[]): void {
    for (const block of blocks) this.walFiles.countFrame(block.walFile, block);
    for (const block of blocks) this.addBlock(block);
    this.checkpointTimer ??= setTimeout(() => this.checkpoint(), WAL_CHECKPOINT_MS).unref();
  }

  private endBatch(closedWalFile: string | undefined): void {
    if (closedWalFile === undefined) return;
    this.checkpoint();
    this.walFiles.close(closedWalFile);
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

  /** Names for new segments, one for each of `streams`, never used before. The caller gives them to `commitMerges` or `abandonSegments`. */
  beginSegments(streams: readonly Stream[]): string[] {
    const files = this.segmentFiles.begin(streams);
    this.notes.add(() => this.catalog.change('beginSegments', files));
    return files;
  }

  /** The files, as far as they were written, go. */
  abandonSegments(files: string[]): void {
    this.segmentFiles.abandon(files);
  }

  segmentPath(file: string): string {
    return this.segmentFiles.path(file);
  }

  /** What a segment of each stream that is written now says of those before it. Its sequence is of no other merge nor frame. */
  async lineages(streams: readonly Stream[]): Promise<Lineage[]> {
    // A merge that was committed before has its files in `retired` before it asks.
    const merged = await this.catalog.change('walMergedOf', streams.map(keyOf));
    const retired = this.segmentFiles.retiredFiles;
    return merged.map((files) => {
      const sequence = Number(Atomics.add(this.sequence, 0, 1n)) + 1;
      return { walMerged: Object.fromEntries(files), retired, sequence };
    });
  }

  /**
   * Swaps the inputs of merges for their outputs: catalog first, in one transaction, then memory, then the old files go.
   * @returns of each merge: false when its stream was deleted meanwhile; the outputs are not live then
   */
  commitMerges(merges: readonly Merged[]): Promise<boolean[]> {
    this.checkpoint();
    return this.change(async () => {
      const live = merges.filter(({ stream }) => this.isLive(stream));
      if (live.length === 0) return merges.map(() => false);
      const sequence = this.currentSequence();
      const commits = live.map(({ stream, written, inputs }) => ({
        stream: keyOf(stream),
        segments: written.map(newSegment),
        replacedSegments: inputs.segments.map(({ id }) => id),
        walMerged: mergedUpTo(inputs.blocks),
        schema: stream.schema,
        unlisted: stream.hasUnlisted,
        sequence,
      }));
      const ids = await this.catalog.change('commitMerges', commits);
      for (const [index, merged] of live.entries())
        await this.swapMerged(merged, commits[index]?.segments ?? [], ids[index] ?? []);
      return merges.map((merged) => live.includes(merged));
    });
  }

  private async swapMerged(
    { stream, written, inputs, removes }: Merged,
    segments: NewSegment[],
    ids: number[],
  ): Promise<void> {
    const added = segments.map((segment, index) => this.segmentFiles.live(ids[index] as number, segment));
    stream.swap(inputs, added);
    for (const { file, footer } of written) this.footers.put(this.segmentPath(file), footer);
    if (removes) await this.logRemoval(stream, inputs, written);
    this.releaseBlocks(inputs.blocks);
    this.segmentFiles.retire(inputs.segments);
    this.onGrowth(stream);
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
      this.segmentFiles.retire(dropped);
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
      this.streams.delete(stream);
      this.losses.forget(organization, name);
      forgetFields(organization, name);
      const { blocks, segments } = stream;
      stream.swap({ blocks, segments });
      for (const block of blocks) {
        if (block.sequence > sequence) this.findOrCreate(organization, name).addBlock(block);
      }
      this.releaseBlocks(blocks.filter((block) => block.sequence <= sequence));
      this.segmentFiles.retire(segments);
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
    await this.notes.settled();
  }

  /** Finishes what was begun; what is asked for from now on is refused. */
  async close(): Promise<void> {
    this.state = 'CLOSING';
    this.space.stop();
    this.checkpoint();
    await this.settled();
    await this.catalog.close();
    this.lock.release();
  }

  /** Makes one change after another. */
  private change<T>(apply: () => Promise<T>): Promise<T> {
    if (this.state === 'CLOSING')
      return Promise.reject(overloaded('the server is stopping', 'retry when it is up again'));
    const done = this.orFatal(this.changes.then(() => this.withReserve(apply)));
    this.changes = done.catch(() => {});
    return done;
  }

  private orFatal<T>(done: Promise<T>): Promise<T> {
    return done.catch((error: unknown) => {
      if (error instanceof FatalError) this.onFatal(error);
      throw error;
    });
  }

  /** On a full disk the reserve is given up for it. A change that fails has changed nothing, so it may be tried again. */
  private async withReserve<T>(apply: () => Promise<T>): Promise<T> {
    try {
      return await apply();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      if (!this.space.giveUp()) throw diskFull('the disk is full, and so is what was kept for deletions');
      return apply();
    }
  }

  /** Lets the catalog know what was acknowledged in which WAL file: without a sync, the next commit has one. */
  private checkpoint(): void {
    clearTimeout(this.checkpointTimer);
    this.checkpointTimer = undefined;
    const files = this.walFiles.takeUnnoted();
    if (files.length > 0) this.notes.add(() => this.catalog.change('noteWalFiles', files));
  }

  /** Brings up to date what found no room on the disk. */
  retryNotes(): void {
    this.notes.retry();
    this.removals.flush();
  }

  private addBlock(block: DurableBlock): void {
    const { organization, stream: name, ...rest } = block;
    if (block.sequence <= (this.voidUpTo.get(streamKey(organization, name)) ?? 0)) return;
    const stream = this.findOrCreate(organization, name);
    const file = block.liesIn ?? block.walFile;
    const lease = this.walFiles.touch(file, 0);
    this.walFiles.addBlock(file);
    const live = { ...rest, lease, receivedMs: performance.now() };
    stream.addBlock(live);
    this.onGrowth(stream);
    this.onLiveBlock(stream, live);
  }

  private findOrCreate(organization: string, name: string): Stream {
    let stream = this.streams.find(organization, name);
    if (!stream) {
      const id = ++this.lastStreamId;
      stream = new Stream(id, organization, name, Date.now() * 1000, this.streams.totals);
      this.streams.add(stream);
      this.unnotedStreams.push(keyOf(stream));
      // One note of all that this turn brings.
      if (this.unnotedStreams.length === 1) queueMicrotask(() => this.noteStreams());
    }
    return stream;
  }

  private noteStreams(): void {
    const streams = this.unnotedStreams.splice(0);
    this.notes.add(() => this.catalog.change('addStreams', streams));
  }

  private async logRemoval(
    stream: Stream,
    { blocks, segments }: MergeInputs,
    written: WrittenSegment[],
  ): Promise<void> {
    const [merged = []] = await this.catalog.change('walMergedOf', [keyOf(stream)]);
    const removal = {
      organization: stream.organization,
      stream: stream.name,
      walMerged: Object.fromEntries(merged),
      walInputs: walRanges(blocks),
      inputs: segments.map(({ file }) => file),
      retired: this.segmentFiles.retiredFiles,
      outputs: written.map(({ file }) => file),
    };
    this.removals.add(removal);
  }

  private releaseBlocks(blocks: readonly LiveBlock[]): void {
    const counts = new Map<string, number>();
    for (const { liesIn, walFile } of blocks) {
      const file = liesIn ?? walFile;
      counts.set(file, (counts.get(file) ?? 0) + 1);
    }
    for (const [file, count] of counts) this.walFiles.removeBlocks(file, count);
  }

  private openSegments(contents: CatalogContents): void {
    checkSegments(this.layout, contents.segments);
    const byId = new Map<number, { stream: Stream; segments: LiveSegment[] }>();
    for (const row of contents.streams) {
      const { id, organization, name, created_us } = row;
      const stream = new Stream(id, organization, name, created_us, this.streams.totals);
      stream.unlisted = row.unlisted > 0;
      stream.retention = { days: row.retention_days, bytes: row.retention_bytes };
      this.streams.add(stream);
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
      byId.get(stream_id)?.segments.push(this.segmentFiles.live(id, segment));
    }
    for (const { stream, segments } of byId.values()) stream.swap({}, segments);
    const moved = clearSegmentFolder(this.layout, contents);
    if (contents.retired.length > 0)
      this.notes.add(() => this.catalog.change('forgetSegmentFiles', contents.retired));
    if (moved.length > 0) {
      this.log.warn(
        { files: moved },
        `segments that the catalog does not name were moved to ${this.layout.quarantine}`,
      );
    }
  }

  private async replayWal(contents: CatalogContents, readWal: WalReader): Promise<number> {
    const start = await readWalFolder(this.layout, contents, readWal, this.log);
    this.raiseSequence(start.lastSequence);
    for (const [file, { fileBytes, blocks }] of start.files) {
      this.walFiles.touch(file, fileBytes);
      for (const { frame, ...times } of blocks)
        this.walFiles.countFrame(file, { rows: frame.rows, ...times });
    }
    const unnoted = this.walFiles.takeUnnoted();
    const absent = [...start.absent];
    this.losses.replace(
      await this.catalog.change('addLosses', start.losses, unnoted, absent, this.clock.trustedUs()),
    );
    tidyJournals(this.layout, start);
    for (const { organization, stream, schema } of this.losses.list) {
      // Of a stream all of whose rows are lost, the columns can still be asked for.
      const lists = schema.split('\n').filter((list) => list !== '');
      for (const list of lists) this.findOrCreate(organization, stream).addSchema(list);
    }
    for (const { block, home, liesIn } of start.live) {
      const { frame, ...rest } = block;
      const elsewhere = home === liesIn ? {} : { liesIn };
      this.addBlock({ ...frame, ...rest, walFile: home, ...elsewhere });
    }
    for (const file of [...start.damaged, ...start.copies]) this.walFiles.markDamaged(file);
    for (const file of start.files.keys()) this.walFiles.close(file);
    return start.live.length;
  }

  private raiseSequence(sequence: number): void {
    if (sequence > this.currentSequence()) Atomics.store(this.sequence, 0, BigInt(sequence));
  }
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
