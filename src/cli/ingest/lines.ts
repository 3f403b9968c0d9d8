/** Bytes as lines, in constant memory. */

/** Longer lines are not sent: no record of this size is accepted. */
export const LINE_BYTES_MAX = 16 * 1024 * 1024;

const NEWLINE = 0x0a;

export interface Line {
  /** Without the line feed; valid until the next line is asked for. `undefined`: longer than LINE_BYTES_MAX, skipped. */
  bytes: Buffer | undefined;
  /** 1-based. */
  number: number;
}

/** Splits at line feeds. A last line without one counts; an empty rest does not. */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  lineBytesMax = LINE_BYTES_MAX,
): AsyncGenerator<Line> {
  let number = 0;
  let parts: Buffer[] = [];
  let partsBytes = 0;
  let tooLong = false;
  const take = (tail: Buffer): Line => {
    const long = tooLong || partsBytes + tail.length > lineBytesMax;
    const bytes = long ? undefined : parts.length === 0 ? tail : Buffer.concat([...parts, tail]);
    parts = [];
    partsBytes = 0;
    tooLong = false;
    return { bytes, number: ++number };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield take(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start === chunk.length) continue;
    partsBytes += chunk.length - start;
    tooLong ||= partsBytes > lineBytesMax;
    if (tooLong) parts = [];
    else parts.push(chunk.subarray(start));
  }
  if (partsBytes > 0) yield take(Buffer.alloc(0));
}
