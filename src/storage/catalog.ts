/**
 * The catalog: which segments make up which stream, durable in SQLite (WAL journal, synchronous=FULL). Everything in it can be
 * rebuilt from the segments, the WAL and the log of deletions (`src/maintenance`), except settings.
 * Lives on the catalog thread (`src/storage/catalog-host.ts`), since a commit waits for the disk; each call is one short transaction.
 */
import Database from 'better-sqlite3';
import { FatalError, isDiskFull } from '../errors/index.js';
import type { Loss, LossFilter, NewLoss } from './losses.js';
import { OVERFLOW_COLUMN, type Schema } from './schema.js';
import { parseWalFileName } from './wal-format.js';

export const CATALOG_VERSION = 4;

const DDL = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (
  id INTEGER PRIMARY KEY, organization TEXT NOT NULL, name TEXT NOT NULL, created_us INTEGER NOT NULL,
  -- Days of event time and bytes of segments that are kept; null: as configured for all streams.
  retention_days REAL, retention_bytes INTEGER,
  -- 1: the overflow column may have fields that the table of fields lacks.
  unlisted INTEGER NOT NULL DEFAULT 0,
  UNIQUE (organization, name)) STRICT;
CREATE TABLE IF NOT EXISTS fields (
  stream_id INTEGER NOT NULL REFERENCES streams(id) ON DELETE CASCADE, name TEXT NOT NULL, type TEXT NOT NULL,
  PRIMARY KEY (stream_id, name)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments (
  id INTEGER PRIMARY KEY, stream_id INTEGER NOT NULL REFERENCES streams(id) ON DELETE CASCADE, file TEXT NOT NULL UNIQUE,
  rows INTEGER NOT NULL, row_groups INTEGER NOT NULL, bytes INTEGER NOT NULL,
  time_min REAL NOT NULL, time_max REAL NOT NULL, first_sequence INTEGER NOT NULL) STRICT;
-- Segment files that are not live: replaced, dropped, or still being written. What the next start finds of them goes.
CREATE TABLE IF NOT EXISTS retired (file TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS segments_stream ON segments(stream_id);
-- Blocks of a WAL file that are in segments: all frames of the stream with a sequence up to this one.
CREATE TABLE IF NOT EXISTS wal_merged (
  file TEXT NOT NULL, organization TEXT NOT NULL, stream TEXT NOT NULL, sequence INTEGER NOT NULL,
  PRIMARY KEY (file, organization, stream)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS wal_merged_stream ON wal_merged(organization, stream);
-- Frames of a deleted stream up to this sequence are void wherever a WAL still holds them.
CREATE TABLE IF NOT EXISTS deletions (
  organization TEXT NOT NULL, stream TEXT NOT NULL, sequence INTEGER NOT NULL,
  PRIMARY KEY (organization, stream)) STRICT, WITHOUT ROWID;
-- Deletions by query that are not finished: the next start goes on with them. Rows up to the sequence are concerned.
CREATE TABLE IF NOT EXISTS removals (
  id INTEGER PRIMARY KEY, stream_id INTEGER NOT NULL REFERENCES streams(id) ON DELETE CASCADE,
  request TEXT NOT NULL, sequence INTEGER NOT NULL) STRICT;
-- WAL files that are there, and what was acknowledged of each when it was noted last: no less.
CREATE TABLE IF NOT EXISTS wal_files (
  file TEXT PRIMARY KEY, bytes INTEGER NOT NULL, frames INTEGER NOT NULL, rows INTEGER NOT NULL,
  time_min REAL, time_max REAL) STRICT, WITHOUT ROWID;
-- Numbers of the WAL files of a process and worker all of whose frames are in segments or void: what lies of them anywhere is a copy.
CREATE TABLE IF NOT EXISTS wal_gone (
  boot TEXT NOT NULL, worker INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (boot, worker, first)) STRICT, WITHOUT ROWID;
-- Acknowledged rows that a start did not find. Without a stream: nobody knows whose.
CREATE TABLE IF NOT EXISTS losses (
  id INTEGER PRIMARY KEY, file TEXT NOT NULL, organization TEXT NOT NULL, stream TEXT NOT NULL,
  frames INTEGER NOT NULL, rows INTEGER NOT NULL, time_min REAL, time_max REAL,
  first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL, schema TEXT NOT NULL,
  found_us INTEGER NOT NULL, acknowledged_us INTEGER,
  UNIQUE (file, organization, stream, first_sequence)) STRICT;
`;

/** From version 1, whose groups were full but for the last of a segment. */
const MIGRATION_2 = `
ALTER TABLE streams ADD COLUMN retention_days REAL;
ALTER TABLE streams ADD COLUMN retention_bytes INTEGER;
ALTER TABLE segments ADD COLUMN row_groups INTEGER NOT NULL DEFAULT 1;
UPDATE segments SET row_groups = (rows + 65535) / 65536;
`;

/** From versions that did not know the fields in overflow columns. Behind the tables, of which version 1 may lack some. */
const MIGRATION_4 = `
ALTER TABLE streams ADD COLUMN unlisted INTEGER NOT NULL DEFAULT 0;
UPDATE streams SET unlisted = 1 WHERE id IN (SELECT stream_id FROM fields WHERE name = '${OVERFLOW_COLUMN}');
`;

export const WAL_FILES =
  'SELECT file, bytes, frames, rows, time_min AS timeMin, time_max AS timeMax FROM wal_files';

export const LOSSES = `SELECT id, file, organization, stream, frames, rows, time_min AS timeMin, time_max AS timeMax,
  first_sequence AS firstSequence, last_sequence AS lastSequence, schema, found_us AS foundUs, acknowledged_us AS acknowledgedUs
  FROM losses ORDER BY id`;

export interface StreamRow {
  id: number;
  organization: string;
  name: string;
  created_us: number;
  retention_days: number | null;
  retention_bytes: number | null;
  /** 1: `fields` may lack some of the stream's. */
  unlisted: number;
}

export interface SegmentRow {
  id: number;
  stream_id: number;
  file: string;
  rows: number;
  row_groups: number;
  bytes: number;
  time_min: number;
  time_max: number;
  first_sequence: number;
}

export interface RemovalRow {
  id: number;
  stream_id: number;
  /** The scan request whose rows go, as JSON. */
  request: string;
  sequence: number;
}

/** What was acknowledged of a WAL file. */
export interface WalFileRow {
  file: string;
  bytes: number;
  frames: number;
  rows: number;
  /** Event time, microseconds; null without rows. */
  timeMin: number | null;
  timeMax: number | null;
}

/** All that a start needs to know. */
export interface CatalogContents {
  /** The highest frame sequence known to be given out; WAL files may hold higher ones. */
  sequence: number;
  /** The wall clock as it was trusted last, microseconds; undefined: nobody said. */
  clockUs: number | undefined;
  streams: StreamRow[];
  fields: { stream_id: number; name: string; type: string }[];
  /** In order of arrival. */
  segments: SegmentRow[];
  /** Per WAL file and stream: the last merged sequence. */
  walMerged: { file: string; organization: string; stream: string; sequence: number }[];
  deletions: { organization: string; stream: string; sequence: number }[];
  retired: string[];
  removals: RemovalRow[];
  walFiles: WalFileRow[];
  walGone: { boot: string; worker: number; first: number; last: number }[];
  losses: Loss[];
}

/** A stream as the main thread knows it; its row is made with the first change that needs it. */
export interface StreamKey {
  readonly id: number;
  readonly organization: string;
  readonly name: string;
  readonly createdUs: number;
}

export interface NewSegment {
  file: string;
  rows: number;
  rowGroups: number;
  bytes: number;
  timeMin: number;
  timeMax: number;
  /** Smallest frame sequence among its rows: keeps arrival order between segments. */
  firstSequence: number;
}

/** One merge, made live: the new segments, and what they replace. */
export interface MergeCommit {
  stream: StreamKey;
  segments: NewSegment[];
  replacedSegments: number[];
  /** Per WAL file: the last merged sequence of this stream. */
  walMerged: Map<string, number>;
  schema: Schema;
  /** The schema may lack fields. */
  unlisted: boolean;
  /** The highest sequence given out so far. */
  sequence: number;
}

export interface Retention {
  /** Days of event time; null: as configured for all streams, 0: for ever. */
  days: number | null;
  /** Bytes of segments; likewise. */
  bytes: number | null;
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
      // Deleted rows are overwritten: a condition of a deletion by query may hold what is to be forgotten.
      this.db.pragma('secure_delete = ON');
      this.upgrade();
    } catch (cause) {
      this.db?.close();
      if (isDiskFull(cause))
        throw new FatalError(
          `catalog ${path} cannot be opened: the disk is full. Make room and start again.`,
          { cause },
        );
      throw new FatalError(
        `catalog ${path} cannot be opened (${String(cause)}). If it is locked, another server uses this data directory; ` +
          'else `basalt repair` rebuilds it; look at the disk, too.',
        { cause },
      );
    }
  }

  contents(): CatalogContents {
    const all = (sql: string) => this.db.prepare(sql).all() as never[];
    const meta = (key: string) =>
      (this.db.prepare('SELECT value FROM meta WHERE key = ?').get(key) as { value: number } | undefined)
        ?.value;
    return {
      sequence: meta('sequence') ?? 0,
      clockUs: meta('clock_us'),
      streams: all('SELECT * FROM streams'),
      fields: all('SELECT stream_id, name, type FROM fields'),
      segments: all('SELECT * FROM segments ORDER BY first_sequence, id'),
      walMerged: all('SELECT * FROM wal_merged'),
      deletions: all('SELECT * FROM deletions'),
      retired: all('SELECT file FROM retired').map(({ file }) => file),
      removals: all('SELECT * FROM removals ORDER BY id'),
      walFiles: all(WAL_FILES),
      walGone: all('SELECT * FROM wal_gone'),
      losses: all(LOSSES),
    };
  }

  /** What was written to WAL files so far. */
  noteWalFiles(files: WalFileRow[]): void {
    this.withoutSync(() => this.insertWalFiles(files));
  }

  /** Every frame of a WAL file is in a segment or void: it may be removed. */
  retireWalFile(file: string): void {
    this.db.transaction(() => {
      this.db.prepare('DELETE FROM wal_files WHERE file = ?').run(file);
      const parsed = parseWalFileName(file);
      if (!parsed) return;
      const { boot, worker, file: number } = parsed;
      const ofWorker = 'boot = ? AND worker = ?';
      const known = this.db.prepare(`SELECT 1 FROM wal_gone WHERE ${ofWorker} AND first <= ? AND last >= ?`);
      if (known.get(boot, worker, number, number)) return;
      const grow = this.db.prepare(`UPDATE wal_gone SET last = ? WHERE ${ofWorker} AND last = ?`);
      if (grow.run(number, boot, worker, number - 1).changes > 0) return;
      this.db
        .prepare('INSERT INTO wal_gone (boot, worker, first, last) VALUES (?, ?, ?, ?)')
        .run(boot, worker, number, number);
    })();
  }

  /** Notes losses and, at once, the WAL as it is without them. @returns all losses */
  addLosses(losses: NewLoss[], files: WalFileRow[], absent: string[], nowUs: number): Loss[] {
    return this.db.transaction(() => {
      const insert = this.db.prepare(
        `INSERT INTO losses (file, organization, stream, frames, rows, time_min, time_max, first_sequence, last_sequence, schema, found_us)
         VALUES (@file, @organization, @stream, @frames, @rows, @timeMin, @timeMax, @firstSequence, @lastSequence, @schema, @nowUs)
         ON CONFLICT (file, organization, stream, first_sequence) DO UPDATE SET
           acknowledged_us = CASE WHEN excluded.frames > frames THEN NULL ELSE acknowledged_us END,
           frames = max(frames, excluded.frames), rows = max(rows, excluded.rows),
           last_sequence = max(last_sequence, excluded.last_sequence)`,
      );
      for (const loss of losses) insert.run({ ...loss, nowUs });
      const forget = this.db.prepare('DELETE FROM wal_files WHERE file = ?');
      for (const file of absent) forget.run(file);
      this.insertWalFiles(files);
      return this.db.prepare(LOSSES).all() as Loss[];
    })();
  }

  /** An operator knows of them. @returns how many were not acknowledged before */
  acknowledgeLosses({ organization, stream }: LossFilter, nowUs: number): number {
    const update = this.db.prepare(
      `UPDATE losses SET acknowledged_us = @nowUs WHERE acknowledged_us IS NULL
       AND (@organization IS NULL OR organization = @organization) AND (@stream IS NULL OR stream = @stream)`,
    );
    return update.run({ nowUs, organization: organization ?? null, stream: stream ?? null }).changes;
  }

  /** Last merged sequences by WAL file, of each of the streams. */
  walMergedOf(streams: Pick<StreamKey, 'organization' | 'name'>[]): [string, number][][] {
    const select = this.db
      .prepare('SELECT file, sequence FROM wal_merged WHERE organization = ? AND stream = ?')
      .raw();
    return streams.map(({ organization, name }) => select.all(organization, name) as [string, number][]);
  }

  addStreams(streams: StreamKey[]): void {
    this.withoutSync(() => {
      for (const stream of streams) this.ensureStream(stream);
    });
  }

  /** The wall clock as it is trusted. */
  noteClock(us: number): void {
    this.withoutSync(() => {
      this.db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('clock_us', ?)").run(us);
    });
  }

  /** Notes files that are about to be written, so that a start after a crash removes what there is of them. */
  beginSegments(files: string[]): void {
    this.withoutSync(() => {
      const insert = this.db.prepare('INSERT OR IGNORE INTO retired (file) VALUES (?)');
      for (const file of files) insert.run(file);
    });
  }

  /** All of them or none. @returns the ids of the segments of each, in order */
  commitMerges(commits: MergeCommit[]): number[][] {
    return this.db.transaction(() => commits.map((commit) => this.commitMerge(commit)))();
  }

  /** Makes segments live and retires what they replace in one transaction. @returns their ids, in order */
  commitMerge(commit: MergeCommit): number[] {
    const run = this.db.transaction(() => {
      const { stream } = commit;
      this.ensureStream(stream);
      for (const id of commit.replacedSegments) this.retireSegments('id = ?', id);
      const ids = commit.segments.map((segment) => this.insertSegment(stream.id, segment));
      const field = this.db.prepare('INSERT OR REPLACE INTO fields (stream_id, name, type) VALUES (?, ?, ?)');
      for (const [name, type] of commit.schema) field.run(stream.id, name, type);
      if (commit.unlisted) this.db.prepare('UPDATE streams SET unlisted = 1 WHERE id = ?').run(stream.id);
      this.noteWalMerged(stream, commit.walMerged);
      this.storeSequence(commit.sequence);
      return ids;
    });
    return run();
  }

  /** Blocks of the stream up to these sequences are in segments, or deleted; by WAL file. */
  noteWalMerged(
    stream: Pick<StreamKey, 'organization' | 'name'>,
    walMerged: ReadonlyMap<string, number>,
  ): void {
    const merged = this.db.prepare(
      'INSERT OR REPLACE INTO wal_merged (file, organization, stream, sequence) VALUES (?, ?, ?, ?)',
    );
    for (const [file, sequence] of walMerged) merged.run(file, stream.organization, stream.name, sequence);
  }

  /** Puts a segment in the place of one that was damaged, or nothing. */
  replaceSegment(file: string, replacement: NewSegment | undefined): void {
    if (!replacement) {
      this.db.prepare('DELETE FROM segments WHERE file = ?').run(file);
      return;
    }
    const { rows, rowGroups, bytes, timeMin, timeMax, firstSequence } = replacement;
    this.db
      .prepare(
        `UPDATE segments SET file = ?, rows = ?, row_groups = ?, bytes = ?, time_min = ?, time_max = ?, first_sequence = ?
         WHERE file = ?`,
      )
      .run(replacement.file, rows, rowGroups, bytes, timeMin, timeMax, firstSequence, file);
  }

  /** Takes segments out of their streams, for good. */
  dropSegments(ids: number[]): void {
    this.db.transaction(() => {
      for (const id of ids) this.retireSegments('id = ?', id);
    })();
  }

  setRetention(stream: StreamKey, retention: Retention): void {
    this.db.transaction(() => {
      this.ensureStream(stream);
      this.db
        .prepare('UPDATE streams SET retention_days = ?, retention_bytes = ? WHERE id = ?')
        .run(retention.days, retention.bytes, stream.id);
    })();
  }

  /** Notes a deletion by query before it begins. @returns its id */
  beginRemoval(stream: StreamKey, request: string, sequence: number): number {
    return this.db.transaction(() => {
      this.ensureStream(stream);
      const insert = this.db.prepare('INSERT INTO removals (stream_id, request, sequence) VALUES (?, ?, ?)');
      return Number(insert.run(stream.id, request, sequence).lastInsertRowid);
    })();
  }

  /** The deletion is done: nothing of it is left in the catalog's files either. */
  endRemoval(id: number): void {
    this.db.prepare('DELETE FROM removals WHERE id = ?').run(id);
    this.shrink();
  }

  /** Empties the journal. */
  shrink(): void {
    this.db.pragma('wal_checkpoint(TRUNCATE)');
  }

  /** Forgets a stream and voids its frames up to `sequence`. */
  deleteStream(streamId: number, organization: string, name: string, sequence: number): void {
    this.db.transaction(() => {
      this.retireSegments('stream_id = ?', streamId);
      this.db.prepare('DELETE FROM streams WHERE id = ?').run(streamId);
      this.db
        .prepare('INSERT OR REPLACE INTO deletions (organization, stream, sequence) VALUES (?, ?, ?)')
        .run(organization, name, sequence);
      this.db.prepare('DELETE FROM losses WHERE organization = ? AND stream = ?').run(organization, name);
      this.storeSequence(sequence);
    })();
  }

  /** Retired segment files have been removed. */
  forgetSegmentFiles(files: string[]): void {
    this.withoutSync(() => {
      const forget = this.db.prepare('DELETE FROM retired WHERE file = ?');
      for (const file of files) forget.run(file);
    });
  }

  /** A WAL file is gone: what was noted about it is void. */
  forgetWalFile(file: string): void {
    this.withoutSync(() => this.db.prepare('DELETE FROM wal_merged WHERE file = ?').run(file));
  }

  close(): void {
    this.db.close();
  }

  private upgrade(): void {
    const version = this.db.pragma('user_version', { simple: true }) as number;
    if (version > CATALOG_VERSION)
      throw new Error(`catalog version ${version} is newer than ${CATALOG_VERSION}`);
    this.db.transaction(() => {
      if (version === 1) this.db.exec(MIGRATION_2);
      this.db.exec(DDL);
      if (version > 0 && version < 4) this.db.exec(MIGRATION_4);
      this.db.pragma(`user_version = ${CATALOG_VERSION}`);
    })();
  }

  /** For notes whose loss in a power cut costs nothing; a crash of the process alone loses none. */
  private withoutSync(change: () => void): void {
    this.db.pragma('synchronous = NORMAL');
    try {
      this.db.transaction(change)();
    } finally {
      this.db.pragma('synchronous = FULL');
    }
  }

  private insertWalFiles(files: WalFileRow[]): void {
    const insert = this.db.prepare(
      `INSERT OR REPLACE INTO wal_files (file, bytes, frames, rows, time_min, time_max)
       VALUES (@file, @bytes, @frames, @rows, @timeMin, @timeMax)`,
    );
    for (const file of files) insert.run(file);
  }

  private ensureStream({ id, organization, name, createdUs }: StreamKey): void {
    this.db
      .prepare(`INSERT INTO streams (id, organization, name, created_us) VALUES (?, ?, ?, ?)
         ON CONFLICT (id) DO NOTHING`)
      .run(id, organization, name, createdUs);
  }

  private insertSegment(streamId: number, segment: NewSegment): number {
    this.db.prepare('DELETE FROM retired WHERE file = ?').run(segment.file);
    const insert = this.db.prepare(
      `INSERT INTO segments (stream_id, file, rows, row_groups, bytes, time_min, time_max, first_sequence)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const { file, rows, rowGroups, bytes, timeMin, timeMax, firstSequence } = segment;
    return Number(
      insert.run(streamId, file, rows, rowGroups, bytes, timeMin, timeMax, firstSequence).lastInsertRowid,
    );
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
