/** The messages between the query executor and the query workers. A run is one handle: its tasks are sent one at a time. */
import type { ErrorFields } from '../errors/index.js';
import type { PlanAnswer, RowFormat, RunProgress, ScanAnswer } from '../native/index.js';
import type { PageCacheShare } from './page-cache.js';

export interface QueryWorkerData {
  /** None: it is turned off. */
  pageCache?: PageCacheShare;
}

export interface PlanTask {
  kind: 'plan';
  sql: string;
  /** PlanContext as JSON. */
  context: string;
  memoryBytes: number;
}

export interface PlanResult extends PlanAnswer {
  run: number;
}

export interface ScanTask {
  kind: 'scan';
  request: string;
  parts: { path: string; fileId: number; offset: number }[];
}

export interface FeedTask {
  kind: 'feed';
  run: number;
  answers: { leaf: number; ipc: Uint8Array }[];
  counts: { leaf: number; rows: number }[];
  finished: number[];
  format: RowFormat;
}

export interface FeedResult extends RunProgress {
  bytes: Uint8Array;
  rows: number;
}

export interface FreeTask {
  kind: 'free';
  plan: number;
  run: number;
}

export type QueryTask = PlanTask | ScanTask | FeedTask | FreeTask;
export type QueryTaskResult = PlanResult | ScanAnswer | FeedResult | undefined;

/** Name of the broadcast channel on which paths of removed files are told. */
export const GONE_FILES_CHANNEL = 'basalt-gone-files';

/** An error that the caller can mend, as it travels between threads. */
export interface TaskFailure {
  failure: { status: number; message: string; fields: ErrorFields };
}
