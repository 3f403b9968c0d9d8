/** How much of an export has come: a counter on a terminal, silent elsewhere. */
import { Transform, type TransformCallback } from 'node:stream';
import { SingleBar } from 'cli-progress';
import { sizeText } from '../human.js';
import type { ExportFormat } from './format.js';

const REFRESH_MS = 200;
const LINE_FEED = 0x0a;

/** Passes the file on and counts it. */
export class ExportMeter extends Transform {
  bytes = 0;
  /** Of the one form in which they can be told while they pass. */
  private lines = 0;
  private readonly startedAt = performance.now();
  private readonly bar: SingleBar | undefined;
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly format: ExportFormat,
    out: NodeJS.WriteStream = process.stderr,
  ) {
    super();
    if (!out.isTTY) return;
    const rows = format === 'ndjson' ? ' | {rows} rows' : '';
    this.bar = new SingleBar({
      stream: out,
      format: `{size}${rows} | {rate}/s`,
      hideCursor: true,
      clearOnComplete: true,
    });
    this.bar.start(0, 0, this.payload());
    this.timer = setInterval(() => this.bar?.update(0, this.payload()), REFRESH_MS);
  }

  get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  stop(): void {
    clearInterval(this.timer);
    this.bar?.stop();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length;
    if (this.bar && this.format === 'ndjson') {
      for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) this.lines++;
    }
    done(null, chunk);
  }

  private payload() {
    return {
      size: sizeText(this.bytes),
      rows: this.lines.toLocaleString('en-US'),
      rate: sizeText(this.bytes / Math.max(this.seconds, 0.001)),
    };
  }
}
