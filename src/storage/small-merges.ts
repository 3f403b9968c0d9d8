/**
 * Blocks of many small streams, merged by one task and made live by one commit. Each stream still gets a segment of its own; what they
 * share is the syncs, which take nearly all the time of a small merge.
 */
import type { Piscina } from 'piscina';
import {
  SEGMENT_ZSTD_LEVEL,
  TOGETHER_BLOCKS_MAX,
  TOGETHER_BYTES_MAX,
  TOGETHER_ROWS_MAX,
  TOGETHER_STREAMS_MAX,
} from '../config/limits.js';
import { firstSequenceOf, type MergeInputs, mergedUpTo, walRanges } from './merge-inputs.js';
import { heldBytes } from './merge-size.js';
import type { MergeResult, MergeTask } from './merge-task.js';
import type { Lineage, Merged, Store } from './store.js';
import type { Stream } from './stream.js';

/** What is merged next of one stream. */
export interface Picked {
  stream: Stream;
  inputs: MergeInputs;
}

export function isSmall({ blocks, segments }: MergeInputs): boolean {
  if (segments.length > 0 || blocks.length > TOGETHER_BLOCKS_MAX) return false;
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
  return rows <= TOGETHER_ROWS_MAX && heldBytes(blocks, []) <= TOGETHER_BYTES_MAX;
}

/** Whether a task that has these merges takes no more. */
export function isFull(picked: readonly Picked[]): boolean {
  const bytes = picked.reduce((sum, { inputs }) => sum + heldBytes(inputs.blocks, []), 0);
  return picked.length >= TOGETHER_STREAMS_MAX || bytes >= TOGETHER_BYTES_MAX;
}

/** Merges small inputs of streams that the caller holds. @returns those that were made live, and how long the task took */
export async function mergeTogether(
  store: Store,
  pool: Piscina,
  picked: readonly Picked[],
): Promise<{ merged: Merged[]; tookMs: number }> {
  const leases = picked.flatMap(({ inputs }) => inputs.blocks.map(({ lease }) => lease));
  for (const lease of leases) lease.acquire();
  const streams = picked.map(({ stream }) => stream);
  const files = store.beginSegments(streams);
  const unused = new Set(files);
  try {
    const lineages = await store.lineages(streams);
    const tasks = picked.map(({ stream, inputs: { blocks } }, index): MergeTask => {
      return {
        inputs: blocks.map(({ lease, offset }) => ({ path: lease.path, offset, reusable: false })),
        outputPaths: [store.segmentPath(files[index] as string)],
        metadata: segmentMetadata(stream, { blocks, segments: [] }, lineages[index] as Lineage),
        zstdLevel: SEGMENT_ZSTD_LEVEL,
      };
    });
    const results = (await pool.run(tasks)) as MergeResult[];
    const written = picked.map(({ stream, inputs }, index): Merged => {
      const file = files[index] as string;
      const firstSequence = firstSequenceOf(inputs);
      const { outputs } = results[index] as MergeResult;
      const segments = outputs.map(({ footer }) => ({ file, footer, firstSequence }));
      return { stream, written: segments, inputs, removes: false };
    });
    const live = await store.commitMerges(written);
    const merged = written.filter((_, index) => live[index]);
    for (const { written: segments } of merged) for (const { file } of segments) unused.delete(file);
    const tookMs = results.reduce((sum, result) => sum + result.tookMs, 0);
    return { merged, tookMs };
  } finally {
    store.abandonSegments([...unused]);
    for (const lease of leases) lease.release();
  }
}

/** What segments made of these inputs say of themselves. */
export function segmentMetadata(
  stream: Stream,
  inputs: MergeInputs,
  { walMerged, retired, sequence }: Lineage,
): MergeTask['metadata'] {
  return {
    organization: stream.organization,
    stream: stream.name,
    streamCreatedUs: stream.createdUs,
    firstSequence: firstSequenceOf(inputs),
    walMerged: { ...walMerged, ...Object.fromEntries(mergedUpTo(inputs.blocks)) },
    walInputs: walRanges(inputs.blocks),
    inputs: inputs.segments.map(({ file }) => file),
    retired,
    sequence,
  };
}
