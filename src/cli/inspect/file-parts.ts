/** A segment or WAL file taken apart. Every byte of the file is in exactly one part. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { type BlockInspection, inspectBlock, readFooter } from '../../native/index.js';
import { readWalFile } from '../../storage/recovery.js';
import { WAL_FILE_HEADER_BYTES, WAL_MAGIC } from '../../storage/wal-format.js';
import { CliError } from '../failure.js';

export const SEGMENT_MAGIC = 'BSLTSEG1';
const SEGMENT_FILE_HEADER_BYTES = 32;
const SEGMENT_TRAILER_BYTES = 32;

export interface Part {
  name: string;
  bytes: number;
}

export interface InspectedBlock {
  offset: number;
  /** Of WAL blocks. */
  frame?: { sequence: number; organization: string; stream: string };
  block: BlockInspection;
}

export interface FileParts {
  kind: 'segment' | 'WAL';
  file: string;
  version: number;
  bytes: number;
  /** What whoever wrote a segment said of it. */
  metadata?: unknown;
  /** Everything but the blocks. */
  envelope: Part[];
  blocks: InspectedBlock[];
}

export type FileMagic = 'segment' | 'wal' | undefined;

/** What the first bytes of a file claim. */
export function magicOf(fd: number): FileMagic {
  const head = readAt(fd, 0, 8).toString('latin1');
  if (head === SEGMENT_MAGIC) return 'segment';
  return head === WAL_MAGIC ? 'wal' : undefined;
}

/** @throws CliError when the file is neither; BasaltError when it is damaged */
export function takeApart(path: string): FileParts {
  const fd = openFile(path);
  try {
    const bytes = fstatSync(fd).size;
    const version = bytes >= 12 ? readAt(fd, 8, 4).readUInt32LE() : 0;
    switch (magicOf(fd)) {
      case 'segment':
        return { file: basename(path), version, bytes, ...segmentParts(fd, bytes) };
      case 'wal':
        return { file: basename(path), version, bytes, ...walParts(fd, path) };
      default:
        throw new CliError(
          `${path} is neither a segment nor a WAL file`,
          'segments lie in segments/, WAL files in wal/ of the data directory',
        );
    }
  } finally {
    closeSync(fd);
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new CliError(`${path} cannot be opened: ${(error as Error).message}`);
  }
}

function segmentParts(
  fd: number,
  bytes: number,
): Pick<FileParts, 'kind' | 'metadata' | 'envelope' | 'blocks'> {
  const { groups, headers, metadata } = readFooter(fd, bytes);
  const blocks = groups.map(({ offset }) => ({ offset, block: inspectBlock(fd, offset) }));
  const groupBytes = groups.reduce((sum, group) => sum + group.bytes, 0);
  const tables =
    bytes - SEGMENT_FILE_HEADER_BYTES - groupBytes - headers.length - metadata.length - SEGMENT_TRAILER_BYTES;
  return {
    kind: 'segment',
    metadata: parsed(metadata),
    envelope: [
      { name: 'file header', bytes: SEGMENT_FILE_HEADER_BYTES },
      { name: 'footer: places of row groups', bytes: tables },
      { name: 'footer: copies of block headers', bytes: headers.length },
      { name: 'footer: metadata', bytes: metadata.length },
      { name: 'trailer', bytes: SEGMENT_TRAILER_BYTES },
    ],
    blocks,
  };
}

function walParts(fd: number, path: string): Pick<FileParts, 'kind' | 'envelope' | 'blocks'> {
  const { blocks, damage, tornTail, foreign, fileBytes } = readWalFile(path);
  if (foreign !== undefined) throw new CliError(`${path}: ${foreign}`, 'use the version that wrote it');
  const frames = blocks.reduce((sum, { frame }) => sum + frame.headerBytes, 0);
  const blockBytes = blocks.reduce((sum, { frame }) => sum + frame.blockBytes, 0);
  const lostHeader = damage.some(({ offset }) => offset === 0) || tornTail?.offset === 0;
  const header = lostHeader ? 0 : Math.min(fileBytes, WAL_FILE_HEADER_BYTES);
  const damaged = damage.reduce((sum, part) => sum + part.bytes, 0);
  const torn = tornTail?.bytes ?? 0;
  return {
    kind: 'WAL',
    envelope: [
      { name: 'file header', bytes: header },
      { name: 'frame headers', bytes: frames },
      ...(damaged > 0 ? [{ name: 'damaged', bytes: damaged }] : []),
      ...(torn > 0 ? [{ name: 'unacknowledged end', bytes: torn }] : []),
      { name: 'prepared zeros', bytes: fileBytes - header - frames - blockBytes - damaged - torn },
    ],
    blocks: blocks.map(({ offset, frame: { sequence, organization, stream } }) => ({
      offset,
      frame: { sequence, organization, stream },
      block: inspectBlock(fd, offset),
    })),
  };
}

function parsed(metadata: Uint8Array): unknown {
  const text = Buffer.from(metadata).toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readAt(fd: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  return buffer.subarray(0, readSync(fd, buffer, 0, bytes, offset));
}
