/** Merge worker: one task merges blocks into one durable segment file. Runs at low priority so that ingest and queries go first. */
import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { mergeBlocks, setThreadNice } from '../src/native/index.js';
import { TEMPORARY_SUFFIX } from '../src/storage/layout.js';
import type { MergeResult, MergeTask } from '../src/storage/merge-task.js';

setThreadNice(10);

export default function merge(task: MergeTask): MergeResult {
  const started = performance.now();
  const open = new Map<string, number>();
  const temporaryPath = task.outputPath + TEMPORARY_SUFFIX;
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
    const output = openSync(temporaryPath, 'w');
    open.set(temporaryPath, output);
    const footer = mergeBlocks(fds, offsets, output, Buffer.from(task.metadata), task.zstdLevel);
    fdatasyncSync(output);
    renameSync(temporaryPath, task.outputPath);
    const directory = openSync(dirname(task.outputPath), 'r');
    open.set(dirname(task.outputPath), directory);
    fsyncSync(directory);
    return { footer, tookMs: performance.now() - started };
  } finally {
    for (const fd of open.values()) closeSync(fd);
  }
}
