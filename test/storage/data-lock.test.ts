/** The lock of a data directory, and the log of deletions beside it. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DataLock, isLocked } from '../../src/storage/data-lock.js';
import { appendDeletion, appendRemoval, readDeletions } from '../../src/storage/deletion-log.js';
import { temporaryFolder } from './temporary-folder.js';

test('one holder at a time, who is named; free again when it is released', () => {
  const path = join(temporaryFolder(), 'lock');
  expect(isLocked(path)).toBe(false);
  const lock = DataLock.acquire(path);
  expect(isLocked(path)).toBe(true);
  expect(() => DataLock.acquire(path)).toThrow(`process ${process.pid}`);
  lock.release();
  lock.release();
  expect(isLocked(path)).toBe(false);
  DataLock.acquire(path).release();
});

test('deletions: the last of each stream, whatever a crash cut off', () => {
  const path = join(temporaryFolder(), 'deletions.log');
  expect(readDeletions(path)).toEqual({ deletions: [], removals: [], damagedLines: 0 });
  appendDeletion(path, { organization: 'o', stream: 'a', sequence: 5 });
  appendDeletion(path, { organization: 'o', stream: 'b\n', sequence: 6 });
  appendFileSync(path, '{"organization":"o","str');
  appendDeletion(path, { organization: 'o', stream: 'a', sequence: 9 });
  const removal = {
    organization: 'o',
    stream: 'a',
    walMerged: { 'a.wal': 2 },
    inputs: ['1.seg'],
    retired: [],
    walInputs: { 'a.wal': [1, 2] as [number, number] },
    outputs: [],
  };
  appendRemoval(path, removal);
  expect(readDeletions(path)).toEqual({
    deletions: [
      { organization: 'o', stream: 'a', sequence: 9 },
      { organization: 'o', stream: 'b\n', sequence: 6 },
    ],
    removals: [removal],
    damagedLines: 1,
  });
  writeFileSync(path, readFileSync(path, 'utf8').replace('"sequence":9', '"sequence":8'));
  expect(readDeletions(path).damagedLines).toBe(2);
});
