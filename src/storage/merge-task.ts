/** The messages between the merge scheduler and the merge workers. */
import type { SegmentFooter } from '../native/index.js';

export interface MergeWorkerData {
  /** What the thread adds to the nice value of the process: 0 as others, 10 after them. */
  nice: number;
}

/** Several at once are of small streams, of one output each: all of their files are written before the first is synced. */
export interface MergeTask {
  /** Blocks in arrival order: WAL blocks or row groups of segments. */
  inputs: MergeInput[];
  /** Where segments may stand, one a day and one for the rest if the inputs span days; written beside it first, renamed when durable. */
  outputPaths: string[];
  /** Kept in the segments as JSON, enough to rebuild the catalog's rows; the worker knows the outputs. */
  metadata: Omit<SegmentMetadata, 'outputs'>;
  /** All outputs of a merge of which this task is one part of several; each of those has one, with rows. */
  allOutputs?: string[];
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
  /** Those that were written, by their place in `outputPaths`. None has no rows. */
  outputs: { index: number; footer: SegmentFooter }[];
  /** Nothing was written, as no row is to be left out. */
  untouched: boolean;
  tookMs: number;
}
