/** What an ingest run has done so far, and its closing words. */

/** Reasons kept to be shown; the rest is only counted. */
const REASONS_MAX = 10;

export class Tally {
  /** Bytes taken from the inputs, compressed where they are. */
  readBytes = 0;
  /** Bytes of NDJSON that were answered. */
  sentBytes = 0;
  stored = 0;
  failed = 0;
  readonly reasons: string[] = [];
  /** By what happened: how often, and where first. */
  private readonly events = new Map<string, { records: number; place: string }>();
  private readonly startedAt = performance.now();

  fail(records: number, reason: string): void {
    this.failed += records;
    if (this.reasons.length < REASONS_MAX) this.reasons.push(reason);
  }

  /** Something that is no failure and has to be told: `what` follows the number of records. */
  note(what: string, place: string): void {
    const event = this.events.get(what);
    if (event) event.records++;
    else this.events.set(what, { records: 1, place });
  }

  notes(): string[] {
    return [...this.events].map(
      ([what, { records, place }]) =>
        `${format(records)} ${records === 1 ? 'record' : 'records'} ${what}, first at ${place}`,
    );
  }

  get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  get recordsPerSecond(): number {
    return Math.round(this.stored / Math.max(this.seconds, 0.001));
  }

  /** One line for people and scripts. */
  summary(): string {
    const megabytes = this.sentBytes / 1e6;
    const rate = megabytes / Math.max(this.seconds, 0.001);
    return (
      `${format(this.stored)} records stored, ${format(this.failed)} failed, ${megabytes.toFixed(1)} MB in ` +
      `${this.seconds.toFixed(1)} s (${rate.toFixed(1)} MB/s, ${format(this.recordsPerSecond)} records/s)`
    );
  }

  /** The first reasons, one a line; the last line tells how many more there were. */
  failures(): string[] {
    const more = this.failed - this.reasons.length;
    return more > 0 && this.reasons.length === REASONS_MAX
      ? [...this.reasons, `… ${format(more)} more`]
      : this.reasons;
  }
}

function format(count: number): string {
  return count.toLocaleString('en-US');
}
