const hexDigits = Buffer.from('0123456789abcdef');
const zero = 48;

/**
 * A byte buffer that is written front to back. The caller empties it in time: a write past its end is an error of the caller, who
 * keeps at least one record's worth of room (`hasRoom`).
 */
export class Output {
  readonly buffer: Buffer;
  position = 0;

  constructor(capacityBytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(capacityBytes);
  }

  hasRoom(bytes: number): boolean {
    return this.position + bytes <= this.buffer.length;
  }

  byte(value: number): void {
    this.buffer[this.position++] = value;
  }

  /** Copies bytes; a plain loop beats a native copy at the lengths of a log line's pieces. */
  literal(bytes: Uint8Array): void {
    const buffer = this.buffer;
    const length = bytes.length;
    let position = this.position;
    for (let index = 0; index < length; index++) buffer[position++] = bytes[index] as number;
    this.position = position;
  }

  /** A non-negative integer below 2^53, in decimal. */
  integer(value: number): void {
    if (value >= 1e9) {
      const high = Math.floor(value / 1e9);
      this.integer(high);
      this.padded(value - high * 1e9, 9);
      return;
    }
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits++;
    this.padded(value, digits);
  }

  /** The last `digits` decimal digits of a non-negative integer below 2^31, with leading zeros. */
  padded(value: number, digits: number): void {
    const buffer = this.buffer;
    const start = this.position;
    let rest = value | 0;
    for (let position = start + digits - 1; position >= start; position--) {
      const tenth = (rest / 10) | 0;
      buffer[position] = zero + (rest - tenth * 10);
      rest = tenth;
    }
    this.position = start + digits;
  }

  /** The low `digits` (1 to 8) hex digits of a 32-bit integer, lower case. */
  hex(value: number, digits: number): void {
    const buffer = this.buffer;
    let position = this.position;
    for (let shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
      buffer[position++] = hexDigits[(value >>> shift) & 15] as number;
    }
    this.position = position;
  }

  /** A non-negative number of thousandths as a JSON number: no trailing zeros, no point when it is whole. */
  thousandths(value: number): void {
    const whole = Math.floor(value / 1000);
    this.integer(whole);
    const rest = value - whole * 1000;
    if (rest === 0) return;
    this.byte(46);
    if (rest % 100 === 0) this.padded(rest / 100, 1);
    else if (rest % 10 === 0) this.padded(rest / 10, 2);
    else this.padded(rest, 3);
  }
}
