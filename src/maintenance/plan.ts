/**
 * What a repair would do. Decides only: nothing is written. A catalog that is whole and agrees with the files is kept and at most loses or
 * swaps single segments; any other is rebuilt from what the segments say of themselves.
 */
import { basename } from 'node:path';
import { FatalError } from '../errors/index.js';
import type { SegmentRow } from '../storage/catalog.js';
import type { Deletion, Removal } from '../storage/deletion-log.js';
import type { DataLayout } from '../storage/layout.js';
import type { SegmentMetadata } from '../storage/merge-task.js';
import { contradictions, harmless } from './catalog-problems.js';
import type { CatalogContents, CatalogSnapshot } from './catalog-snapshot.js';
import type { CheckResult } from './check-task.js';
import { type Lineage, resolveLineage, type Surroundings, streamKeyOf } from './lineage.js';
import { type SalvagePlan, trySalvage } from './salvage.js';
import type { SegmentFacts } from './segment-facts.js';
import type { SurveyedFile } from './survey.js';

/** A segment of the rebuilt catalog. */
export interface LiveSegment {
  /** Of the file that will be live: that of `salvage`, if there is one. */
  facts: SegmentFacts;
  metadata: SegmentMetadata;
}

export interface Rebuild {
  reason: string;
  live: LiveSegment[];
  walMerged: Lineage<never>['walMerged'];
  deletions: Deletion[];
  /** Of the old catalog, as far as it can be read. */
  old?: CatalogContents;
}

export interface RepairPlan {
  rebuild?: Rebuild;
  salvages: SalvagePlan[];
  /** Segments that the catalog names and that are not there. */
  forgotten: SegmentRow[];
  /** Segments to be moved aside, besides those that are salvaged. */
  quarantined: { file: string; reason: string }[];
  warnings: string[];
}

export interface Findings {
  files: SurveyedFile[];
  catalog: CatalogSnapshot;
  deletions: Deletion[];
  removals: Removal[];
  damagedDeletionLines: number;
}

type SegmentResult = CheckResult & { state: 'segment' };

interface Segment {
  file: string;
  path: string;
  result: SegmentResult;
}

/** @throws FatalError when something was written by another version, or cannot be read at all */
export function planRepair(layout: DataLayout, findings: Findings): RepairPlan {
  refuseForeign(layout, findings);
  const segments = segmentsOf(findings.files);
  const reason = rebuildReason(findings, segments);
  const plan =
    reason === undefined
      ? keepCatalog((findings.catalog as { contents: CatalogContents }).contents, segments)
      : rebuildCatalog(reason, findings, segments);
  if (findings.damagedDeletionLines > 0) {
    plan.warnings.push(
      `${layout.deletions}: ${findings.damagedDeletionLines} damaged lines; what they deleted may come back`,
    );
  }
  return plan;
}

export function isEmpty({ rebuild, salvages, forgotten, quarantined }: RepairPlan): boolean {
  return !rebuild && salvages.length + forgotten.length + quarantined.length === 0;
}

function refuseForeign(layout: DataLayout, { files, catalog }: Findings): void {
  if (catalog.state === 'newer') {
    throw new FatalError(
      `${layout.catalog} has version ${catalog.version}, which is newer than this build: use the version that wrote it`,
    );
  }
  for (const { path, result } of files) {
    if (result.state !== 'unreadable') continue;
    throw new FatalError(
      `${path}: ${result.error}. Nothing was changed. If another version wrote it, use that version; if the disk cannot read it, copy ` +
        'what can be read (for example with ddrescue) over it first.',
    );
  }
}

function segmentsOf(files: SurveyedFile[]): Segment[] {
  return files.flatMap(({ path, result }) =>
    result.state === 'segment' ? [{ file: basename(path), path, result }] : [],
  );
}

function isDamaged({ result }: Segment): boolean {
  return result.findings.length > 0;
}

function surroundings({ files, deletions, removals, catalog }: Findings, segments: Segment[]): Surroundings {
  const wal = files.filter(({ kind, result }) => kind === 'wal' && result.state === 'wal');
  const whole = wal.filter(({ result }) => result.state === 'wal' && result.damage.length === 0);
  const known = 'contents' in catalog ? (catalog.contents?.deletions ?? []) : [];
  return {
    damaged: new Set(segments.filter(isDamaged).map(({ file }) => file)),
    walFiles: new Set(wal.map(({ path }) => basename(path))),
    wholeWalFiles: new Set(whole.map(({ path }) => basename(path))),
    deletions: latest([...deletions, ...known]),
    removals,
  };
}

function latest(deletions: Deletion[]): Deletion[] {
  const byKey = new Map<string, Deletion>();
  for (const deletion of deletions) {
    const known = byKey.get(streamKeyOf(deletion));
    if (!known || known.sequence < deletion.sequence) byKey.set(streamKeyOf(deletion), deletion);
  }
  return [...byKey.values()];
}

function rebuildReason(findings: Findings, segments: Segment[]): string | undefined {
  const { catalog, files, deletions, removals } = findings;
  if (catalog.state === 'missing')
    return segments.length + deletions.length + removals.length > 0 ? 'the catalog is not there' : undefined;
  if (catalog.state !== 'whole') return 'the catalog is damaged';
  const [contradiction] = contradictions(catalog.contents, files);
  if (contradiction) return `${contradiction.where}: ${contradiction.what}`;
  const around = surroundings(findings, segments);
  const live = new Set(catalog.contents.segments.map(({ file }) => file));
  const unknown = segments.find(
    ({ file, result }) =>
      !live.has(file) &&
      result.facts?.metadata &&
      harmless(result.facts, catalog.contents, around.walFiles) === undefined,
  );
  if (unknown) return `the catalog does not name ${unknown.path}, and nothing else is known to have its rows`;
  const replaceable = resolveLineage(readable(segments), around).dead.find(
    ({ segment }) =>
      live.has(segment.file) && around.damaged.has(segment.file) && !replacedIn(segments, segment.file),
  );
  return replaceable && `${replaceable.segment.file} is damaged, but what it was made from is all there`;
}

function replacedIn(segments: Segment[], file: string): boolean {
  return segments.some(({ result }) => result.facts?.metadata?.inputs.includes(file));
}

interface Readable extends Segment {
  facts: SegmentFacts;
  metadata: SegmentMetadata;
}

function readable(segments: Segment[]): Readable[] {
  return segments.flatMap((segment) => {
    const { facts } = segment.result;
    return facts?.metadata ? [{ ...segment, facts, metadata: facts.metadata }] : [];
  });
}

function emptyPlan(): RepairPlan {
  return { salvages: [], forgotten: [], quarantined: [], warnings: [] };
}

function keepCatalog(contents: CatalogContents | undefined, segments: Segment[]): RepairPlan {
  const plan = emptyPlan();
  if (!contents) return plan;
  const there = new Map(segments.map((segment) => [segment.file, segment]));
  for (const row of contents.segments) {
    const segment = there.get(row.file);
    if (!segment) plan.forgotten.push(row);
    else if (isDamaged(segment))
      plan.salvages.push(salvageOf(segment, metadataFrom(contents, row), row.rows));
    there.delete(row.file);
  }
  for (const segment of there.values()) {
    // The next start removes or moves the others.
    if (isDamaged(segment) && !contents.retired.includes(segment.file))
      plan.quarantined.push({ file: segment.file, reason: 'damaged, and the catalog does not name it' });
  }
  return plan;
}

function salvageOf(segment: Segment, fallback: SegmentMetadata | undefined, rows?: number): SalvagePlan {
  const metadata = segment.result.facts?.metadata ?? fallback;
  const reasons = segment.result.findings.map(({ what }) => what);
  return trySalvage(segment.path, metadata, reasons, segment.result.facts?.rows ?? rows);
}

/** For a segment whose own is lost with its end. */
function metadataFrom(contents: CatalogContents, row: SegmentRow): SegmentMetadata | undefined {
  const stream = contents.streams.find(({ id }) => id === row.stream_id);
  if (!stream) return undefined;
  const key = `${stream.organization}/${stream.name}`;
  const merged = contents.walMerged.filter((each) => streamKeyOf(each) === key);
  return {
    organization: stream.organization,
    stream: stream.name,
    streamCreatedUs: stream.created_us,
    firstSequence: row.first_sequence,
    walMerged: Object.fromEntries(merged.map(({ file, sequence }) => [file, sequence])),
    walInputs: {},
    inputs: [],
    retired: contents.retired,
    outputs: [row.file],
    sequence: row.first_sequence,
  };
}

function rebuildCatalog(reason: string, findings: Findings, segments: Segment[]): RepairPlan {
  const { catalog } = findings;
  const plan = emptyPlan();
  const old = 'contents' in catalog ? catalog.contents : undefined;
  const around = surroundings(findings, segments);
  const named = readable(segments);
  const lineage = resolveLineage(named, around);
  const live: LiveSegment[] = [];
  for (const { segment, reason } of lineage.dead) plan.quarantined.push({ file: segment.file, reason });
  for (const segment of lineage.live) {
    if (isDamaged(segment)) plan.salvages.push(salvageOf(segment, undefined));
    else live.push(segment);
    if (segment.facts.withoutLineage) {
      plan.warnings.push(
        `${segment.path} is of a version that did not note what a segment replaced: ` +
          'if a crash cut off a merge, rows may be there twice',
      );
    }
  }
  for (const segment of segments) {
    if (segment.result.facts?.metadata) continue;
    const row = old?.segments.find(({ file }) => file === segment.file);
    const metadata = row && old && metadataFrom(old, row);
    if (metadata) plan.salvages.push(salvageOf(segment, metadata, row.rows));
    else plan.quarantined.push({ file: segment.file, reason: 'nothing tells its stream any more' });
  }
  for (const { kept, metadata } of plan.salvages) if (kept && metadata) live.push({ facts: kept, metadata });
  const { walMerged } = lineage;
  plan.rebuild = { reason, live, walMerged, deletions: around.deletions, old };
  return plan;
}
