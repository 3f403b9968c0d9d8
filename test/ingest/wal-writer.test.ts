/** The WAL writer on real files: what is appended is there, rotation, and failure that stays. */
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FatalError } from '../../src/errors/index.js';
import { WalWriter } from '../../src/ingest/wal-writer.js';
import { checkFileHeader, WAL_FILE_HEADER_BYTES } from '../../src/storage/wal-format.js';

vi.mock('../../src/config/limits.js', async (original) => ({
  ...(await original<object>()),
  WAL_FILE_BYTES_MAX: 4000,
  WAL_UNPREPARED_BYTES_MAX: 1000,
}));

let folder: string;
let epoch: SharedArrayBuffer;
beforeEach(() => {
  epoch = new SharedArrayBuffer(4);
  folder = mkdtempSync(join(tmpdir(), 'basalt-wal-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const BOOT = 'b00700000001';

function makeWriter(worker = 1): WalWriter {
  return new WalWriter(folder, BOOT, worker, epoch);
}

function append(wal: WalWriter, buffers: Uint8Array[]): number {
  wal.ready();
  return wal.append(buffers, 1);
}

function bytes(file: string): Buffer {
  return readFileSync(join(folder, file));
}

describe('append', () => {
  test('opens a file with a header, and returns where each batch begins', () => {
    const wal = makeWriter();
    expect(readdirSync(folder)).toEqual([]);
    expect(append(wal, [Buffer.from('one'), Buffer.from('two')])).toBe(WAL_FILE_HEADER_BYTES);
    expect(append(wal, [Buffer.from('three')])).toBe(WAL_FILE_HEADER_BYTES + 6);
    expect(wal.fileBytes).toBe(WAL_FILE_HEADER_BYTES + 11);
    const content = bytes(wal.fileName);
    expect(checkFileHeader(content)).toBeUndefined();
    expect(content.subarray(WAL_FILE_HEADER_BYTES).toString()).toBe('onetwothree');
  });

  test('takes more buffers than one system call does', () => {
    const wal = makeWriter();
    const buffers = Array.from({ length: 5000 }, (_, index) => Buffer.from(`${index},`));
    append(wal, buffers);
    expect(bytes(wal.fileName).subarray(WAL_FILE_HEADER_BYTES).equals(Buffer.concat(buffers))).toBe(true);
  });

  test('two writers of one process use different files', () => {
    const [first, second] = [makeWriter(), makeWriter(2)];
    append(first, [Buffer.from('a')]);
    append(second, [Buffer.from('b')]);
    expect(first.fileName).not.toBe(second.fileName);
  });
});

describe('rotation', () => {
  test('only at the limit, and the next append opens another file', () => {
    const wal = makeWriter();
    expect(wal.rotateIfFull()).toBeUndefined();
    append(wal, [Buffer.alloc(1000 - WAL_FILE_HEADER_BYTES - 1)]);
    expect(wal.rotateIfFull()).toBeUndefined();
    append(wal, [Buffer.alloc(1)]);
    const first = wal.fileName;
    expect(wal.rotateIfFull()).toBe(first);
    expect(wal.rotateIfFull()).toBeUndefined();
    expect(append(wal, [Buffer.from('next')])).toBe(WAL_FILE_HEADER_BYTES);
    expect(wal.fileName).not.toBe(first);
    expect(bytes(first)).toHaveLength(1000);
    expect(wal.fileBytes).toBe(WAL_FILE_HEADER_BYTES + 4);
  });
});

test('a file that was prepared is used up to its end, one that was not is closed early', () => {
  writeFileSync(join(folder, 'x.spare'), Buffer.alloc(4000));
  const wal = makeWriter();
  append(wal, [Buffer.alloc(2000)]);
  expect(wal.rotateIfFull()).toBeUndefined();
  append(wal, [Buffer.alloc(2000)]);
  expect(wal.rotateIfFull()).toBe(wal.fileName);
  append(wal, [Buffer.alloc(1000)]);
  expect(wal.rotateIfFull()).toBe(wal.fileName);
});

test('goes on in a new file when the main thread has closed all files, once each time', () => {
  const wal = makeWriter();
  append(wal, [Buffer.from('a')]);
  const first = wal.fileName;
  append(wal, [Buffer.from('b')]);
  expect(wal.fileName).toBe(first);
  Atomics.add(new Int32Array(epoch), 0, 1);
  expect(append(wal, [Buffer.from('c')])).toBe(WAL_FILE_HEADER_BYTES);
  const second = wal.fileName;
  expect(second).not.toBe(first);
  append(wal, [Buffer.from('d')]);
  expect(wal.fileName).toBe(second);
  expect(bytes(first).subarray(WAL_FILE_HEADER_BYTES).toString()).toBe('ab');
  expect(bytes(second).subarray(WAL_FILE_HEADER_BYTES).toString()).toBe('cd');
  // One that opens its first file after a close needs no other.
  const late = makeWriter(2);
  append(late, [Buffer.from('x')]);
  const only = late.fileName;
  append(late, [Buffer.from('y')]);
  expect(late.fileName).toBe(only);
});

describe('failure is final', () => {
  test('when the directory is not there, even if it is made afterwards', () => {
    const wal = new WalWriter(join(folder, 'missing'), BOOT, 1, epoch);
    expect(() => append(wal, [Buffer.from('x')])).toThrow(FatalError);
    mkdirSync(join(folder, 'missing'));
    expect(() => append(wal, [Buffer.from('x')])).toThrow(/failed before/);
    expect(readdirSync(join(folder, 'missing'))).toEqual([]);
  });

  test('when the file name is taken: an older file is never written over', () => {
    writeFileSync(join(folder, `${BOOT}-1-000000.wal`), 'older');
    const wal = makeWriter();
    expect(() => append(wal, [Buffer.from('x')])).toThrow(/b00700000001-1-000000\.wal.*EEXIST/s);
    expect(bytes(`${BOOT}-1-000000.wal`).toString()).toBe('older');
  });
});

test('a full disk in the middle of a write refuses that batch, cuts its bytes off and lets the next one try', () => {
  // A file size limit behaves as a full disk does: a short write first, then an error. It needs a process of its own.
  const { failed, after, size, small } = runWithFileLimit(4);
  expect(failed).toBe('BasaltError 507: the disk is full: nothing of this request was stored');
  expect(after).toBe(failed);
  expect(size).toBe(WAL_FILE_HEADER_BYTES + 3000);
  expect(small).toBe('written');
});

test('a file cut by somebody else is not noticed as success of a later read', () => {
  const wal = makeWriter();
  append(wal, [Buffer.from('first')]);
  truncateSync(join(folder, wal.fileName), 0);
  append(wal, [Buffer.from('second')]);
  // Positions are absolute, so the later batch is where it was said to be.
  expect(
    bytes(wal.fileName)
      .subarray(WAL_FILE_HEADER_BYTES + 5)
      .toString(),
  ).toBe('second');
  expect(checkFileHeader(bytes(wal.fileName))).toBeDefined();
});

/** Writes 3 KB batches under a limit of `kilobytes`, in a child process that runs today's source. */
function runWithFileLimit(kilobytes: number): { failed: string; after: string; size: number; small: string } {
  const source = join(import.meta.dirname, '..', '..', 'src');
  for (const file of [
    'ingest/wal-writer',
    'storage/sync-path',
    'storage/wal-format',
    'storage/wal-spares',
    'config/limits',
    'errors/index',
  ]) {
    mkdirSync(join(folder, 'src', file, '..'), { recursive: true });
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    const code = ts.transpileModule(readFileSync(join(source, `${file}.ts`), 'utf8'), {
      compilerOptions,
    }).outputText;
    writeFileSync(join(folder, 'src', `${file}.js`), code);
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  mkdirSync(join(folder, 'wal'));
  const script = `
    import { statSync } from 'node:fs';
    import { WalWriter } from ${JSON.stringify(join(folder, 'src/ingest/wal-writer.js'))};
    const wal = new WalWriter(${JSON.stringify(join(folder, 'wal'))}, '${BOOT}', 1, new SharedArrayBuffer(4));
    const attempt = (bytes) => {
      try {
        wal.ready();
        wal.append([Buffer.alloc(bytes, 1)], 1);
        return 'written';
      } catch (error) {
        return error.name + ' ' + error.status + ': ' + error.message;
      }
    };
    const [first, failed, after] = [attempt(3000), attempt(3000), attempt(3000)];
    const { size } = statSync(${JSON.stringify(join(folder, 'wal', `${BOOT}-1-000000.wal`))});
    process.stdout.write(JSON.stringify({ first, failed, after, size, small: attempt(1000) }));`;
  writeFileSync(join(folder, 'script.js'), script);
  const command = `ulimit -f ${kilobytes}; exec ${process.execPath} ${join(folder, 'script.js')}`;
  const result = JSON.parse(execFileSync('bash', ['-c', command], { encoding: 'utf8' }));
  expect(result.first).toBe('written');
  return result;
}
