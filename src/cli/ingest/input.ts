/** Input files as chunks of text: streamed, gzip undone, and what is no text told by its name. */
import { createReadStream, statSync } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CliError } from '../failure.js';
import { foreignForm } from './foreign-form.js';

const READ_BYTES = 1024 * 1024;
const GZIP = Buffer.from([0x1f, 0x8b]);
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Enough to tell every form that is known by its first bytes. */
const HEAD_BYTES = 512;

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

/** The bytes of one input, from their beginning on; what was looked at comes again. */
export class Input {
  private head: Buffer = Buffer.alloc(0);
  private isAll = false;

  constructor(private readonly chunks: AsyncIterator<Buffer>) {}

  /** The first `bytes` bytes, or all there are. `isAll`: there are no more. */
  async peek(bytes: number): Promise<{ head: Buffer; isAll: boolean }> {
    const parts = [this.head];
    let length = this.head.length;
    while (length < bytes && !this.isAll) {
      const next = await this.chunks.next();
      if (next.done) this.isAll = true;
      else {
        parts.push(next.value);
        length += next.value.length;
      }
    }
    if (parts.length > 1) this.head = Buffer.concat(parts);
    return { head: this.head, isAll: this.isAll };
  }

  skip(bytes: number): void {
    this.head = this.head.subarray(bytes);
  }

  async *rest(): AsyncGenerator<Buffer> {
    const { head } = this;
    this.head = Buffer.alloc(0);
    if (head.length > 0) yield head;
    for (;;) {
      const next = await this.chunks.next();
      if (next.done) return;
      yield next.value;
    }
  }
}

/**
 * Reads `path` by `use`. `onRead` is told the bytes taken from disk (compressed, where the input is).
 * @throws CliError when the input cannot be read, its compression is damaged, or it is in a form that is not understood
 */
export async function* readInput<T>(
  path: string,
  onRead: (bytes: number) => void,
  use: (input: Input) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const raw = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: READ_BYTES });
  const name = inputName(path);
  try {
    const input = await decompressed(new Input(counted(raw, onRead)));
    const { head } = await input.peek(HEAD_BYTES);
    const form = foreignForm(head);
    if (form) throw new CliError(`${name} ${form.what}: it is not understood`, form.hint);
    if (head.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) input.skip(BYTE_ORDER_MARK.length);
    yield* use(input);
  } catch (error) {
    if (error instanceof CliError || !(error instanceof Error)) throw error;
    throw new CliError(`${name}: ${error.message}`);
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
async function decompressed(input: Input): Promise<Input> {
  const { head } = await input.peek(GZIP.length);
  if (!head.subarray(0, GZIP.length).equals(GZIP)) return input;
  const gunzip = createGunzip({ chunkSize: READ_BYTES });
  // The consumer of `gunzip` meets the error; the callback only keeps pipeline from throwing it again.
  pipeline(Readable.from(input.rest(), { objectMode: true, highWaterMark: 1 }), gunzip, () => {});
  return new Input(gunzip[Symbol.asyncIterator]() as AsyncIterator<Buffer>);
}
