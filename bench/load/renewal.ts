import { Random } from '../generator/random.js';

/**
 * What stands before a time and a trace id in the generator's records. Each begins with a byte that is rare there, since a search stops at
 * every one of those: the brace of a record, and the underscore of `trace_id`.
 */
const timeKey = Buffer.from('{"_timestamp":');
const traceKey = Buffer.from('_id":"');
const secondDigits = 10;
const timeDigits = 16;
/** Digits of a trace id that are drawn anew, 32 bits of its 128: of a hundred million records hardly two share an id. */
const newDigits = 8;
const hexDigits = Buffer.from('0123456789abcdef');
const zero = 48;

/**
 * Makes new records of old ones: the same requests sent in several passes, each pass later in time and with trace ids of its own, so that
 * any amount of data can be sent without being kept. The other fields repeat in each pass. The first pass is left as it is.
 */
export class Renewal {
  readonly #passSeconds: number;
  readonly #random: Random;

  /** @param passSeconds from one pass to the next */
  constructor(passSeconds: number, seed: number) {
    this.#passSeconds = passSeconds;
    this.#random = new Random(seed);
  }

  /** Changes the records of a request in place; no length changes. @throws when a time has not 16 digits, or a record no trace id */
  apply(request: Buffer, pass: number): void {
    if (pass === 0) return;
    const shift = pass * this.#passSeconds;
    for (let at = request.indexOf(timeKey); at >= 0; at = request.indexOf(timeKey, at)) {
      at += timeKey.length;
      shiftSeconds(request, at, shift);
      at = request.indexOf(traceKey, at + timeDigits);
      if (at < 0) throw new Error('a record without a trace_id behind its _timestamp cannot be renewed');
      at += traceKey.length;
      this.#drawDigits(request, at);
    }
  }

  #drawDigits(request: Buffer, at: number): void {
    const bits = this.#random.int32();
    for (let digit = 0; digit < newDigits; digit++) {
      request[at + digit] = hexDigits[(bits >>> (digit * 4)) & 15] as number;
    }
  }
}

/** Adds whole seconds to a time in microseconds: its last six digits stay. */
function shiftSeconds(request: Buffer, at: number, shift: number): void {
  let seconds = 0;
  for (let index = at; index < at + secondDigits; index++) seconds = seconds * 10 + digitAt(request, index);
  for (let index = at + secondDigits; index < at + timeDigits; index++) digitAt(request, index);
  // Below 2^31 until 2038, so that this is arithmetic on small integers.
  let rest = seconds + shift;
  for (let index = at + secondDigits - 1; index >= at; index--) {
    const tenth = (rest / 10) | 0;
    request[index] = zero + (rest - tenth * 10);
    rest = tenth;
  }
}

function digitAt(request: Buffer, index: number): number {
  const digit = (request[index] as number) - zero;
  if (!(digit >= 0 && digit <= 9)) throw new Error('a _timestamp without 16 digits cannot be renewed');
  return digit;
}
