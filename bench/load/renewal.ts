import { randomFillSync } from 'node:crypto';

const timeKey = Buffer.from('"_timestamp":');
const traceKey = Buffer.from('"trace_id":"');
const timeDigits = 16;
const traceDigits = 32;
const hexDigits = Buffer.from('0123456789abcdef');
const zero = 48;
const randomBytes = 1 << 16;

/**
 * Makes new records of old ones: the same requests sent in several passes, each pass later in time and with trace ids of its own, so that
 * any amount of data can be sent without being kept. The other fields repeat in each pass. The first pass is left as it is.
 */
export class Renewal {
  readonly #passUs: number;
  readonly #random = Buffer.allocUnsafe(randomBytes);
  #randomUsed = randomBytes;

  /** @param passUs microseconds from one pass to the next */
  constructor(passUs: number) {
    this.#passUs = passUs;
  }

  /** Changes the records of a request in place; no length changes. @throws when a time has not 16 digits */
  apply(request: Buffer, pass: number): void {
    if (pass === 0) return;
    const shiftUs = pass * this.#passUs;
    let at = request.indexOf(timeKey);
    while (at >= 0) {
      at += timeKey.length;
      writeTime(request, at, readTime(request, at) + shiftUs);
      const next = request.indexOf(timeKey, at + timeDigits);
      const trace = request.indexOf(traceKey, at + timeDigits);
      if (trace >= 0 && (next < 0 || trace < next)) this.#writeTrace(request, trace + traceKey.length);
      at = next;
    }
  }

  #writeTrace(request: Buffer, at: number): void {
    const bytes = traceDigits / 2;
    if (this.#randomUsed + bytes > randomBytes) {
      randomFillSync(this.#random);
      this.#randomUsed = 0;
    }
    for (let index = 0; index < bytes; index++) {
      const byte = this.#random[this.#randomUsed + index] as number;
      request[at + index * 2] = hexDigits[byte >>> 4] as number;
      request[at + index * 2 + 1] = hexDigits[byte & 15] as number;
    }
    this.#randomUsed += bytes;
  }
}

function readTime(request: Buffer, at: number): number {
  let value = 0;
  for (let index = at; index < at + timeDigits; index++) {
    const digit = (request[index] as number) - zero;
    if (!(digit >= 0 && digit <= 9)) throw new Error('a _timestamp without 16 digits cannot be renewed');
    value = value * 10 + digit;
  }
  return value;
}

function writeTime(request: Buffer, at: number, timeUs: number): void {
  let rest = timeUs;
  for (let index = at + timeDigits - 1; index >= at; index--) {
    const tenth = Math.floor(rest / 10);
    request[index] = zero + (rest - tenth * 10);
    rest = tenth;
  }
}
