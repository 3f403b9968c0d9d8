/** What the segment folder holds against what the catalog says of it, at start. No file is opened: names and sizes tell enough. */
import { readdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { FatalError } from '../errors/index.js';
import type { CatalogContents, SegmentRow } from './catalog.js';
import { type DataLayout, SEGMENT_SUFFIX, TEMPORARY_SUFFIX } from './layout.js';

/** @throws FatalError naming the first segment that is not there, or not of the length that was committed */
export function checkSegments(layout: DataLayout, segments: SegmentRow[]): void {
  for (const { file, rows, bytes } of segments) {
    const path = join(layout.segments, file);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.size === bytes) continue;
    const reason = found ? `it has ${found.size} bytes instead of ${bytes}` : 'it is not there';
    throw new FatalError(
      `segment ${path} (${rows} rows) cannot be opened: ${reason}. ` +
        'Restore the file from a backup, or run `basalt repair` to go on with what is left of it.',
    );
  }
}

/**
 * Removes what is surely of no use, and moves aside what the catalog does not explain.
 * @returns the files that were moved
 * @throws FatalError when the catalog was lost: the segments may be all there is
 */
export function clearSegmentFolder(layout: DataLayout, catalog: CatalogContents): string[] {
  const known = new Set(catalog.segments.map(({ file }) => file));
  const retired = new Set(catalog.retired);
  const unknown: string[] = [];
  for (const file of readdirSync(layout.segments)) {
    if (known.has(file)) continue;
    if (file.endsWith(TEMPORARY_SUFFIX) || retired.has(file)) unlinkSync(join(layout.segments, file));
    else if (file.endsWith(SEGMENT_SUFFIX)) unknown.push(file);
  }
  if (unknown.length > 0 && catalog.streams.length === 0) {
    throw new FatalError(
      `the catalog ${layout.catalog} knows no stream, but ${layout.segments} holds ${unknown.length} segments. ` +
        'The catalog was lost: run `basalt repair`, which rebuilds it from the segments.',
    );
  }
  for (const file of unknown) renameSync(join(layout.segments, file), join(layout.quarantine, file));
  return unknown;
}
