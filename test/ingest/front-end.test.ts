/** The ingest front end over a real ring and a pool whose tasks end when the test says so. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  BODY_BYTES_MAX,
  HEAP_BODY_BYTES_MAX,
  SHARED_BATCH_BYTES,
  WAL_BYTES_MAX,
} from '../../src/config/limits.js';
import type { BasaltError } from '../../src/errors/index.js';
import type { BatchResult, Reply } from '../../src/ingest/batch-task.js';
import { type Body, IngestFrontEnd } from '../../src/ingest/front-end.js';
import { allocateRing, BodyEncoding, BodyFormat } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import { FakeIngestPool } from './fake-ingest-pool.js';

interface Client {
  body: Body;
  replies: Reply[];
  refusals: BasaltError[];
}

/** Holds one body of the largest size. */
const LARGE_RING_BYTES = BODY_BYTES_MAX + 1000;

class Bench {
  readonly pool: FakeIngestPool;
  readonly batches: BatchResult[] = [];
  readonly fatals: unknown[] = [];
  /** Of the next batch, while its blocks become live in turns. */
  telling: Promise<void> | undefined;
  walBytes = 0;
  readonly frontEnd: IngestFrontEnd;

  constructor(ringBytes = 64, slots = 8, threads = 2) {
    const ring = allocateRing(slots, ringBytes);
    this.pool = new FakeIngestPool(ring, slots, threads);
    this.frontEnd = new IngestFrontEnd(new RingProducer(ring, slots), this.pool.asPool, () => this.walBytes, {
      batch: (result) => {
        this.batches.push(result);
        return this.telling;
      },
      fatal: (error) => this.fatals.push(error),
    });
  }

  begin(expectedBytes: number | undefined, name = ''): Client {
    const head = { format: BodyFormat.JSON, encoding: BodyEncoding.IDENTITY, name: Buffer.from(name) };
    const client: Pick<Client, 'replies' | 'refusals'> = { replies: [], refusals: [] };
    const body = this.frontEnd.begin(
      head,
      expectedBytes,
      (reply) => client.replies.push(reply),
      (error) => client.refusals.push(error as BasaltError),
    );
    return { ...client, body };
  }

  /** A whole body at once. */
  send(text: string, announced = true): Client {
    const client = this.begin(announced ? text.length : undefined);
    this.frontEnd.write(client.body, Buffer.from(text));
    this.frontEnd.end(client.body);
    return client;
  }

  /** Lets workers start, and ends their tasks until none runs. */
  async settle(): Promise<void> {
    await turn();
    while (this.pool.tasks.length > 0) {
      this.pool.finishTask();
      await turn();
    }
  }
}

function caught(run: () => unknown): BasaltError {
  try {
    run();
  } catch (error) {
    return error as BasaltError;
  }
  throw new Error('nothing was thrown');
}

describe('batches', () => {
  test('are told one after another, in the order in which they ended, also where one takes turns', async () => {
    const bench = new Bench();
    let live = () => {};
    bench.telling = new Promise((resolve) => {
      live = resolve;
    });
    const first = bench.send('first');
    await bench.settle();
    expect([bench.batches.length, first.replies.length, bench.frontEnd.quiet]).toEqual([1, 0, false]);
    bench.telling = undefined;
    const second = bench.send('second');
    await bench.settle();
    expect([bench.batches.length, second.replies.length]).toEqual([1, 0]);
    live();
    await bench.frontEnd.idle();
    expect([bench.batches.length, first.replies.length, second.replies.length]).toEqual([2, 1, 1]);
    await turn();
    expect(bench.frontEnd.quiet).toBe(true);
  });
});

describe('admission', () => {
  test('a body announced too long is refused with 413 before any space is taken', () => {
    const bench = new Bench();
    expect(caught(() => bench.begin(BODY_BYTES_MAX + 1))).toMatchObject({ status: 413, name: 'BasaltError' });
    expect(bench.frontEnd.ringBytes).toBe(0);
  });

  test('a full WAL refuses with 503 and Retry-After, and takes on again afterwards', () => {
    const bench = new Bench();
    bench.walBytes = WAL_BYTES_MAX + 1;
    expect(caught(() => bench.begin(1))).toMatchObject({ status: 503, fields: { retryAfterSeconds: 1 } });
    bench.walBytes = WAL_BYTES_MAX;
    expect(bench.begin(1).body.state).toBe('RING');
  });

  test('a ring full of published bodies refuses with 503 and Retry-After', async () => {
    const bench = new Bench(64);
    bench.send('a'.repeat(40));
    expect(caught(() => bench.begin(40))).toMatchObject({ status: 503, fields: { retryAfterSeconds: 1 } });
    await bench.settle();
    expect(bench.begin(40).body.state).toBe('RING');
  });

  test('a body that can never fit the ring is not told to come back', () => {
    // `ringBytes` may be configured down to 1 MB while bodies may have 64 MB: "retry" would be a loop without an end.
    const bench = new Bench(64);
    const error = caught(() => bench.begin(65));
    expect(error.fields.retryAfterSeconds).toBeUndefined();
    expect(error.status).toBe(413);
  });

  test('a body that can never fit moves nobody out of the ring', () => {
    const bench = new Bench(64);
    const slow = bench.begin(10);
    caught(() => bench.begin(65));
    expect(slow.body.state).toBe('RING');
  });

  test('slots can run out too', () => {
    const bench = new Bench(64, 2);
    bench.send('a');
    bench.send('b');
    expect(caught(() => bench.begin(1))).toMatchObject({ status: 503 });
  });
});

describe('bodies', () => {
  test('of known length go straight to the ring, piece by piece, and are answered', async () => {
    const bench = new Bench();
    const client = bench.begin(6, 'org\0logs');
    expect(client.body.state).toBe('RING');
    const piece = Buffer.from('abc');
    bench.frontEnd.write(client.body, piece);
    // Whoever calls may reuse the buffer afterwards.
    piece.fill(0);
    bench.frontEnd.write(client.body, Buffer.from('def'));
    bench.frontEnd.end(client.body);
    expect(client.body.state).toBe('PUBLISHED');
    expect(bench.frontEnd.pendingRequests).toBe(1);
    await bench.settle();
    expect(bench.pool.seen).toMatchObject([{ name: 'org\0logs', body: 'abcdef' }]);
    expect(client.replies).toMatchObject([{ status: 200, body: 'reply to abcdef' }]);
    expect(bench.frontEnd.pendingRequests).toBe(0);
  });

  test('of unknown length wait on the heap and enter the ring whole', async () => {
    const bench = new Bench();
    const client = bench.begin(undefined);
    const piece = Buffer.from('abc');
    bench.frontEnd.write(client.body, piece);
    piece.fill(0);
    bench.frontEnd.write(client.body, Buffer.from('de'));
    expect(client.body.state).toBe('HEAP');
    expect(bench.frontEnd.ringBytes).toBe(0);
    bench.frontEnd.end(client.body);
    await bench.settle();
    expect(client.replies).toMatchObject([{ body: 'reply to abcde' }]);
  });

  test('empty ones are published too', async () => {
    const bench = new Bench();
    const known = bench.send('');
    const unknown = bench.send('', false);
    await bench.settle();
    expect([known.replies.length, unknown.replies.length]).toEqual([1, 1]);
  });

  test('of unknown length that grow past the limit are refused with 413 and abandoned', () => {
    const bench = new Bench(LARGE_RING_BYTES);
    const client = bench.begin(undefined);
    const half = new Uint8Array(BODY_BYTES_MAX / 2);
    bench.frontEnd.write(client.body, half);
    bench.frontEnd.write(client.body, half);
    expect(caught(() => bench.frontEnd.write(client.body, new Uint8Array(1)))).toMatchObject({ status: 413 });
    expect(client.body).toMatchObject({ state: 'ABANDONED', pieces: [] });
  });

  test('of unknown length share a bounded heap, which abandoned ones give back', () => {
    const bench = new Bench(LARGE_RING_BYTES);
    const fill = () => {
      const client = bench.begin(undefined);
      bench.frontEnd.write(client.body, new Uint8Array(BODY_BYTES_MAX));
      return client;
    };
    const held = Array.from({ length: HEAP_BODY_BYTES_MAX / BODY_BYTES_MAX }, fill);
    const late = bench.begin(undefined);
    expect(caught(() => bench.frontEnd.write(late.body, new Uint8Array(1)))).toMatchObject({ status: 503 });
    expect(late.body.state).toBe('ABANDONED');
    for (const { body } of held) bench.frontEnd.abandon(body);
    expect(bench.begin(undefined).body.state).toBe('HEAP');
    const again = bench.begin(undefined);
    bench.frontEnd.write(again.body, new Uint8Array(1));
    expect(again.body.state).toBe('HEAP');
  });

  test('a body from the heap that finds no room is refused, and holds nothing afterwards', async () => {
    const bench = new Bench(16);
    bench.send('a'.repeat(16));
    const client = bench.begin(undefined);
    bench.frontEnd.write(client.body, Buffer.from('later'));
    expect(caught(() => bench.frontEnd.end(client.body))).toMatchObject({ status: 503 });
    expect(bench.frontEnd.pendingRequests).toBe(1);
    bench.frontEnd.abandon(client.body);
    await bench.settle();
    expect(client.replies).toEqual([]);
    expect(bench.send('b'.repeat(16)).body.state).toBe('PUBLISHED');
  });
});

describe('a slow body while the ring is full', () => {
  test('moves to the heap with what has arrived, and still arrives whole', async () => {
    const bench = new Bench(20);
    const slow = bench.begin(15);
    bench.frontEnd.write(slow.body, Buffer.from('first '));
    const quick = bench.send('0123456789');
    expect(slow.body.state).toBe('HEAP');
    bench.frontEnd.write(slow.body, Buffer.from('and last'));
    await bench.settle();
    expect(quick.replies).toHaveLength(1);
    bench.frontEnd.write(slow.body, Buffer.from('.'));
    bench.frontEnd.end(slow.body);
    await bench.settle();
    expect(slow.replies).toMatchObject([{ body: 'reply to first and last.' }]);
    expect(slow.refusals).toEqual([]);
    expect(bench.frontEnd.ringBytes).toBeLessThanOrEqual(15);
  });

  test('several are moved until there is room', () => {
    const bench = new Bench(20);
    const slow = [bench.begin(5), bench.begin(5), bench.begin(5)];
    expect(bench.begin(15).body.state).toBe('RING');
    // No two of them leave 15 bytes in one piece.
    expect(slow.map(({ body }) => body.state)).toEqual(['HEAP', 'HEAP', 'HEAP']);
  });

  test('is given up when the heap is full as well, and is told so', () => {
    const bench = new Bench(LARGE_RING_BYTES);
    for (let held = 0; held < HEAP_BODY_BYTES_MAX; held += BODY_BYTES_MAX) {
      bench.frontEnd.write(bench.begin(undefined).body, new Uint8Array(BODY_BYTES_MAX));
    }
    const slow = bench.begin(BODY_BYTES_MAX);
    bench.frontEnd.write(slow.body, Buffer.from('x'));
    expect(bench.begin(2000).body.state).toBe('RING');
    expect(slow.body.state).toBe('ABANDONED');
    expect(slow.refusals).toMatchObject([{ status: 503 }]);
    // Pieces that still arrive are dropped quietly.
    bench.frontEnd.write(slow.body, Buffer.from('yz'));
    bench.frontEnd.end(slow.body);
    expect(bench.frontEnd.pendingRequests).toBe(0);
  });
});

describe('abandon', () => {
  test('gives ring space back', () => {
    const bench = new Bench(20);
    const client = bench.begin(20);
    bench.frontEnd.write(client.body, Buffer.from('some'));
    bench.frontEnd.abandon(client.body);
    expect(bench.frontEnd.ringBytes).toBe(0);
    expect(client.body.state).toBe('ABANDONED');
    expect(bench.begin(20).body.state).toBe('RING');
  });

  test('twice, or before end, does no harm', async () => {
    const bench = new Bench(20);
    for (const announced of [4, undefined]) {
      const client = bench.begin(announced);
      bench.frontEnd.write(client.body, Buffer.from('gone'));
      bench.frontEnd.abandon(client.body);
      bench.frontEnd.abandon(client.body);
      bench.frontEnd.end(client.body);
    }
    await bench.settle();
    expect(bench.pool.seen).toEqual([]);
    expect(bench.send('x'.repeat(20)).body.state).toBe('PUBLISHED');
  });

  test('after publishing: the body is stored, the answer dropped, and idle does not hang', async () => {
    const bench = new Bench();
    const client = bench.send('kept');
    bench.frontEnd.abandon(client.body);
    await bench.settle();
    expect(bench.pool.seen).toMatchObject([{ body: 'kept' }]);
    expect(client.replies).toEqual([]);
    await bench.frontEnd.idle();
  });
});

describe('workers', () => {
  test('small requests of one turn share a task', async () => {
    const bench = new Bench(64, 8, 1);
    const clients = ['a', 'b', 'c'].map((text) => bench.send(text));
    await turn();
    expect(bench.pool.started).toBe(1);
    await bench.settle();
    expect(bench.batches).toHaveLength(1);
    expect(clients.map(({ replies }) => replies[0]?.body)).toEqual([
      'reply to a',
      'reply to b',
      'reply to c',
    ]);
  });

  test('start one by one with the bytes that wait, up to the number of requests and of threads', async () => {
    for (const [requests, threads, bytes, started] of [
      [1, 4, SHARED_BATCH_BYTES * 9, 1],
      [8, 4, 1, 1],
      [2, 4, SHARED_BATCH_BYTES, 2],
      [3, 4, SHARED_BATCH_BYTES / 2, 2],
      [8, 4, SHARED_BATCH_BYTES, 4],
      [8, 2, SHARED_BATCH_BYTES, 2],
    ] as const) {
      const bench = new Bench(SHARED_BATCH_BYTES * 10, 8, threads);
      for (let index = 0; index < requests; index++) bench.send('x'.repeat(bytes));
      await turn();
      expect(bench.pool.started, `${requests} requests of ${bytes} bytes, ${threads} threads`).toBe(started);
    }
  });

  test('requests left over by one task get another', async () => {
    const bench = new Bench(64, 8, 1);
    const clients = ['a', 'b', 'c'].map((text) => bench.send(text));
    await turn();
    bench.pool.finishTask(1);
    await turn();
    expect(bench.pool.started).toBe(2);
    await bench.settle();
    expect(clients.every(({ replies }) => replies.length === 1)).toBe(true);
  });

  test('replies reach their own requests in whatever order they come', async () => {
    const bench = new Bench(64, 8, 2);
    const clients = Array.from({ length: 8 }, (_, index) => bench.send(`body ${index}`));
    await turn();
    for (let index = 0; index < 8; index++) {
      bench.pool.tasks.reverse();
      bench.pool.finishTask(1);
      await turn();
    }
    await bench.settle();
    clients.forEach(({ replies }, index) => {
      expect(replies).toMatchObject([{ body: `reply to body ${index}` }]);
    });
  });

  test('a failed task is fatal and answers nobody', async () => {
    const bench = new Bench();
    const client = bench.send('lost');
    await turn();
    const failure = new Error('fdatasync failed');
    bench.pool.tasks[0]?.reject(failure);
    await turn();
    expect(bench.fatals).toEqual([failure]);
    expect(client.replies).toEqual([]);
    expect(bench.frontEnd.pendingRequests).toBe(1);
  });

  test('an error while a batch is made live is fatal, before any of it is acknowledged', async () => {
    const bench = new Bench();
    bench.batches.push = () => {
      throw new Error('catalog is broken');
    };
    const client = bench.send('x');
    await bench.settle();
    expect(bench.fatals).toHaveLength(1);
    expect(client.replies).toEqual([]);
  });
});

test('idle resolves at once when nothing is pending, else with the last answer', async () => {
  const bench = new Bench(64, 8, 1);
  await bench.frontEnd.idle();
  bench.send('a');
  bench.send('b');
  let idle = false;
  const waited = bench.frontEnd.idle().then(() => {
    idle = true;
  });
  await turn();
  bench.pool.finishTask(1);
  await turn();
  expect(idle).toBe(false);
  await bench.settle();
  await waited;
  expect(idle).toBe(true);
});
