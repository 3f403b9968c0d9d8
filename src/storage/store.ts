/**
 * The store: all streams, what is live of each, and the swaps between WAL and segments. Owns the catalog. Main thread only; every
 * change is complete within one turn of the event loop, so a query sees either all of it or none.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Logger } from 'pino';
import { FatalError, requestError } from '../errors/index.js';
import type { BatchResult, DurableBlock } from '../ingest/batch-task.js';
import { readFooter, type SegmentFooter } from '../native/index.js';
import { Catalog, type SegmentRow } from './catalog.js';
import { DataLock } from './data-lock.js';
import { appendDeletion } from './deletion-log.js';
import { FileLease } from './file-lease.js';
import {
  createDirectories,
  type DataLayout,
  SEGMENT_SUFFIX,
  TEMPORARY_SUFFIX,
  WAL_SUFFIX,
} from './layout.js';
import type { SegmentMetadata } from './merge-task.js';
import { readWalFile } from './recovery.js';
import type { ColumnType } from './schema.js';
import { type LiveBlock, type LiveSegment, Stream } from './stream.js';
import { WalFiles } from './wal-files.js';
import { WAL_FILE_HEADER_BYTES } from './wal-format.js';

export class Store {
  readonly catalog: Catalog;
  readonly walFiles: WalFiles;
  private readonly lock: DataLock;
  /** One BigInt64: the last frame sequence given out; shared with the ingest workers. */
  readonly sequenceBuffer = new SharedArrayBuffer(8);
  /** One Int32: raised with every `cutWal`; shared with the ingest workers. */
  readonly walEpochBuffer = new SharedArrayBuffer(4);
  readonly bootId = randomBytes(6).toString('hex');
  /** Paths of files that are gone, for those who keep descriptors. */
  onFileGone: (path: string) => void = () => {};
  private readonly sequence = new BigInt64Array(this.sequenceBuffer);
  private readonly streams = new Map<string, Stream>();
  private readonly voidUpTo = new Map<string, number>();
  /** Replaced segment files that queries still read. */
  private readonly retiredFiles = new Set<string>();
  private segmentCount = 0;

  constructor(
    readonly layout: DataLayout,
    private readonly log: Logger,
  ) {
    createDirectories(layout);
    this.lock = DataLock.acquire(layout.lock);
    try {
      this.catalog = new Catalog(layout.catalog);
    } catch (error) {
      this.lock.release();
      throw error;
    }
    this.walFiles = new WalFiles(layout.wal, layout.quarantine, (name, path) => {
      this.catalog.forgetWalFile(name);
      this.onFileGone(path);
    });
  }

  /** Brings back what the catalog and the WAL hold. Call once, before anything else. */
  recover(): { segments: number; blocks: number; rows: number } {
    const started = performance.now();
    Atomics.store(this.sequence, 0, BigInt(this.catalog.sequence()));
    for (const { organization, stream, sequence } of this.catalog.deletions()) {
      this.voidUpTo.set(streamKey(organization, stream), sequence);
    }
    this.openSegments();
    const recovered = this.replayWal();
    const rows = this.allStreams().reduce((sum, stream) => sum + stream.rows, 0);
    const segments = this.allStreams().reduce((sum, stream) => sum + stream.segments.length, 0);
    const tookMs = Math.round(performance.now() - started);
    this.log.info({ segments, walBlocks: recovered, rows, tookMs }, 'recovered');
    return { segments, blocks: recovered, rows };
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

  /** Makes the blocks of a durable batch live. Blocks of a stream that was deleted meanwhile are void. */
  addBatch(batch: Pick<BatchResult, 'blocks' | 'walFile' | 'walBytes' | 'closedWalFile'>): void {
    if (batch.walFile !== undefined) this.walFiles.touch(batch.walFile, batch.walBytes ?? 0);
    for (const block of batch.blocks) this.addBlock(block);
    if (batch.closedWalFile) this.walFiles.close(batch.closedWalFile);
  }

  /** Lets go of the WAL files whose blocks are all in segments, open ones too. Only while no ingest worker is in a batch. */
  cutWal(): void {
    Atomics.add(new Int32Array(this.walEpochBuffer), 0, 1);
    this.walFiles.closeAll();
  }

  /** A new segment's path, never used before. */
  newSegmentName(stream: Stream): string {
    return `${stream.id}-${this.bootId}-${String(this.segmentCount++).padStart(6, '0')}${SEGMENT_SUFFIX}`;
  }

  segmentPath(file: string): string {
    return join(this.layout.segments, file);
  }

  /** What a segment of the stream that is written now says of those before it. */
  lineage(stream: Stream): Pick<SegmentMetadata, 'walMerged' | 'retired'> {
    const walMerged = Object.fromEntries(this.catalog.walMergedOf(stream.organization, stream.name));
    return { walMerged, retired: [...this.retiredFiles] };
  }

  /** Swaps a merge's inputs for its output: catalog first, then memory, then the old files go. */
  commitMerge(
    stream: Stream,
    file: string,
    footer: SegmentFooter,
    blocks: LiveBlock[],
    segments: LiveSegment[],
  ): void {
    const times = footer.groups;
    const walMerged = new Map<string, number>();
    for (const block of blocks) {
      walMerged.set(block.walFile, Math.max(walMerged.get(block.walFile) ?? 0, block.sequence));
    }
    const first = Math.min(
      ...segments.map((segment) => segment.firstSequence),
      blocks[0]?.sequence ?? Infinity,
    );
    const row = {
      file,
      rows: times.reduce((sum, group) => sum + group.rows, 0),
      bytes: footer.fileBytes,
      timeMin: Math.min(...times.map((group) => group.timeMin)),
      timeMax: Math.max(...times.map((group) => group.timeMax)),
      firstSequence: first,
    };
    const id = this.catalog.commitMerge({
      streamId: stream.id,
      organization: stream.organization,
      stream: stream.name,
      segment: row,
      replacedSegments: segments.map((segment) => segment.id),
      walMerged,
      schema: stream.schema,
      sequence: this.currentSequence(),
    });
    const gone = new Set<LiveBlock | LiveSegment>([...blocks, ...segments]);
    stream.blocks = stream.blocks.filter((block) => !gone.has(block));
    stream.segments = stream.segments.filter((segment) => !gone.has(segment));
    const { groups, headers } = footer;
    stream.segments.push({ ...row, id, lease: this.segmentLease(file), groups, headers });
    stream.segments.sort((a, b) => a.firstSequence - b.firstSequence);
    stream.changed();
    this.releaseBlocks(blocks);
    this.retire(segments);
  }

  /** Forgets a stream and all its rows. @throws BasaltError 404 */
  deleteStream(organization: string, name: string): void {
    const stream = this.find(organization, name);
    if (!stream) throw requestError(404, 'stream not found');
    const sequence = this.currentSequence();
    appendDeletion(this.layout.deletions, { organization, stream: name, sequence });
    this.catalog.deleteStream(stream.id, organization, name, sequence);
    this.voidUpTo.set(streamKey(organization, name), sequence);
    this.streams.delete(streamKey(organization, name));
    this.releaseBlocks(stream.blocks);
    this.retire(stream.segments);
    stream.blocks = [];
    stream.segments = [];
    stream.changed();
  }

  /** Whether the stream is still the live one of its name. */
  isLive(stream: Stream): boolean {
    return this.find(stream.organization, stream.name) === stream;
  }

  close(): void {
    this.catalog.close();
    this.lock.release();
  }

  private addBlock(block: DurableBlock): void {
    const { organization, stream: name, ...rest } = block;
    if (block.sequence <= (this.voidUpTo.get(streamKey(organization, name)) ?? 0)) return;
    const stream = this.findOrCreate(organization, name);
    const lease = this.walFiles.touch(block.walFile, 0);
    this.walFiles.addBlock(block.walFile);
    stream.addBlock({ ...rest, lease, receivedMs: Date.now() });
  }

  private findOrCreate(organization: string, name: string): Stream {
    const key = streamKey(organization, name);
    let stream = this.streams.get(key);
    if (!stream) {
      const createdUs = Date.now() * 1000;
      const id = this.catalog.addStream(organization, name, createdUs);
      stream = new Stream(id, organization, name, createdUs);
      this.streams.set(key, stream);
    }
    return stream;
  }

  private retire(segments: LiveSegment[]): void {
    for (const { lease } of segments) {
      this.retiredFiles.add(basename(lease.path));
      lease.retire();
    }
  }

  private releaseBlocks(blocks: LiveBlock[]): void {
    const counts = new Map<string, number>();
    for (const block of blocks) counts.set(block.walFile, (counts.get(block.walFile) ?? 0) + 1);
    for (const [file, count] of counts) this.walFiles.removeBlocks(file, count);
  }

  private segmentLease(file: string): FileLease {
    return new FileLease(this.segmentPath(file), (path) => {
      unlinkSync(path);
      this.retiredFiles.delete(file);
      this.catalog.forgetSegmentFile(file);
      this.onFileGone(path);
    });
  }

  private openSegments(): void {
    const byId = new Map<number, Stream>();
    for (const row of this.catalog.streams()) {
      const stream = new Stream(row.id, row.organization, row.name, row.created_us);
      this.streams.set(streamKey(row.organization, row.name), stream);
      byId.set(row.id, stream);
    }
    for (const { stream_id, name, type } of this.catalog.fields()) {
      byId.get(stream_id)?.schema.set(name, type as ColumnType);
    }
    const known = new Set<string>();
    for (const row of this.catalog.segments()) {
      known.add(row.file);
      byId.get(row.stream_id)?.segments.push(this.openSegment(row));
    }
    this.clearSegmentFolder(known);
  }

  /** Removes what is surely of no use, and moves aside what the catalog does not explain. */
  private clearSegmentFolder(known: Set<string>): void {
    const retired = new Set(this.catalog.retired());
    const unknown: string[] = [];
    for (const file of readdirSync(this.layout.segments)) {
      if (known.has(file)) continue;
      if (file.endsWith(TEMPORARY_SUFFIX) || retired.has(file)) unlinkSync(this.segmentPath(file));
      else if (file.endsWith(SEGMENT_SUFFIX)) unknown.push(file);
    }
    for (const file of retired) this.catalog.forgetSegmentFile(file);
    if (unknown.length === 0) return;
    if (this.streams.size === 0) {
      throw new FatalError(
        `the catalog ${this.layout.catalog} knows no stream, but ${this.layout.segments} holds ${unknown.length} segments. ` +
          'The catalog was lost: run `basalt repair`, which rebuilds it from the segments.',
      );
    }
    // A merge that was cut off before its commit leaves one; its rows are still in the WAL.
    for (const file of unknown) renameSync(this.segmentPath(file), join(this.layout.quarantine, file));
    this.log.warn(
      { files: unknown },
      `segments that the catalog does not name were moved to ${this.layout.quarantine}`,
    );
  }

  private openSegment(row: SegmentRow): LiveSegment {
    const path = this.segmentPath(row.file);
    try {
      const fd = openSync(path, 'r');
      try {
        const { groups, headers } = readFooter(fd, fstatSync(fd).size);
        return {
          id: row.id,
          lease: this.segmentLease(row.file),
          rows: row.rows,
          bytes: row.bytes,
          timeMin: row.time_min,
          timeMax: row.time_max,
          firstSequence: row.first_sequence,
          groups,
          headers,
        };
      } finally {
        closeSync(fd);
      }
    } catch (cause) {
      throw new FatalError(
        `segment ${path} (${row.rows} rows) cannot be opened: ${cause instanceof Error ? cause.message : cause}. ` +
          'Restore the file from a backup, or run `basalt repair` to go on with what is left of it.',
        { cause },
      );
    }
  }

  private replayWal(): number {
    const merged = new Map<string, number>();
    for (const { file, organization, stream, sequence } of this.catalog.walMerged()) {
      merged.set(`${file}\0${streamKey(organization, stream)}`, sequence);
    }
    const files = readdirSync(this.layout.wal).filter((file) => file.endsWith(WAL_SUFFIX));
    const found: DurableBlock[] = [];
    for (const [index, file] of files.sort().entries()) {
      const contents = readWalFile(join(this.layout.wal, file));
      this.walFiles.touch(file, contents.fileBytes);
      for (const { frame, ...block } of contents.blocks) {
        this.raiseSequence(frame.sequence);
        const upTo = merged.get(`${file}\0${streamKey(frame.organization, frame.stream)}`) ?? 0;
        if (frame.sequence > upTo) found.push({ ...frame, ...block, walFile: file });
      }
      this.reportDamage(file, contents);
      if (files.length > 1) this.log.info(`replayed WAL file ${index + 1}/${files.length}`);
    }
    found.sort((a, b) => a.sequence - b.sequence);
    for (const block of found) this.addBlock(block);
    for (const file of files) this.walFiles.close(file);
    return found.length;
  }

  private raiseSequence(sequence: number): void {
    if (sequence > this.currentSequence()) Atomics.store(this.sequence, 0, BigInt(sequence));
  }

  private reportDamage(file: string, contents: ReturnType<typeof readWalFile>): void {
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

function streamKey(organization: string, name: string): string {
  return `${organization}/${name}`;
}
