/** The ring on one thread: space, order and states, against a model that knows who owns which bytes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RingConsumer, type TakenRequest } from '../../src/ring/consumer.js';
import {
  allocateRing,
  BodyEncoding,
  BodyFormat,
  readyWord,
  ringViews,
  SLOT_WORDS,
  slotWord,
} from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';

function makeRing(slots: number, dataBytes: number) {
  const buffer = allocateRing(slots, dataBytes);
  return { producer: new RingProducer(buffer, slots), consumer: new RingConsumer(buffer, slots), buffer };
}

function head(request: number, name = '') {
  return { request, format: BodyFormat.JSON, encoding: BodyEncoding.IDENTITY, name: Buffer.from(name) };
}

function send(producer: RingProducer, request: number, bytes: Uint8Array): number | undefined {
  const slot = producer.reserve(head(request), bytes.length);
  if (slot === undefined) return undefined;
  producer.write(slot, 0, bytes);
  producer.publish(slot);
  return slot;
}

describe('layout', () => {
  test('refuses slot counts that are no power of two, and data that Int32 offsets cannot reach', () => {
    for (const slots of [0, -4, 3, 12]) expect(() => allocateRing(slots, 64)).toThrow(/BUG/);
    expect(() => allocateRing(4, 2 ** 31)).toThrow(/BUG/);
  });

  test('control words, ready queue, slots and data do not overlap', () => {
    const slots = 8;
    const { words, data } = ringViews(allocateRing(slots, 100), slots);
    const used = [...Array(slots).keys()].flatMap((slot) => [
      readyWord(slots, slot),
      ...Array.from({ length: SLOT_WORDS }, (_, word) => slotWord(slots, slot) + word),
    ]);
    expect(new Set(used).size).toBe(slots * (SLOT_WORDS + 1));
    expect(Math.max(...used)).toBe(words.length - 1);
    expect(data.length).toBe(100);
  });

  test('the ready word of any index, negative ones too, is in the queue', () => {
    for (const index of [0, 7, 8, 2 ** 31 - 1, -(2 ** 31), -1]) {
      expect(readyWord(8, index) - readyWord(8, 0)).toBe(((index % 8) + 8) % 8);
    }
  });
});

describe('one request', () => {
  test('arrives with its head, name and body, in pieces of any size', () => {
    const { producer, consumer } = makeRing(4, 64);
    const name = Buffer.from('org\0stream');
    const slot = producer.reserve(
      { request: 7, format: BodyFormat.BULK, encoding: BodyEncoding.ZSTD, name },
      5,
    );
    expect(slot).toBeDefined();
    producer.write(slot as number, 0, Buffer.from('ab'));
    producer.write(slot as number, 2, Buffer.from(''));
    expect(consumer.take()).toBeUndefined();
    expect(Buffer.from(producer.read(slot as number, 2)).toString()).toBe('ab');
    producer.write(slot as number, 2, Buffer.from('cde'));
    producer.publish(slot as number);
    expect(producer.readyCount).toBe(1);
    const taken = consumer.take() as TakenRequest;
    expect(taken).toMatchObject({
      request: 7,
      format: BodyFormat.BULK,
      encoding: BodyEncoding.ZSTD,
      bodyBytes: 5,
    });
    const text = (at: number, bytes: number) => Buffer.from(consumer.data.slice(at, at + bytes)).toString();
    expect(text(taken.nameOffset, taken.nameBytes)).toBe('org\0stream');
    expect(text(taken.bodyOffset, taken.bodyBytes)).toBe('abcde');
    expect(consumer.take()).toBeUndefined();
    expect(producer.readyCount).toBe(0);
  });

  test('an empty one, one that fills the ring, and one that cannot fit', () => {
    const { producer, consumer } = makeRing(2, 16);
    for (const bytes of [0, 16]) {
      expect(send(producer, bytes, new Uint8Array(bytes).fill(9))).toBeDefined();
      const taken = consumer.take() as TakenRequest;
      expect(taken.bodyBytes).toBe(bytes);
      consumer.done(taken);
    }
    expect(send(producer, 3, new Uint8Array(17))).toBeUndefined();
    expect(send(producer, 4, new Uint8Array(16))).toBeDefined();
  });

  test('a body longer than its reservation is refused before a neighbour is hurt', () => {
    const { producer, consumer } = makeRing(4, 64);
    const first = producer.reserve(head(1), 4) as number;
    send(producer, 2, Buffer.from('next'));
    expect(() => producer.write(first, 0, new Uint8Array(5))).toThrow(/BUG/);
    expect(() => producer.write(first, 3, new Uint8Array(2))).toThrow(/BUG/);
    const taken = consumer.take() as TakenRequest;
    expect(Buffer.from(consumer.data.slice(taken.bodyOffset, taken.bodyOffset + 4)).toString()).toBe('next');
  });
});

describe('space', () => {
  test('is refused when slots run out, though bytes are left', () => {
    const { producer } = makeRing(2, 64);
    expect(send(producer, 1, new Uint8Array(1))).toBeDefined();
    expect(send(producer, 2, new Uint8Array(1))).toBeDefined();
    expect(send(producer, 3, new Uint8Array(1))).toBeUndefined();
  });

  test('a slow reservation holds what lies behind it until it is abandoned', () => {
    const { producer, consumer } = makeRing(8, 30);
    const slow = producer.reserve(head(1), 10) as number;
    producer.write(slow, 0, Buffer.from('abc'));
    send(producer, 2, new Uint8Array(10));
    send(producer, 3, new Uint8Array(10));
    for (let taken = consumer.take(); taken; taken = consumer.take()) consumer.done(taken);
    expect(producer.reserve(head(4), 10)).toBeUndefined();
    expect(producer.oldestReserved()).toBe(slow);
    const copy = producer.read(slow, 3);
    producer.abandon(slow);
    expect(producer.reservedBytes).toBe(0);
    expect(producer.oldestReserved()).toBeUndefined();
    expect(send(producer, 4, new Uint8Array(30).fill(1))).toBeDefined();
    // The copy is one: what is written over it later does not show.
    expect(Buffer.from(copy).toString()).toBe('abc');
  });

  test('a published request at the front is not something to move out', () => {
    const { producer } = makeRing(4, 20);
    send(producer, 1, new Uint8Array(10));
    producer.reserve(head(2), 10);
    expect(producer.oldestReserved()).toBeUndefined();
  });

  test('an abandoned request is never delivered', () => {
    const { producer, consumer } = makeRing(4, 20);
    const first = producer.reserve(head(1), 5) as number;
    const middle = producer.reserve(head(2), 5) as number;
    const last = producer.reserve(head(3), 5) as number;
    producer.abandon(middle);
    producer.publish(last);
    producer.publish(first);
    expect([consumer.take()?.request, consumer.take()?.request, consumer.take()]).toEqual([3, 1, undefined]);
  });
});

interface Live {
  request: number;
  slot: number;
  bytes: number;
  state: 'RESERVED' | 'READY' | 'TAKEN';
  taken?: TakenRequest;
}

function fill(request: number, bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(1 + (request % 251));
}

/** Drives a ring by random commands and checks after each that every live request still has its own bytes. */
class Model {
  private readonly ring;
  private live: Live[] = [];
  /** Slots in reservation order, given back or not: space returns only from the front. */
  private order: { slot: number; held: boolean }[] = [];
  private ready: number[] = [];
  private request = 0;

  constructor(
    private readonly slots: number,
    private readonly dataBytes: number,
  ) {
    this.ring = makeRing(slots, dataBytes);
  }

  apply([kind, number]: [string, number]): void {
    const choose = (state: Live['state']) => {
      const list = this.live.filter((live) => live.state === state);
      return list[number % Math.max(1, list.length)];
    };
    if (kind === 'reserve') this.reserve(number % (this.dataBytes + 3));
    else if (kind === 'publish') this.publish(choose('RESERVED'));
    else if (kind === 'abandon') this.abandon(choose('RESERVED'));
    else if (kind === 'take') this.take();
    else this.done(choose('TAKEN'));
    this.checkBytes();
  }

  /** Everything given back: the whole ring can be had again. */
  drain(): void {
    for (const live of this.live.filter(({ state }) => state === 'RESERVED')) this.publish(live);
    while (this.take());
    for (const live of [...this.live]) this.done(live);
    expect(send(this.ring.producer, 0, new Uint8Array(this.dataBytes))).toBeDefined();
  }

  private reserve(bytes: number): void {
    const { producer } = this.ring;
    const request = ++this.request;
    const slot = producer.reserve(head(request), bytes);
    while (this.order[0]?.held === false) this.order.shift();
    if (slot === undefined) {
      // A refusal needs a reason: no slot, or less than twice the bytes left (a wrap may waste up to once the bytes).
      const noSlot = this.order.length === this.slots;
      const noSpace = producer.reservedBytes + 2 * bytes > this.dataBytes;
      expect(noSlot || noSpace).toBe(true);
      if (this.order.length === 0) expect(bytes).toBeGreaterThan(this.dataBytes);
      return;
    }
    this.order.push({ slot, held: true });
    expect(this.live.every((live) => live.slot !== slot)).toBe(true);
    producer.write(slot, 0, fill(request, bytes));
    this.live.push({ request, slot, bytes, state: 'RESERVED' });
    expect(producer.reservedBytes).toBeLessThanOrEqual(this.dataBytes);
    expect(producer.reservedBytes).toBeGreaterThanOrEqual(
      this.live.reduce((sum, live) => sum + live.bytes, 0),
    );
  }

  private publish(live: Live | undefined): void {
    if (!live) return;
    this.ring.producer.publish(live.slot);
    live.state = 'READY';
    this.ready.push(live.request);
  }

  private abandon(live: Live | undefined): void {
    if (!live) return;
    this.ring.producer.abandon(live.slot);
    this.giveBack(live);
  }

  private take(): boolean {
    const taken = this.ring.consumer.take();
    expect(taken?.request).toBe(this.ready.shift());
    const live = this.live.find(({ request }) => request === taken?.request);
    if (!live) return false;
    live.state = 'TAKEN';
    live.taken = taken;
    expect(taken?.bodyBytes).toBe(live.bytes);
    return true;
  }

  private done(live: Live | undefined): void {
    if (!live?.taken) return;
    this.ring.consumer.done(live.taken);
    this.giveBack(live);
  }

  private giveBack(live: Live): void {
    this.live.splice(this.live.indexOf(live), 1);
    const entry = this.order.find(({ slot, held }) => held && slot === live.slot);
    if (entry) entry.held = false;
  }

  private checkBytes(): void {
    expect(this.ring.producer.readyCount).toBe(this.ready.length);
    for (const { slot, request, bytes } of this.live) {
      expect(Buffer.compare(this.ring.producer.read(slot, bytes), fill(request, bytes))).toBe(0);
    }
  }
}

test('any order of commands keeps every request whole and loses no space', () => {
  const command = fc.tuple(
    fc.constantFrom('reserve', 'reserve', 'publish', 'publish', 'take', 'done', 'abandon'),
    fc.oneof(fc.nat(12), fc.nat(700)),
  );
  const shape = fc.tuple(fc.constantFrom(1, 2, 4, 8), fc.constantFrom(1, 7, 64, 512));
  fc.assert(
    fc.property(shape, fc.array(command, { maxLength: 120 }), ([slots, dataBytes], commands) => {
      const model = new Model(slots, dataBytes);
      for (const each of commands) model.apply(each);
      model.drain();
    }),
    { numRuns: process.env.BASALT_TEST_LONG === '1' ? 20_000 : 400 },
  );
});
