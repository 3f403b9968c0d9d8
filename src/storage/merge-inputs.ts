/** What a merge reads and writes, and what follows from it for the catalog and for segments. */
import type { SegmentFooter } from '../native/index.js';
import type { NewSegment } from './catalog.js';
import type { SegmentMetadata } from './merge-task.js';
import type { LiveBlock, LiveSegment } from './stream.js';

/** A segment file that was written and is not live yet. */
export interface WrittenSegment {
  file: string;
  footer: SegmentFooter;
  /** Of the inputs of its part of the merge. */
  firstSequence: number;
}

/** What a merge read. */
export interface MergeInputs {
  blocks: readonly LiveBlock[];
  segments: readonly LiveSegment[];
}

/** Per WAL file: the last sequence among the blocks. */
export function mergedUpTo(blocks: readonly LiveBlock[]): Map<string, number> {
  const merged = new Map<string, number>();
  for (const { walFile, sequence } of blocks)
    merged.set(walFile, Math.max(merged.get(walFile) ?? 0, sequence));
  return merged;
}

/** Per WAL file: least and greatest sequence among the blocks. */
export function walRanges(blocks: readonly LiveBlock[]): SegmentMetadata['walInputs'] {
  const ranges: SegmentMetadata['walInputs'] = {};
  for (const { walFile, sequence } of blocks) {
    const [first, last] = ranges[walFile] ?? [sequence, sequence];
    ranges[walFile] = [Math.min(first, sequence), Math.max(last, sequence)];
  }
  return ranges;
}

/** Smallest sequence among the inputs' rows. */
export function firstSequenceOf({ blocks, segments }: MergeInputs): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { sequence } of blocks) first = Math.min(first, sequence);
  for (const { firstSequence } of segments) first = Math.min(first, firstSequence);
  return first;
}

export function newSegment({ file, footer, firstSequence }: WrittenSegment): NewSegment {
  const { groups, fileBytes } = footer;
  return {
    file,
    rows: groups.reduce((sum, group) => sum + group.rows, 0),
    rowGroups: groups.length,
    bytes: fileBytes,
    timeMin: Math.min(...groups.map((group) => group.timeMin)),
    timeMax: Math.max(...groups.map((group) => group.timeMax)),
    firstSequence,
  };
}
