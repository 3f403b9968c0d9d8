/**
 * Bytes of a WAL file (docs/FORMAT.md, "WAL"): a file header, then frames; a frame is a header, the names, and one block.
 * All integers are little endian.
 */
import { crc32 } from 'node:zlib';

export const WAL_MAGIC = 'BSLTWAL1';
export const WAL_FILE_HEADER_BYTES = 32;
export const FRAME_MAGIC = 0x46575342; // "BSWF"
export const FRAME_FIXED_BYTES = 32;

/** What a frame header says. `sequence` orders frames over all WAL files. */
export interface Frame {
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
  bytes.writeUInt32LE(1, 8);
  bytes.writeBigUInt64LE(BigInt(createdUs), 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

/** @returns undefined if fine, else what is wrong */
export function checkFileHeader(bytes: Buffer): string | undefined {
  if (bytes.length < WAL_FILE_HEADER_BYTES) return `file header is cut off after ${bytes.length} bytes`;
  if (bytes.toString('latin1', 0, 8) !== WAL_MAGIC) return 'not a WAL file (magic bytes differ)';
  if (bytes.readUInt32LE(28) !== crc32(bytes.subarray(0, 28))) return 'file header checksum differs';
  if (bytes.readUInt32LE(8) !== 1)
    return `WAL format version ${bytes.readUInt32LE(8)} is unknown to this build`;
  return undefined;
}

/** The frame header for a block of `blockBytes`. */
export function encodeFrame(frame: Omit<Frame, 'headerBytes'>): Uint8Array {
  const organization = Buffer.from(frame.organization);
  const stream = Buffer.from(frame.stream);
  if (Math.max(organization.length, stream.length) > NAME_BYTES_MAX)
    throw new Error('BUG: a stream name that is too long');
  const headerBytes = alignedHeaderBytes(organization.length, stream.length);
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt32LE(FRAME_MAGIC, 0);
  bytes.writeBigUInt64LE(BigInt(frame.sequence), 8);
  bytes.writeUInt32LE(frame.blockBytes, 16);
  bytes.writeUInt32LE(frame.rows, 20);
  bytes.writeUInt16LE(organization.length, 24);
  bytes.writeUInt16LE(stream.length, 26);
  organization.copy(bytes, FRAME_FIXED_BYTES);
  stream.copy(bytes, FRAME_FIXED_BYTES + organization.length);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

/** Reads a frame header at the start of `bytes`, or says why there is none. */
export function decodeFrame(bytes: Buffer): Frame | string {
  if (bytes.length < FRAME_FIXED_BYTES) return `frame header is cut off after ${bytes.length} bytes`;
  if (bytes.readUInt32LE(0) !== FRAME_MAGIC) return 'frame magic differs';
  const organizationBytes = bytes.readUInt16LE(24);
  const streamBytes = bytes.readUInt16LE(26);
  if (Math.max(organizationBytes, streamBytes) > NAME_BYTES_MAX) return 'frame names are too long';
  const headerBytes = alignedHeaderBytes(organizationBytes, streamBytes);
  if (bytes.length < headerBytes) return `frame header is cut off after ${bytes.length} bytes`;
  if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(8, headerBytes))) return 'frame header checksum differs';
  const names = FRAME_FIXED_BYTES + organizationBytes;
  return {
    sequence: Number(bytes.readBigUInt64LE(8)),
    blockBytes: bytes.readUInt32LE(16),
    rows: bytes.readUInt32LE(20),
    organization: bytes.toString('utf8', FRAME_FIXED_BYTES, names),
    stream: bytes.toString('utf8', names, names + streamBytes),
    headerBytes,
  };
}

/** Names are far shorter; a longer length is damage. */
const NAME_BYTES_MAX = 1024;

/** Largest possible frame header. */
export const FRAME_HEADER_BYTES_MAX = alignedHeaderBytes(NAME_BYTES_MAX, NAME_BYTES_MAX);

function alignedHeaderBytes(organizationBytes: number, streamBytes: number): number {
  return Math.ceil((FRAME_FIXED_BYTES + organizationBytes + streamBytes) / 8) * 8;
}
