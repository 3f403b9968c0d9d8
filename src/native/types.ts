/** What the verbs of the native addon take and answer (`src/native/index.ts`). */

export interface Abi {
  abi: number;
  blockFormat: number;
  segmentFormat: number;
  cpuFeatures: string[];
}

/** Numbers that describe one request to `ingestBatch`. */
export const REQUEST_WORDS = 3;

export interface IngestGroup {
  organization: string;
  stream: string;
  rows: number;
  /** Microseconds. */
  timeMin: number;
  timeMax: number;
  /** `name:type` of each column, comma-joined, sorted by name. */
  schema: string;
  /** Likewise of fields in the overflow column whose types are news; `*:string` at the end: there are more. */
  overflow: string;
  /** One encoded block (docs/FORMAT.md). The first `headerBytes` of it are its header. */
  block: Uint8Array;
  headerBytes: number;
}

export interface RecordError {
  record: number;
  message: string;
}

export interface IngestOutcome {
  /** The whole body was refused; nothing of it is in any group. */
  rejected?: string;
  /** It was refused for its size alone. */
  isTooLarge: boolean;
  successful: number;
  failed: number;
  /** The first ten and the last. */
  errors: RecordError[];
  /** Stored records of which something is told, and the first ten and the last of what is. */
  warned: number;
  warnings: RecordError[];
  /** `_bulk` only: what became of each action, as protocols/bulk-items.ts reads it. */
  items: Uint8Array;
}

export interface GroupLocation {
  offset: number;
  bytes: number;
  headerBytes: number;
  rows: number;
  timeMin: number;
  timeMax: number;
  /** As in IngestGroup. */
  schema: string;
}

export interface SegmentFooter {
  groups: GroupLocation[];
  /** The groups' block headers, end to end in group order. */
  headers: Uint8Array;
  metadata: Uint8Array;
  fileBytes: number;
}

/** Which rows a merge keeps; without members, all of them. */
export interface MergeSelection {
  /** `from, to, from, to, …` in microseconds, half-open, and whether the rows within or those without them are kept. */
  ranges?: number[];
  inside?: boolean;
  /** A scan request as JSON: rows that its time range and filter pass are left out. */
  removal?: string;
}

export interface BlockSummary {
  rows: number;
  blockBytes: number;
  headerBytes: number;
  timeMin: number;
  timeMax: number;
  schema: string;
  /** `name:type` of the fields in the overflow column, each with every type that it has; `*:string` at the end: there are more. */
  overflow: string;
}

/** What a block is made of: the header and the chunks of all columns add up to its bytes. */
export interface BlockInspection {
  rows: number;
  blockBytes: number;
  headerBytes: number;
  timeMin: number;
  timeMax: number;
  columns: ColumnInspection[];
}

/** Directory, dictionary, sections, validity and encodings add up to `chunkBytes`. */
export interface ColumnInspection {
  name: string;
  columnType: string;
  nulls: number;
  chunkBytes: number;
  directoryBytes: number;
  /** `rawBytes`: length of all entries. */
  dictionary?: { encoding: string; entries: number; bytes: number; rawBytes: number };
  sections: { name: string; bytes: number }[];
  validityBytes: number;
  /** `bytes` without those of validity. */
  encodings: { name: string; pages: number; bytes: number }[];
  /** Bytes of the values that are present: 8 a number, 1 a bool, the length of a string. */
  rawBytes: number;
  /** JSON text; absent when all rows are null or a float is NaN. */
  min?: string;
  max?: string;
}

/** Something wrong at one place of a segment. */
export interface Finding {
  offset: number;
  bytes: number;
  /** Index of the row group it concerns. */
  group?: number;
  what: string;
}

export interface SegmentCheck {
  /** Absent when the end of the file is damaged. */
  footer?: SegmentFooter;
  findings: Finding[];
}

/** A part of a damaged segment that could not be saved. Rows and times are known where a whole header tells them. */
export interface LostPart {
  offset: number;
  bytes: number;
  rows?: number;
  timeMin?: number;
  timeMax?: number;
  what: string;
}

export interface Salvage {
  /** Of the new segment; without groups when nothing could be saved. */
  footer: SegmentFooter;
  lost: LostPart[];
}

export interface ScanStats {
  rowsScanned: number;
  rowsMatched: number;
  /** Read from files and decoded. */
  pagesRead: number;
  /** Found in the page cache. */
  pagesCached: number;
  /** Column pages that were not read; the next three are parts of it, by what ruled their rows out. */
  pagesSkipped: number;
  skippedByZoneMap: number;
  skippedByDictionary: number;
  skippedByIndex: number;
  bytesRead: number;
}

/**
 * Bytes that stay in the addon until they are pushed into a run or freed, for their size: in JavaScript they would wait for a garbage
 * collector that does not know how large they are. Whoever was given the number sees to it that it is freed.
 */
export interface Held {
  held: number;
  length: number;
}

/** Bytes here, or in the addon. */
export type Bytes = Uint8Array | Held;

/** An Arrow IPC stream. */
export type Ipc = Bytes;

export interface ScanAnswer extends ScanStats {
  ipc: Ipc;
  rows: number;
  /** Where to go on, if this is not all: this part from this page on, and all parts behind it. */
  resume?: Resume;
}

export interface Resume {
  part: number;
  page: number;
}

export interface ScanBounds {
  /** Whose work it is: it stops when that is cancelled. */
  query?: number;
  /** Pages of the first block before this one have been answered. */
  firstPage: number;
  /** With more bytes in hand the scan answers what it has. */
  bytesMax: number;
}

/** The page cache as one scan uses it (query/page-cache.ts). */
export interface CacheUse {
  /** The whole slab: shared memory, zero before its first use, written by scans only. */
  slab: Uint8Array;
  /** For each block, a number of its file that is never used for another one while the slab lives. */
  files: Float64Array;
  /** Of a clock that all threads share. */
  nowSeconds: number;
  ttlSeconds: number;
}

export interface PlanAnswer {
  handle: number;
  leaves: RequestText[];
  /** Leaves that are to be answered only after a run told their complete request. */
  deferred: boolean[];
  /** JSON `[{name, type}]` of the output columns. */
  schema: string;
  stability: Stability;
  /** How to use it after the moment it was made for, where it depends on the clock only by bounds on the event time. */
  clock?: ClockBounds;
  /** EXPLAIN ANALYZE: the query is to be run, and told about instead of answered. */
  analyze: boolean;
  /**
   * Set where the rows are those of one stream, each by itself, in order of time: what the plan answers in one range of time after the
   * other is what it answers in all of it, up to the statement's own limit.
   */
  order?: TimeOrder;
  /** The width of the first `histogram()` of the statement. */
  histogramSeconds?: number;
}

/** A ScanRequest as JSON. Forward the text; parsed it is good only to prune by, since 64-bit integers do not survive that. */
export interface RequestText {
  text: string;
  /** The same with ranges in place of its long lists of values, where it has such: all rows of the one pass the other. */
  outline?: string;
}

export interface TimeOrder {
  descending: boolean;
  limit?: number;
}

/** What all runs hold together at this moment. */
export interface QueryUse {
  memoryBytes: number;
  spilledBytes: number;
}

export interface ClockBounds {
  /** For so long, microseconds, the plan may be used. */
  lifetimeUs: number;
  /** Two a leaf: whether the least and the greatest time of its request rise with the clock. */
  follows: boolean[];
}

/**
 * What an answer depends on besides the data. fixed: nothing; clock: the moment, as the plan does (`clock`);
 * chance: every run of the plan differs.
 */
export type Stability = 'fixed' | 'clock' | 'chance';

export interface RunProgress {
  done: boolean;
  /** Stopped only to let others have their turn: more can be done without more input. */
  runnable: boolean;
  outputRows: number;
  /** Per leaf: bytes pushed and not yet consumed, and whether no more input is wanted. */
  queuedBytes: number[];
  satisfied: boolean[];
  /** Complete requests of deferred leaves, each to be answered in place of what the leaf asked before. */
  requests: { leaf: number; request: RequestText }[];
  /** What was left out so far since it is not of the type that the statement asks for, in words. */
  leftOut: string[];
}

export type RowFormat = 'objects' | 'arrays' | 'csv' | 'ndjson';

/** A whole result as one file. csv has a header line; arrow is an IPC file, arrows an IPC stream. */
export type ExportFormat = 'arrow' | 'arrows' | 'csv' | 'ndjson' | 'parquet';
export type ParquetCodec = 'zstd' | 'snappy' | 'gzip' | 'none';
/** How `_timestamp` is written: as a whole number of microseconds, or as a moment in UTC. */
export type TimestampType = 'int64' | 'timestamp';

export interface ExportOptions {
  format: ExportFormat;
  /** Of parquet; zstd where it is not said. */
  compression?: ParquetCodec;
  /** ndjson has null columns too. */
  nulls?: boolean;
  /** ndjson begins with a line of the columns and their types. */
  schema?: boolean;
  timestampType?: TimestampType;
  /** Rows past these are left out of the file; they count as rows all the same. */
  rowsMax?: number;
}

export interface Rows {
  bytes: Uint8Array;
  rows: number;
}

/** The next part of a file. */
export interface ExportedRows {
  bytes: Bytes;
  rows: number;
}
