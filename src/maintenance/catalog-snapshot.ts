/**
 * What the catalog says at one moment, read from a copy: the server that owns the catalog is not disturbed and locks nobody out, and
 * nothing in the data directory is written.
 */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import {
  CATALOG_VERSION,
  LOSSES,
  type RemovalRow,
  type SegmentRow,
  type StreamRow,
  WAL_FILES,
  type CatalogContents as WholeContents,
} from '../storage/catalog.js';
import type { Deletion } from '../storage/deletion-log.js';

export interface CatalogContents {
  streams: StreamRow[];
  segments: SegmentRow[];
  retired: string[];
  walMerged: (Deletion & { file: string })[];
  deletions: Deletion[];
  /** Deletions by query that are not finished. */
  removals: RemovalRow[];
  walFiles: WholeContents['walFiles'];
  walGone: WholeContents['walGone'];
  losses: WholeContents['losses'];
}

export type CatalogSnapshot =
  | { state: 'missing' }
  /** Written by a newer version: to be left alone. */
  | { state: 'newer'; version: number }
  /** `contents`: what can still be read. */
  | { state: 'damaged'; problems: string[]; contents?: CatalogContents }
  | { state: 'whole'; contents: CatalogContents };

/** SQLite's write-ahead log begins with 32 bytes that change when it is begun anew. */
const WAL_HEADER_BYTES = 32;
const COPIES_MAX = 50;
const PROBLEMS_MAX = 20;

export function readCatalog(path: string): CatalogSnapshot {
  if (!existsSync(path)) return { state: 'missing' };
  const folder = mkdtempSync(join(tmpdir(), 'basalt-catalog-'));
  try {
    const copy = join(folder, 'catalog.sqlite');
    copyConsistently(path, copy);
    return readCopy(copy);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The database first, its log second. Pages that a checkpoint moves between the two copies are in both. Only a log that was begun anew in
 * between would lack some; then its header has changed, and the copy is made again.
 */
function copyConsistently(path: string, copy: string): void {
  for (let attempt = 1; ; attempt++) {
    const before = logHeader(path);
    copyFileSync(path, copy);
    rmSync(`${copy}-wal`, { force: true });
    if (before) copyFileSync(`${path}-wal`, `${copy}-wal`);
    const after = logHeader(path);
    if (before?.toString('hex') === after?.toString('hex')) return;
    if (attempt === COPIES_MAX) throw new Error(`${path} changes too fast to be copied`);
  }
}

function logHeader(path: string): Buffer | undefined {
  try {
    const bytes = readFileSync(`${path}-wal`);
    return bytes.length === 0 ? undefined : bytes.subarray(0, WAL_HEADER_BYTES);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function readCopy(path: string): CatalogSnapshot {
  let db: Database.Database | undefined;
  const problems: string[] = [];
  try {
    db = new Database(path);
    const version = db.pragma('user_version', { simple: true }) as number;
    if (version > CATALOG_VERSION) return { state: 'newer', version };
    for (const { integrity_check: line } of db.pragma('integrity_check') as { integrity_check: string }[]) {
      if (line !== 'ok' && problems.length < PROBLEMS_MAX) problems.push(line);
    }
    for (const row of db.pragma('foreign_key_check') as { table: string; rowid: number }[]) {
      if (problems.length < PROBLEMS_MAX)
        problems.push(`row ${row.rowid} of ${row.table} belongs to no stream`);
    }
    const contents = readContents(db, version);
    return problems.length === 0 ? { state: 'whole', contents } : { state: 'damaged', problems, contents };
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    return { state: 'damaged', problems };
  } finally {
    db?.close();
  }
}

/** Catalogs of version 1 know neither retention nor deletion by query, those before 3 nothing of WAL files and losses. */
function readContents(db: Database.Database, version: number): CatalogContents {
  const all = (sql: string) => db.prepare(sql).all() as never;
  return {
    streams: all(
      version === 1
        ? 'SELECT *, NULL AS retention_days, NULL AS retention_bytes FROM streams'
        : 'SELECT * FROM streams',
    ),
    segments: all(
      version === 1
        ? 'SELECT *, (rows + 65535) / 65536 AS row_groups FROM segments ORDER BY first_sequence'
        : 'SELECT * FROM segments ORDER BY first_sequence',
    ),
    retired: (all('SELECT file FROM retired') as { file: string }[]).map(({ file }) => file),
    walMerged: all('SELECT * FROM wal_merged'),
    deletions: all('SELECT * FROM deletions'),
    removals: version === 1 ? [] : all('SELECT * FROM removals ORDER BY id'),
    walFiles: version < 3 ? [] : all(WAL_FILES),
    walGone: version < 3 ? [] : all('SELECT * FROM wal_gone'),
    losses: version < 3 ? [] : all(LOSSES),
  };
}
