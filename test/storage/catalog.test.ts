/** The catalog: what one transaction changes, what survives a reopening, and who is kept out. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FatalError } from '../../src/errors/index.js';
import { Catalog, type MergeCommit, type NewSegment, type StreamKey } from '../../src/storage/catalog.js';
import { temporaryFolder } from './temporary-folder.js';

function openCatalog(path = join(temporaryFolder(), 'catalog.sqlite')) {
  let catalog = new Catalog(path);
  onTestFinished(() => catalog.close());
  const reopen = () => {
    catalog.close();
    catalog = new Catalog(path);
    return catalog;
  };
  return { path, catalog, reopen };
}

const stream: StreamKey = { id: 1, organization: 'o', name: 's', createdUs: 5 };

function segment(file: string, fields: Partial<NewSegment> = {}): NewSegment {
  return { file, rows: 10, rowGroups: 1, bytes: 100, timeMin: 1, timeMax: 2, firstSequence: 1, ...fields };
}

function merge(file: string, fields: Partial<MergeCommit> = {}): MergeCommit {
  return {
    stream,
    segments: [segment(file)],
    replacedSegments: [],
    walMerged: new Map(),
    schema: new Map(),
    unlisted: false,
    sequence: 1,
    ...fields,
  };
}

describe('commitMerge', () => {
  test('changes segments, fields, WAL watermarks and the sequence together, durably', () => {
    const { catalog, reopen } = openCatalog();
    const [first] = catalog.commitMerge(merge('a.seg', { walMerged: new Map([['w1.wal', 7]]), sequence: 7 }));
    const ids = catalog.commitMerge(
      merge('', {
        segments: [segment('b.seg', { rowGroups: 3 }), segment('c.seg')],
        replacedSegments: [first as number],
        walMerged: new Map([
          ['w1.wal', 9],
          ['w2.wal', 8],
        ]),
        schema: new Map([
          ['a', 'int64'],
          ['b', 'string'],
        ]),
        sequence: 9,
      }),
    );
    const again = reopen().contents();
    expect(again.streams).toMatchObject([{ id: 1, organization: 'o', name: 's', created_us: 5 }]);
    expect(again.segments).toMatchObject([
      { id: ids[0], file: 'b.seg', rows: 10, row_groups: 3, time_min: 1, time_max: 2 },
      { id: ids[1], file: 'c.seg' },
    ]);
    expect(again.fields).toEqual([
      { stream_id: 1, name: 'a', type: 'int64' },
      { stream_id: 1, name: 'b', type: 'string' },
    ]);
    expect(again.walMerged).toEqual([
      { file: 'w1.wal', organization: 'o', stream: 's', sequence: 9 },
      { file: 'w2.wal', organization: 'o', stream: 's', sequence: 8 },
    ]);
    expect(again.sequence).toBe(9);
    expect(again.retired).toEqual(['a.seg']);
  });

  test('leaves nothing behind when it fails', () => {
    const { catalog } = openCatalog();
    catalog.addStreams([{ ...stream, id: 2, name: 't' }]);
    const [first] = catalog.commitMerge(merge('a.seg'));
    const before = catalog.contents();
    const failing = merge('', {
      segments: [segment('b.seg'), segment('b.seg')],
      replacedSegments: [first as number],
      sequence: 50,
      walMerged: new Map([['w.wal', 50]]),
    });
    expect(() => catalog.commitMerge(failing)).toThrow(/UNIQUE/);
    // A name that another stream has.
    expect(() => catalog.commitMerge(merge('c.seg', { stream: { ...stream, id: 3 } }))).toThrow(/UNIQUE/);
    expect(catalog.contents()).toEqual(before);
  });

  test('segments come back in arrival order', () => {
    const { catalog } = openCatalog();
    for (const firstSequence of [30, 10, 20])
      catalog.commitMerge(merge('', { segments: [segment(`${firstSequence}.seg`, { firstSequence })] }));
    expect(catalog.contents().segments.map(({ file }) => file)).toEqual(['10.seg', '20.seg', '30.seg']);
  });

  test('event times far outside the present are kept', () => {
    const { catalog } = openCatalog();
    // As doubles from the native side; 2^63 is what the largest int64 rounds to.
    for (const time of [-(2 ** 63), -1, 0, 1.7e15, 9.9e16, 2 ** 63]) {
      catalog.commitMerge(
        merge('', { segments: [segment(`${time}.seg`, { timeMin: time, timeMax: time })] }),
      );
    }
    expect(catalog.contents().segments).toHaveLength(6);
  });

  test('the sequence never goes back', () => {
    const { catalog, reopen } = openCatalog();
    expect(catalog.contents().sequence).toBe(0);
    catalog.commitMerge(merge('a.seg', { sequence: 2 ** 40 }));
    catalog.commitMerge(merge('b.seg', { sequence: 7 }));
    expect(reopen().contents().sequence).toBe(2 ** 40);
  });
});

test('a deleted stream takes its segments and fields along, and its frames stay void', () => {
  const { catalog, reopen } = openCatalog();
  const other = { ...stream, id: 2, name: 't' };
  catalog.commitMerge(merge('a.seg', { schema: new Map([['a', 'bool']]) }));
  catalog.commitMerge(merge('b.seg', { stream: other }));
  catalog.beginRemoval(stream, '{}', 3);
  catalog.deleteStream(stream.id, 'o', 's', 12);
  const again = reopen().contents();
  expect(again.streams).toMatchObject([{ name: 't' }]);
  expect(again.segments).toMatchObject([{ file: 'b.seg' }]);
  expect([again.fields, again.removals]).toEqual([[], []]);
  expect(again.deletions).toEqual([{ organization: 'o', stream: 's', sequence: 12 }]);
  expect(again.sequence).toBe(12);
});

test('a file is retired from before it is written until it is live, and again from when it is not', () => {
  const { catalog } = openCatalog();
  catalog.beginSegments(['a.seg', 'b.seg']);
  expect(catalog.contents().retired).toEqual(['a.seg', 'b.seg']);
  const [id] = catalog.commitMerge(merge('a.seg'));
  expect(catalog.contents().retired).toEqual(['b.seg']);
  catalog.dropSegments([id as number]);
  expect(catalog.contents()).toMatchObject({ retired: ['a.seg', 'b.seg'], segments: [] });
  catalog.forgetSegmentFiles(['a.seg', 'b.seg']);
  expect(catalog.contents().retired).toEqual([]);
});

test('a WAL file that is gone is forgotten', () => {
  const { catalog } = openCatalog();
  const walMerged = new Map([
    ['w1.wal', 1],
    ['w2.wal', 1],
  ]);
  catalog.commitMerge(merge('a.seg', { walMerged }));
  catalog.forgetWalFile('w1.wal');
  expect(catalog.contents().walMerged).toMatchObject([{ file: 'w2.wal' }]);
});

test('one name is one stream; a stream that is known is not added again', () => {
  const { catalog } = openCatalog();
  catalog.addStreams([stream]);
  catalog.addStreams([stream]);
  expect(() => catalog.addStreams([{ ...stream, id: 2 }])).toThrow(/UNIQUE/);
  catalog.addStreams([{ ...stream, id: 2, organization: 'p' }]);
  expect(catalog.contents().streams).toHaveLength(2);
});

test('that fields are not listed is kept', () => {
  const { catalog, reopen } = openCatalog();
  catalog.commitMerge(merge('a.seg', { unlisted: true }));
  catalog.commitMerge(merge('b.seg'));
  expect(reopen().contents().streams).toMatchObject([{ unlisted: 1 }]);
});

test('the retention of a stream is kept, also before it has anything else', () => {
  const { catalog, reopen } = openCatalog();
  catalog.setRetention(stream, { days: 0.5, bytes: null });
  expect(reopen().contents().streams).toMatchObject([{ retention_days: 0.5, retention_bytes: null }]);
});

test('a deletion by query that is done leaves nothing of its condition in any file', () => {
  const folder = temporaryFolder();
  const { catalog, reopen } = openCatalog(join(folder, 'catalog.sqlite'));
  const found = () =>
    readdirSync(folder).filter((file) => readFileSync(join(folder, file)).includes('SECRET-9f1c'));
  const id = catalog.beginRemoval(stream, '{"filter":"SECRET-9f1c"}', 3);
  expect(found()).not.toEqual([]);
  const again = reopen();
  expect(again.contents().removals).toEqual([
    { id, stream_id: 1, request: '{"filter":"SECRET-9f1c"}', sequence: 3 },
  ]);
  again.endRemoval(id);
  expect(again.contents().removals).toEqual([]);
  expect(found()).toEqual([]);
});

test('a catalog of version 1 is brought to today`s', () => {
  const path = join(temporaryFolder(), 'catalog.sqlite');
  const old = new Database(path);
  old.exec(`
    CREATE TABLE streams (id INTEGER PRIMARY KEY, organization TEXT NOT NULL, name TEXT NOT NULL,
      created_us INTEGER NOT NULL, UNIQUE (organization, name)) STRICT;
    CREATE TABLE segments (id INTEGER PRIMARY KEY, stream_id INTEGER NOT NULL REFERENCES streams(id) ON DELETE CASCADE,
      file TEXT NOT NULL UNIQUE, rows INTEGER NOT NULL, bytes INTEGER NOT NULL, time_min REAL NOT NULL,
      time_max REAL NOT NULL, first_sequence INTEGER NOT NULL) STRICT;
    INSERT INTO streams VALUES (4, 'o', 's', 5);
    CREATE TABLE fields (stream_id INTEGER NOT NULL REFERENCES streams(id) ON DELETE CASCADE, name TEXT NOT NULL,
      type TEXT NOT NULL, PRIMARY KEY (stream_id, name)) STRICT, WITHOUT ROWID;
    INSERT INTO segments VALUES (9, 4, 'a.seg', 65537, 100, 1, 2, 3);
    INSERT INTO streams VALUES (5, 'o', 'wide', 6);
    INSERT INTO fields VALUES (4, 'level', 'string'), (5, '_all', 'json');
    PRAGMA user_version = 1;`);
  old.close();
  const { catalog } = openCatalog(path);
  expect(catalog.contents()).toMatchObject({
    streams: [
      { id: 4, name: 's', retention_days: null, retention_bytes: null, unlisted: 0 },
      // What lies in its overflow column was not written down then.
      { id: 5, name: 'wide', unlisted: 1 },
    ],
    segments: [{ id: 9, file: 'a.seg', rows: 65537, row_groups: 2, first_sequence: 3 }],
  });
});

describe('refuses, naming the file and what to do', () => {
  test('a file that is no catalog', () => {
    const path = join(temporaryFolder(), 'catalog.sqlite');
    writeFileSync(path, 'this is not a database, but long enough to look like one'.repeat(100));
    expect(() => new Catalog(path)).toThrow(FatalError);
    expect(() => new Catalog(path)).toThrow(/catalog\.sqlite.*basalt repair/s);
  });

  test('a catalog of a newer version, and leaves it as it is', () => {
    const path = join(temporaryFolder(), 'catalog.sqlite');
    new Catalog(path).close();
    const db = new Database(path);
    db.pragma('user_version = 99');
    db.close();
    expect(() => new Catalog(path)).toThrow(/version 99 is newer/);
    // The refused opening keeps its lock, so the version is read where SQLite's file format has it.
    expect(readFileSync(path).readUInt32BE(60)).toBe(99);
  });

  test('a second opening, in this process and in another one, until the first is closed', () => {
    const { path, catalog } = openCatalog();
    expect(() => new Catalog(path)).toThrow(/another server uses this data directory/);
    const script = `
      const Database = require('better-sqlite3');
      const db = new Database(${JSON.stringify(path)}, { timeout: 100 });
      try { console.log(String(db.prepare('SELECT count(*) AS n FROM streams').get().n)); } catch (error) { console.log(error.code); }`;
    const read = () =>
      execFileSync(process.execPath, ['-e', script], {
        encoding: 'utf8',
        cwd: join(import.meta.dirname, '../..'),
      });
    expect(read()).toBe('SQLITE_BUSY\n');
    catalog.close();
    expect(read()).toBe('0\n');
  });
});
