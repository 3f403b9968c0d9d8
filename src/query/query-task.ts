/** The messages between the query executor and the query workers. A run is one handle: its tasks are sent one at a time. */
import type { ErrorFields } from '../errors/index.js';
import type {
  Bytes,
  ExportOptions,
  Ipc,
  PlanAnswer,
  RowFormat,
  RunProgress,
  ScanAnswer,
} from '../native/index.js';
import type { PageCacheShare } from './page-cache.js';
import type { Partial } from './partial-cache.js';

export interface QueryWorkerData {
  /** Where each worker says on which task it is (task-board.ts). */
  board: SharedArrayBuffer;
  /** None: it is turned off. */
  pageCache?: PageCacheShare;
  /** Data files that are kept open. */
  filesMax: number;
}

export interface PlanTask {
  kind: 'plan';
  sql: string;
  /** PlanContext as JSON. */
  context: string;
}

export interface ScanTask {
  kind: 'scan';
  /** By which the work is cancelled. */
  query: number;
  /** Whether its pages are kept in the page cache, and looked for there. */
  usePageCache: boolean;
  request: string;
  parts: { path: string; fileId: number; offset: number; arrival: bigint }[];
  /** Of the first part. */
  firstPage: number;
  /** Of the answer, which says where to go on if it is not all. */
  bytesMax: number;
}

/** Makes one answer, of a share of the groups, out of answers to the request of a leaf. */
export interface CombineTask {
  kind: 'combine';
  query: number;
  request: string;
  answers: Ipc[];
  share: number;
  shares: number;
  /** These are all answers. */
  complete: boolean;
}

export interface FeedTask {
  kind: 'feed';
  query: number | undefined;
  plan: number;
  /** Started by the first task that has none. */
  run: number | undefined;
  memoryBytes: number;
  answers: { leaf: number; ipc: Ipc }[];
  counts: { leaf: number; rows: number }[];
  finished: number[];
  /** Of the rows; a number is an export that they go to. */
  format: RowFormat | number;
}

export interface FeedResult extends RunProgress {
  run: number;
  bytes: Bytes;
  rows: number;
}

/** Begins a file of the rows of a plan, or ends it. */
export interface OpenExportTask {
  kind: 'openExport';
  plan: number;
  options: ExportOptions;
}

export interface FinishExportTask {
  kind: 'finishExport';
  file: number;
}

export interface ExplainTask {
  kind: 'explain';
  run: number;
}

export interface FreeTask {
  kind: 'freeRun' | 'freePlan' | 'freeExport';
  handle: number;
}

/** Keeps the answer of a scan in the disk cache. */
export interface StoreTask {
  kind: 'store';
  path: string;
  key: string;
  partial: Partial;
}

/** Brings one back; the answer is undefined when the file is gone, damaged, or of another key. */
export interface LoadTask {
  kind: 'load';
  path: string;
  key: string;
}

export type QueryTask =
  | PlanTask
  | ScanTask
  | CombineTask
  | FeedTask
  | ExplainTask
  | OpenExportTask
  | FinishExportTask
  | FreeTask
  | StoreTask
  | LoadTask;
/** A task as the pool hands it to a worker. */
export type TicketedTask = QueryTask & { ticket: number };
export type QueryTaskResult =
  | PlanAnswer
  | ScanAnswer
  | FeedResult
  | Uint8Array
  | string
  | Partial
  | number
  | undefined;

/** Name of the broadcast channel on which paths of removed files are told. */
export const GONE_FILES_CHANNEL = 'basalt-gone-files';

/** An error that the caller can mend, as it travels between threads. */
export interface TaskFailure {
  failure: { status: number; message: string; fields: ErrorFields };
}
