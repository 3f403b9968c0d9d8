/** Reading WAL files back: whole ones, torn ones at every byte, damaged ones, and files that are none. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readWalFile, type WalContents } from '../../src/storage/recovery.js';
import {
  encodeFileHeader,
  encodeFrame,
  FRAME_MAGIC,
  WAL_FILE_HEADER_BYTES,
} from '../../src/storage/wal-format.js';
import { encodeRecords } from '../native/encoded.js';
import { temporaryFolder } from './temporary-folder.js';

const long = process.env.BASALT_TEST_LONG === '1';

interface Written {
  frameAt: number;
  blockAt: number;
  end: number;
  sequence: number;
  stream: string;
}

/** A WAL file of one frame a stream name. */
function walBytes(
  streams: string[],
  records: object[] = [{ _timestamp: 1_700_000_000_000_000, a: 1, text: 'x' }],
) {
  const parts: Uint8Array[] = [encodeFileHeader(1)];
  const frames: Written[] = [];
  let at = WAL_FILE_HEADER_BYTES;
  streams.forEach((stream, index) => {
    const { block, rows } = encodeRecords(
      records.map((record) => ({ ...record, number: index })),
      'logs',
    );
    const sequence = index + 10;
    const home = { boot: 'b00700000001', worker: 1, file: 0, frame: index };
    const header = encodeFrame({
      sequence,
      organization: 'org',
      stream,
      rows,
      blockBytes: block.length,
      home,
    });
    parts.push(header, block);
    frames.push({
      frameAt: at,
      blockAt: at + header.length,
      end: at + header.length + block.length,
      sequence,
      stream,
    });
    at += header.length + block.length;
  });
  return { bytes: Buffer.concat(parts), frames };
}

class Reader {
  private readonly path = join(temporaryFolder(), 'x.wal');

  read(bytes: Uint8Array): WalContents {
    writeFileSync(this.path, bytes);
    return readWalFile(this.path);
  }
}

function sequences(contents: WalContents): number[] {
  return contents.blocks.map(({ frame }) => frame.sequence);
}

describe('a whole file', () => {
  test('gives back every frame with what the store needs of its block', () => {
    const records = [
      { _timestamp: 1_700_000_000_000_500, b: 'y' },
      { _timestamp: 1_700_000_000_000_100, a: 7 },
    ];
    const { bytes, frames } = walBytes(['a', 'b'], records);
    const contents = new Reader().read(bytes);
    expect([contents.fileBytes, contents.damage, contents.tornTail]).toEqual([bytes.length, [], undefined]);
    contents.blocks.forEach((block, index) => {
      const { blockAt, end, sequence, stream } = frames[index] as Written;
      expect(block.frame).toMatchObject({
        sequence,
        stream,
        organization: 'org',
        rows: 2,
        blockBytes: end - blockAt,
      });
      expect(block.offset).toBe(blockAt);
      expect([block.timeMin, block.timeMax]).toEqual([1_700_000_000_000_100, 1_700_000_000_000_500]);
      expect(block.schema).toBe('_timestamp:int64,a:int64,b:string,number:int64');
      expect(Buffer.from(block.header).equals(bytes.subarray(blockAt, blockAt + block.header.length))).toBe(
        true,
      );
    });
    expect(contents.blocks).toHaveLength(2);
  });

  test('without frames', () => {
    expect(new Reader().read(encodeFileHeader(1))).toEqual({
      blocks: [],
      damage: [],
      fileBytes: WAL_FILE_HEADER_BYTES,
    });
  });

  test('with names of the longest kind', () => {
    const names = ['s'.repeat(500), 's'.repeat(1024), 'ü'.repeat(512)];
    const contents = new Reader().read(walBytes(names).bytes);
    expect(contents.blocks.map(({ frame }) => frame.stream)).toEqual(names);
  });
});

test('a file torn at any byte of its last frame keeps the frames before and drops the rest', () => {
  const { bytes, frames } = walBytes(['a', 'b', 'c']);
  const last = frames[2] as Written;
  const reader = new Reader();
  for (let length = last.frameAt; length < last.end; length++) {
    const contents = reader.read(bytes.subarray(0, length));
    expect(sequences(contents), `cut at ${length}`).toEqual([10, 11]);
    expect(contents.damage).toEqual([]);
    if (length === last.frameAt) expect(contents.tornTail).toBeUndefined();
    else expect(contents.tornTail).toMatchObject({ offset: last.frameAt, bytes: length - last.frameAt });
  }
});

test('a file torn at any byte of its header holds nothing', () => {
  const reader = new Reader();
  for (let length = 1; length < WAL_FILE_HEADER_BYTES; length++) {
    const contents = reader.read(encodeFileHeader(1).subarray(0, length));
    expect([contents.blocks, contents.damage]).toEqual([[], []]);
    expect(contents.tornTail).toMatchObject({ offset: 0, bytes: length });
  }
});

test('a tail of zeros is the unused part of a prepared file, and nothing to tell', () => {
  const { bytes } = walBytes(['a']);
  const contents = new Reader().read(Buffer.concat([bytes, Buffer.alloc(10_000)]));
  expect(sequences(contents)).toEqual([10]);
  expect(contents.tornTail).toBeUndefined();
});

test('a flip of any byte of a middle frame loses that frame alone, and is reported as damage', () => {
  const { bytes, frames } = walBytes(['a', 'b', 'c']);
  const middle = frames[1] as Written;
  const reader = new Reader();
  for (let at = middle.frameAt; at < middle.end; at += long ? 1 : 3) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
    const contents = reader.read(flipped);
    expect(
      sequences(contents),
      `flip at ${at - middle.frameAt} of the frame, block from ${middle.blockAt - middle.frameAt}`,
    ).toEqual([10, 12]);
    expect(contents.damage).toMatchObject([{ offset: middle.frameAt, bytes: middle.end - middle.frameAt }]);
    expect(contents.tornTail).toBeUndefined();
  }
});

test('a flip of any bit of the file header loses no frame, and is reported', () => {
  const { bytes } = walBytes(['a', 'b']);
  const reader = new Reader();
  for (let bit = 0; bit < WAL_FILE_HEADER_BYTES * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    const contents = reader.read(flipped);
    expect(sequences(contents), `bit ${bit}`).toEqual([10, 11]);
    expect(contents.damage).toMatchObject([{ offset: 0, bytes: WAL_FILE_HEADER_BYTES }]);
  }
});

test('bytes in a damaged region that look like a frame do not end the search', () => {
  const decoy = Buffer.alloc(64, 0xff);
  for (const at of [0, 13, 40]) FRAME_MAGIC.copy(decoy, at);
  const { bytes, frames } = walBytes(['a', 'b']);
  const second = frames[1] as Written;
  const spliced = Buffer.concat([bytes.subarray(0, second.frameAt), decoy, bytes.subarray(second.frameAt)]);
  const contents = new Reader().read(spliced);
  expect(sequences(contents)).toEqual([10, 11]);
  expect(contents.damage).toMatchObject([{ offset: second.frameAt, bytes: decoy.length }]);
});

test('a frame magic across the search`s steps is found', () => {
  const { bytes, frames } = walBytes(['a', 'b']);
  const second = frames[1] as Written;
  for (const gap of [(1 << 20) - 3, (1 << 20) - 1, 1 << 20, (1 << 20) + 1]) {
    const spliced = Buffer.concat([
      bytes.subarray(0, second.frameAt),
      Buffer.alloc(gap),
      bytes.subarray(second.frameAt),
    ]);
    expect(sequences(new Reader().read(spliced)), `gap of ${gap}`).toEqual([10, 11]);
  }
});

test('a frame that disagrees with its block is damage', () => {
  const { bytes, frames } = walBytes(['a', 'b']);
  const [first] = frames as [Written, Written];
  const { block, rows } = encodeRecords([{ _timestamp: 1, a: 1 }]);
  const lying = encodeFrame({
    sequence: 5,
    organization: 'o',
    stream: 's',
    rows,
    blockBytes: block.length + 8,
    home: { boot: 'b00700000001', worker: 1, file: 0, frame: 0 },
  });
  const spliced = Buffer.concat([
    bytes.subarray(0, first.frameAt),
    lying,
    block,
    Buffer.alloc(8),
    bytes.subarray(first.frameAt),
  ]);
  const contents = new Reader().read(spliced);
  expect(sequences(contents)).toEqual([10, 11]);
  expect(contents.damage).toHaveLength(1);
});

test('foreign files hold no frames and break nothing', () => {
  const reader = new Reader();
  const foreign = [Buffer.from('just some text\n'), Buffer.alloc(5000, 0x46), Buffer.alloc(3_000_000, 'BSW')];
  for (const bytes of foreign) {
    const contents = reader.read(bytes);
    expect(contents.blocks).toEqual([]);
    expect(contents.tornTail?.reason).toMatch(/not a WAL file|cut off/);
  }
});

test('a damaged region full of bytes that look like frames is passed in linear time', () => {
  const { bytes } = walBytes(['a']);
  const started = performance.now();
  const contents = new Reader().read(Buffer.concat([bytes, Buffer.alloc(400_000, 'BSWF'), bytes]));
  expect(sequences(contents)).toEqual([10, 10]);
  expect(performance.now() - started).toBeLessThan(4000);
});
