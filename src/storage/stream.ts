/**
 * What is live of one stream: blocks in WAL files and segments, and the schema over all of them. Main thread only.
 * Invariant: a row is in exactly one of them at any time, because a merge swaps both lists in one turn of the event loop.
 */
import { createHash } from 'node:crypto';
import { STREAM_FIELDS_MAX } from '../config/limits.js';
import type { DurableBlock } from '../ingest/batch-task.js';
import { addFields, addOverflowFields } from '../native/index.js';
import type { Retention, StreamKey } from './catalog.js';
import { CompactionTiers } from './compaction-tiers.js';
import type { FileLease } from './file-lease.js';
import { FULL_TEXT_COLUMNS } from './full-text.js';
import {
  type ColumnType,
  mergeSchema,
  OVERFLOW_COLUMN,
  OVERFLOW_REST,
  parseSchema,
  type Schema,
} from './schema.js';
import { StreamTotals } from './stream-directory.js';

/** A block in a WAL file. */
export interface LiveBlock extends Omit<DurableBlock, 'organization' | 'stream'> {
  lease: FileLease;
  /** By the monotonic clock, milliseconds. */
  receivedMs: number;
}

/** A segment file. Its footer is read when a query first needs it (`src/storage/footer-cache.ts`). */
export interface LiveSegment {
  id: number;
  file: string;
  lease: FileLease;
  rows: number;
  rowGroups: number;
  bytes: number;
  timeMin: number;
  timeMax: number;
  firstSequence: number;
}

/** Texts of schemas that were looked at already, so many at most; long ones are known by a digest. */
const KNOWN_SCHEMAS_MAX = 10_000;
const SCHEMA_KEY_LENGTH = 1024;

/** Counts changes of all streams, so that no two states of any streams share a number. */
let changes = 0;

export class Stream implements StreamKey {
  readonly schema: Schema = new Map();
  readonly tiers = new CompactionTiers();
  retention: Retention = { days: null, bytes: null };
  /** Another number after every change of the schema, and of what is live. */
  schemaVersion = ++changes;
  version = ++changes;
  /** Whether a merge or a deletion of this stream is running, and before when (monotonic clock) none is to start after a failure. */
  merging = false;
  mergeNotBeforeMs = 0;
  /** A merge together with other streams has failed: it may have been for what this one holds. */
  mergeAlone = false;
  /** The overflow column may have fields that the schema lacks, though it has room. */
  unlisted = false;
  private blockList: LiveBlock[] = [];
  private segmentList: LiveSegment[] = [];
  private readonly knownSchemas = new Set<string>();
  private blockSums = { rows: 0, bytes: 0 };
  private segmentSums = { rows: 0, bytes: 0 };

  constructor(
    readonly id: number,
    readonly organization: string,
    readonly name: string,
    readonly createdUs: number,
    /** Of all streams. */
    private readonly totals = new StreamTotals(),
  ) {}

  /** As they became durable; two workers may interleave, so sequences need not rise. */
  get blocks(): readonly LiveBlock[] {
    return this.blockList;
  }

  /** In order of arrival. */
  get segments(): readonly LiveSegment[] {
    return this.segmentList;
  }

  get blockRows(): number {
    return this.blockSums.rows;
  }

  get segmentBytes(): number {
    return this.segmentSums.bytes;
  }

  get rows(): number {
    return this.blockSums.rows + this.segmentSums.rows;
  }

  get bytes(): number {
    return this.blockSums.bytes + this.segmentSums.bytes;
  }

  /** Smallest and largest event time in microseconds; undefined without rows. */
  get timeRange(): { min: number; max: number } | undefined {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    for (const list of [this.blockList, this.segmentList]) {
      for (const part of list) {
        if (part.timeMin < min) min = part.timeMin;
        if (part.timeMax > max) max = part.timeMax;
      }
    }
    return min <= max ? { min, max } : undefined;
  }

  addBlock(block: LiveBlock): void {
    this.version = ++changes;
    this.blockList.push(block);
    this.countBlock(block, 1);
    this.addSchema(block.schema);
    this.addOverflow(block.overflow);
  }

  /** Whether fields may be in the overflow column that the schema does not list. */
  get hasUnlisted(): boolean {
    return (this.unlisted || this.isFull) && this.schema.has(OVERFLOW_COLUMN);
  }

  private get isFull(): boolean {
    return this.schema.size >= STREAM_FIELDS_MAX;
  }

  addSchema(text: string): void {
    const key = text.length > SCHEMA_KEY_LENGTH ? createHash('sha1').update(text).digest('base64') : text;
    if (this.knownSchemas.has(key)) return;
    // Bounded: a stream whose blocks all differ is looked at anew each time instead.
    if (this.knownSchemas.size < KNOWN_SCHEMAS_MAX) this.knownSchemas.add(key);
    if (mergeSchema(this.schema, parseSchema(text))) this.schemaVersion = ++changes;
  }

  /** Fields in the overflow column are fields of the stream like others, so many in all. */
  private addOverflow(text: string): void {
    if (text === '') return;
    const fields = parseSchema(text);
    const isListed = ([name]: [string, ColumnType]) => {
      if (name === OVERFLOW_REST) this.unlisted = true;
      return (
        name !== OVERFLOW_REST && (this.schema.has(name) || !this.isFull || FULL_TEXT_COLUMNS.includes(name))
      );
    };
    const listed = fields.filter((field) => {
      if (!isListed(field)) return false;
      if (mergeSchema(this.schema, [field])) this.schemaVersion = ++changes;
      return true;
    });
    this.tellOverflow(listed.map(([name, type]) => `${name}:${type}`).join(','));
  }

  /** Lets the ingest workers know what is known: they tell only what is news. */
  tellFields(): void {
    addFields(this.organization, this.name, [...this.schema.keys()]);
    if (this.isFull) this.tellOverflow('');
  }

  private tellOverflow(listed: string): void {
    const only = this.isFull ? FULL_TEXT_COLUMNS : undefined;
    addOverflowFields(this.organization, this.name, listed, only);
  }

  /** Takes out and puts in, at once. What snapshots hold is not touched. */
  swap(
    gone: { blocks?: readonly LiveBlock[]; segments?: readonly LiveSegment[] },
    added: LiveSegment[] = [],
  ): void {
    this.version = ++changes;
    if (gone.blocks?.length) {
      const blocks = new Set(gone.blocks);
      this.blockList = this.blockList.filter((block) => !blocks.has(block));
      for (const block of blocks) this.countBlock(block, -1);
    }
    if (!gone.segments?.length && added.length === 0) return;
    const segments = new Set(gone.segments);
    for (const segment of segments) {
      this.countSegment(segment, -1);
      this.tiers.delete(segment);
    }
    for (const segment of added) {
      this.countSegment(segment, 1);
      this.tiers.add(segment);
    }
    const kept = this.segmentList.filter((segment) => !segments.has(segment));
    this.segmentList = [...kept, ...added].sort((a, b) => a.firstSequence - b.firstSequence);
  }

  private countBlock({ rows, blockBytes }: LiveBlock, sign: 1 | -1): void {
    this.blockSums.rows += sign * rows;
    this.blockSums.bytes += sign * blockBytes;
    this.totals.blocks += sign;
    this.totals.blockRows += sign * rows;
    this.totals.rows += sign * rows;
  }

  private countSegment({ rows, bytes }: LiveSegment, sign: 1 | -1): void {
    this.segmentSums.rows += sign * rows;
    this.segmentSums.bytes += sign * bytes;
    this.totals.segments += sign;
    this.totals.rows += sign * rows;
  }
}
