/** What a whole segment tells of itself. */
import type { SegmentFooter } from '../native/index.js';
import type { SegmentMetadata } from '../storage/merge-task.js';

export interface SegmentFacts {
  file: string;
  bytes: number;
  rows: number;
  rowGroups: number;
  /** Microseconds, both inclusive. */
  timeMin: number;
  timeMax: number;
  /** Of the row groups, each as blocks carry them, without repetitions. */
  schemas: string[];
  /** Absent when the segment was not written by a merge. */
  metadata?: SegmentMetadata;
  /** The metadata is of an older version and does not tell what the segment replaced. */
  withoutLineage: boolean;
}

export function segmentFacts(file: string, footer: SegmentFooter): SegmentFacts {
  const { groups, fileBytes } = footer;
  const { metadata, withoutLineage } = parseMetadata(file, footer.metadata);
  return {
    file,
    bytes: fileBytes,
    rows: groups.reduce((sum, group) => sum + group.rows, 0),
    rowGroups: groups.length,
    timeMin: Math.min(...groups.map((group) => group.timeMin)),
    timeMax: Math.max(...groups.map((group) => group.timeMax)),
    schemas: [...new Set(groups.map((group) => group.schema))],
    metadata,
    withoutLineage,
  };
}

function parseMetadata(file: string, bytes: Uint8Array): Pick<SegmentFacts, 'metadata' | 'withoutLineage'> {
  let parsed: Partial<SegmentMetadata>;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8')) as Partial<SegmentMetadata>;
  } catch {
    return { withoutLineage: true };
  }
  const { organization, stream, streamCreatedUs, firstSequence } = parsed;
  if (typeof organization !== 'string' || typeof stream !== 'string') return { withoutLineage: true };
  const metadata: SegmentMetadata = {
    organization,
    stream,
    streamCreatedUs: streamCreatedUs ?? 0,
    firstSequence: firstSequence ?? 0,
    walMerged: parsed.walMerged ?? {},
    walInputs: parsed.walInputs ?? {},
    inputs: parsed.inputs ?? [],
    retired: parsed.retired ?? [],
    outputs: parsed.outputs ?? [file],
    sequence: parsed.sequence ?? 0,
  };
  return { metadata, withoutLineage: parsed.outputs === undefined };
}
