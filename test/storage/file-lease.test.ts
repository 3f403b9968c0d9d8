import { existsSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FileDisposals } from '../../src/storage/file-disposal.js';
import { FileLease } from '../../src/storage/file-lease.js';
import { WalFiles } from '../../src/storage/wal-files.js';
import { temporaryFolder } from './temporary-folder.js';

function lease() {
  const path = join(temporaryFolder(), 'file');
  writeFileSync(path, 'x');
  const gone: string[] = [];
  return {
    path,
    gone,
    lease: new FileLease(path, (name) => {
      unlinkSync(name);
      gone.push(name);
    }),
  };
}

test('a file goes when it is retired and nobody reads it, in either order', () => {
  const first = lease();
  first.lease.acquire();
  first.lease.acquire();
  first.lease.retire();
  first.lease.release();
  expect(existsSync(first.path)).toBe(true);
  first.lease.release();
  expect(existsSync(first.path)).toBe(false);
  expect(first.gone).toEqual([first.path]);

  const second = lease();
  second.lease.acquire();
  second.lease.release();
  expect(existsSync(second.path)).toBe(true);
  second.lease.retire();
  second.lease.retire();
  expect(second.gone).toEqual([second.path]);
});

test('a retired file can still be acquired while somebody reads it, a gone one cannot', () => {
  const file = lease();
  file.lease.acquire();
  file.lease.retire();
  file.lease.acquire();
  file.lease.release();
  expect(existsSync(file.path)).toBe(true);
  file.lease.release();
  expect(() => file.lease.acquire()).toThrow(/BUG/);
});

test('releasing more often than acquired is a bug that shows', () => {
  expect(() => lease().lease.release()).toThrow(/BUG/);
});

function walFiles() {
  const folder = temporaryFolder();
  const quarantine = temporaryFolder();
  const gone: string[] = [];
  const retired: string[] = [];
  const disposals = new FileDisposals((path, error) => expect.fail(`${path}: ${error}`));
  const retire = async (name: string) => retired.push(name);
  const files = new WalFiles(folder, quarantine, disposals, retire, (name) => {
    expect(retired, 'noted for good before it goes').toContain(name);
    gone.push(name);
  });
  const create = (name: string) => {
    writeFileSync(join(folder, name), 'frames');
    return files.touch(name, 6);
  };
  return { folder, quarantine, gone, files, create, idle: () => disposals.idle() };
}

test('a WAL file goes when it is closed and its last block is merged, in either order', async () => {
  const { files, create, gone, folder, idle } = walFiles();
  for (const name of ['a.wal', 'b.wal']) {
    create(name);
    files.addBlock(name);
    files.addBlock(name);
    files.removeBlocks(name, 1);
  }
  files.close('a.wal');
  expect(gone).toEqual([]);
  files.removeBlocks('a.wal', 1);
  await idle();
  expect(gone).toEqual(['a.wal']);
  files.removeBlocks('b.wal', 1);
  expect(gone).toEqual(['a.wal']);
  files.close('b.wal');
  await idle();
  expect(gone).toEqual(['a.wal', 'b.wal']);
  expect(existsSync(join(folder, 'a.wal'))).toBe(false);
  expect([files.count, files.bytes]).toEqual([0, 0]);
});

test('bytes are the largest size told of each file', () => {
  const { files } = walFiles();
  files.touch('a.wal', 10);
  files.touch('a.wal', 30);
  files.touch('a.wal', 0);
  files.touch('b.wal', 5);
  expect([files.count, files.bytes]).toEqual([2, 35]);
});

test('misuse shows: unknown files, more blocks removed than added', () => {
  const { files, create } = walFiles();
  expect(() => files.addBlock('x.wal')).toThrow(/BUG/);
  create('a.wal');
  expect(() => files.removeBlocks('a.wal', 1)).toThrow(/BUG/);
});

test('a damaged file is moved aside instead of removed', async () => {
  const { files, create, gone, folder, quarantine, idle } = walFiles();
  create('a.wal');
  files.markDamaged('a.wal');
  files.close('a.wal');
  await idle();
  expect(existsSync(join(folder, 'a.wal'))).toBe(false);
  expect(existsSync(join(quarantine, 'a.wal'))).toBe(true);
  expect(gone).toEqual(['a.wal']);
  expect(files.count).toBe(0);
});

test('a damaged file stays in place while a query reads it', async () => {
  const { files, create, folder, quarantine, idle } = walFiles();
  const held = create('a.wal');
  files.addBlock('a.wal');
  files.markDamaged('a.wal');
  held.acquire();
  files.close('a.wal');
  files.removeBlocks('a.wal', 1);
  await idle();
  expect(existsSync(join(folder, 'a.wal'))).toBe(true);
  held.release();
  await idle();
  expect(existsSync(join(quarantine, 'a.wal'))).toBe(true);
});
