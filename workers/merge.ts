/** Merge worker: one task merges blocks into durable segment files. */
import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { workerData } from 'piscina';
import {
  countMatches,
  type MergeSelection,
  mergeBlocks,
  rowsByTime,
  type SegmentFooter,
  setThreadNice,
} from '../src/native/index.js';
import { TEMPORARY_SUFFIX } from '../src/storage/layout.js';
import type { MergeResult, MergeTask, MergeWorkerData } from '../src/storage/merge-task.js';
import { PARTITION_MICROSECONDS, splitByDay } from '../src/storage/partition.js';

setThreadNice((workerData as MergeWorkerData | undefined)?.nice ?? 0);

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
    for (const selection of selections(task, fds, offsets)) {
      const index = outputs.length;
      const path = task.outputPaths[index];
      if (path === undefined)
        throw new Error(`BUG: a merge has more than ${task.outputPaths.length} outputs`);
      const footer = write(path, (fd) =>
        mergeBlocks(fds, offsets, reusable, fd, Buffer.from(task.metadata), task.zstdLevel, selection),
      );
      if (footer) outputs.push({ index, footer });
    }
    syncDirectory(dirname(task.outputPaths[0] as string));
    return { outputs, untouched: false, tookMs: performance.now() - started };
  } finally {
    for (const fd of open.values()) closeSync(fd);
  }
}

/** What goes to each output; together all rows once. */
function selections(task: MergeTask, fds: Int32Array, offsets: Float64Array): MergeSelection[] {
  const { removal } = task;
  if (task.outputPaths.length === 1) return [{ removal }];
  const counts = rowsByTime(fds, offsets, PARTITION_MICROSECONDS);
  const cuts = splitByDay(new Map(counts.map(({ bucket, rows }) => [bucket, rows])));
  return cuts ? cuts.map((cut) => ({ ...cut, removal })) : [{ removal }];
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

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
