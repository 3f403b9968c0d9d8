/**
 * The producing end of the ingest ring: one thread (the front end) reserves space, fills it and publishes.
 *
 * Space is handed out and taken back in reservation order, as in any byte ring, so one request that is slow to arrive would
 * hold all later space. The owner therefore moves such a request out of the ring (`abandon`) when space runs short.
 * Order of writes: body bytes and slot words first, then the ready entry, then PUBLISH_INDEX by Atomics.store; a consumer that
 * sees the index sees all of them. Slots and their order are private to the producer; consumers only ever set a slot to DONE.
 */
import { copyBytes } from '../native/index.js';
import {
  type BodyEncoding,
  type BodyFormat,
  PUBLISH_INDEX,
  type RingViews,
  readyWord,
  ringViews,
  SLOT_BODY_BYTES,
  SLOT_ENCODING,
  SLOT_FORMAT,
  SLOT_NAME_BYTES,
  SLOT_OFFSET,
  SLOT_REQUEST,
  SLOT_STATE,
  SlotState,
  slotWord,
  TAKE_INDEX,
} from './layout.js';

/** From here on a native copy beats `TypedArray.set` into shared memory (bench/micro). */
const COPY_NATIVELY_BYTES = 2048;

/** What a consumer must know about a body; `request` is the front end's own number for the answer's addressee. */
export interface RequestHead {
  request: number;
  format: BodyFormat;
  encoding: BodyEncoding;
  /** `organization NUL stream`, and `NUL filter_path` where there is one, in UTF-8, stored in front of the body. */
  name: Uint8Array;
}

export class RingProducer {
  readonly dataBytes: number;
  private readonly ring: RingViews;
  /** Slots in reservation order: `order[first .. first + count)` modulo slots, with the bytes each one holds. */
  private readonly order: Int32Array;
  private readonly spanBytes: Float64Array;
  private readonly freeSlots: number[];
  private first = 0;
  private count = 0;
  private writeOffset = 0;
  private usedBytes = 0;
  private published = 0;
  /** Body bytes of the published requests that nobody had taken when last looked, oldest first. */
  private readonly readySizes: number[] = [];
  private readySum = 0;

  constructor(buffer: SharedArrayBuffer, slots: number) {
    this.ring = ringViews(buffer, slots);
    this.dataBytes = this.ring.data.length;
    this.order = new Int32Array(slots);
    this.spanBytes = new Float64Array(slots);
    this.freeSlots = Array.from({ length: slots }, (_, index) => slots - 1 - index);
  }

  /** Bytes reserved and not yet taken back, wrap-around padding included. */
  get reservedBytes(): number {
    return this.usedBytes;
  }

  /** Requests published and not yet taken by a consumer. */
  get readyCount(): number {
    return (this.published - Atomics.load(this.ring.words, TAKE_INDEX)) | 0;
  }

  /** Body bytes of those requests. */
  get readyBytes(): number {
    while (this.readySizes.length > this.readyCount) this.readySum -= this.readySizes.shift() as number;
    return this.readySum;
  }

  /**
   * Reserves a slot for a body of exactly `bodyBytes`.
   * @returns the slot, or undefined when the ring is full
   */
  reserve(head: RequestHead, bodyBytes: number): number | undefined {
    this.reclaim();
    const bytes = head.name.length + bodyBytes;
    const wraps = this.writeOffset + bytes > this.dataBytes;
    const padding = wraps ? this.dataBytes - this.writeOffset : 0;
    if (this.usedBytes + padding + bytes > this.dataBytes) return undefined;
    const slot = this.freeSlots.pop();
    if (slot === undefined) return undefined;
    const { words, slots, data } = this.ring;
    const offset = wraps ? 0 : this.writeOffset;
    const word = slotWord(slots, slot);
    words[word + SLOT_OFFSET] = offset;
    words[word + SLOT_NAME_BYTES] = head.name.length;
    words[word + SLOT_BODY_BYTES] = bodyBytes;
    words[word + SLOT_FORMAT] = head.format;
    words[word + SLOT_ENCODING] = head.encoding;
    words[word + SLOT_REQUEST] = head.request;
    Atomics.store(words, word + SLOT_STATE, SlotState.RESERVED);
    data.set(head.name, offset);
    this.order[(this.first + this.count) % slots] = slot;
    this.spanBytes[slot] = padding + bytes;
    this.count++;
    this.usedBytes += padding + bytes;
    this.writeOffset = offset + bytes;
    return slot;
  }

  /** Copies a piece of the body to its place; `at` is the byte position in the body. */
  write(slot: number, at: number, bytes: Uint8Array): void {
    const { words, slots, data } = this.ring;
    const word = slotWord(slots, slot);
    if (at + bytes.length > (words[word + SLOT_BODY_BYTES] as number))
      throw new Error('BUG: body longer than its reservation');
    const start = (words[word + SLOT_OFFSET] as number) + (words[word + SLOT_NAME_BYTES] as number) + at;
    if (bytes.length < COPY_NATIVELY_BYTES) data.set(bytes, start);
    else copyBytes(data, start, bytes);
  }

  /** A copy of the first `bytes` of a reserved body. */
  read(slot: number, bytes: number): Uint8Array {
    const { words, slots, data } = this.ring;
    const word = slotWord(slots, slot);
    const start = (words[word + SLOT_OFFSET] as number) + (words[word + SLOT_NAME_BYTES] as number);
    return data.slice(start, start + bytes);
  }

  /** Hands a filled slot to the consumers; from here on its bytes belong to whoever takes it. */
  publish(slot: number): void {
    const { words, slots } = this.ring;
    Atomics.store(words, slotWord(slots, slot) + SLOT_STATE, SlotState.READY);
    Atomics.store(words, readyWord(slots, this.published), slot);
    const bodyBytes = words[slotWord(slots, slot) + SLOT_BODY_BYTES] as number;
    this.readySizes.push(bodyBytes);
    this.readySum += bodyBytes;
    this.published = (this.published + 1) | 0;
    Atomics.store(words, PUBLISH_INDEX, this.published);
  }

  /** The request goes to one consumer by its slot, past the ready queue. */
  publishAlone(slot: number): void {
    const { words, slots } = this.ring;
    Atomics.store(words, slotWord(slots, slot) + SLOT_STATE, SlotState.READY);
  }

  /** Gives up a reservation that was not published. */
  abandon(slot: number): void {
    const { words, slots } = this.ring;
    Atomics.store(words, slotWord(slots, slot) + SLOT_STATE, SlotState.DONE);
    this.reclaim();
  }

  /** The oldest slot still held, if it is only reserved: what blocks the space behind it. */
  oldestReserved(): number | undefined {
    if (this.count === 0) return undefined;
    const slot = this.order[this.first] as number;
    const { words, slots } = this.ring;
    return Atomics.load(words, slotWord(slots, slot) + SLOT_STATE) === SlotState.RESERVED ? slot : undefined;
  }

  /** Takes back the space of requests that are done; `reserve` does so too. */
  reclaim(): void {
    const { words, slots } = this.ring;
    while (this.count > 0) {
      const slot = this.order[this.first] as number;
      const word = slotWord(slots, slot) + SLOT_STATE;
      if (Atomics.load(words, word) !== SlotState.DONE) return;
      Atomics.store(words, word, SlotState.FREE);
      this.usedBytes -= this.spanBytes[slot] as number;
      this.first = (this.first + 1) % slots;
      this.count--;
      this.freeSlots.push(slot);
      if (this.count === 0) this.writeOffset = 0;
    }
  }
}
