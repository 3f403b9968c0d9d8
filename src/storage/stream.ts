/**
 * What is live of one stream: blocks in WAL files and segments, and the schema over all of them. Main thread only.
 * Invariant: a row is in exactly one of them at any time, because a merge swaps both lists in one turn of the event loop.
 */
import type { DurableBlock } from '../ingest/batch-task.js';
import type { GroupLocation } from '../native/index.js';
import type { FileLease } from './file-lease.js';
import { mergeSchema, parseSchema, type Schema } from './schema.js';

/** A block in a WAL file. */
export interface LiveBlock extends Omit<DurableBlock, 'organization' | 'stream'> {
  lease: FileLease;
  receivedMs: number;
}

/** A segment file, its footer held in memory for pruning. */
export interface LiveSegment {
  id: number;
  lease: FileLease;
  rows: number;
  bytes: number;
  timeMin: number;
  timeMax: number;
  firstSequence: number;
  groups: GroupLocation[];
  /** The groups' block headers, end to end. */
  headers: Uint8Array;
}

/** Counts changes of all streams, so that no two states of any streams share a number. */
let changes = 0;

export class Stream {
  readonly schema: Schema = new Map();
  /** In order of sequence as they became durable; two workers may interleave. */
  blocks: LiveBlock[] = [];
  segments: LiveSegment[] = [];
  /** Another number after every change of the schema, and of what is live. */
  schemaVersion = ++changes;
  version = ++changes;
  /** Whether a merge of this stream is running, and before when none is to start (after a failure). */
  merging = false;
  mergeNotBeforeMs = 0;
  private readonly knownSchemas = new Set<string>();

  constructor(
    readonly id: number,
    readonly organization: string,
    readonly name: string,
    readonly createdUs: number,
  ) {}

  addBlock(block: LiveBlock): void {
    this.blocks.push(block);
    this.changed();
    this.addSchema(block.schema);
  }

  addSchema(text: string): void {
    if (this.knownSchemas.has(text)) return;
    // Bounded: a stream whose blocks all differ is looked at anew each time instead.
    if (this.knownSchemas.size < 10_000) this.knownSchemas.add(text);
    if (mergeSchema(this.schema, parseSchema(text))) this.schemaVersion = ++changes;
  }

  /** To be called whenever `blocks` or `segments` has changed. */
  changed(): void {
    this.version = ++changes;
  }

  get rows(): number {
    let rows = 0;
    for (const block of this.blocks) rows += block.rows;
    for (const segment of this.segments) rows += segment.rows;
    return rows;
  }

  get bytes(): number {
    let bytes = 0;
    for (const block of this.blocks) bytes += block.blockBytes;
    for (const segment of this.segments) bytes += segment.bytes;
    return bytes;
  }

  /** Smallest and largest event time in microseconds; undefined without rows. */
  get timeRange(): { min: number; max: number } | undefined {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    for (const part of [...this.blocks, ...this.segments]) {
      if (part.timeMin < min) min = part.timeMin;
      if (part.timeMax > max) max = part.timeMax;
    }
    return min <= max ? { min, max } : undefined;
  }
}
