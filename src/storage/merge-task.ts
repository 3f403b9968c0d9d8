/** The messages between the merge scheduler and the merge workers. */
import type { SegmentFooter } from '../native/index.js';

export interface MergeWorkerData {
  /** Scheduling priority of the thread: 0 as others, 10 after them. */
  nice: number;
}

export interface MergeTask {
  /** Blocks in arrival order: WAL blocks or row groups of segments. */
  inputs: MergeInput[];
  /** Where segments may stand, one a day and one for the rest if the inputs span days; written beside it first, renamed when durable. */
  outputPaths: string[];
  /** JSON kept in the segments, enough to rebuild the catalog's rows. */
  metadata: string;
  zstdLevel: number;
  /** A scan request as JSON: the rows that it matches are left out. Segments without such a row are not written anew. */
  removal?: string;
}

export interface MergeInput {
  path: string;
  offset: number;
  /** Whether it is a row group of a segment, which may be copied as it is. */
  reusable: boolean;
}

export interface SegmentMetadata {
  organization: string;
  stream: string;
  streamCreatedUs: number;
  firstSequence: number;
  /** Last merged sequence of the stream by WAL file. */
  walMerged: Record<string, number>;
}

export interface MergeResult {
  /** Those that were written, by their place in `outputPaths`. None has no rows. */
  outputs: { index: number; footer: SegmentFooter }[];
  /** Nothing was written, as no row is to be left out. */
  untouched: boolean;
  tookMs: number;
}
