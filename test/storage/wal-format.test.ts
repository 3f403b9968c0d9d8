/** Bytes of WAL file headers and frame headers: round trip, every single-bit flip, every cut. */
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkFileHeader,
  decodeFrame,
  encodeFileHeader,
  encodeFrame,
  FRAME_HEADER_BYTES_MAX,
  parseWalFileName,
  WAL_FILE_HEADER_BYTES,
  WAL_MAGIC,
  walFileName,
} from '../../src/storage/wal-format.js';

const home = { boot: 'b00700000001', worker: 3, file: 17, frame: 4 };
const example = {
  sequence: 42,
  organization: 'default',
  stream: 'logs',
  rows: 1000,
  blockBytes: 123_456,
  home,
};

function eachBitFlip(bytes: Uint8Array, check: (flipped: Buffer, bit: number) => void): void {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    check(flipped, bit);
  }
}

describe('file header', () => {
  test('is accepted as written', () => {
    const bytes = Buffer.from(encodeFileHeader(1_700_000_000_000_000));
    expect(bytes.length).toBe(WAL_FILE_HEADER_BYTES);
    expect(bytes.toString('latin1', 0, 8)).toBe(WAL_MAGIC);
    expect(bytes.readBigUInt64LE(16)).toBe(1_700_000_000_000_000n);
    expect(checkFileHeader(bytes)).toBeUndefined();
  });

  test('is refused with any bit flipped or any byte missing', () => {
    const bytes = encodeFileHeader(1_700_000_000_000_000);
    eachBitFlip(bytes, (flipped, bit) => expect(checkFileHeader(flipped), `bit ${bit}`).toBeTypeOf('string'));
    for (let length = 0; length < bytes.length; length++) {
      expect(checkFileHeader(Buffer.from(bytes.subarray(0, length)))).toMatch(/cut off/);
    }
  });

  test('of another program is told apart from damage', () => {
    expect(checkFileHeader(Buffer.alloc(64, 'SQLite format 3\0'))).toMatch(/not a WAL file/);
    expect(checkFileHeader(Buffer.alloc(64))).toMatch(/not a WAL file/);
  });
});

describe('frame header', () => {
  test('any values survive', () => {
    const name = fc.string({ unit: 'binary', maxLength: 40 });
    const frames = fc.record({
      sequence: fc.maxSafeNat(),
      organization: name,
      stream: name,
      rows: fc.nat(2 ** 32 - 1),
      blockBytes: fc.nat(2 ** 32 - 1),
      home: fc.record({
        boot: fc.stringMatching(/^[0-9a-f]{12}$/),
        worker: fc.nat(2 ** 16 - 1),
        file: fc.nat(2 ** 32 - 1),
        frame: fc.nat(2 ** 32 - 1),
      }),
    });
    fc.assert(
      fc.property(frames, fc.uint8Array({ maxLength: 20 }), (frame, block) => {
        const bytes = Buffer.concat([encodeFrame(frame), block]);
        const headerBytes = bytes.length - block.length;
        expect(headerBytes % 8).toBe(0);
        expect(decodeFrame(bytes)).toEqual({ ...frame, headerBytes });
      }),
      { numRuns: 40 },
    );
  });

  test('the longest names are in the announced maximum, longer ones are refused', () => {
    const longest = { ...example, organization: 'o'.repeat(1024), stream: 's'.repeat(1024) };
    const bytes = Buffer.from(encodeFrame(longest));
    expect(bytes.length).toBe(FRAME_HEADER_BYTES_MAX);
    expect(decodeFrame(bytes)).toMatchObject(longest);
    expect(() => encodeFrame({ ...longest, stream: 's'.repeat(1025) })).toThrow(/BUG/);
  });

  test('sizes that do not fit are refused instead of cut', () => {
    expect(() => encodeFrame({ ...example, blockBytes: 2 ** 32 })).toThrow(RangeError);
    expect(() => encodeFrame({ ...example, rows: -1 })).toThrow(RangeError);
  });

  test('is refused with any bit flipped or any byte missing', () => {
    const bytes = encodeFrame(example);
    eachBitFlip(bytes, (flipped, bit) => expect(decodeFrame(flipped), `bit ${bit}`).toBeTypeOf('string'));
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeFrame(Buffer.from(bytes.subarray(0, length))), `${length} bytes`).toMatch(/cut off/);
    }
  });

  test('of version 1 is read as it was written then', () => {
    const bytes = Buffer.alloc(48);
    bytes.write('BSWF', 0, 'latin1');
    bytes.writeBigUInt64LE(7n, 8);
    bytes.writeUInt32LE(100, 16);
    bytes.writeUInt32LE(3, 20);
    bytes.writeUInt16LE(3, 24);
    bytes.writeUInt16LE(4, 26);
    bytes.write('orglogs', 32, 'latin1');
    bytes.writeUInt32LE(crc32(bytes.subarray(8, 40)), 4);
    expect(decodeFrame(bytes)).toEqual({
      sequence: 7,
      organization: 'org',
      stream: 'logs',
      rows: 3,
      blockBytes: 100,
      headerBytes: 40,
    });
  });

  test('names of files are read back, and those of others are none', () => {
    const { frame: _, ...file } = home;
    expect(walFileName(home)).toBe('b00700000001-3-000017.wal');
    expect(parseWalFileName(walFileName(home))).toEqual(file);
    for (const name of ['copy.wal', 'b00700000001-3-17.wal', 'b00700000001-3-000017.wal.bak'])
      expect(parseWalFileName(name)).toBeUndefined();
  });

  test('random bytes never decode and never throw', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        (bytes) => typeof decodeFrame(Buffer.from(bytes)) === 'string',
      ),
    );
  });
});
