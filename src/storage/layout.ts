/** Names in the data directory, all in one place. */
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
  /** What was acknowledged of each WAL file. */
  journal: string;
  /** Disk that is given up when there is no other. */
  reserve: string;
}

export const SEGMENT_SUFFIX = '.seg';
/** A segment that is being written; removed at start. */
export const TEMPORARY_SUFFIX = '.tmp';
export const WAL_SUFFIX = '.wal';
export const JOURNAL_SUFFIX = '.frames';

/** Files of SQLite beside the database. */
export const CATALOG_SUFFIXES = ['', '-wal', '-shm', '-journal'];

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
    journal: join(root, 'journal'),
    reserve: join(root, 'reserve'),
  };
}
