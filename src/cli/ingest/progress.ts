/** Progress on a terminal: a bar where the size is known, a counter where it is not. Silent elsewhere. */
import { SingleBar } from 'cli-progress';
import type { Tally } from './tally.js';

const REFRESH_MS = 200;

export class IngestProgress {
  private readonly bar: SingleBar | undefined;
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly tally: Tally,
    totalBytes: number | undefined,
    out: NodeJS.WriteStream = process.stderr,
  ) {
    if (!out.isTTY) return;
    const counts = '{megabytes} MB read | {stored} records | {rate} records/s';
    this.bar = new SingleBar({
      stream: out,
      format: totalBytes === undefined ? counts : `{bar} {percentage}% | ${counts} | ETA {eta_formatted}`,
      hideCursor: true,
      clearOnComplete: true,
      etaBuffer: 50,
    });
    this.bar.start(totalBytes ?? 0, 0, this.payload());
    this.timer = setInterval(() => this.bar?.update(this.tally.readBytes, this.payload()), REFRESH_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.bar?.stop();
  }

  private payload() {
    return {
      megabytes: (this.tally.readBytes / 1e6).toFixed(1),
      stored: this.tally.stored.toLocaleString('en-US'),
      rate: this.tally.recordsPerSecond.toLocaleString('en-US'),
    };
  }
}
