/**
 * The messages between the ingest scheduler and the ingest workers. A task takes what waits
 * in the ring, or the one slot that it is given.
 */
import type { RecordError } from '../native/index.js';

export interface IngestWorkerData {
  ring: SharedArrayBuffer;
  ringSlots: number;
  /** One BigInt64 word: the last frame sequence number given out, over all workers. */
  sequence: SharedArrayBuffer;
  /** One Int32 word: once it is raised, each worker goes on in a new WAL file. */
  walEpoch: SharedArrayBuffer;
  walDirectory: string;
  journalDirectory: string;
  /** Distinguishes this process's WAL files from those of earlier ones. */
  bootId: string;
}

/** A block that is on disk and may go live. */
export interface DurableBlock {
  organization: string;
  stream: string;
  sequence: number;
  rows: number;
  timeMin: number;
  timeMax: number;
  /** The file that its frame was written for. */
  walFile: string;
  /** The file that it lies in, where that is another: a copy that a start found. */
  liesIn?: string;
  /** Of the block, not its frame. */
  offset: number;
  blockBytes: number;
  /** The block's header bytes, for pruning. */
  header: Uint8Array;
  /** `name:type` list, comma-joined. */
  schema: string;
  /** Likewise, of fields in the overflow column whose types may be news. */
  overflow: string;
}

/** What became of one request. */
export interface RequestOutcome {
  request: number;
  format: number;
  /** Stream of the URL; '' for a `_bulk` without one. */
  stream: string;
  /** Of a compressed body: what it became, or the limit where that was more. */
  expandedBytes?: number;
  /** HTTP status with which the whole body was refused. */
  rejectedStatus?: number;
  rejected?: string;
  successful: number;
  failed: number;
  errors: RecordError[];
  /** Stored records of which something is told, and the first ten and the last of what is. */
  warned: number;
  warnings: RecordError[];
  /** `_bulk` only: what became of each action (protocols/bulk-items.ts). */
  items: Uint8Array;
  /** `_bulk` only: which members of the answer are wanted; '' for all. */
  filterPath: string;
}

export interface Reply {
  request: number;
  expandedBytes?: number;
  status: number;
  /** A long answer is made piece by piece when it is sent. */
  body: string | BulkAnswer;
}

/** All that the answer of a `_bulk` says. */
export interface BulkAnswer {
  tookMs: number;
  failed: number;
  warned: number;
  warnings: RecordError[];
  items: Uint8Array;
  filterPath: string;
}

export interface BatchResult {
  blocks: DurableBlock[];
  /** Where a batch went to very many streams: further blocks in pieces (src/storage/block-pieces.ts), which are made live in steps. */
  moreBlocks: Uint8Array[];
  replies: Reply[];
  records: number;
  failedRecords: number;
  rawBytes: number;
  /** Milliseconds of each stage, for the metrics. */
  encodeMs: number;
  syncMs: number;
  /** Closed WAL file, if the batch ended one. */
  closedWalFile?: string;
  /** Writes of the journal that failed. */
  journalFailures: number;
  /** The file appended to and its size; absent when the batch stored nothing. */
  walFile?: string;
  /** Value of the epoch word when that file was begun. */
  walEpoch?: number;
  /** Whether the batch began that file. */
  openedWalFile?: boolean;
  walBytes?: number;
}
