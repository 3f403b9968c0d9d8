/**
 * Bytes of a WAL file (docs/FORMAT.md, "WAL"): a file header, then frames; a frame is a header, the names, and one block.
 * All integers are little endian.
 */
import { crc32 } from 'node:zlib';

export const WAL_MAGIC = 'BSLTWAL1';
export const WAL_FILE_HEADER_BYTES = 32;
/** With this all frames begin; the byte behind it is the version of the frame. */
export const FRAME_MAGIC = Buffer.from('BSW', 'latin1');
const MAGIC_1 = 0x46575342; // "BSWF"
const MAGIC_2 = 0x32575342; // "BSW2"
const FIXED_BYTES_1 = 32;
const FIXED_BYTES_2 = 48;

/** The file for which a frame was written, and the how-manieth of its frames it is. Where its bytes lie now is another matter. */
export interface FrameHome {
  boot: string;
  worker: number;
  file: number;
  /** From 0. */
  frame: number;
}

/** What a frame header says. `sequence` orders frames over all WAL files. */
export interface Frame {
  /** Frames of version 1 do not tell. */
  home?: FrameHome;
  sequence: number;
  organization: string;
  stream: string;
  rows: number;
  blockBytes: number;
  /** Bytes of the frame header with its names and padding; the block follows. */
  headerBytes: number;
}

export function encodeFileHeader(createdUs: number): Uint8Array {
  const bytes = Buffer.alloc(WAL_FILE_HEADER_BYTES);
  bytes.write(WAL_MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(2, 8);
  bytes.writeBigUInt64LE(BigInt(createdUs), 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

/** @returns undefined if fine, else what is wrong */
export function checkFileHeader(bytes: Buffer): string | undefined {
  if (bytes.length < WAL_FILE_HEADER_BYTES) return `file header is cut off after ${bytes.length} bytes`;
  if (bytes.toString('latin1', 0, 8) !== WAL_MAGIC) return 'not a WAL file (magic bytes differ)';
  if (bytes.readUInt32LE(28) !== crc32(bytes.subarray(0, 28))) return 'file header checksum differs';
  if (![1, 2].includes(bytes.readUInt32LE(8)))
    return `WAL format version ${bytes.readUInt32LE(8)} is unknown to this build`;
  return undefined;
}

/** The frame header for a block of `blockBytes`. */
export function encodeFrame(frame: Omit<Frame, 'headerBytes'> & { home: FrameHome }): Uint8Array {
  const organization = Buffer.from(frame.organization);
  const stream = Buffer.from(frame.stream);
  if (Math.max(organization.length, stream.length) > NAME_BYTES_MAX)
    throw new Error('BUG: a stream name that is too long');
  const { home } = frame;
  const bytes = Buffer.alloc(alignedHeaderBytes(FIXED_BYTES_2, organization.length, stream.length));
  bytes.writeUInt32LE(MAGIC_2, 0);
  bytes.writeBigUInt64LE(BigInt(frame.sequence), 8);
  bytes.writeUInt32LE(frame.blockBytes, 16);
  bytes.writeUInt32LE(frame.rows, 20);
  bytes.writeUInt16LE(organization.length, 24);
  bytes.writeUInt16LE(stream.length, 26);
  bytes.writeUInt32LE(home.frame, 28);
  if (bytes.write(home.boot, 32, 'hex') !== BOOT_BYTES) throw new Error(`BUG: boot id ${home.boot}`);
  bytes.writeUInt16LE(home.worker, 38);
  bytes.writeUInt32LE(home.file, 40);
  organization.copy(bytes, FIXED_BYTES_2);
  stream.copy(bytes, FIXED_BYTES_2 + organization.length);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

/** Reads a frame header at the start of `bytes`, or says why there is none. */
export function decodeFrame(bytes: Buffer): Frame | string {
  if (bytes.length < FIXED_BYTES_1) return `frame header is cut off after ${bytes.length} bytes`;
  const magic = bytes.readUInt32LE(0);
  if (magic !== MAGIC_1 && magic !== MAGIC_2) return 'frame magic differs';
  const fixedBytes = magic === MAGIC_1 ? FIXED_BYTES_1 : FIXED_BYTES_2;
  const organizationBytes = bytes.readUInt16LE(24);
  const streamBytes = bytes.readUInt16LE(26);
  if (Math.max(organizationBytes, streamBytes) > NAME_BYTES_MAX) return 'frame names are too long';
  const headerBytes = alignedHeaderBytes(fixedBytes, organizationBytes, streamBytes);
  if (bytes.length < headerBytes) return `frame header is cut off after ${bytes.length} bytes`;
  if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(8, headerBytes))) return 'frame header checksum differs';
  const names = fixedBytes + organizationBytes;
  return {
    ...(magic === MAGIC_2 && { home: readHome(bytes) }),
    sequence: Number(bytes.readBigUInt64LE(8)),
    blockBytes: bytes.readUInt32LE(16),
    rows: bytes.readUInt32LE(20),
    organization: bytes.toString('utf8', fixedBytes, names),
    stream: bytes.toString('utf8', names, names + streamBytes),
    headerBytes,
  };
}

const BOOT_BYTES = 6;

/** Names are far shorter; a longer length is damage. */
const NAME_BYTES_MAX = 1024;

/** Largest possible frame header. */
export const FRAME_HEADER_BYTES_MAX = alignedHeaderBytes(FIXED_BYTES_2, NAME_BYTES_MAX, NAME_BYTES_MAX);

function alignedHeaderBytes(fixedBytes: number, organizationBytes: number, streamBytes: number): number {
  return Math.ceil((fixedBytes + organizationBytes + streamBytes) / 8) * 8;
}

function readHome(bytes: Buffer): FrameHome {
  return {
    boot: bytes.toString('hex', 32, 32 + BOOT_BYTES),
    worker: bytes.readUInt16LE(38),
    file: bytes.readUInt32LE(40),
    frame: bytes.readUInt32LE(28),
  };
}

export function walFileName({ boot, worker, file }: Omit<FrameHome, 'frame'>): string {
  return `${boot}-${worker}-${String(file).padStart(6, '0')}.wal`;
}

/** Of a file whose name was given by `walFileName`. */
export function parseWalFileName(name: string): Omit<FrameHome, 'frame'> | undefined {
  const match = /^([0-9a-f]{12})-(\d{1,5})-(\d{6,10})\.wal$/.exec(name);
  return match ? { boot: match[1] as string, worker: Number(match[2]), file: Number(match[3]) } : undefined;
}
