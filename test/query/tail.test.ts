/** Live tails without a server: which blocks a scan has, who gets its rows, and that files are let go of. */
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { TAIL_BUFFER_BYTES, TAIL_MESSAGE_BYTES, TAIL_PENDING_BYTES } from '../../src/config/limits.js';
import { overloaded, requestError } from '../../src/errors/index.js';
import type { QueryRunner } from '../../src/query/query-runner.js';
import { TailGroup } from '../../src/query/tail-group.js';
import { type TailMessage, TailReader, type TailSink, tailMessages } from '../../src/query/tail-reader.js';
import { FileLease } from '../../src/storage/file-lease.js';
import { type LiveBlock, Stream } from '../../src/storage/stream.js';
import { liveBlock } from './streams.js';

class FakeSocket implements TailSink {
  bufferedBytes = 0;
  readonly sent: string[] = [];
  send(text: string | Uint8Array): void {
    this.sent.push(Buffer.from(text).toString());
  }
  close(): void {}
}

const noCounts = () => ({ scans: 0, rows: 0, dropped: 0 });
const message = (text: string, rows = 1): TailMessage => ({ bytes: Buffer.from(text), rows });

describe('messages', () => {
  test('are whole lines of about the size that is wanted', () => {
    const lines = Array.from({ length: 1000 }, (_, index) => `{"n":${index},"t":"${'x'.repeat(index)}"}\n`);
    const messages = [...tailMessages(Buffer.from(lines.join('')))];
    expect(messages.map(({ bytes }) => Buffer.from(bytes).toString()).join('')).toBe(lines.join(''));
    expect(messages.reduce((sum, { rows }) => sum + rows, 0)).toBe(1000);
    for (const { bytes } of messages) {
      expect(bytes.at(-1)).toBe(10);
      expect(bytes.length).toBeLessThan(TAIL_MESSAGE_BYTES + 2000);
    }
    expect([...tailMessages(new Uint8Array())]).toEqual([]);
  });
});

describe('a reader', () => {
  test('that is slow is told what it missed as soon as there is room', () => {
    const socket = new FakeSocket();
    const counts = noCounts();
    const reader = new TailReader(socket, counts, false);
    reader.live(message('a\n'));
    socket.bufferedBytes = TAIL_BUFFER_BYTES;
    reader.live(message('b\n', 2));
    reader.live(message('c\n', 3));
    expect(socket.sent).toEqual(['a\n']);
    socket.bufferedBytes = 0;
    reader.drained();
    reader.live(message('d\n'));
    expect(socket.sent).toEqual(['a\n', '{"_tail":{"dropped":5}}\n', 'd\n']);
    expect(counts).toEqual({ scans: 0, rows: 2, dropped: 5 });
  });

  test('gets a row that is larger than its buffer when nothing else waits', () => {
    const socket = new FakeSocket();
    const reader = new TailReader(socket, noCounts(), false);
    reader.live(message(`${'x'.repeat(TAIL_BUFFER_BYTES + 1)}\n`));
    expect(socket.sent.length).toBe(1);
  });

  test('gets the rows from before first, as fast as it takes them; new ones wait, under the limit', async () => {
    const socket = new FakeSocket();
    const reader = new TailReader(socket, noCounts(), true);
    reader.live(message('new\n'));
    reader.live(message('x'.repeat(TAIL_BUFFER_BYTES), 7));
    await reader.before(message('old\n'));
    socket.bufferedBytes = TAIL_BUFFER_BYTES;
    let taken = false;
    const waits = reader.before(message('')).then(() => {
      taken = true;
    });
    await Promise.resolve();
    expect(taken).toBe(false);
    socket.bufferedBytes = 0;
    reader.drained();
    await waits;
    reader.follow();
    reader.live(message('newer\n'));
    expect(socket.sent.join('')).toBe('old\n{"_tail":{"dropped":7}}\nnew\nnewer\n');
  });

  test('that has gone gets nothing, and nobody waits for it', async () => {
    const socket = new FakeSocket();
    const reader = new TailReader(socket, noCounts(), false);
    socket.bufferedBytes = TAIL_BUFFER_BYTES;
    const waits = reader.before(message('a\n'));
    reader.closed();
    await waits;
    reader.live(message('b\n'));
    reader.tell({ error: 'x' });
    expect(socket.sent).toEqual([]);
  });
});

/** A group on a runner whose scans end when the test says so. */
function setUp() {
  const scans: { sequences: number[]; done: (failure?: unknown) => void }[] = [];
  const runner = {
    momentOfBlocks: (_statement: unknown, _stream: Stream, blocks: LiveBlock[]) => ({
      sequences: blocks.map(({ sequence }) => sequence),
      release: () => {},
    }),
    openFile: async () => ({ handle: 1, finish: async () => new Uint8Array(), free: () => {} }),
    runPart: (
      _statement: unknown,
      { sequences }: { sequences: number[] },
      _part: unknown,
      _signal: AbortSignal,
      { sink }: { sink: (bytes: Uint8Array) => Promise<void> },
    ) =>
      new Promise<void>((resolve, reject) => {
        const done = (failure?: unknown) => {
          if (failure) return reject(failure);
          sink(Buffer.from(sequences.map((n) => `${n}\n`).join(''))).then(resolve);
        };
        scans.push({ sequences, done });
      }),
  } as unknown as QueryRunner;
  const request = { organization: 'o', stream: 's', filter: undefined, last: 0 };
  const counts = noCounts();
  const group = new TailGroup(request, runner, counts, pino({ level: 'silent' }));
  const stream = new Stream(1, 'o', 's', 0);
  const disposed: number[] = [];
  const add = (sequence: number, fields: Partial<LiveBlock> = {}) => {
    const lease = new FileLease(`/wal/${sequence}`, () => disposed.push(sequence));
    group.add(stream, liveBlock(sequence, 1, 0, 0, { lease, ...fields }));
    // Merged at once: only the group still needs it.
    lease.retire();
  };
  const join = () => {
    const socket = new FakeSocket();
    const reader = new TailReader(socket, counts, false);
    group.join(reader);
    return { socket, reader, text: () => socket.sent.join('') };
  };
  return { group, stream, scans, disposed, counts, add, join };
}

describe('a group', () => {
  test('scans what became live in one turn at once, in order, and one scan at a time', async () => {
    const { scans, add, join, disposed, counts } = setUp();
    const [a, b] = [join(), join()];
    add(2);
    add(1);
    await expect.poll(() => scans.length).toBe(1);
    add(3);
    add(4);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(scans.map(({ sequences }) => sequences)).toEqual([[1, 2]]);
    expect(disposed).toEqual([]);
    scans[0]?.done();
    await expect.poll(() => scans.length).toBe(2);
    expect(disposed.sort()).toEqual([1, 2]);
    scans[1]?.done();
    await expect.poll(() => [a.text(), b.text()]).toEqual(['1\n2\n3\n4\n', '1\n2\n3\n4\n']);
    expect(counts).toEqual({ scans: 2, rows: 8, dropped: 0 });
  });

  test('gives who joins only what comes from then on', async () => {
    const { scans, add, join } = setUp();
    const early = join();
    add(1);
    await expect.poll(() => scans.length).toBe(1);
    add(2);
    const late = join();
    add(3);
    for (const index of [0, 1, 2]) {
      await expect.poll(() => scans.length).toBe(index + 1);
      scans[index]?.done();
    }
    await expect.poll(() => [early.text(), late.text()]).toEqual(['1\n2\n3\n', '3\n']);
  });

  test('passes over the oldest blocks when too much waits', async () => {
    const { scans, add, join, disposed } = setUp();
    const reader = join();
    add(1);
    await expect.poll(() => scans.length).toBe(1);
    for (let n = 2; n <= 6; n++) add(n, { blockBytes: TAIL_PENDING_BYTES / 3, rows: 10 });
    expect(disposed).toEqual([2, 3]);
    scans[0]?.done();
    await expect.poll(() => scans.length).toBe(2);
    expect(scans[1]?.sequences).toEqual([4, 5, 6]);
    scans[1]?.done();
    await expect.poll(() => reader.text()).toBe('{"_tail":{"dropped":20}}\n1\n4\n5\n6\n');
  });

  test('that is left lets go of every file', async () => {
    const { group, scans, add, join, disposed } = setUp();
    const { reader } = join();
    add(1);
    await expect.poll(() => scans.length).toBe(1);
    add(2);
    group.leave(reader);
    expect(disposed).toEqual([2]);
    scans[0]?.done(new Error('cancelled'));
    await group.idle();
    expect(disposed).toEqual([2, 1]);
  });

  test('tries again when there is too much to do', async () => {
    const { scans, add, join } = setUp();
    const reader = join();
    add(1);
    await expect.poll(() => scans.length).toBe(1);
    scans[0]?.done(overloaded('full', 'later'));
    await expect.poll(() => scans.length).toBe(2);
    scans[1]?.done();
    await expect.poll(() => reader.text()).toBe('1\n');
  });

  test('tells a failure once, and asks no more until the columns have changed', async () => {
    const { scans, add, join, stream } = setUp();
    const reader = join();
    add(1);
    await expect.poll(() => scans.length).toBe(1);
    scans[0]?.done(requestError(400, 'types differ', { code: 20007 }));
    await expect.poll(() => reader.text()).toBe('{"_tail":{"error":"types differ"}}\n');
    add(2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(scans.length).toBe(1);
    stream.addSchema('_timestamp:int64,new:string');
    add(3);
    await expect.poll(() => scans.length).toBe(2);
    scans[1]?.done(requestError(400, 'no such field', { code: 20004 }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reader.text()).toBe('{"_tail":{"error":"types differ"}}\n');
  });
});
