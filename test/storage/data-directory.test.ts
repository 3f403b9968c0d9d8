/** What a start does with a data directory before it opens anything there. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FatalError } from '../../src/errors/index.js';
import { prepareDataDirectory } from '../../src/storage/data-directory.js';
import { dataLayout } from '../../src/storage/layout.js';
import { temporaryFolder } from './temporary-folder.js';

function prepared() {
  const layout = dataLayout(join(temporaryFolder(), 'data'));
  prepareDataDirectory(layout);
  return layout;
}

function mode(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

test('what is made is for its owner alone, and what was open to others before is closed', () => {
  const layout = prepared();
  const folders = [layout.root, ...readdirSync(layout.root).map((name) => join(layout.root, name))];
  expect(folders.map(mode)).toEqual(folders.map(() => '700'));
  const files = [
    layout.catalog,
    `${layout.catalog}-wal`,
    layout.deletions,
    join(layout.wal, 'a-1-000000.wal'),
    join(layout.segments, 'a.seg'),
    join(layout.quarantine, 'old'),
    join(layout.cache, 'a.part'),
    join(layout.root, 'note of somebody'),
  ];
  for (const file of files) writeFileSync(file, '');
  for (const path of [...files, ...folders]) chmodSync(path, 0o777);
  prepareDataDirectory(layout);
  expect(folders.map(mode)).toEqual(folders.map(() => '700'));
  expect(files.map(mode)).toEqual(files.map(() => '600'));
});

const KINDS: Record<string, (path: string) => void> = {
  'a directory': (path) => mkdirSync(path),
  'a named pipe': (path) => void execFileSync('mkfifo', [path]),
  'a loop of symbolic links': (path) => symlinkSync(basename(path), path),
  'a symbolic link that leads nowhere': (path) => symlinkSync('nothing', path),
};

function refusal(layout: ReturnType<typeof prepared>): string {
  try {
    prepareDataDirectory(layout);
  } catch (error) {
    if (error instanceof FatalError) return error.message;
    throw error;
  }
  return 'no refusal';
}

describe.each(Object.keys(KINDS))('%s in the place of a file', (kind) => {
  test.each([
    'catalog.sqlite',
    'catalog.sqlite-wal',
    'deletions.log',
    'root-password',
    'lock',
    'reserve',
    'wal/a-1-000000.wal',
    'wal/a.spare',
    'wal/a.spare-draft',
    'journal/a-1-000000.frames',
    'segments/1-a-000000.seg',
    'segments/1-a-000000.seg.tmp',
  ])('%s is told in one line', (name) => {
    const layout = prepared();
    const path = join(layout.root, name);
    KINDS[kind]?.(path);
    const text = refusal(layout);
    expect(text).toContain(path);
    expect(text).toContain(kind);
    expect(text).toMatch(/move it away|remove/i);
    expect(text).not.toContain('\n');
  });
});

test.each(['wal', 'segments', 'quarantine', 'cache', 'spill', 'journal', ''])(
  'a file in the place of the folder %j is told',
  (name) => {
    const layout = prepared();
    const path = join(layout.root, name);
    rmSync(path, { recursive: true });
    writeFileSync(path, 'x');
    expect(refusal(layout)).toBe(
      `${path.replace(/\/$/, '')} is a regular file, but a directory is needed there. Move it away and start again.`,
    );
  },
);

test('a socket is told, and a folder that everybody shares is refused', async () => {
  const layout = prepared();
  const path = join(layout.wal, 'a.wal');
  const server = createServer().listen(path);
  await new Promise((resolve) => server.once('listening', resolve));
  expect(refusal(layout)).toContain('is a socket');
  server.close();
  chmodSync(layout.root, 0o1777);
  expect(refusal(layout)).toMatch(/shared by all users/);
});

test('a folder may lie elsewhere, behind a link', () => {
  const layout = prepared();
  const elsewhere = temporaryFolder();
  rmSync(layout.segments, { recursive: true });
  symlinkSync(elsewhere, layout.segments);
  prepareDataDirectory(layout);
  expect(mode(elsewhere)).toBe('700');
});
