/**
 * Where each word of the ingest ring lies. All words are Int32, read and written with Atomics where two threads meet.
 *
 *     control words │ ready queue (one word a slot) │ slots (SLOT_WORDS each) │ data bytes
 *
 * Shared indices sit 128 bytes apart: two lines, because adjacent-line prefetch makes one line false sharing.
 */
export const CACHE_LINE_WORDS = 32;

/** Entries ever published to the ready queue, modulo 2^32. Written by the producer only. */
export const PUBLISH_INDEX = 0;
/** Entries ever taken from the ready queue, modulo 2^32. Advanced by consumers with compare-and-exchange. */
export const TAKE_INDEX = CACHE_LINE_WORDS;
export const CONTROL_WORDS = 2 * CACHE_LINE_WORDS;

/** One slot describes one request. */
export const SLOT_WORDS = 8;
export const SLOT_STATE = 0;
/** Byte offset of the request in the data area, and its lengths: the name prefix, then the body. */
export const SLOT_OFFSET = 1;
export const SLOT_NAME_BYTES = 2;
export const SLOT_BODY_BYTES = 3;
export const SLOT_FORMAT = 4;
export const SLOT_ENCODING = 5;
export const SLOT_REQUEST = 6;

/**
 * The life of a slot: FREE → RESERVED (producer fills it) → READY (published) → DONE (its bytes are no longer needed) → FREE.
 * RESERVED → DONE when the request was given up. Only DONE is written by a consumer.
 */
export const SlotState = { FREE: 0, RESERVED: 1, READY: 2, DONE: 3 } as const;

/** How a body is to be parsed; the numbers cross the native boundary. */
export const BodyFormat = { JSON: 0, MULTI: 1, BULK: 2 } as const;
export type BodyFormat = (typeof BodyFormat)[keyof typeof BodyFormat];

/** Content-Encoding of a body. */
export const BodyEncoding = { IDENTITY: 0, GZIP: 1, DEFLATE: 2, BROTLI: 3, ZSTD: 4 } as const;
export type BodyEncoding = (typeof BodyEncoding)[keyof typeof BodyEncoding];

export interface RingViews {
  words: Int32Array;
  data: Uint8Array;
  slots: number;
}

function headerBytes(slots: number): number {
  return (CONTROL_WORDS + slots + slots * SLOT_WORDS) * 4;
}

/** Allocates a ring of `slots` (a power of two) requests and `dataBytes` bytes. */
export function allocateRing(slots: number, dataBytes: number): SharedArrayBuffer {
  if (slots < 1 || (slots & (slots - 1)) !== 0)
    throw new Error(`BUG: ring slots ${slots} is not a power of two`);
  if (dataBytes >= 2 ** 31) throw new Error(`BUG: ring of ${dataBytes} bytes; offsets are Int32`);
  return new SharedArrayBuffer(headerBytes(slots) + dataBytes);
}

/** Views over a ring made by `allocateRing` with the same `slots`. */
export function ringViews(buffer: SharedArrayBuffer, slots: number): RingViews {
  const start = headerBytes(slots);
  return { words: new Int32Array(buffer, 0, start / 4), data: new Uint8Array(buffer, start), slots };
}

export function readyWord(slots: number, index: number): number {
  return CONTROL_WORDS + (index & (slots - 1));
}

export function slotWord(slots: number, slot: number): number {
  return CONTROL_WORDS + slots + slot * SLOT_WORDS;
}
