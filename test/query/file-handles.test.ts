import {
  existsSync,
  fstatSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BroadcastChannel } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { FileHandles } from '../../src/query/file-handles.js';
import { GONE_FILES_CHANNEL } from '../../src/query/query-task.js';

function files(count: number): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'basalt-handles-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return Array.from({ length: count }, (_, index) => {
    const path = join(folder, String(index));
    writeFileSync(path, 'x');
    return path;
  });
}

/** Descriptors of this process that show one of `paths`. */
function openOf(paths: string[]): number {
  const wanted = new Set(paths.flatMap((path) => [path, `${path} (deleted)`]));
  return readdirSync('/proc/self/fd').filter((fd) => {
    const link = `/proc/self/fd/${fd}`;
    return existsSync('/proc/self') && wanted.has(readlink(link));
  }).length;
}

function readlink(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

test('a file is opened once and its descriptor used again', () => {
  const handles = new FileHandles(256);
  const [path] = files(1) as [string];
  const fd = handles.open(path);
  expect(handles.open(path)).toBe(fd);
  expect(fstatSync(fd).size).toBe(1);
  expect(() => handles.open(`${path}.missing`)).toThrow(/ENOENT/);
});

test('no more than the limit stay open after a sweep, the least recently used go', () => {
  const handles = new FileHandles(256);
  const paths = files(300);
  for (const path of paths) handles.open(path);
  handles.open(paths[0] as string);
  // Until the sweep all stay valid: one morsel may need more than the limit.
  expect(openOf(paths)).toBe(300);
  handles.sweep();
  expect(openOf(paths)).toBe(256);
  expect(openOf([paths[0] as string])).toBe(1);
  expect(openOf(paths.slice(1, 45))).toBe(0);
});

test('a file that is gone is closed with the next sweep, so that its space is freed', async () => {
  const handles = new FileHandles(256);
  const [path, other] = files(2) as [string, string];
  handles.open(path);
  handles.open(other);
  unlinkSync(path);
  expect(openOf([path])).toBe(1);
  const channel = new BroadcastChannel(GONE_FILES_CHANNEL);
  channel.postMessage(path);
  channel.postMessage('/never/opened');
  await sleep(20);
  handles.sweep();
  channel.close();
  expect([openOf([path]), openOf([other])]).toEqual([0, 1]);
});
