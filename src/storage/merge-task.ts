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

/**
 * What a segment says of itself, so that the catalog can be rebuilt from the segments and WAL files that a crash left
 * (`src/maintenance/lineage.ts`). All of it is true when the segment is written, whether its merge is committed or not.
 */
export interface SegmentMetadata {
  organization: string;
  stream: string;
  streamCreatedUs: number;
  firstSequence: number;
  /** Last merged sequence of the stream by WAL file: of this merge and of all before it whose WAL file is still there. */
  walMerged: Record<string, number>;
  /** By WAL file: least and greatest sequence of the blocks that this merge read. */
  walInputs: Record<string, [number, number]>;
  /** Segment files that this merge read. */
  inputs: string[];
  /** Segment files that were replaced before and may still be there, since queries read them. */
  retired: string[];
  /** All segments that this merge wrote: only together do they have the rows of its inputs. */
  outputs: string[];
  /** The highest sequence given out so far. */
  sequence: number;
}

export interface MergeResult {
  footer: SegmentFooter;
  tookMs: number;
}
