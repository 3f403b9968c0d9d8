/** Merge worker: one task merges blocks into durable segment files. */
import { closeSync, fdatasyncSync, openSync, renameSync, rmSync, unlinkSync } from 'node:fs';
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

export default function merge(task: MergeTask): MergeResult {
  const started = performance.now();
  const open = new Map<string, number>();
  try {
    const fds = Int32Array.from(task.inputs, ({ path }) => {
      let fd = open.get(path);
      if (fd === undefined) {
        fd = openSync(path, 'r');
        open.set(path, fd);
      }
      return fd;
    });
    const offsets = Float64Array.from(task.inputs, ({ offset }) => offset);
    const reusable = Uint8Array.from(task.inputs, (input) => Number(input.reusable));
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
    for (const fd of open.values()) closeSync(fd);
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
  const temporaryPath = path + TEMPORARY_SUFFIX;
  const fd = openSync(temporaryPath, 'w');
  try {
    const footer = fill(fd);
    if (footer.groups.length === 0) {
      unlinkSync(temporaryPath);
      return undefined;
    }
    fdatasyncSync(fd);
    renameSync(temporaryPath, path);
    return footer;
  } catch (error) {
    // On a disk that refuses, it stays for the collection cycle.
    rmSync(temporaryPath, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}
