/** Checks many files on worker threads, and tells how far it is. */
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { type DataLayout, SEGMENT_SUFFIX, WAL_SUFFIX } from '../storage/layout.js';
import type { CheckResult, CheckTask } from './check-task.js';

const WORKER = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'workers', 'check.js');

export interface SurveyedFile extends CheckTask {
  result: CheckResult;
}

/** Hears of each file that is done. */
export interface SurveyObserver {
  start(files: number, bytes: number): void;
  checked(bytes: number): void;
}

/** Segments and WAL files of a data directory; names ending otherwise are unfinished or prepared files and hold nothing. */
export function dataFiles(layout: DataLayout): CheckTask[] {
  const list = (kind: CheckTask['kind'], directory: string, suffix: string): CheckTask[] =>
    namesIn(directory, suffix).map((name) => ({ kind, path: join(directory, name) }));
  return [...list('segment', layout.segments, SEGMENT_SUFFIX), ...list('wal', layout.wal, WAL_SUFFIX)];
}

/** Sorted; none when there is no such directory. */
export function namesIn(directory: string, suffix: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(suffix))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Checks the files, the largest first so that all threads end together. In the order of `tasks`. */
export async function survey(tasks: CheckTask[], observer: SurveyObserver): Promise<SurveyedFile[]> {
  const sized = tasks.map((task, index) => ({ task, index, bytes: sizeOf(task.path) }));
  observer.start(
    tasks.length,
    sized.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const results: SurveyedFile[] = new Array(tasks.length);
  const threads = Math.max(1, Math.min(tasks.length, availableParallelism()));
  const pool = new Piscina({
    filename: WORKER,
    minThreads: threads,
    maxThreads: threads,
    atomics: 'disabled',
  });
  try {
    await Promise.all(
      sized
        .sort((a, b) => b.bytes - a.bytes)
        .map(async ({ task, index, bytes }) => {
          results[index] = { ...task, result: (await pool.run(task)) as CheckResult };
          observer.checked(bytes);
        }),
    );
  } finally {
    await pool.destroy();
  }
  return results;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
