/** How far a check is: a bar on a terminal, silent elsewhere. */
import { SingleBar } from 'cli-progress';
import type { SurveyObserver } from '../../maintenance/survey.js';
import { sizeText } from '../human.js';

const REFRESH_MS = 200;

export class CheckProgress implements SurveyObserver {
  private bar: SingleBar | undefined;
  private timer: NodeJS.Timeout | undefined;
  private checkedBytes = 0;
  private startedAt = performance.now();

  constructor(private readonly out: NodeJS.WriteStream = process.stderr) {}

  /** Bytes a second since the start, of a total that may differ from what was announced. */
  rate(bytes: number): number {
    return bytes / Math.max(this.seconds, 0.001);
  }

  get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  start(files: number, bytes: number): void {
    this.startedAt = performance.now();
    if (!this.out.isTTY) return;
    this.bar = new SingleBar({
      stream: this.out,
      format: `{bar} {percentage}% | {size} of ${sizeText(bytes)} in ${files} files | {rate}/s | ETA {eta_formatted}`,
      hideCursor: true,
      clearOnComplete: true,
    });
    this.bar.start(bytes, 0, this.payload());
    this.timer = setInterval(() => this.bar?.update(this.checkedBytes, this.payload()), REFRESH_MS);
  }

  checked(bytes: number): void {
    this.checkedBytes += bytes;
  }

  stop(): void {
    clearInterval(this.timer);
    this.bar?.stop();
  }

  private payload() {
    return { size: sizeText(this.checkedBytes), rate: sizeText(this.rate(this.checkedBytes)) };
  }
}
