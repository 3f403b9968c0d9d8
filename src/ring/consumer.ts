/**
 * The consuming end of the ingest ring: any number of worker threads take published requests, each exactly once.
 *
 * A consumer reads the ready entry before it claims it by compare-and-exchange on TAKE_INDEX. The entry cannot change in between
 * unless the index moved too: the producer reuses an entry only after its slot went through DONE and FREE.
 */
import {
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

/** A taken request. Offsets count from the start of `data`; the bytes stay put until `done`. */
export interface TakenRequest {
  slot: number;
  request: number;
  format: number;
  encoding: number;
  nameOffset: number;
  nameBytes: number;
  bodyOffset: number;
  bodyBytes: number;
}

export class RingConsumer {
  /** The ring's data area, shared with the producer: read only what was taken. */
  readonly data: Uint8Array;
  private readonly ring: RingViews;

  constructor(buffer: SharedArrayBuffer, slots: number) {
    this.ring = ringViews(buffer, slots);
    this.data = this.ring.data;
  }

  /** Takes the oldest published request, or undefined when there is none. Never blocks. */
  take(): TakenRequest | undefined {
    const { words, slots } = this.ring;
    for (;;) {
      const index = Atomics.load(words, TAKE_INDEX);
      if (index === Atomics.load(words, PUBLISH_INDEX)) return undefined;
      const slot = Atomics.load(words, readyWord(slots, index));
      if (Atomics.compareExchange(words, TAKE_INDEX, index, (index + 1) | 0) !== index) continue;
      return this.requestIn(slot);
    }
  }

  /** The request in a slot that is in no queue: the producer has given it to this consumer alone. */
  requestIn(slot: number): TakenRequest {
    const { words, slots } = this.ring;
    const word = slotWord(slots, slot);
    const nameOffset = words[word + SLOT_OFFSET] as number;
    const nameBytes = words[word + SLOT_NAME_BYTES] as number;
    return {
      slot,
      request: words[word + SLOT_REQUEST] as number,
      format: words[word + SLOT_FORMAT] as number,
      encoding: words[word + SLOT_ENCODING] as number,
      nameOffset,
      nameBytes,
      bodyOffset: nameOffset + nameBytes,
      bodyBytes: words[word + SLOT_BODY_BYTES] as number,
    };
  }

  /** Returns the request's bytes to the producer; they must not be read afterwards. */
  done(taken: TakenRequest): void {
    const { words, slots } = this.ring;
    Atomics.store(words, slotWord(slots, taken.slot) + SLOT_STATE, SlotState.DONE);
  }
}
