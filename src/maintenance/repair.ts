/**
 * Does what a plan says. The caller holds the lock of the data directory. Nothing is removed: what is damaged or replaced goes to
 * quarantine/. The order makes each step safe to be cut off and done again: new segments, then the catalog, then the moves.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Catalog, type NewSegment, type StreamKey } from '../storage/catalog.js';
import { CATALOG_SUFFIXES, type DataLayout } from '../storage/layout.js';
import { mergeSchema, OVERFLOW_COLUMN, parseSchema, type Schema } from '../storage/schema.js';
import { syncPath } from '../storage/sync-path.js';
import { streamKeyOf } from './lineage.js';
import type { LiveSegment, Rebuild, RepairPlan } from './plan.js';
import { writeSalvaged } from './salvage.js';
import type { SegmentFacts } from './segment-facts.js';

export function repair(layout: DataLayout, plan: RepairPlan): void {
  mkdirSync(layout.quarantine, { recursive: true });
  for (const salvage of plan.salvages) writeSalvaged(salvage);
  syncPath(layout.segments);
  if (plan.rebuild) replaceCatalog(layout, plan.rebuild);
  else mendCatalog(layout, plan);
  const aside = [
    ...plan.salvages.map(({ path }) => basename(path)),
    ...plan.quarantined.map(({ file }) => file),
  ];
  for (const file of aside) moveAside(layout, join(layout.segments, file));
  syncPath(layout.quarantine);
  syncPath(layout.segments);
}

function mendCatalog(layout: DataLayout, { salvages, forgotten }: RepairPlan): void {
  if (salvages.length + forgotten.length === 0) return;
  const catalog = new Catalog(layout.catalog);
  try {
    for (const { path, kept, metadata } of salvages) {
      const replacement = kept && metadata && newSegment({ facts: kept, metadata });
      catalog.replaceSegment(basename(path), replacement);
    }
    for (const { file } of forgotten) catalog.replaceSegment(file, undefined);
  } finally {
    catalog.close();
  }
}

/** Builds the new catalog beside the old one, and puts it in its place when it is durable. */
function replaceCatalog(layout: DataLayout, rebuild: Rebuild): void {
  const draft = `${layout.catalog}.new`;
  for (const suffix of CATALOG_SUFFIXES) rmSync(draft + suffix, { force: true });
  const catalog = new Catalog(draft);
  try {
    fillCatalog(catalog, rebuild);
  } finally {
    catalog.close();
  }
  syncPath(draft);
  // The database before its log: a database without its log would be taken for a whole one of an earlier moment.
  for (const suffix of CATALOG_SUFFIXES) {
    if (existsSync(layout.catalog + suffix)) moveAside(layout, layout.catalog + suffix);
  }
  renameSync(draft, layout.catalog);
  syncPath(layout.root);
}

function fillCatalog(catalog: Catalog, { live, walMerged, deletions, old }: Rebuild): void {
  for (const { organization, stream, sequence } of deletions) {
    catalog.deleteStream(0, organization, stream, sequence);
  }
  const deleted = new Set(deletions.map(streamKeyOf));
  const streams = new Map<string, { stream: StreamKey; schema: Schema }>();
  // An old catalog may not know of the deletion yet; if the stream came back, its segments or its WAL frames tell.
  const kept = (old?.streams ?? []).filter(
    ({ organization, name }) => !deleted.has(streamKeyOf({ organization, stream: name })),
  );
  for (const { id, organization, name, created_us, retention_days, retention_bytes } of kept) {
    const stream = { id, organization, name, createdUs: created_us };
    catalog.setRetention(stream, { days: retention_days, bytes: retention_bytes });
    streams.set(streamKeyOf({ organization, stream: name }), { stream, schema: new Map() });
    // What was not finished goes on with the next start.
    for (const { stream_id, request, sequence } of old?.removals ?? [])
      if (stream_id === id) catalog.beginRemoval(stream, request, sequence);
  }
  let lastId = Math.max(0, ...kept.map(({ id }) => id));
  const ordered = live.toSorted((a, b) => a.metadata.firstSequence - b.metadata.firstSequence);
  for (const segment of ordered) {
    const { organization, stream: name, streamCreatedUs, sequence } = segment.metadata;
    const key = streamKeyOf(segment.metadata);
    let known = streams.get(key);
    if (!known) {
      const stream = { id: ++lastId, organization, name, createdUs: streamCreatedUs };
      known = { stream, schema: new Map() };
      streams.set(key, known);
    }
    for (const text of segment.facts.schemas) mergeSchema(known.schema, parseSchema(text));
    catalog.commitMerge({
      stream: known.stream,
      segments: [newSegment(segment)],
      replacedSegments: [],
      walMerged: new Map(),
      schema: known.schema,
      // Segments do not tell which fields lie in their overflow columns.
      unlisted: known.schema.has(OVERFLOW_COLUMN),
      sequence: Math.max(
        sequence,
        segment.metadata.firstSequence,
        ...Object.values(segment.metadata.walMerged),
      ),
    });
  }
  for (const [key, merged] of walMerged) noteMerged(catalog, streams.get(key)?.stream, key, merged);
}

/** Also of streams all of whose merged rows were deleted: what is merged of a WAL file must not come back from it. */
function noteMerged(
  catalog: Catalog,
  known: StreamKey | undefined,
  key: string,
  walMerged: Map<string, number>,
): void {
  if (walMerged.size === 0) return;
  const [organization = '', name = ''] = key.split('/');
  catalog.noteWalMerged(known ?? { organization, name }, walMerged);
}

function newSegment({ facts, metadata }: LiveSegment): NewSegment {
  const { file, rows, rowGroups, bytes, timeMin, timeMax }: SegmentFacts = facts;
  return { file, rows, rowGroups, bytes, timeMin, timeMax, firstSequence: metadata.firstSequence };
}

/** Under a name that is free there. */
function moveAside(layout: DataLayout, path: string): void {
  let target = join(layout.quarantine, basename(path));
  for (let number = 1; existsSync(target); number++)
    target = join(layout.quarantine, `${basename(path)}.${number}`);
  renameSync(path, target);
}
