/** One ingest batch over a real ring, the addon and a real WAL file. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as zstd from 'zstd-napi';
import { BATCH_REQUESTS_MAX, BODY_BYTES_MAX } from '../../src/config/limits.js';
import { FatalError } from '../../src/errors/index.js';
import { BatchDrainer } from '../../src/ingest/batch.js';
import { verifyBlock } from '../../src/native/index.js';
import { bulkRuns } from '../../src/protocols/bulk-items.js';
import { allocateRing, BodyEncoding, BodyFormat } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import { readWalFile } from '../../src/storage/recovery.js';
import { readRows } from '../native/encoded.js';

class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'basalt-batch-'));
  readonly sequence = new SharedArrayBuffer(8);
  readonly producer: RingProducer;
  readonly drainer: BatchDrainer;
  private request = 0;

  constructor(slots = 16, ringBytes = 1 << 20, walDirectory?: string) {
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
    const ring = allocateRing(slots, ringBytes);
    this.producer = new RingProducer(ring, slots);
    const data = {
      ring,
      ringSlots: slots,
      sequence: this.sequence,
      walEpoch: new SharedArrayBuffer(4),
      walDirectory: walDirectory ?? this.folder,
      journalDirectory: this.folder,
      bootId: 'b00700000001',
    };
    this.drainer = new BatchDrainer(data, 1);
  }

  send(
    body: Uint8Array | string,
    encoding: BodyEncoding = BodyEncoding.IDENTITY,
    stream = 'logs',
    format: BodyFormat = BodyFormat.JSON,
  ): number {
    const bytes = Buffer.from(body);
    const request = ++this.request;
    const slot = this.producer.reserve(
      { request, format, encoding, name: Buffer.from(`org\0${stream}`) },
      bytes.length,
    );
    if (slot === undefined) throw new Error('the ring is full');
    this.producer.write(slot, 0, bytes);
    this.producer.publish(slot);
    return request;
  }

  rows(block: { walFile: string; offset: number; schema: string }) {
    const fd = openSync(join(this.folder, block.walFile), 'r');
    try {
      return readRows(fd, [block.offset], block.schema);
    } finally {
      closeSync(fd);
    }
  }
}

const json = JSON.stringify([{ _timestamp: 1_700_000_000_000_000, message: 'hello' }]);

test('an empty ring is no batch and opens no file', () => {
  const bench = new Bench();
  expect(bench.drainer.drain()).toBeUndefined();
  expect(bench.drainer.wal.fileName).toBe('');
});

test('requests of one stream become one block, those of another a second; each is where it is said to be', () => {
  const bench = new Bench();
  bench.send('{"_timestamp":1700000000000001,"n":1}');
  bench.send('{"_timestamp":1700000000000002,"n":2}', BodyEncoding.IDENTITY, 'other');
  bench.send('[{"_timestamp":1700000000000003,"n":3},{"_timestamp":1700000000000000,"n":4}]');
  const batch = bench.drainer.drain();
  expect(
    batch?.blocks.map(({ organization, stream, rows, sequence }) => [organization, stream, rows, sequence]),
  ).toEqual([
    ['org', 'logs', 3, 1],
    ['org', 'other', 1, 2],
  ]);
  expect(batch?.blocks.map((block) => bench.rows(block).map(({ n }) => Number(n)))).toEqual([[1, 3, 4], [2]]);
  expect(batch?.blocks[0]).toMatchObject({ timeMin: 1_700_000_000_000_000, timeMax: 1_700_000_000_000_003 });
  for (const block of batch?.blocks ?? []) {
    const fd = openSync(join(bench.folder, block.walFile), 'r');
    expect(verifyBlock(fd, block.offset)).toMatchObject({
      blockBytes: block.blockBytes,
      rows: block.rows,
      schema: block.schema,
    });
    closeSync(fd);
    const bytes = readFileSync(join(bench.folder, block.walFile));
    expect(bytes.subarray(block.offset, block.offset + block.header.length).equals(block.header)).toBe(true);
    // What travels to the main thread is the header, not a view that drags the whole block along.
    expect(block.header.buffer.byteLength).toBe(block.header.byteLength);
  }
  expect(batch?.outcomes.map(({ request, stream, successful }) => [request, stream, successful])).toEqual([
    [1, 'logs', 1],
    [2, 'other', 1],
    [3, 'logs', 2],
  ]);
});

test('what is answered is what recovery finds', () => {
  const bench = new Bench();
  const durable = [];
  for (let index = 0; index < 5; index++) {
    bench.send(json);
    bench.send(json, BodyEncoding.IDENTITY, `s${index}`);
    durable.push(...(bench.drainer.drain()?.blocks ?? []));
  }
  const found = readWalFile(join(bench.folder, bench.drainer.wal.fileName));
  expect(
    found.blocks.map(({ frame, offset }) => [
      frame.sequence,
      frame.stream,
      frame.rows,
      frame.blockBytes,
      offset,
    ]),
  ).toEqual(
    durable.map(({ sequence, stream, rows, blockBytes, offset }) => [
      sequence,
      stream,
      rows,
      blockBytes,
      offset,
    ]),
  );
  expect(found.blocks).toHaveLength(10);
});

describe('encodings', () => {
  const encoded: [BodyEncoding, Uint8Array][] = [
    [BodyEncoding.IDENTITY, Buffer.from(json)],
    [BodyEncoding.GZIP, gzipSync(json)],
    [BodyEncoding.DEFLATE, deflateSync(json)],
    [BodyEncoding.BROTLI, brotliCompressSync(json)],
    [BodyEncoding.ZSTD, zstd.compress(Buffer.from(json))],
  ];

  test('are all understood', () => {
    const bench = new Bench();
    for (const [encoding, bytes] of encoded) bench.send(bytes, encoding);
    const batch = bench.drainer.drain();
    expect(batch?.outcomes.map(({ successful }) => successful)).toEqual([1, 1, 1, 1, 1]);
    expect(batch?.rawBytes).toBe(encoded.reduce((sum, [, bytes]) => sum + bytes.length, 0));
  });

  test('that are damaged refuse their own request alone, with 400', () => {
    for (const [encoding, bytes] of encoded.slice(1)) {
      for (const damaged of [
        bytes.subarray(0, bytes.length - 3),
        Buffer.from('plain text'),
        Buffer.alloc(0),
      ]) {
        const bench = new Bench();
        const bad = bench.send(damaged, encoding);
        const good = bench.send(json);
        const outcomes = new Map(
          bench.drainer.drain()?.outcomes.map((outcome) => [outcome.request, outcome]),
        );
        expect(outcomes.get(bad), `encoding ${encoding}, ${damaged.length} bytes`).toMatchObject({
          rejectedStatus: 400,
          successful: 0,
        });
        expect([outcomes.get(good)?.successful, outcomes.get(good)?.rejected]).toEqual([1, undefined]);
      }
    }
  });

  test('that unpack to more than a body may have are 413', () => {
    const bomb = Buffer.alloc(BODY_BYTES_MAX + 1, ' ');
    for (const [encoding, bytes] of [
      [BodyEncoding.GZIP, gzipSync(bomb, { level: 1 })],
      [BodyEncoding.ZSTD, zstd.compress(bomb)],
    ] as const) {
      const bench = new Bench();
      bench.send(bytes, encoding);
      expect(bench.drainer.drain()?.outcomes).toMatchObject([{ rejectedStatus: 413 }]);
    }
  }, 30_000);
});

test('a body that is refused whole is 400 and stores nothing', () => {
  const bench = new Bench();
  bench.send('[{"a":1},{"a":');
  bench.send('');
  const batch = bench.drainer.drain();
  expect(batch?.blocks).toEqual([]);
  expect(batch?.outcomes).toMatchObject([{ rejectedStatus: 400 }, { rejectedStatus: 400 }]);
  expect(bench.drainer.wal.fileName).toBe('');
});

test('_bulk names its streams itself, and each action gets its item', () => {
  const bench = new Bench();
  const lines = [
    '{"index":{"_index":"A-b"}}',
    '{"x":1}',
    '{"create":{}}',
    '{"x":2}',
    '{"delete":{"_id":"7"}}',
    '',
  ];
  bench.send(lines.join('\n'), BodyEncoding.IDENTITY, 'fallback', BodyFormat.BULK);
  const batch = bench.drainer.drain();
  expect(batch?.blocks.map(({ stream }) => stream).toSorted()).toEqual(['a_b', 'fallback']);
  expect(
    [...bulkRuns(batch?.outcomes[0]?.items ?? new Uint8Array())].map(({ action, stream, status }) => [
      action,
      stream,
      status < 300,
    ]),
  ).toEqual([
    ['index', 'a_b', true],
    ['create', 'fallback', true],
    ['delete', expect.any(String), false],
  ]);
});

test('the ring`s bytes are free after a drain, and a batch has a limit', () => {
  const bench = new Bench(2048);
  for (let index = 0; index < BATCH_REQUESTS_MAX + 1; index++) bench.send('{"a":1}');
  expect(bench.drainer.drain()?.outcomes).toHaveLength(BATCH_REQUESTS_MAX);
  expect(bench.drainer.drain()?.outcomes).toHaveLength(1);
  expect(bench.drainer.drain()).toBeUndefined();
  bench.producer.abandon(
    bench.producer.reserve({ request: 1, format: 0, encoding: 0, name: Buffer.from('') }, 0) as number,
  );
  expect(bench.producer.reservedBytes).toBe(0);
});

test('two workers give out every sequence once', () => {
  const bench = new Bench();
  const ring = allocateRing(16, 1 << 20);
  const data = {
    ring,
    ringSlots: 16,
    sequence: bench.sequence,
    walEpoch: new SharedArrayBuffer(4),
    walDirectory: bench.folder,
    journalDirectory: bench.folder,
    bootId: 'b00700000001',
  };
  const producer = new RingProducer(ring, 16);
  const second = new BatchDrainer(data, 2);
  const seen: number[] = [];
  for (let index = 0; index < 6; index++) {
    bench.send(json);
    seen.push(...(bench.drainer.drain()?.blocks ?? []).map(({ sequence }) => sequence));
    const slot = producer.reserve(
      { request: 1, format: 0, encoding: 0, name: Buffer.from('org\0logs') },
      json.length,
    ) as number;
    producer.write(slot, 0, Buffer.from(json));
    producer.publish(slot);
    seen.push(...(second.drain()?.blocks ?? []).map(({ sequence }) => sequence));
  }
  expect(seen).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
});

test('a WAL that cannot be written is fatal', () => {
  const bench = new Bench(16, 1 << 20, '/nonexistent/wal');
  bench.send(json);
  expect(() => bench.drainer.drain()).toThrow(FatalError);
  bench.send(json);
  expect(() => bench.drainer.drain()).toThrow(/failed before/);
});
