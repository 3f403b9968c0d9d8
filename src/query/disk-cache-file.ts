/** A file of the disk cache (docs/FORMAT.md, "Cached answers"). Query workers only. */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { compress, decompress } from 'zstd-napi';
import { answerBytes } from '../native/held.js';
import type { Partial } from './partial-cache.js';

const MAGIC = 'BSLTPRT3';
const HEAD_BYTES = 48;
const LEVEL = 1;

/** Writes the file under another name first, so that no reader sees half of it. Not synced: it is a cache. Returns its bytes. */
export function writeCacheFile(path: string, key: string, partial: Partial): number {
  const keyBytes = Buffer.from(key);
  const ipc = answerBytes(partial.ipc);
  const packed = compress(ipc, { compressionLevel: LEVEL });
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(MAGIC, 0, 'latin1');
  head.writeUInt32LE(keyBytes.length, 8);
  head.writeUInt32LE(packed.length, 12);
  head.writeUInt32LE(ipc.length, 16);
  head.writeDoubleLE(partial.rows, 24);
  head.writeDoubleLE(partial.rowsCovered, 32);
  head.writeUInt32LE(checksum(head, keyBytes, packed), 44);
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, Buffer.concat([head, keyBytes, packed]), { mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  return HEAD_BYTES + keyBytes.length + packed.length;
}

/** Undefined when the file is gone, damaged or holds the answer of another key. */
export function readCacheFile(path: string, key: string): Partial | undefined {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch {
    return undefined;
  }
  if (file.length < HEAD_BYTES || file.toString('latin1', 0, 8) !== MAGIC) return undefined;
  const head = file.subarray(0, HEAD_BYTES);
  const keyEnd = HEAD_BYTES + head.readUInt32LE(8);
  const keyBytes = file.subarray(HEAD_BYTES, keyEnd);
  const packed = file.subarray(keyEnd);
  if (packed.length !== head.readUInt32LE(12) || head.readUInt32LE(44) !== checksum(head, keyBytes, packed))
    return undefined;
  if (keyBytes.toString() !== key) return undefined;
  const ipc = decompress(packed);
  if (ipc.length !== head.readUInt32LE(16)) return undefined;
  return { ipc, rows: head.readDoubleLE(24), rowsCovered: head.readDoubleLE(32) };
}

function checksum(head: Buffer, keyBytes: Buffer, packed: Buffer): number {
  return crc32(packed, crc32(keyBytes, crc32(head.subarray(0, 44))));
}
