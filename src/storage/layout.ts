/** Names in the data directory, all in one place. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export interface DataLayout {
  root: string;
  wal: string;
  segments: string;
  /** Damaged files, kept for the operator. */
  quarantine: string;
  /** Answers of scans; may be deleted at any time. */
  cache: string;
  /** Of spill files, which have no names. */
  spill: string;
  catalog: string;
  rootPassword: string;
  /** Held by the process that owns the directory. */
  lock: string;
  deletions: string;
}

export const SEGMENT_SUFFIX = '.seg';
/** A segment that is being written; removed at start. */
export const TEMPORARY_SUFFIX = '.tmp';
export const WAL_SUFFIX = '.wal';

export function dataLayout(root: string): DataLayout {
  return {
    root,
    wal: join(root, 'wal'),
    segments: join(root, 'segments'),
    quarantine: join(root, 'quarantine'),
    cache: join(root, 'cache'),
    spill: join(root, 'spill'),
    catalog: join(root, 'catalog.sqlite'),
    rootPassword: join(root, 'root-password'),
    lock: join(root, 'lock'),
    deletions: join(root, 'deletions.log'),
  };
}

export function createDirectories(layout: DataLayout): void {
  for (const directory of [layout.root, layout.wal, layout.segments, layout.quarantine, layout.spill]) {
    mkdirSync(directory, { recursive: true });
  }
}
