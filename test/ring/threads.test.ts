/** The ring under real threads: this thread produces, worker threads consume. Every published request arrives once, with its own bytes. */
import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  allocateRing,
  type BodyEncoding,
  type BodyFormat,
  CACHE_LINE_WORDS,
  CONTROL_WORDS,
  PUBLISH_INDEX,
  ringViews,
  TAKE_INDEX,
} from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import { compileConsumer } from './compiled-consumer.js';
import { SeededRandom, testSeed } from './seeded-random.js';

const STOP = 0;
const PUBLISHED = 1;
const RELEASED = 2;
const FAILED = 3;
const COUNTS = 16;
const CANARY = 0x5aa55aa5;
const NAME_BYTES = 4;

const requests = process.env.BASALT_TEST_LONG === '1' ? 200_000 : 4000;
let consumer: { url: string; folder: string };

beforeAll(() => {
  consumer = compileConsumer();
});
afterAll(() => rmSync(consumer.folder, { recursive: true, force: true }));

function body(request: number, bytes: number): Uint8Array {
  return Uint8Array.from(
    { length: bytes },
    (_, at) => (Math.imul(request, 31) + Math.imul(at, 7) + (at >> 8)) & 0xff,
  );
}

/** A reservation that is still being filled. */
interface Open {
  slot: number;
  request: number;
  bytes: number;
  written: number;
}

/** Produces `requests` requests with interleaved, abandoned and moved-out reservations. */
class Sender {
  readonly producer: RingProducer;
  readonly shared = new SharedArrayBuffer((COUNTS + 2 * (requests + 1)) * 4);
  readonly words = new Int32Array(this.shared);
  readonly published = new Set<number>();
  movedOut = 0;
  full = 0;
  private open: Open[] = [];

  constructor(
    readonly ring: SharedArrayBuffer,
    readonly slots: number,
    private readonly dataBytes: number,
    private readonly random: SeededRandom,
    firstIndex = 0,
  ) {
    this.producer = new RingProducer(ring, slots);
    const { words } = ringViews(ring, slots);
    words.fill(CANARY, 0, CONTROL_WORDS);
    words[PUBLISH_INDEX] = firstIndex;
    words[TAKE_INDEX] = firstIndex;
    Object.assign(this.producer, { published: firstIndex | 0 });
  }

  async run(): Promise<void> {
    for (let request = 1; request <= requests; request++) {
      if (Atomics.load(this.words, FAILED) === 1) return;
      this.reserve(request, this.size());
      while (this.open.length > this.random.below(4)) this.step();
    }
    while (this.open.length > 0) this.step();
  }

  stop(): void {
    Atomics.store(this.words, STOP, 1);
    Atomics.notify(this.words, PUBLISHED);
  }

  canariesHold(): boolean {
    const { words } = ringViews(this.ring, this.slots);
    const indices = [...words.subarray(0, CONTROL_WORDS).keys()];
    return indices.every((index) => index % CACHE_LINE_WORDS === 0 || words[index] === CANARY);
  }

  private size(): number {
    const whole = this.dataBytes - NAME_BYTES;
    const kind = this.random.next();
    if (kind < 0.1) return 0;
    if (kind < 0.15) return whole;
    if (kind < 0.2) return whole + 1 + this.random.below(100);
    if (kind < 0.3) return this.random.below(whole);
    return this.random.below(Math.ceil(whole / 3));
  }

  private reserve(request: number, bytes: number): void {
    const name = Buffer.from(`o\0s${request % 5}`);
    const head = {
      request,
      name,
      format: (request % 3) as BodyFormat,
      encoding: (request % 4) as BodyEncoding,
    };
    this.words[COUNTS + 2 * request + 1] = bytes;
    const deadline = Date.now() + 5000;
    for (;;) {
      const released = Atomics.load(this.words, RELEASED);
      const slot = this.producer.reserve(head, bytes);
      if (slot !== undefined) {
        this.open.push({ slot, request, bytes, written: 0 });
        return;
      }
      if (NAME_BYTES + bytes > this.dataBytes) return;
      this.full++;
      if (Atomics.load(this.words, FAILED) === 1) return;
      if (Date.now() > deadline) throw new Error(`no space for request ${request} within 5 s`);
      if (!this.moveOut()) Atomics.wait(this.words, RELEASED, released, 2);
    }
  }

  /** Frees the front of the ring from a reservation that is not complete; its body is sent again, with its first part as it was. */
  private moveOut(): boolean {
    const slot = this.producer.oldestReserved();
    const index = this.open.findIndex((open) => open.slot === slot);
    if (index < 0) return false;
    const { request, written } = this.open.splice(index, 1)[0] as Open;
    expect(Buffer.from(this.producer.read(slot as number, written))).toEqual(
      Buffer.from(body(request, written)),
    );
    this.producer.abandon(slot as number);
    this.movedOut++;
    return true;
  }

  /** Fills, publishes or abandons one open reservation. */
  private step(): void {
    const index = this.random.below(this.open.length);
    const open = this.open[index] as Open;
    if (this.random.chance(0.05)) {
      this.producer.abandon(open.slot);
      this.open.splice(index, 1);
      return;
    }
    const all = body(open.request, open.bytes);
    const end = this.random.chance(0.3)
      ? open.written + this.random.below(open.bytes - open.written + 1)
      : open.bytes;
    this.producer.write(open.slot, open.written, all.subarray(open.written, end));
    open.written = end;
    if (end < open.bytes) return;
    this.open.splice(index, 1);
    this.published.add(open.request);
    this.producer.publish(open.slot);
    Atomics.add(this.words, PUBLISHED, 1);
    Atomics.notify(this.words, PUBLISHED, 1);
  }
}

async function runThreads(
  slots: number,
  dataBytes: number,
  consumers: number,
  seed: number,
  firstIndex = 0,
): Promise<Sender> {
  const ring = allocateRing(slots, dataBytes);
  let failure: string | undefined;
  const sender = new Sender(ring, slots, dataBytes, new SeededRandom(seed), firstIndex);
  const ends = Array.from({ length: consumers }, (_, index) => {
    const workerData = {
      consumerUrl: consumer.url,
      ring,
      slots,
      shared: sender.shared,
      holdMax: slots / 2,
      seed: seed + index,
    };
    const worker = new Worker(new URL('consumer-worker.mjs', import.meta.url), { workerData });
    worker.on('message', ({ error }: { error?: string }) => {
      failure ??= error;
    });
    return new Promise<void>((resolve, reject) => worker.on('error', reject).on('exit', () => resolve()));
  });
  try {
    await sender.run();
  } finally {
    sender.stop();
    await Promise.all(ends);
  }
  const message = `seed ${seed}, ${slots} slots, ${dataBytes} bytes, ${consumers} consumers`;
  expect(failure, message).toBeUndefined();
  for (let request = 1; request <= requests; request++) {
    const expected = sender.published.has(request) ? 1 : 0;
    expect(sender.words[COUNTS + 2 * request], `${message}: request ${request}`).toBe(expected);
  }
  expect(sender.canariesHold(), message).toBe(true);
  expect(sender.producer.readyCount, message).toBe(0);
  return sender;
}

const shapes: [slots: number, dataBytes: number, consumers: number][] = [
  [2, 64, 1],
  [2, 512, 2],
  [4, 64, 2],
  [4, 200, 3],
  [8, 512, 4],
  [8, 96, 4],
];

for (const [slots, dataBytes, consumers] of shapes) {
  test(`${slots} slots, ${dataBytes} bytes, ${consumers} consumers`, async () => {
    const sender = await runThreads(slots, dataBytes, consumers, testSeed());
    // The shapes are so small that these paths are certain to be taken.
    expect(sender.full).toBeGreaterThan(0);
    expect(sender.movedOut).toBeGreaterThan(0);
    expect(sender.published.size).toBeGreaterThan(requests / 3);
  });
}

test('the indices pass 2^31', () => runThreads(4, 256, 3, testSeed(), 2 ** 31 - 1000));

test('the indices pass 2^32', () => runThreads(8, 256, 2, testSeed(), -1000));
