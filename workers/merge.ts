/** Merge worker: one task merges blocks into durable segment files. */
import { closeSync, fdatasyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { workerData } from 'piscina';
import {
  addThreadNice,
  countMatches,
  type MergeSelection,
  mergeBlocks,
  releaseFreedMemory,
  rowsByTime,
  type SegmentFooter,
} from '../src/native/index.js';
import { replaceTime, type ScanRequest } from '../src/query/scan-request.js';
import { TEMPORARY_SUFFIX } from '../src/storage/layout.js';
import type { MergeResult, MergeTask, MergeWorkerData, SegmentMetadata } from '../src/storage/merge-task.js';
import { PARTITION_MICROSECONDS, splitByDay } from '../src/storage/partition.js';
import { syncPath } from '../src/storage/sync-path.js';

addThreadNice((workerData as MergeWorkerData | undefined)?.nice ?? 0);

export default function run(task: MergeTask | MergeTask[]): MergeResult | MergeResult[] {
  return Array.isArray(task) ? mergeAll(task) : merge(task);
}

/** All are durable when it returns. Where one fails, what was written of the others is left to the caller. */
function mergeAll(tasks: MergeTask[]): MergeResult[] {
  const open = new OpenFiles();
  const drafts: Draft[] = [];
  try {
    const results = tasks.map((task): MergeResult => {
      const started = performance.now();
      const [fds, offsets, reusable] = inputsOf(task, open);
      const [path] = task.outputPaths as [string];
      const metadata: SegmentMetadata = { ...task.metadata, outputs: [basename(path)] };
      const metadataBytes = Buffer.from(JSON.stringify(metadata));
      const draft = new Draft(path);
      drafts.push(draft);
      const footer = mergeBlocks(fds, offsets, reusable, draft.fd, metadataBytes, task.zstdLevel, {});
      const outputs = [{ index: 0, footer }];
      return { outputs, untouched: false, tookMs: performance.now() - started };
    });
    // The first sync takes the time; the others find most of theirs done.
    for (const draft of drafts) draft.finish();
    syncPath(dirname(tasks[0]?.outputPaths[0] as string));
    return results;
  } finally {
    for (const draft of drafts) draft.drop();
    open.close();
    releaseFreedMemory();
  }
}

/** The input files of a task, each opened once. */
class OpenFiles {
  private readonly files = new Map<string, number>();

  get(path: string): number {
    let fd = this.files.get(path);
    if (fd === undefined) {
      fd = openSync(path, 'r');
      this.files.set(path, fd);
    }
    return fd;
  }

  close(): void {
    for (const fd of this.files.values()) closeSync(fd);
  }
}

function inputsOf({ inputs }: MergeTask, open: OpenFiles): [Int32Array, Float64Array, Uint8Array] {
  return [
    Int32Array.from(inputs, ({ path }) => open.get(path)),
    Float64Array.from(inputs, ({ offset }) => offset),
    Uint8Array.from(inputs, (input) => Number(input.reusable)),
  ];
}

function merge(task: MergeTask): MergeResult {
  const started = performance.now();
  const open = new OpenFiles();
  try {
    const [fds, offsets, reusable] = inputsOf(task, open);
    if (task.removal !== undefined && task.inputs.every((input) => input.reusable)) {
      const untouched = countMatches(fds, offsets, task.removal) === 0;
      if (untouched) return { outputs: [], untouched, tookMs: performance.now() - started };
    }
    const outputs: MergeResult['outputs'] = [];
    const selected = selections(task, fds, offsets);
    if (selected.length > task.outputPaths.length)
      throw new Error(`BUG: a merge has more than ${task.outputPaths.length} outputs`);
    const paths = task.outputPaths.slice(0, selected.length);
    const outputFiles = task.allOutputs ?? paths.map((path) => basename(path));
    const metadata: SegmentMetadata = { ...task.metadata, outputs: outputFiles };
    const metadataBytes = Buffer.from(JSON.stringify(metadata));
    for (const [index, selection] of selected.entries()) {
      const footer = write(paths[index] as string, (fd) =>
        mergeBlocks(fds, offsets, reusable, fd, metadataBytes, task.zstdLevel, selection),
      );
      if (!footer && selected.length > 1) throw new Error('BUG: an output of a merge has no rows');
      if (footer) outputs.push({ index, footer });
    }
    syncPath(dirname(task.outputPaths[0] as string));
    return { outputs, untouched: false, tookMs: performance.now() - started };
  } finally {
    open.close();
    // The next merge may be long in coming, or another thread's.
    releaseFreedMemory();
  }
}

/** What goes to each output; together all rows once. Where there are several each has rows, since all of them name each other. */
function selections(task: MergeTask, fds: Int32Array, offsets: Float64Array): MergeSelection[] {
  const { removal } = task;
  if (task.outputPaths.length === 1) return [{ removal }];
  const counts = rowsByTime(fds, offsets, PARTITION_MICROSECONDS);
  const rowsByDay = new Map(counts.map(({ bucket, rows }) => [bucket, rows]));
  if (removal !== undefined) leaveOut(rowsByDay, removal, fds, offsets);
  const cuts = splitByDay(rowsByDay);
  return cuts ? cuts.map((cut) => ({ ...cut, removal })) : [{ removal }];
}

/** Takes the rows that `removal` matches off the counts. */
function leaveOut(
  rowsByDay: Map<number, number>,
  removal: string,
  fds: Int32Array,
  offsets: Float64Array,
): void {
  for (const [day, rows] of rowsByDay) {
    const from = day * PARTITION_MICROSECONDS;
    const rest = rows - countMatches(fds, offsets, withinTime(removal, from, from + PARTITION_MICROSECONDS));
    if (rest > 0) rowsByDay.set(day, rest);
    else rowsByDay.delete(day);
  }
}

/** Changes the text, not the parsed request: its 64-bit integers do not survive `JSON.parse` exactly. */
function withinTime(request: string, from: number, to: number): string {
  const { time } = JSON.parse(request) as ScanRequest;
  const min = Math.max(time.min ?? from, from);
  const max = Math.min(time.max ?? to, to);
  return replaceTime(request, { min, max: Math.max(min, max) });
}

/** Writes a file and makes it durable under its name. @returns undefined, and no file, when it would have no rows */
function write(path: string, fill: (fd: number) => SegmentFooter): SegmentFooter | undefined {
  const draft = new Draft(path);
  try {
    const footer = fill(draft.fd);
    if (footer.groups.length === 0) return undefined;
    draft.finish();
    return footer;
  } finally {
    draft.drop();
  }
}

/** A file that is being written beside where it shall stand: OPEN → finished (durable, in its place) or dropped. */
class Draft {
  readonly fd: number;
  private readonly temporaryPath: string;
  private isOpen = true;

  constructor(private readonly path: string) {
    this.temporaryPath = path + TEMPORARY_SUFFIX;
    this.fd = openSync(this.temporaryPath, 'w');
  }

  /** The folder is to be synced, too. */
  finish(): void {
    fdatasyncSync(this.fd);
    renameSync(this.temporaryPath, this.path);
    this.close();
  }

  /** Unless it is finished. On a disk that refuses, the file stays for the collection cycle. */
  drop(): void {
    if (!this.isOpen) return;
    this.close();
    rmSync(this.temporaryPath, { force: true });
  }

  private close(): void {
    closeSync(this.fd);
    this.isOpen = false;
  }
}
