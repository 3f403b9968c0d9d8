/** The catalog: what one transaction changes, what survives a reopening, and who is kept out. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FatalError } from '../../src/errors/index.js';
import { Catalog, type MergeCommit } from '../../src/storage/catalog.js';
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

function merge(streamId: number, file: string, fields: Partial<MergeCommit> = {}): MergeCommit {
  return {
    streamId,
    organization: 'o',
    stream: 's',
    segment: { file, rows: 10, bytes: 100, timeMin: 1, timeMax: 2, firstSequence: 1 },
    replacedSegments: [],
    walMerged: new Map(),
    schema: new Map(),
    sequence: 1,
    ...fields,
  };
}

describe('commitMerge', () => {
  test('changes segments, fields, WAL watermarks and the sequence together, durably', () => {
    const { catalog, reopen } = openCatalog();
    const id = catalog.addStream('o', 's', 5);
    const first = catalog.commitMerge(
      merge(id, 'a.seg', { walMerged: new Map([['w1.wal', 7]]), sequence: 7 }),
    );
    const second = catalog.commitMerge(
      merge(id, 'b.seg', {
        replacedSegments: [first],
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
    const again = reopen();
    expect(again.streams()).toEqual([{ id, organization: 'o', name: 's', created_us: 5 }]);
    expect(again.segments()).toMatchObject([
      { id: second, file: 'b.seg', rows: 10, time_min: 1, time_max: 2 },
    ]);
    expect(again.fields()).toEqual([
      { stream_id: id, name: 'a', type: 'int64' },
      { stream_id: id, name: 'b', type: 'string' },
    ]);
    expect(again.walMerged()).toEqual([
      { file: 'w1.wal', organization: 'o', stream: 's', sequence: 9 },
      { file: 'w2.wal', organization: 'o', stream: 's', sequence: 8 },
    ]);
    expect(again.sequence()).toBe(9);
  });

  test('leaves nothing behind when it fails', () => {
    const { catalog } = openCatalog();
    const id = catalog.addStream('o', 's', 5);
    const first = catalog.commitMerge(merge(id, 'a.seg'));
    const failing = merge(id, 'a.seg', {
      replacedSegments: [first],
      sequence: 50,
      walMerged: new Map([['w.wal', 50]]),
    });
    const unknownStream = merge(id + 1, 'b.seg', { replacedSegments: [first], sequence: 60 });
    // The first is legal, as the file name is free again by then; the second breaks the foreign key.
    catalog.commitMerge(failing);
    expect(() => catalog.commitMerge(unknownStream)).toThrow(/FOREIGN KEY/);
    expect(catalog.segments()).toMatchObject([{ file: 'a.seg' }]);
    expect(catalog.sequence()).toBe(50);
  });

  test('segments come back in arrival order', () => {
    const { catalog } = openCatalog();
    const id = catalog.addStream('o', 's', 5);
    for (const firstSequence of [30, 10, 20]) {
      const segment = {
        file: `${firstSequence}.seg`,
        rows: 1,
        bytes: 1,
        timeMin: 0,
        timeMax: 0,
        firstSequence,
      };
      catalog.commitMerge(merge(id, '', { segment }));
    }
    expect(catalog.segments().map(({ file }) => file)).toEqual(['10.seg', '20.seg', '30.seg']);
  });

  test('event times far outside the present are kept', () => {
    const { catalog } = openCatalog();
    const id = catalog.addStream('o', 's', 5);
    // As doubles from the native side; 2^63 is what the largest int64 rounds to.
    for (const time of [-(2 ** 63), -1, 0, 1.7e15, 9.9e16, 2 ** 63]) {
      const segment = {
        file: `${time}.seg`,
        rows: 1,
        bytes: 1,
        timeMin: time,
        timeMax: time,
        firstSequence: 1,
      };
      catalog.commitMerge(merge(id, '', { segment }));
    }
    expect(catalog.segments()).toHaveLength(6);
  });

  test('the sequence never goes back', () => {
    const { catalog, reopen } = openCatalog();
    const id = catalog.addStream('o', 's', 5);
    expect(catalog.sequence()).toBe(0);
    catalog.commitMerge(merge(id, 'a.seg', { sequence: 2 ** 40 }));
    catalog.commitMerge(merge(id, 'b.seg', { sequence: 7 }));
    expect(reopen().sequence()).toBe(2 ** 40);
  });
});

test('a deleted stream takes its segments and fields along, and its frames stay void', () => {
  const { catalog, reopen } = openCatalog();
  const id = catalog.addStream('o', 's', 5);
  const other = catalog.addStream('o', 't', 5);
  catalog.commitMerge(merge(id, 'a.seg', { schema: new Map([['a', 'bool']]) }));
  catalog.commitMerge(merge(other, 'b.seg', { stream: 't' }));
  catalog.deleteStream(id, 'o', 's', 12);
  const again = reopen();
  expect(again.streams()).toMatchObject([{ name: 't' }]);
  expect(again.segments()).toMatchObject([{ file: 'b.seg' }]);
  expect(again.fields()).toEqual([]);
  expect(again.deletions()).toEqual([{ organization: 'o', stream: 's', sequence: 12 }]);
  expect(again.sequence()).toBe(12);
});

test('a WAL file that is gone is forgotten', () => {
  const { catalog } = openCatalog();
  const id = catalog.addStream('o', 's', 5);
  const walMerged = new Map([
    ['w1.wal', 1],
    ['w2.wal', 1],
  ]);
  catalog.commitMerge(merge(id, 'a.seg', { walMerged }));
  catalog.forgetWalFile('w1.wal');
  expect(catalog.walMerged()).toMatchObject([{ file: 'w2.wal' }]);
});

test('one name is one stream', () => {
  const { catalog } = openCatalog();
  catalog.addStream('o', 's', 5);
  expect(() => catalog.addStream('o', 's', 6)).toThrow(/UNIQUE/);
  catalog.addStream('p', 's', 5);
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
      try { console.log(db.prepare('SELECT count(*) AS n FROM streams').get().n); } catch (error) { console.log(error.code); }`;
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
