/** The messages between the merge scheduler and the merge workers. */
import type { SegmentFooter } from '../native/index.js';

export interface MergeTask {
  /** Blocks in arrival order: WAL blocks or row groups of segments. */
  inputs: { path: string; offset: number }[];
  /** Where the segment is to stand; written beside it first and renamed when durable. */
  outputPath: string;
  /** JSON kept in the segment, enough to rebuild the catalog's row. */
  metadata: string;
  zstdLevel: number;
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
  footer: SegmentFooter;
  tookMs: number;
}
