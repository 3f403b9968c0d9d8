/**
 * The catalog: which segments make up which stream, durable in SQLite (WAL journal, synchronous=FULL). Everything in it can be
 * rebuilt from the segments, the WAL and the log of deletions (`src/maintenance`).
 * Main thread only; each call is one short transaction.
 */
import Database from 'better-sqlite3';
import { FatalError } from '../errors/index.js';
import type { Schema } from './schema.js';

export const CATALOG_VERSION = 1;

const DDL = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (
  id INTEGER PRIMARY KEY, organization TEXT NOT NULL, name TEXT NOT NULL, created_us INTEGER NOT NULL,
  UNIQUE (organization, name)) STRICT;
CREATE TABLE IF NOT EXISTS fields (
  stream_id INTEGER NOT NULL REFERENCES streams(id) ON DELETE CASCADE, name TEXT NOT NULL, type TEXT NOT NULL,
  PRIMARY KEY (stream_id, name)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments (
  id INTEGER PRIMARY KEY, stream_id INTEGER NOT NULL REFERENCES streams(id) ON DELETE CASCADE, file TEXT NOT NULL UNIQUE,
  rows INTEGER NOT NULL, bytes INTEGER NOT NULL, time_min REAL NOT NULL, time_max REAL NOT NULL,
  first_sequence INTEGER NOT NULL) STRICT;
-- Files that a merge replaced or a deletion dropped: whatever the next start still finds of them may go.
CREATE TABLE IF NOT EXISTS retired (file TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS segments_stream ON segments(stream_id);
-- Blocks of a WAL file that are in segments: all frames of the stream with a sequence up to this one.
CREATE TABLE IF NOT EXISTS wal_merged (
  file TEXT NOT NULL, organization TEXT NOT NULL, stream TEXT NOT NULL, sequence INTEGER NOT NULL,
  PRIMARY KEY (file, organization, stream)) STRICT, WITHOUT ROWID;
-- Frames of a deleted stream up to this sequence are void wherever a WAL still holds them.
CREATE TABLE IF NOT EXISTS deletions (
  organization TEXT NOT NULL, stream TEXT NOT NULL, sequence INTEGER NOT NULL,
  PRIMARY KEY (organization, stream)) STRICT, WITHOUT ROWID;
`;

export interface StreamRow {
  id: number;
  organization: string;
  name: string;
  created_us: number;
}

export interface SegmentRow {
  id: number;
  stream_id: number;
  file: string;
  rows: number;
  bytes: number;
  time_min: number;
  time_max: number;
  first_sequence: number;
}

export interface NewSegment {
  file: string;
  rows: number;
  bytes: number;
  timeMin: number;
  timeMax: number;
  /** Smallest frame sequence among its rows: keeps arrival order between segments. */
  firstSequence: number;
}

/** One merge, made live: the new segment, and what it replaces. */
export interface MergeCommit {
  streamId: number;
  organization: string;
  stream: string;
  segment: NewSegment;
  replacedSegments: number[];
  /** Per WAL file: the last merged sequence of this stream. */
  walMerged: Map<string, number>;
  schema: Schema;
  /** The highest sequence given out so far. */
  sequence: number;
}

export class Catalog {
  private readonly db!: Database.Database;

  /** @throws FatalError when the file is not a catalog or comes from a newer version */
  constructor(path: string) {
    try {
      this.db = new Database(path, { timeout: 1000 });
      // Held until the process ends, however it ends: two servers on one data directory would destroy it.
      this.db.pragma('locking_mode = EXCLUSIVE');
      this.db.pragma('journal_mode = WAL');
      this.db.pragma('synchronous = FULL');
      this.db.pragma('foreign_keys = ON');
      const version = this.db.pragma('user_version', { simple: true }) as number;
      if (version > CATALOG_VERSION)
        throw new Error(`catalog version ${version} is newer than ${CATALOG_VERSION}`);
      this.db.exec(DDL);
      this.db.pragma(`user_version = ${CATALOG_VERSION}`);
    } catch (cause) {
      this.db?.close();
      throw new FatalError(
        `catalog ${path} cannot be opened (${String(cause)}). If it is locked, another server uses this data directory; ` +
          'else `basalt repair` rebuilds it; look at the disk, too.',
        { cause },
      );
    }
  }

  streams(): StreamRow[] {
    return this.db.prepare('SELECT id, organization, name, created_us FROM streams').all() as StreamRow[];
  }

  fields(): { stream_id: number; name: string; type: string }[] {
    return this.db.prepare('SELECT stream_id, name, type FROM fields').all() as never;
  }

  segments(): SegmentRow[] {
    return this.db.prepare('SELECT * FROM segments ORDER BY first_sequence').all() as SegmentRow[];
  }

  walMerged(): { file: string; organization: string; stream: string; sequence: number }[] {
    return this.db.prepare('SELECT * FROM wal_merged').all() as never;
  }

  /** Last merged sequence of one stream by WAL file. */
  walMergedOf(organization: string, stream: string): [string, number][] {
    const select = this.db.prepare(
      'SELECT file, sequence FROM wal_merged WHERE organization = ? AND stream = ?',
    );
    return select.raw().all(organization, stream) as [string, number][];
  }

  deletions(): { organization: string; stream: string; sequence: number }[] {
    return this.db.prepare('SELECT * FROM deletions').all() as never;
  }

  /** The highest frame sequence known to be given out; WAL files may hold higher ones. */
  sequence(): number {
    const row = this.db.prepare("SELECT value FROM meta WHERE key = 'sequence'").get() as
      | { value: number }
      | undefined;
    return row?.value ?? 0;
  }

  addStream(organization: string, name: string, createdUs: number): number {
    const insert = this.db.prepare('INSERT INTO streams (organization, name, created_us) VALUES (?, ?, ?)');
    return Number(insert.run(organization, name, createdUs).lastInsertRowid);
  }

  /** Makes a segment live in one transaction. @returns its id */
  commitMerge(commit: MergeCommit): number {
    const run = this.db.transaction(() => {
      const { segment, streamId } = commit;
      for (const id of commit.replacedSegments) this.retireSegments('id = ?', id);
      const id = this.db
        .prepare(
          `INSERT INTO segments (stream_id, file, rows, bytes, time_min, time_max, first_sequence)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(
          streamId,
          segment.file,
          segment.rows,
          segment.bytes,
          segment.timeMin,
          segment.timeMax,
          segment.firstSequence,
        ).lastInsertRowid;
      const field = this.db.prepare('INSERT OR REPLACE INTO fields (stream_id, name, type) VALUES (?, ?, ?)');
      for (const [name, type] of commit.schema) field.run(streamId, name, type);
      const merged = this.db.prepare(
        'INSERT OR REPLACE INTO wal_merged (file, organization, stream, sequence) VALUES (?, ?, ?, ?)',
      );
      for (const [file, sequence] of commit.walMerged)
        merged.run(file, commit.organization, commit.stream, sequence);
      this.storeSequence(commit.sequence);
      return Number(id);
    });
    return run();
  }

  /** Forgets a stream and voids its frames up to `sequence`. */
  deleteStream(streamId: number, organization: string, name: string, sequence: number): void {
    this.db.transaction(() => {
      this.retireSegments('stream_id = ?', streamId);
      this.db.prepare('DELETE FROM streams WHERE id = ?').run(streamId);
      this.db
        .prepare('INSERT OR REPLACE INTO deletions (organization, stream, sequence) VALUES (?, ?, ?)')
        .run(organization, name, sequence);
      this.storeSequence(sequence);
    })();
  }

  /** Puts a segment in the place of one that was damaged, or nothing. */
  replaceSegment(file: string, replacement: NewSegment | undefined): void {
    if (!replacement) {
      this.db.prepare('DELETE FROM segments WHERE file = ?').run(file);
      return;
    }
    this.db
      .prepare(
        'UPDATE segments SET file = ?, rows = ?, bytes = ?, time_min = ?, time_max = ?, first_sequence = ? WHERE file = ?',
      )
      .run(
        replacement.file,
        replacement.rows,
        replacement.bytes,
        replacement.timeMin,
        replacement.timeMax,
        replacement.firstSequence,
        file,
      );
  }

  retired(): string[] {
    return (this.db.prepare('SELECT file FROM retired').all() as { file: string }[]).map(({ file }) => file);
  }

  /** A retired segment file has been removed. */
  forgetSegmentFile(file: string): void {
    this.withoutSync(() => this.db.prepare('DELETE FROM retired WHERE file = ?').run(file));
  }

  /** A WAL file is gone: what was noted about it is void. */
  forgetWalFile(file: string): void {
    this.withoutSync(() => this.db.prepare('DELETE FROM wal_merged WHERE file = ?').run(file));
  }

  close(): void {
    this.db.close();
  }

  /** For notes about files that are gone already: losing one in a crash costs nothing, a sync costs the main thread milliseconds. */
  private withoutSync(change: () => void): void {
    this.db.pragma('synchronous = NORMAL');
    change();
    this.db.pragma('synchronous = FULL');
  }

  private retireSegments(condition: string, value: number): void {
    this.db.prepare(`INSERT OR IGNORE INTO retired SELECT file FROM segments WHERE ${condition}`).run(value);
    this.db.prepare(`DELETE FROM segments WHERE ${condition}`).run(value);
  }

  private storeSequence(sequence: number): void {
    this.db
      .prepare(
        `INSERT INTO meta (key, value) VALUES ('sequence', ?)
         ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)`,
      )
      .run(sequence);
  }
}
