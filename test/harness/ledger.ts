/**
 * A sender that knows what it sent and what was acknowledged, and compares that with what the server has. Every record carries a number
 * that no other has, and a checksum over it and its other fields; so a record that was lost, stored twice or invented shows.
 */
import { crc32 } from 'node:zlib';
import type { Client, Reply } from './http.js';
import { Random } from './random.js';

export interface LoadOptions {
  connections: number;
  /** Most records of one request. */
  recordsMax?: number;
  /** Stop after so many requests a connection; else when the server is gone or `stop` is called. */
  requestsMax?: number;
}

export interface Load {
  /** Resolves when no connection sends any more. */
  finished: Promise<void>;
  stop: () => void;
}

export interface Comparison {
  sent: number;
  acked: number;
  found: number;
  /** Acknowledged, but not there. */
  lost: number;
  /** There more than once. */
  duplicated: number;
  /** There, but never sent, or not as sent. */
  invented: number;
}

interface LedgerRecord {
  seq: number;
  worker: number;
  note: string;
  value: number;
  sum: number;
}

type Route = '_json' | '_multi' | '_bulk';
const ROUTES: readonly Route[] = ['_json', '_multi', '_bulk'];

export class Ledger {
  /** Checksum by number, of all records that were put on the way. */
  private readonly sent = new Map<number, number>();
  private readonly acked = new Set<number>();
  private nextSeq = 1;
  /** When the last acknowledgement came, milliseconds since the epoch. */
  lastAckMs = 0;

  constructor(
    private readonly seed: number,
    readonly stream: string,
  ) {}

  get ackedCount(): number {
    return this.acked.size;
  }

  /** Sends from several connections until the server goes away. */
  send(client: Client, options: LoadOptions): Load {
    let stopped = false;
    const connection = async (worker: number) => {
      const random = new Random(this.seed ^ Math.imul(worker + 1, 0x9e3779b1) ^ this.nextSeq);
      for (
        let request = 0;
        !stopped && request < (options.requestsMax ?? Number.POSITIVE_INFINITY);
        request++
      ) {
        const count = random.chance(0.1) ? random.int(1, options.recordsMax ?? 500) : random.int(1, 20);
        const records = Array.from({ length: count }, () => this.make(worker, random));
        const reply = await this.post(client, random.pick(ROUTES), records).catch(() => undefined);
        if (!reply) return;
        this.note(reply, records);
      }
    };
    const all = Array.from({ length: options.connections }, (_, worker) => connection(worker));
    return {
      finished: Promise.all(all).then(() => undefined),
      stop: () => {
        stopped = true;
      },
    };
  }

  /** Compares all that was ever sent with all that the server has. */
  async compare(client: Client): Promise<Comparison> {
    const found = new Set<number>();
    let duplicated = 0;
    let invented = 0;
    const step = 50_000;
    const total = await this.storedCount(client);
    let rows = 0;
    for (let from = 0; from <= this.nextSeq; from += step) {
      const sql = `SELECT seq, worker, note, value, sum FROM ${this.stream} WHERE seq >= ${from} AND seq < ${from + step}`;
      const part = total === 0 ? [] : await client.rows<LedgerRecord>(sql);
      rows += part.length;
      for (const record of part) {
        if (found.has(record.seq)) duplicated++;
        else if (this.sent.get(record.seq) !== record.sum || checksum(record) !== record.sum) invented++;
        found.add(record.seq);
      }
    }
    // Rows that no range gave have a number that was never given out.
    invented += total - rows;
    let lost = 0;
    for (const seq of this.acked) if (!found.has(seq)) lost++;
    return { sent: this.sent.size, acked: this.acked.size, found: found.size, lost, duplicated, invented };
  }

  private async storedCount(client: Client): Promise<number> {
    const reply = await client.search(`SELECT count(*) AS n FROM ${this.stream}`);
    if (reply.status === 200) return Number((reply.json as { hits: [{ n: number }] }).hits[0].n);
    // Nothing was ever stored: the stream is not known.
    if ((reply.json as { code?: number } | undefined)?.code === 20002) return 0;
    throw new Error(`${reply.status} ${reply.text}`);
  }

  private make(worker: number, random: Random): LedgerRecord {
    const seq = this.nextSeq++;
    const record = {
      seq,
      worker,
      note: random.text(random.int(0, 200)),
      value: random.int(-1e6, 1e6) / 8,
      sum: 0,
    };
    record.sum = checksum(record);
    this.sent.set(seq, record.sum);
    return record;
  }

  private post(client: Client, route: Route, records: LedgerRecord[]): Promise<Reply> {
    const lines = records.map((record) => JSON.stringify(record));
    if (route === '_json') return client.ingest(this.stream, route, `[${lines.join(',')}]`);
    if (route === '_multi') return client.ingest(this.stream, route, lines.join('\n'));
    return client.ingest(this.stream, route, `${lines.map((line) => `{"create":{}}\n${line}`).join('\n')}\n`);
  }

  private note(reply: Reply, records: LedgerRecord[]): void {
    // Overload and drain are refusals: nothing of the body was taken.
    if (reply.status === 503) return;
    const answer = reply.json as
      | { status?: [{ successful: number }]; items?: object[]; errors?: boolean }
      | undefined;
    const stored = answer?.items
      ? answer.errors
        ? -1
        : answer.items.length
      : answer?.status?.[0].successful;
    if (reply.status !== 200 || stored !== records.length) {
      throw new Error(
        `${records.length} good records were answered with ${reply.status} ${reply.text.slice(0, 500)}`,
      );
    }
    for (const { seq } of records) this.acked.add(seq);
    this.lastAckMs = Date.now();
  }
}

function checksum({ seq, worker, note, value }: Omit<LedgerRecord, 'sum'>): number {
  return crc32(`${seq}/${worker}/${note}/${value}`);
}
