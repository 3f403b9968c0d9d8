/**
 * Requests prepared before the clock starts: a file of complete HTTP/1.1 requests, so that sending one is a positioned read into a reused
 * buffer and a write to a socket.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

export interface RequestFileOptions {
  /** Records, one JSON object a line. */
  readonly inputPath: string;
  readonly outputPath: string;
  /** Records in a request; the last one may have fewer. */
  readonly batchRecords: number;
  /** Records taken from the input, at most. */
  readonly recordsMax: number;
  /** The request line and headers, but for Content-Length, each ended by CRLF. */
  readonly head: string;
}

const readBytes = 4 << 20;
const flushBytes = 4 << 20;
const newline = 10;
const comma = 44;
const openBracket = 91;
const closeBracket = 93;

export class RequestFile {
  readonly #descriptor: number;
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  readonly #records: number[] = [];
  /** The length of the longest request. */
  bytesMax = 0;
  /** Records in all requests. */
  records = 0;

  private constructor(path: string) {
    this.#descriptor = openSync(path, 'w+');
  }

  get requests(): number {
    return this.#starts.length;
  }

  /** Makes the file. The body of each request is a JSON array of its records, in the input's order. */
  static prepare(options: RequestFileOptions): RequestFile {
    const file = new RequestFile(options.outputPath);
    const writer = new RequestWriter(file.#descriptor, options.head, (start, length, records) => {
      file.#starts.push(start);
      file.#lengths.push(length);
      file.#records.push(records);
      file.bytesMax = Math.max(file.bytesMax, length);
      file.records += records;
    });
    let taken = 0;
    forEachLine(options.inputPath, (chunk, start, end) => {
      writer.add(chunk, start, end);
      taken++;
      if (taken % options.batchRecords === 0) writer.endRequest();
      return taken < options.recordsMax;
    });
    writer.endRequest();
    writer.flush();
    return file;
  }

  recordsOf(request: number): number {
    return this.#records[request] as number;
  }

  /** Reads a request into `buffer`, which must hold bytesMax, and returns its length. */
  read(request: number, buffer: Uint8Array): number {
    const length = this.#lengths[request] as number;
    const read = readSync(this.#descriptor, buffer, 0, length, this.#starts[request] as number);
    if (read !== length) throw new Error(`request ${request} is cut short in its file`);
    return length;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Calls `visit` with each line that is not empty, without its end, until it returns false. */
export function forEachLine(
  path: string,
  visit: (chunk: Buffer, start: number, end: number) => boolean,
): void {
  const descriptor = openSync(path, 'r');
  try {
    let chunk = Buffer.allocUnsafeSlow(readBytes);
    let filled = 0;
    for (;;) {
      const read = readSync(descriptor, chunk, filled, chunk.length - filled, null);
      filled += read;
      let start = 0;
      for (let end = nextNewline(chunk, start, filled); end >= 0; end = nextNewline(chunk, start, filled)) {
        if (end > start && !visit(chunk, start, end)) return;
        start = end + 1;
      }
      if (read === 0) {
        if (filled > start) visit(chunk, start, filled);
        return;
      }
      chunk.copyWithin(0, start, filled);
      filled -= start;
      if (filled === chunk.length) chunk = Buffer.concat([chunk], chunk.length * 2);
    }
  } finally {
    closeSync(descriptor);
  }
}

function nextNewline(chunk: Buffer, start: number, filled: number): number {
  const at = chunk.indexOf(newline, start);
  return at < filled ? at : -1;
}

/** Assembles requests: the head is set before the body once the body's length is known, so a gap may stay before each request. */
class RequestWriter {
  readonly #descriptor: number;
  readonly #head: string;
  readonly #headBytesMax: number;
  readonly #onRequest: (start: number, length: number, records: number) => void;
  #buffer = Buffer.allocUnsafeSlow(flushBytes * 2);
  #position = 0;
  #bodyStart = -1;
  #records = 0;
  #fileBytes = 0;

  constructor(
    descriptor: number,
    head: string,
    onRequest: (start: number, length: number, records: number) => void,
  ) {
    this.#descriptor = descriptor;
    this.#head = head;
    this.#headBytesMax = Buffer.byteLength(head) + 64;
    this.#onRequest = onRequest;
  }

  add(chunk: Buffer, start: number, end: number): void {
    this.#makeRoom(this.#headBytesMax + end - start + 2);
    if (this.#bodyStart < 0) {
      this.#position += this.#headBytesMax;
      this.#bodyStart = this.#position;
      this.#buffer[this.#position++] = openBracket;
    } else {
      this.#buffer[this.#position++] = comma;
    }
    this.#position += chunk.copy(this.#buffer, this.#position, start, end);
    this.#records++;
  }

  endRequest(): void {
    if (this.#bodyStart < 0) return;
    this.#makeRoom(1);
    this.#buffer[this.#position++] = closeBracket;
    const head = `${this.#head}Content-Length: ${this.#position - this.#bodyStart}\r\n\r\n`;
    const start = this.#bodyStart - Buffer.byteLength(head);
    this.#buffer.write(head, start);
    this.#onRequest(this.#fileBytes + start, this.#position - start, this.#records);
    this.#bodyStart = -1;
    this.#records = 0;
    if (this.#position >= flushBytes) this.flush();
  }

  flush(): void {
    let written = 0;
    while (written < this.#position) {
      written += writeSync(this.#descriptor, this.#buffer, written, this.#position - written);
    }
    this.#fileBytes += this.#position;
    this.#position = 0;
  }

  #makeRoom(bytes: number): void {
    if (this.#position + bytes <= this.#buffer.length) return;
    this.#buffer = Buffer.concat([this.#buffer], this.#buffer.length * 2 + bytes);
  }
}
