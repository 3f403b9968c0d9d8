/** What the catalog says against what lies there. */
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SegmentRow } from '../storage/catalog.js';
import type { DataLayout } from '../storage/layout.js';
import type { CatalogContents, CatalogSnapshot } from './catalog-snapshot.js';
import { streamKeyOf } from './lineage.js';
import { countText, type Problem } from './problem.js';
import type { SegmentFacts } from './segment-facts.js';
import type { SurveyedFile } from './survey.js';

const REBUILD = 'stop the server and run `basalt repair`: it rebuilds the catalog from the segments';

export function catalogProblems(path: string, snapshot: CatalogSnapshot): Problem[] {
  switch (snapshot.state) {
    case 'whole':
      return [];
    case 'missing':
      return [{ what: 'the catalog is not there', where: path, next: REBUILD }];
    case 'newer':
      return [
        {
          what: `the catalog has version ${snapshot.version}, which is newer than this build`,
          where: path,
          next: 'use the version that wrote it',
        },
      ];
    case 'damaged':
      return snapshot.problems.map((problem) => ({
        what: `catalog: ${problem}`,
        where: path,
        next: REBUILD,
      }));
  }
}

/** Segments that the catalog names and that are not there, or not of the size it says. */
export function missingSegments(contents: CatalogContents, layout: DataLayout): Problem[] {
  return contents.segments.flatMap(({ file, rows, bytes }) => {
    const path = join(layout.segments, file);
    const found = statSync(path, { throwIfNoEntry: false })?.size;
    if (found === bytes) return [];
    const what =
      found === undefined
        ? `the segment is not there; the catalog says ${countText(rows, 'row')}`
        : `the segment has ${found} bytes, the catalog says ${bytes}`;
    return [
      {
        what,
        where: path,
        next: 'restore the file from a backup, or stop the server and run `basalt repair` to go on without what is lost',
      },
    ];
  });
}

/** The first thing in which a row of the catalog differs from the segment that it names. */
export function contradiction(
  row: SegmentRow,
  facts: SegmentFacts,
  streams: ReadonlyMap<number, { organization: string; name: string }>,
): string | undefined {
  const stream = streams.get(row.stream_id);
  const { metadata } = facts;
  const pairs: [string, unknown, unknown][] = [
    ['rows', row.rows, facts.rows],
    ['bytes', row.bytes, facts.bytes],
    ['least time', row.time_min, facts.timeMin],
    ['greatest time', row.time_max, facts.timeMax],
  ];
  if (metadata) {
    pairs.push(
      ['first sequence', row.first_sequence, metadata.firstSequence],
      ['organization', stream?.organization, metadata.organization],
      ['stream', stream?.name, metadata.stream],
    );
  }
  const differing = pairs.find(([, said, is]) => said !== is);
  return differing && `the catalog says ${differing[0]} ${differing[1]}, the segment ${differing[2]}`;
}

/** Rows of the catalog that whole segments contradict. */
export function contradictions(contents: CatalogContents, files: SurveyedFile[]): Problem[] {
  const streams = new Map(contents.streams.map((stream) => [stream.id, stream]));
  const rows = new Map(contents.segments.map((row) => [row.file, row]));
  return files.flatMap(({ path, result }) => {
    const row = rows.get(basename(path));
    if (!row || result.state !== 'segment' || !result.facts || result.findings.length > 0) return [];
    const what = contradiction(row, result.facts, streams);
    return what === undefined ? [] : [{ what, where: path, next: REBUILD }];
  });
}

/**
 * Why a segment that the catalog does not name needs nobody's care, or undefined when rows of it may be nowhere else.
 * @param walFiles names of the WAL files that are there
 */
export function harmless(
  facts: SegmentFacts,
  contents: CatalogContents,
  walFiles: ReadonlySet<string>,
): string | undefined {
  if (contents.retired.includes(facts.file)) return 'replaced or not finished; the next start removes it';
  const { metadata } = facts;
  if (!metadata) return undefined;
  const key = streamKeyOf(metadata);
  const deleted = contents.deletions.find((deletion) => streamKeyOf(deletion) === key);
  if (deleted && metadata.firstSequence <= deleted.sequence) return 'of a deleted stream';
  const live = new Set(contents.segments.map(({ file }) => file));
  const merged = new Map(
    contents.walMerged.filter((row) => streamKeyOf(row) === key).map((row) => [row.file, row.sequence]),
  );
  const inputs = facts.withoutLineage ? Object.entries(metadata.walMerged) : walEnds(metadata.walInputs);
  const hasInputs = inputs.length + metadata.inputs.length > 0;
  const inputsLive =
    metadata.inputs.every((file) => live.has(file)) &&
    inputs.every(([file, last]) => walFiles.has(file) && (merged.get(file) ?? 0) < last);
  return hasInputs && inputsLive ? 'of a merge that was not finished; its inputs are all live' : undefined;
}

function walEnds(walInputs: Record<string, [number, number]>): [string, number][] {
  return Object.entries(walInputs).map(([file, [, last]]) => [file, last]);
}
