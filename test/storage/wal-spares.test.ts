/** Prepared WAL files: made, claimed, and dropped while nothing is written. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { claimSpare, WalSpares } from '../../src/storage/wal-spares.js';
import { temporaryFolder } from './temporary-folder.js';

vi.mock('../../src/config/limits.js', async (original) => ({
  ...(await original<object>()),
  WAL_FILE_BYTES_MAX: 3 << 20,
}));

function sparesOf(count: number) {
  const folder = temporaryFolder();
  const spares = new WalSpares(folder, 'boot', count, (error) => expect.fail(String(error)));
  const names = () => readdirSync(folder).toSorted();
  const filled = () => vi.waitFor(() => expect(names()).toHaveLength(count), 5000);
  return { folder, spares, names, filled };
}

test('as many files of zeros as are wanted are made, and a claimed one is replaced', async () => {
  const { folder, spares, names, filled } = sparesOf(2);
  spares.refill();
  await filled();
  await vi.waitFor(() => expect(names().every((name) => name.endsWith('.spare'))).toBe(true), 5000);
  const path = join(folder, names()[0] as string);
  expect(statSync(path).size).toBe(3 << 20);
  expect(readFileSync(path).every((byte) => byte === 0)).toBe(true);
  expect(claimSpare(folder, join(folder, 'a.wal'))).toBe(true);
  spares.refill();
  await vi.waitFor(() => expect(names().filter((name) => name.endsWith('.spare'))).toHaveLength(2), 5000);
});

test('dropped ones are gone, also those in the making, and are made again when asked for', async () => {
  const { folder, spares, names, filled } = sparesOf(2);
  spares.refill();
  await filled();
  expect(await spares.drop()).toBeGreaterThan(0);
  expect(names()).toEqual([]);
  expect(claimSpare(folder, join(folder, 'a.wal'))).toBe(false);
  spares.refill();
  const dropped = spares.drop();
  await dropped;
  expect(names()).toEqual([]);
  spares.refill();
  await filled();
  spares.stop();
  expect(await spares.drop()).toBe(0);
});
