/** Keeps the row groups of a damaged segment that are whole, in a new segment. */
import { closeSync, fdatasyncSync, fstatSync, openSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type LostPart, type Salvage, salvageSegment } from '../native/index.js';
import { SEGMENT_SUFFIX, TEMPORARY_SUFFIX } from '../storage/layout.js';
import type { SegmentMetadata } from '../storage/merge-task.js';
import { type SegmentFacts, segmentFacts } from './segment-facts.js';

export interface SalvagePlan {
  path: string;
  /** What is wrong with it. */
  reasons: string[];
  /** The segment that will stand for it; absent when nothing of it is good, or nothing tells its stream. */
  kept?: SegmentFacts;
  /** Of the new segment. */
  metadata?: SegmentMetadata;
  lost: LostPart[];
  /** Absent when nothing tells how many rows it had. */
  lostRows?: number;
}

/** Nothing is written: the new segment goes nowhere. */
const NOWHERE = '/dev/null';

/** @param rows that the segment had, where something tells */
export function trySalvage(
  path: string,
  metadata: SegmentMetadata | undefined,
  reasons: string[],
  rows: number | undefined,
): SalvagePlan {
  const file = salvagedName(basename(path));
  const lineage = metadata && salvagedMetadata(metadata, basename(path), file);
  const { footer, lost } = write(path, NOWHERE, lineage);
  const kept = lineage && footer.groups.length > 0 ? segmentFacts(file, footer) : undefined;
  const lostRows = rows === undefined ? undefined : rows - (kept?.rows ?? 0);
  return { path, reasons, kept, metadata: lineage, lost, lostRows };
}

/** Writes the new segment beside the damaged one; durable when it returns, but for its name in the directory. */
export function writeSalvaged({ path, kept, metadata }: SalvagePlan): void {
  if (!kept) return;
  const target = join(dirname(path), kept.file);
  const temporary = target + TEMPORARY_SUFFIX;
  write(path, temporary, metadata);
  renameSync(temporary, target);
}

function write(path: string, target: string, metadata: SegmentMetadata | undefined): Salvage {
  const source = openSync(path, 'r');
  const output = openSync(target, 'w');
  try {
    const bytes = Buffer.from(JSON.stringify(metadata ?? {}));
    const salvage = salvageSegment(source, fstatSync(source).size, output, bytes);
    if (target !== NOWHERE) fdatasyncSync(output);
    return salvage;
  } finally {
    closeSync(source);
    closeSync(output);
  }
}

function salvagedName(file: string): string {
  return `${file.slice(0, -SEGMENT_SUFFIX.length)}-salvaged${SEGMENT_SUFFIX}`;
}

function salvagedMetadata(metadata: SegmentMetadata, damaged: string, file: string): SegmentMetadata {
  return {
    ...metadata,
    walInputs: {},
    inputs: [damaged],
    retired: [...metadata.retired, ...metadata.inputs],
    outputs: [file],
  };
}
