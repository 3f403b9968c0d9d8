/**
 * A file on its way to a client, whose end tells whether it is whole. Who keeps what a cut connection left must not take it for a whole
 * file either, so what has been sent never ends where a reader could stop: the last bytes wait for those that follow, and a file that
 * fails ends inside a record, with the reason where the form has room for it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExportFormat } from '../native/index.js';
import type { Exchange, ReplyStream } from './exchange.js';
import { CONTENT_TYPES } from './export-options.js';

/** No message of an Arrow stream and no line with its end is complete without its last bytes. */
const WITHHELD_BYTES = 8;

/** That a reader which takes nothing may still have the reason of a failure. */
const LAST_WORD_MS = 1000;

export class FileReply {
  private stream: ReplyStream | undefined;
  private tail = Buffer.alloc(0);
  /** The last piece was given to the socket in full. */
  private isAtPieceEnd = true;

  constructor(
    private readonly exchange: Exchange,
    private readonly format: ExportFormat,
    private readonly headers: Record<string, string>,
  ) {}

  /** Whether the client has been told that a file comes. */
  get isOpen(): boolean {
    return this.stream !== undefined;
  }

  /** Sent with the head of the answer. */
  addHeader(name: string, value: string): void {
    this.headers[name] = value;
  }

  /** Whole rows or messages, in parts that are good until the next one is asked for; resolves when the socket has taken them. */
  async write(parts: Iterable<Uint8Array>): Promise<void> {
    const stream = this.open();
    this.isAtPieceEnd = false;
    for (const part of parts) {
      const joined = part.length < WITHHELD_BYTES ? Buffer.concat([this.tail, part]) : part;
      const sent = Math.max(0, joined.length - WITHHELD_BYTES);
      if (joined === part && this.tail.length > 0) await stream.write(this.tail);
      const tail = Buffer.from(joined.subarray(sent));
      if (sent > 0) await stream.write(joined.subarray(0, sent));
      this.tail = tail;
    }
    this.isAtPieceEnd = true;
  }

  end(): void {
    this.open().end(this.tail);
  }

  /** Of a file that was begun. */
  async fail(reason: string): Promise<void> {
    const { stream } = this;
    const lastWord = this.lastWord(reason);
    if (stream && lastWord) await Promise.race([stream.write(lastWord), sleep(LAST_WORD_MS)]);
    stream?.cut();
  }

  /** An end that no reader takes for one: half a line, an open quote. What is withheld does that for the other forms. */
  private lastWord(reason: string): Buffer | undefined {
    const told = `the export failed and is not complete: ${reason.replaceAll(/\s+/g, ' ')}`;
    const rest = this.isAtPieceEnd ? this.tail : Buffer.alloc(0);
    const bytes = (text: string) => Buffer.concat([rest, Buffer.from(text, 'utf8')]);
    if (this.format === 'ndjson') return bytes(`{"_error":${JSON.stringify(told).slice(0, -1)}`);
    // Within a quoted text the quote closes it, and what follows is out of place.
    if (this.format === 'csv') return bytes(`${this.isAtPieceEnd ? '' : '\n'}"${told.replaceAll('"', '""')}`);
    return undefined;
  }

  private open(): ReplyStream {
    this.stream ??= this.exchange.stream(200, {
      contentType: CONTENT_TYPES[this.format],
      headers: this.headers,
    });
    return this.stream;
  }
}
