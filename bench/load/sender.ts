/**
 * Sends prepared requests to a server and measures what it does with them.
 *
 * Closed loop: each connection sends its next request when the answer to the last is there. Open loop: requests fall due at a fixed rate
 * whatever the server does, and latency counts from the moment a request fell due, so a stalled server cannot hide the requests that it
 * kept waiting (no coordinated omission).
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, Connection } from './connection.js';
import { Histogram } from './histogram.js';
import { ProcessWatch } from './process-usage.js';
import type { Renewal } from './renewal.js';
import type { RequestFile } from './request-file.js';
import { latencySummary, type SendResult } from './result.js';

export interface SendOptions {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Records a second to offer; 0 is a closed loop. */
  readonly rateRecords: number;
  /** Requests to send; the file's requests are sent again from the first when it has fewer. */
  readonly requests: number;
  /** Requests sent before the clock starts, from the file's beginning, so that code is compiled and buffers have grown. */
  readonly warmupRequests: number;
  /** The server's process, watched when given. */
  readonly serverPid?: number;
  /** Requests of the file that earlier runs have sent: this one goes on behind them. */
  readonly sentBefore?: number;
  /** Makes the records of each further pass through the file new ones. */
  readonly renewal?: Renewal;
  /** Told of each answer after the warm-up: when its request was due (milliseconds since 1970) and what it took from then. */
  readonly onAnswer?: (dueMs: number, latencyMs: number) => void;
}

interface Due {
  readonly request: number;
  /** When it should be sent, milliseconds of the performance clock. */
  readonly dueMs: number;
}

const retryMsMin = 10;
const retryMsMax = 1000;

export class Sender {
  readonly #file: RequestFile;
  readonly #options: SendOptions;
  readonly #fromDue = new Histogram();
  readonly #fromSend = new Histogram();
  readonly #queue: Due[] = [];
  readonly #waiting: ((due: Due | undefined) => void)[] = [];
  #taken = 0;
  #warmed = 0;
  #warmupRecords = 0;
  #records = 0;
  #bytes = 0;
  #refused = 0;
  #queueLongest = 0;
  #offeredAll = false;
  #stopped = false;

  constructor(file: RequestFile, options: SendOptions) {
    this.#file = file;
    this.#options = options;
  }

  /** Sends everything, once. Rejects on the first answer that is not what it must be: all records stored, none failed. */
  async run(): Promise<SendResult> {
    const { host, port, connections, rateRecords, requests, serverPid } = this.#options;
    const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(host, port)));
    await Promise.all(open.map((connection) => this.#warm(connection)));
    const watch = serverPid === undefined ? undefined : new ProcessWatch(serverPid);
    const cpuAtStart = process.cpuUsage();
    const startMs = performance.now();
    try {
      const work = open.map((connection) => this.#serve(connection));
      if (rateRecords > 0) work.push(this.#offer(startMs));
      await Promise.all(work);
    } finally {
      this.#stopped = true;
      for (const connection of open) connection.close();
    }
    const seconds = (performance.now() - startMs) / 1000;
    const cpu = process.cpuUsage(cpuAtStart);
    return {
      records: this.#records,
      warmupRecords: this.#warmupRecords,
      requests,
      seconds,
      recordsPerSecond: this.#records / seconds,
      megabytesPerSecond: this.#bytes / 1e6 / seconds,
      refused: this.#refused,
      queueLongest: this.#queueLongest,
      latency: latencySummary(this.#fromDue),
      service: latencySummary(this.#fromSend),
      senderCpuSeconds: (cpu.user + cpu.system) / 1e6,
      server: watch?.stop(),
    };
  }

  async #warm(connection: Connection): Promise<void> {
    const buffer = Buffer.allocUnsafeSlow(this.#file.bytesMax);
    while (this.#warmed < this.#options.warmupRequests) {
      const { request, bytes } = this.#read(this.#warmed++, buffer);
      await this.#sendUntilTaken(connection, buffer.subarray(0, bytes), request);
      this.#warmupRecords += this.#file.recordsOf(request);
    }
  }

  async #serve(connection: Connection): Promise<void> {
    const buffer = Buffer.allocUnsafeSlow(this.#file.bytesMax);
    for (let due = await this.#next(); due; due = await this.#next()) {
      const { request, bytes } = this.#read(this.#options.warmupRequests + due.request, buffer);
      const sentMs = performance.now();
      await this.#sendUntilTaken(connection, buffer.subarray(0, bytes), request);
      const doneMs = performance.now();
      this.#fromSend.record((doneMs - sentMs) * 1000);
      this.#fromDue.record((doneMs - due.dueMs) * 1000);
      this.#options.onAnswer?.(performance.timeOrigin + due.dueMs, doneMs - due.dueMs);
      this.#records += this.#file.recordsOf(request);
      this.#bytes += bytes;
    }
  }

  /** Reads the request that is to be sent as the `index`-th of this run. */
  #read(index: number, buffer: Buffer): { request: number; bytes: number } {
    const { sentBefore = 0, renewal } = this.#options;
    const request = (sentBefore + index) % this.#file.requests;
    const bytes = this.#file.read(request, buffer);
    renewal?.apply(buffer.subarray(0, bytes), Math.floor((sentBefore + index) / this.#file.requests));
    return { request, bytes };
  }

  async #sendUntilTaken(connection: Connection, bytes: Uint8Array, request: number): Promise<void> {
    let answer = await connection.send(bytes);
    while (answer.status === 503 && !this.#stopped) {
      this.#refused++;
      await sleep(Math.min(Math.max(answer.retryAfterSeconds * 1000, retryMsMin), retryMsMax));
      answer = await connection.send(bytes);
    }
    checkAnswer(answer, this.#file.recordsOf(request));
  }

  /** The next request to send: at once in a closed loop, when one is due in an open loop; undefined when all are sent. */
  #next(): Due | undefined | Promise<Due | undefined> {
    if (this.#stopped) return undefined;
    if (this.#options.rateRecords === 0) {
      if (this.#taken >= this.#options.requests) return undefined;
      return { request: this.#taken++, dueMs: performance.now() };
    }
    const due = this.#queue.shift();
    if (due || this.#offeredAll) return due;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets requests fall due, at their times; timers are coarse, so all that are due by now are offered together. */
  async #offer(startMs: number): Promise<void> {
    const { requests, rateRecords } = this.#options;
    const intervalMs = (1000 * (this.#file.records / this.#file.requests)) / rateRecords;
    while (this.#taken < requests && !this.#stopped) {
      const nowMs = performance.now();
      for (
        let dueMs = startMs + this.#taken * intervalMs;
        dueMs <= nowMs && this.#taken < requests;
        dueMs = startMs + this.#taken * intervalMs
      ) {
        this.#give({ request: this.#taken++, dueMs });
      }
      await sleep(1);
    }
    this.#offeredAll = true;
    for (const resolve of this.#waiting) resolve(undefined);
  }

  #give(due: Due): void {
    const resolve = this.#waiting.shift();
    if (resolve) resolve(due);
    else this.#queueLongest = Math.max(this.#queueLongest, this.#queue.push(due));
  }
}

function checkAnswer(answer: Answer, records: number): void {
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body.slice(0, 500)}`);
  const body = JSON.parse(answer.body) as { status?: { successful: number; failed: number }[] };
  const stored = body.status?.[0];
  if (stored?.successful !== records || stored.failed !== 0) {
    throw new Error(`${records} records sent, answer: ${answer.body.slice(0, 500)}`);
  }
}
