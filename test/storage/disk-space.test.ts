/** The watch over the disk's room, with room that a test sets. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { DiskSpace, diskLimits } from '../../src/storage/disk-space.js';
import { temporaryFolder } from './temporary-folder.js';

const MB = 1024 * 1024;
const TOTAL = 64 * MB;
const { freeBytes: NEEDED, reserveBytes: RESERVE } = diskLimits(TOTAL);

function spaceOf() {
  const folder = temporaryFolder();
  const reserve = join(folder, 'reserve');
  const room = { totalBytes: TOTAL, freeBytes: TOTAL };
  const space = new DiskSpace(folder, reserve, pino({ level: 'silent' }), async () => ({ ...room }));
  const onFull = vi.fn();
  space.onFull = onFull;
  const free = async (bytes: number) => {
    room.freeBytes = bytes;
    await space.refresh();
  };
  return { space, reserve, free, onFull };
}

test('limits follow a small disk, and have a ceiling on a large one', () => {
  expect([NEEDED, RESERVE]).toEqual([8 * MB, 4 * MB]);
  expect(diskLimits(1e12)).toEqual({ freeBytes: 256 * MB, reserveBytes: 32 * MB });
});

test('records are refused below the limit and taken again a quarter above it', async () => {
  const { space, free, onFull } = spaceOf();
  await free(NEEDED);
  expect(space.refusal()).toBeUndefined();
  await free(NEEDED - 1);
  expect(space.refusal()).toMatchObject({ status: 507, fields: { retryAfterSeconds: 5 } });
  expect(space.refusal()?.message).toBe(
    'the disk is full: 7 MiB are free, records are taken again above 8 MiB',
  );
  await free(NEEDED);
  expect(space.refusal()).toBeDefined();
  await free(NEEDED * 1.25);
  expect(space.refusal()).toBeUndefined();
  expect(onFull).toHaveBeenCalledTimes(1);
});

test('the reserve is made where there is room, given up once, and made again', async () => {
  const { space, reserve, free } = spaceOf();
  await free(NEEDED - 1);
  expect(existsSync(reserve)).toBe(false);
  await free(TOTAL);
  expect([statSync(reserve).size, statSync(reserve).mode & 0o777]).toEqual([RESERVE, 0o600]);
  expect(space.giveUp()).toBe(true);
  expect(existsSync(reserve)).toBe(false);
  expect(space.giveUp()).toBe(false);
  await free(NEEDED + RESERVE - 1);
  expect(existsSync(reserve)).toBe(false);
  await free(NEEDED + RESERVE);
  expect(statSync(reserve).size).toBe(RESERVE);
});
