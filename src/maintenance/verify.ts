/**
 * `basalt verify`: everything of a data directory that has a checksum, and the catalog against the files. Only reads, also beside a
 * running server: files that go while it looks were merged away, and are no problem.
 */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLocked } from '../storage/data-lock.js';
import type { DataLayout } from '../storage/layout.js';
import { readJournals } from '../storage/wal-start.js';
import { catalogProblems, contradictions, harmless, missingSegments } from './catalog-problems.js';
import { type CatalogContents, readCatalog } from './catalog-snapshot.js';
import type { CheckTask } from './check-task.js';
import { problemsOf } from './file-problems.js';
import type { Problem } from './problem.js';
import { dataFiles, type SurveyedFile, type SurveyObserver, survey } from './survey.js';
import { walLosses } from './wal-losses.js';

export interface VerifyReport {
  problems: Problem[];
  /** Worth knowing, and in order. */
  notes: string[];
  files: number;
  bytes: number;
  rows: number;
}

/** For how long a running server may take to commit a segment that it has written. */
const COMMIT_MS = 3000;

/** Checks single files. */
export async function verifyFiles(tasks: CheckTask[], observer: SurveyObserver): Promise<VerifyReport> {
  return reportOf(await survey(tasks, observer));
}

export async function verifyDirectory(layout: DataLayout, observer: SurveyObserver): Promise<VerifyReport> {
  const journals = readJournals(layout);
  const files = await survey(dataFiles(layout), observer);
  const report = reportOf(files);
  const running = isLocked(layout.lock);
  if (running) report.notes.push('a server is running on the data directory');
  const snapshot = readCatalog(layout.catalog);
  if (snapshot.state === 'missing' && files.length === 0 && journals.size === 0) return report;
  report.problems.push(...catalogProblems(layout.catalog, snapshot));
  if (snapshot.state !== 'whole') return report;
  let { contents } = snapshot;
  let missing = missingSegments(contents, layout);
  let unknown = unknownSegments(contents, files);
  if (running && (missing.length > 0 || unknown.length > 0)) {
    // Between a merge's file and its commit, or its commit and the removal of its inputs: look again.
    await sleep(COMMIT_MS);
    const again = readCatalog(layout.catalog);
    if (again.state === 'whole') contents = again.contents;
    missing = missingSegments(contents, layout);
    unknown = unknownSegments(contents, files);
  }
  report.problems.push(...missing, ...contradictions(contents, files), ...unknown);
  const losses = walLosses(layout, contents, files, journals, running);
  report.problems.push(...losses);
  // An end that was acknowledged is told as a loss, not as normal.
  report.notes = report.notes.filter(
    (note) => !losses.some(({ where }) => note.startsWith(`${where} ends in `)),
  );
  report.notes.push(...harmlessSegments(contents, files));
  return report;
}

function reportOf(files: SurveyedFile[]): VerifyReport {
  const report: VerifyReport = { problems: [], notes: [], files: files.length, bytes: 0, rows: 0 };
  for (const file of files) {
    const { path, result } = file;
    report.problems.push(...problemsOf(file));
    if (result.state === 'gone') {
      report.notes.push(`${path} went away meanwhile: merged, or removed`);
      continue;
    }
    report.bytes += result.bytes;
    if (result.state === 'segment') report.rows += result.facts?.rows ?? 0;
    if (result.state === 'wal') {
      report.rows += result.rows;
      if (result.tornBytes > 0)
        report.notes.push(
          `${path} ends in ${result.tornBytes} bytes that were never acknowledged: normal after a crash`,
        );
    }
  }
  return report;
}

/** Those that are there still and that the catalog does not name, with what may be said for them. */
function unnamed(contents: CatalogContents, files: SurveyedFile[]): { path: string; reason?: string }[] {
  const live = new Set(contents.segments.map(({ file }) => file));
  const walFiles = new Set(files.filter(({ kind }) => kind === 'wal').map(({ path }) => basename(path)));
  return files.flatMap(({ path, result }) => {
    if (result.state !== 'segment' || !result.facts || live.has(basename(path)) || !existsSync(path))
      return [];
    return [{ path, reason: harmless(result.facts, contents, walFiles) }];
  });
}

function unknownSegments(contents: CatalogContents, files: SurveyedFile[]): Problem[] {
  return unnamed(contents, files)
    .filter(({ reason }) => reason === undefined)
    .map(({ path }) => ({
      what: 'the catalog does not name this segment, and nothing else is known to have its rows',
      where: path,
      next: 'stop the server and run `basalt repair`; was the catalog restored from a backup that is older than the segments?',
    }));
}

function harmlessSegments(contents: CatalogContents, files: SurveyedFile[]): string[] {
  return unnamed(contents, files).flatMap(({ path, reason }) =>
    reason === undefined ? [] : [`${path} is not live: ${reason}`],
  );
}
