/** Checks one file: every byte of it against its checksum. Never throws for what the file is. */
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import { checkSegment } from '../native/index.js';
import { readWalFile, type WalContents } from '../storage/recovery.js';
import { WAL_FILE_HEADER_BYTES } from '../storage/wal-format.js';
import type { CheckResult, CheckTask } from './check-task.js';
import { segmentFacts } from './segment-facts.js';

/** A WAL file that is being written may look damaged for as long as one write takes. */
const RECHECK_MS = 200;

export function checkFile({ kind, path }: CheckTask): CheckResult {
  try {
    // Opening a named pipe would wait for ever.
    if (!statSync(path).isFile()) return { state: 'unreadable', bytes: 0, error: 'this is no regular file' };
    return kind === 'segment' ? checkSegmentFile(path) : checkWalFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { state: 'gone' };
    return { state: 'unreadable', bytes: 0, error: error instanceof Error ? error.message : String(error) };
  }
}

function checkSegmentFile(path: string): CheckResult {
  const fd = openSync(path, 'r');
  try {
    const bytes = fstatSync(fd).size;
    const { findings, footer } = checkSegment(fd, bytes);
    return {
      state: 'segment',
      bytes,
      findings,
      groupRows: footer?.groups.map((group) => group.rows) ?? [],
      groupTimes: footer?.groups.map((group) => [group.timeMin, group.timeMax]) ?? [],
      facts: footer && segmentFacts(basename(path), footer),
    };
  } finally {
    closeSync(fd);
  }
}

function checkWalFile(path: string): CheckResult {
  let contents = readWalFile(path);
  if (damageOf(contents).length > 0) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RECHECK_MS);
    contents = readWalFile(path);
  }
  const { fileBytes: bytes, foreign, blocks, tornTail } = contents;
  if (foreign !== undefined) return { state: 'unreadable', bytes, error: foreign };
  const damage = damageOf(contents);
  return {
    state: 'wal',
    bytes,
    frames: blocks.length,
    rows: blocks.reduce((sum, block) => sum + block.frame.rows, 0),
    found: blocks.map(({ frame, header }) => ({ frame, header: digest(header) })),
    damage,
    tornBytes: tornTail && !damage.includes(tornTail) ? tornTail.bytes : 0,
  };
}

function digest(header: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, crc32(header));
  return bytes;
}

/** As the server's start has it: a torn end is none, but a file of which nothing can be read is. */
function damageOf({ damage, tornTail, blocks }: WalContents): WalContents['damage'] {
  const unreadable = tornTail?.offset === 0 && blocks.length === 0 && tornTail.bytes > WAL_FILE_HEADER_BYTES;
  return unreadable && tornTail ? [...damage, tornTail] : damage;
}
