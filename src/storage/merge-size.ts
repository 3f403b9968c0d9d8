/** How many encoded bytes merges take on, by the memory that they may hold (config/memory.ts). */
import { MERGE_DECODED_RATIO, MERGE_PART_BYTES_MIN, MERGE_ROWS, ROW_GROUP_ROWS } from '../config/limits.js';
import type { LiveBlock, LiveSegment } from './stream.js';

/** Encoded bytes: of one part of a merge of blocks, and that all running merges together hold at a time. */
export interface MergeSize {
  partBytes: number;
  runningBytes: number;
}

/** @param mergeBytes what all running merges may hold decoded */
export function mergeSize(mergeBytes: number): MergeSize {
  const runningBytes = Math.floor(mergeBytes / MERGE_DECODED_RATIO);
  // Two parts, since merges have as many threads as ingest, and one that reads little makes many small segments.
  return { runningBytes, partBytes: Math.max(MERGE_PART_BYTES_MIN, Math.floor(runningBytes / 2)) };
}

/**
 * Encoded bytes of what a merge of these holds decoded at a time. All blocks, since they may interleave; of a segment the row group that
 * it is at and the next, since its rows are sorted.
 */
export function heldBytes(blocks: readonly LiveBlock[], segments: readonly LiveSegment[]): number {
  const ofBlocks = blocks.reduce((sum, { blockBytes }) => sum + blockBytes, 0);
  return segments.reduce((sum, { bytes, rows }) => {
    return sum + Math.ceil(bytes * Math.min(1, (2 * ROW_GROUP_ROWS) / Math.max(1, rows)));
  }, ofBlocks);
}

/** Whether a part that has so many rows and bytes takes this block too. */
export function fits(size: MergeSize, rows: number, bytes: number, block: LiveBlock): boolean {
  return rows + block.rows <= MERGE_ROWS && bytes + block.blockBytes <= size.partBytes;
}
