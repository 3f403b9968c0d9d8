/**
 * Reads one WAL file back at start: every whole frame with right checksums, in file order.
 *
 * A batch that was cut by a crash was never acknowledged, so a damaged end is expected and dropped. Damage with good frames behind
 * it is not: it is skipped, reported, and the file is kept for the operator.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { checkBlock } from '../native/index.js';
import {
  checkFileHeader,
  decodeFrame,
  FRAME_HEADER_BYTES_MAX,
  FRAME_MAGIC,
  type Frame,
  WAL_FILE_HEADER_BYTES,
} from './wal-format.js';

export interface RecoveredBlock {
  frame: Frame;
  /** Of the block, behind its frame header. */
  offset: number;
  timeMin: number;
  timeMax: number;
  schema: string;
  overflow: string;
  header: Uint8Array;
}

export interface Damage {
  offset: number;
  bytes: number;
  reason: string;
}

export interface WalContents {
  blocks: RecoveredBlock[];
  fileBytes: number;
  /** Where the good part ends, when that is before the end of the file. */
  tornTail?: Damage;
  /** Set when another version wrote the file: this build must not take it for damaged. */
  foreign?: string;
  /** Damage that has good frames behind it. */
  damage: Damage[];
}

export function readWalFile(path: string): WalContents {
  const fd = openSync(path, 'r');
  try {
    return readFrames(fd, fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

function readFrames(fd: number, fileBytes: number): WalContents {
  const contents: WalContents = { blocks: [], fileBytes, damage: [] };
  const headerProblem = checkFileHeader(read(fd, 0, Math.min(WAL_FILE_HEADER_BYTES, fileBytes)));
  let problem: Damage | undefined;
  let offset = WAL_FILE_HEADER_BYTES;
  if (headerProblem) {
    problem = { offset: 0, bytes: 0, reason: headerProblem };
    offset = findFrame(fd, 0, fileBytes);
  }
  while (offset < fileBytes) {
    const block = readFrame(fd, offset, fileBytes);
    if (typeof block !== 'string') {
      if (problem) contents.damage.push({ ...problem, bytes: offset - problem.offset });
      problem = undefined;
      contents.blocks.push(block);
      offset = block.offset + block.frame.blockBytes;
      continue;
    }
    problem ??= { offset, bytes: 0, reason: block };
    offset = findFrame(fd, offset + 1, fileBytes);
  }
  if (headerProblem?.includes('version')) contents.foreign = headerProblem;
  // Zeros to the end are the part of a prepared file that was never used.
  if (problem && !isZero(fd, problem.offset, fileBytes)) {
    contents.tornTail = { ...problem, bytes: fileBytes - problem.offset };
  }
  return contents;
}

function readFrameHeader(fd: number, offset: number, fileBytes: number): Frame | string {
  return decodeFrame(read(fd, offset, Math.min(FRAME_HEADER_BYTES_MAX, fileBytes - offset)));
}

function readFrame(fd: number, offset: number, fileBytes: number): RecoveredBlock | string {
  const frame = readFrameHeader(fd, offset, fileBytes);
  if (typeof frame === 'string') return frame;
  const blockOffset = offset + frame.headerBytes;
  if (blockOffset + frame.blockBytes > fileBytes) return 'the block is cut off';
  try {
    const summary = checkBlock(fd, blockOffset);
    if (summary.blockBytes !== frame.blockBytes) return 'frame and block disagree about the length';
    return {
      frame,
      offset: blockOffset,
      timeMin: summary.timeMin,
      timeMax: summary.timeMax,
      schema: summary.schema,
      overflow: summary.overflow,
      header: read(fd, blockOffset, summary.headerBytes),
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const SEARCH_BYTES = 1 << 20;

/** Position of the next frame header with a right checksum at or after `from`, or the file's end. */
function findFrame(fd: number, from: number, fileBytes: number): number {
  for (let at = from; at < fileBytes; at += SEARCH_BYTES) {
    const window = read(fd, at, Math.min(SEARCH_BYTES + 3, fileBytes - at));
    for (
      let found = window.indexOf(FRAME_MAGIC);
      found >= 0;
      found = window.indexOf(FRAME_MAGIC, found + 1)
    ) {
      const near = window.subarray(found, found + FRAME_HEADER_BYTES_MAX);
      const whole = near.length === FRAME_HEADER_BYTES_MAX || at + found + near.length === fileBytes;
      const frame = whole ? decodeFrame(near) : readFrameHeader(fd, at + found, fileBytes);
      if (typeof frame !== 'string') return at + found;
    }
  }
  return fileBytes;
}

function isZero(fd: number, from: number, to: number): boolean {
  const zeros = Buffer.alloc(SEARCH_BYTES);
  for (let at = from; at < to; at += SEARCH_BYTES) {
    const bytes = read(fd, at, Math.min(SEARCH_BYTES, to - at));
    if (bytes.compare(zeros, 0, bytes.length) !== 0) return false;
  }
  return true;
}

function read(fd: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  let filled = 0;
  while (filled < bytes) {
    const count = readSync(fd, buffer, filled, bytes - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}
