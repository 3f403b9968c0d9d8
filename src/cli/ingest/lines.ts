/** Input files as lines: streamed, gzip undone, in constant memory. */
import { createReadStream, statSync } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CliError } from '../failure.js';

/** Longer lines are not sent: no record of this size is accepted. */
export const LINE_BYTES_MAX = 16 * 1024 * 1024;

const READ_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

export interface Line {
  /** Without the line feed; valid until the next line is asked for. `undefined`: longer than LINE_BYTES_MAX, skipped. */
  bytes: Buffer | undefined;
  /** 1-based. */
  number: number;
}

/** `-` is standard input. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : path;
}

/** Bytes of all inputs on disk, or undefined when standard input is among them. @throws CliError for what cannot be read */
export function totalBytes(paths: string[]): number | undefined {
  let total: number | undefined = 0;
  for (const path of paths) {
    if (path === '-') {
      total = undefined;
      continue;
    }
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) throw new CliError(`${path}: no such file`);
    if (stat.isDirectory())
      throw new CliError(`${path} is a directory`, 'name its files, e.g. with a shell pattern');
    if (total !== undefined) total = stat.isFile() ? total + stat.size : undefined;
  }
  return total;
}

/**
 * The lines of one input. `onRead` is told the bytes taken from disk (compressed, where the input is).
 * @throws CliError when the input cannot be read or its compression is damaged
 */
export async function* readLines(path: string, onRead: (bytes: number) => void): AsyncGenerator<Line> {
  const raw = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: READ_BYTES });
  try {
    yield* splitLines(await decompressed(counted(raw, onRead)));
  } catch (error) {
    if (error instanceof CliError || !(error instanceof Error)) throw error;
    throw new CliError(`${inputName(path)}: ${error.message}`);
  } finally {
    if (path !== '-') raw.destroy();
  }
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onRead(chunk.length);
    yield chunk;
  }
}

/** Undoes gzip where the first two bytes say so. */
async function decompressed(chunks: AsyncGenerator<Buffer>): Promise<AsyncIterable<Buffer>> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  const whole = prepend(head, chunks);
  if (head[0] !== 0x1f || head[1] !== 0x8b) return whole;
  const gunzip = createGunzip({ chunkSize: READ_BYTES });
  // The consumer of `gunzip` meets the error; the callback only keeps pipeline from throwing it again.
  pipeline(Readable.from(whole, { objectMode: true, highWaterMark: 1 }), gunzip, () => {});
  return gunzip;
}

async function* prepend(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
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
