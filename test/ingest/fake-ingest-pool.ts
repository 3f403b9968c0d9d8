/** Stands in for the ingest workers: takes from a real ring and answers when the test says so. */
import type { Piscina } from 'piscina';
import type { BatchResult } from '../../src/ingest/batch-task.js';
import { RingConsumer, type TakenRequest } from '../../src/ring/consumer.js';

interface Task {
  resolve: (result: BatchResult | undefined) => void;
  reject: (error: unknown) => void;
}

export interface SeenBody {
  request: number;
  name: string;
  body: string;
}

export class FakeIngestPool {
  readonly options: { maxThreads: number };
  readonly tasks: Task[] = [];
  readonly seen: SeenBody[] = [];
  started = 0;
  private readonly consumer: RingConsumer;

  constructor(ring: SharedArrayBuffer, slots: number, threads = 2) {
    this.options = { maxThreads: threads };
    this.consumer = new RingConsumer(ring, slots);
  }

  get asPool(): Piscina {
    return this as unknown as Piscina;
  }

  run(): Promise<BatchResult | undefined> {
    this.started++;
    return new Promise((resolve, reject) => this.tasks.push({ resolve, reject }));
  }

  /** The oldest task takes up to `requestsMax` requests, as a worker would, and answers each with its own body. */
  finishTask(requestsMax = Number.POSITIVE_INFINITY): void {
    const task = this.tasks.shift();
    if (!task) throw new Error('no task is running');
    const taken: TakenRequest[] = [];
    for (let next = taken.length < requestsMax ? this.consumer.take() : undefined; next; ) {
      taken.push(next);
      next = taken.length < requestsMax ? this.consumer.take() : undefined;
    }
    const replies = taken.map((request) => {
      const seen = this.read(request);
      this.consumer.done(request);
      this.seen.push(seen);
      return { request: seen.request, status: 200, body: `reply to ${seen.body}` };
    });
    task.resolve(taken.length === 0 ? undefined : batchResult({ replies }));
  }

  private read({ request, nameOffset, nameBytes, bodyOffset, bodyBytes }: TakenRequest): SeenBody {
    const text = (at: number, bytes: number) =>
      Buffer.from(this.consumer.data.slice(at, at + bytes)).toString();
    return { request, name: text(nameOffset, nameBytes), body: text(bodyOffset, bodyBytes) };
  }
}

export function batchResult(fields: Partial<BatchResult>): BatchResult {
  const counts = {
    records: 0,
    failedRecords: 0,
    rawBytes: 0,
    encodeMs: 0,
    syncMs: 0,
    walBytes: 0,
    journalFailures: 0,
  };
  return { blocks: [], moreBlocks: [], replies: [], walFile: '', ...counts, ...fields };
}
