/** Records gathered into request bodies. */
export interface Batch {
  /** NDJSON. */
  body: Buffer;
  records: number;
  first: Place;
  /** `source:line` of a record of this batch, by its position from 0. */
  position: (record: number) => string | undefined;
}

export interface Place {
  source: string;
  line: number;
}

export interface BatchLimits {
  bytes: number;
  records: number;
}

export const DEFAULT_BATCH: BatchLimits = { bytes: 4 * 1024 * 1024, records: 20_000 };

const NEWLINE = 0x0a;

/** Copies records into one buffer until a limit is reached; a record larger than the limit makes a batch of its own. */
export class BatchBuilder {
  private buffer: Buffer;
  private used = 0;
  private sources: string[] = [];
  private lines: number[] = [];

  constructor(private readonly limits: BatchLimits = DEFAULT_BATCH) {
    this.buffer = Buffer.allocUnsafe(limits.bytes);
  }

  /** Whether `json` has to wait for the next batch. */
  isFullFor(json: Buffer): boolean {
    if (this.lines.length === 0) return false;
    return this.lines.length >= this.limits.records || this.used + json.length + 1 > this.limits.bytes;
  }

  add(json: Buffer, source: string, line: number): void {
    const end = this.used + json.length + 1;
    if (end > this.buffer.length) this.buffer = Buffer.concat([this.buffer.subarray(0, this.used)], end);
    json.copy(this.buffer, this.used);
    this.buffer[end - 1] = NEWLINE;
    this.used = end;
    this.sources.push(source);
    this.lines.push(line);
  }

  /** The batch so far, or undefined when it is empty; the builder starts anew. */
  take(): Batch | undefined {
    if (this.lines.length === 0) return undefined;
    const { sources, lines } = this;
    const batch: Batch = {
      first: { source: sources[0] ?? '', line: lines[0] ?? 0 },
      body: this.buffer.subarray(0, this.used),
      records: lines.length,
      position: (record) => (record in lines ? `${sources[record]}:${lines[record]}` : undefined),
    };
    this.buffer = Buffer.allocUnsafe(this.limits.bytes);
    this.used = 0;
    this.sources = [];
    this.lines = [];
    return batch;
  }
}
