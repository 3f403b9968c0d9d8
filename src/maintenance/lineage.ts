/**
 * Which of the segments that lie there are live, from what they say of themselves: no row may come back that was replaced or deleted,
 * none may be lost, none may count twice.
 *
 * What a crash can leave. (1) Outputs of a merge whose commit had not happened: they have exactly the rows of its inputs, so they may
 * stand for them, committed or not, if all of them are there. (2) Only some of the outputs: then the inputs were not touched yet, and
 * count instead. (3) Inputs whose removal had not happened, since a query read them or the crash came first: every segment names those
 * it replaced, and those replaced before that were still there when it was written; so each is named by one that is there as long as any
 * row of it is.
 * (4) Segments of a deleted stream: the log of deletions names a sequence up to which its rows are void.
 * (5) A damaged output whose inputs are all there still, in whole WAL files or segments: as if its merge had not been finished, and
 * nothing is lost.
 * (6) Inputs of a merge that left rows out, or segments that were dropped: the log of deletions names them once that is committed. They are
 * dead whatever became of the outputs, and so is any other merge that read them.
 * (7) Outputs of a merge that failed after they were written, and was done again: both name the same inputs, and the later has them all.
 */
import type { Deletion, Removal } from '../storage/deletion-log.js';
import type { SegmentMetadata } from '../storage/merge-task.js';

export interface LineageSegment {
  file: string;
  metadata: SegmentMetadata;
}

export interface Lineage<S extends LineageSegment> {
  live: S[];
  /** With the reason, for people. */
  dead: { segment: S; reason: string }[];
  /** Last merged sequence by WAL file, by stream key. */
  walMerged: Map<string, Map<string, number>>;
}

export function streamKeyOf({ organization, stream }: { organization: string; stream: string }): string {
  return `${organization}/${stream}`;
}

export interface Surroundings {
  /** Segments of which something is damaged. */
  damaged: ReadonlySet<string>;
  /** WAL files that are there, and those of them without damage. */
  walFiles: ReadonlySet<string>;
  wholeWalFiles: ReadonlySet<string>;
  deletions: Deletion[];
  removals: Removal[];
}

/** @param segments all whose end can be read, since that tells what they are */
export function resolveLineage<S extends LineageSegment>(segments: S[], around: Surroundings): Lineage<S> {
  const { walFiles, deletions, removals } = around;
  const dead = new Map<S, string>();
  const overtaken = segments.filter((segment) => removals.some((removal) => overtakes(removal, segment)));
  for (const segment of overtaken)
    dead.set(segment, 'its merge was not finished, and rows of its inputs were deleted');
  const others = segments.filter((segment) => !dead.has(segment));
  for (const segment of replaceable(others, around)) {
    const state = around.damaged.has(segment.file) ? 'it is damaged' : 'its merge was not finished';
    dead.set(segment, `${state}; what it was made from is all there`);
  }
  const believed = segments.filter((segment) => !dead.has(segment));
  const replacedBy = new Map<string, string>();
  for (const { file, metadata } of believed) {
    for (const replaced of [...metadata.inputs, ...metadata.retired]) replacedBy.set(replaced, file);
  }
  const removed = new Set(removals.flatMap(({ inputs, retired }) => [...inputs, ...retired]));
  const voidUpTo = new Map(deletions.map((deletion) => [streamKeyOf(deletion), deletion.sequence]));
  for (const segment of believed) {
    const { file, metadata } = segment;
    const successor = replacedBy.get(file);
    if (metadata.firstSequence <= (voidUpTo.get(streamKeyOf(metadata)) ?? -1))
      dead.set(segment, 'its stream was deleted');
    else if (removed.has(file))
      dead.set(segment, 'its rows were deleted, or are in a segment without the deleted ones');
    else if (successor !== undefined) dead.set(segment, `its rows are in ${successor}`);
  }
  for (const [segment, other] of doneAgain(believed.filter((segment) => !dead.has(segment))))
    dead.set(segment, `its merge was done again by ${other.file}`);
  return {
    live: segments.filter((segment) => !dead.has(segment)),
    dead: [...dead].map(([segment, reason]) => ({ segment, reason })),
    walMerged: mergedSequences(believed, removals, walFiles),
  };
}

/** Whether a merge read what the removal read, and is not its own. */
function overtakes(
  { organization, stream, inputs, walInputs, outputs }: Removal,
  segment: LineageSegment,
): boolean {
  const { file, metadata } = segment;
  if (metadata.organization !== organization || metadata.stream !== stream || outputs.includes(file))
    return false;
  return sameRows({ inputs, walInputs }, metadata);
}

/**
 * Outputs of merges of which some are damaged or were never written, while what they were made from is there (or is such an output itself),
 * and nothing that is believed was written after they were committed. The largest such set.
 */
function replaceable<S extends LineageSegment>(segments: S[], around: Surroundings): Set<S> {
  const present = new Set(segments.map(({ file }) => file));
  const whole = new Set([...present].filter((file) => !around.damaged.has(file)));
  const removals = new Set(around.removals.flatMap(({ outputs }) => outputs));
  const found = new Set(
    segments.filter(({ file, metadata: { outputs, inputs, walInputs } }) => {
      if (removals.has(file)) return false;
      const walFiles = Object.keys(walInputs);
      const incomplete = !outputs.every((file) => whole.has(file));
      const hasInputs = inputs.length + walFiles.length > 0;
      return incomplete && hasInputs && walFiles.every((file) => around.wholeWalFiles.has(file));
    }),
  );
  for (let changed = true; changed; ) {
    changed = false;
    const foundFiles = new Set([...found].map(({ file }) => file));
    for (const segment of found) {
      const { metadata } = segment;
      // What was never finished counts for nothing, even if an input is damaged; what is damaged may be worth more than a damaged input.
      const usable = metadata.outputs.every((file) => present.has(file)) ? whole : present;
      const inputsThere = metadata.inputs.every((file) => usable.has(file) || foundFiles.has(file));
      const isKnown = () =>
        around.removals.some((removal) => knowsCommit(removal, metadata)) ||
        segments.some((other) => !found.has(other) && knowsCommit(other.metadata, metadata));
      if (inputsThere && !isKnown()) continue;
      found.delete(segment);
      changed = true;
    }
  }
  return found;
}

/** Whether `other` was written after the merge that wrote `metadata` had been committed. */
function knowsCommit(other: Removal, metadata: SegmentMetadata): boolean {
  const gone = new Set([...other.inputs, ...other.retired]);
  if (metadata.outputs.some((file) => gone.has(file))) return true;
  if (other.outputs.some((file) => metadata.outputs.includes(file))) return false;
  if (streamKeyOf(other) !== streamKeyOf(metadata)) return metadata.inputs.some((file) => gone.has(file));
  const merged = Object.entries(metadata.walInputs).some(
    ([file, [, last]]) => (other.walMerged[file] ?? 0) >= last,
  );
  return merged || metadata.inputs.some((file) => other.retired.includes(file));
}

type Sources = Pick<SegmentMetadata, 'inputs' | 'walInputs'>;

/** Pairs of live segments of different merges that read the same, the earlier one first. */
function doneAgain<S extends LineageSegment>(live: S[]): [S, S][] {
  const pairs: [S, S][] = [];
  const bySource = new Map<string, S[]>();
  for (const segment of live) {
    const { metadata } = segment;
    const sources = [
      ...metadata.inputs,
      ...Object.keys(metadata.walInputs).map((file) => `${streamKeyOf(metadata)}\0${file}`),
    ];
    for (const source of sources) {
      const others = bySource.get(source) ?? [];
      for (const other of others) {
        if (other.metadata.outputs.includes(segment.file) || !sameRows(other.metadata, metadata)) continue;
        pairs.push(other.metadata.sequence <= metadata.sequence ? [other, segment] : [segment, other]);
      }
      bySource.set(source, [...others, segment]);
    }
  }
  return pairs;
}

function sameRows(a: Sources, b: Sources): boolean {
  if (a.inputs.some((file) => b.inputs.includes(file))) return true;
  return Object.entries(a.walInputs).some(([file, [first, last]]) => {
    const other = b.walInputs[file];
    return other !== undefined && first <= other[1] && other[0] <= last;
  });
}

function mergedSequences(
  believed: LineageSegment[],
  removals: Removal[],
  walFiles: ReadonlySet<string>,
): Map<string, Map<string, number>> {
  const merged = new Map<string, Map<string, number>>();
  const note = (key: string, file: string, sequence: number) => {
    const ofStream = merged.get(key) ?? new Map<string, number>();
    merged.set(key, ofStream);
    if (walFiles.has(file)) ofStream.set(file, Math.max(ofStream.get(file) ?? 0, sequence));
  };
  for (const said of [...believed.map(({ metadata }) => metadata), ...removals]) {
    for (const [file, sequence] of Object.entries(said.walMerged)) note(streamKeyOf(said), file, sequence);
  }
  return merged;
}
