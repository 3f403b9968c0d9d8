/**
 * Many clients that ask queries at once. Closed loop: each asks again when it has its answer. Open loop: queries fall due at a fixed rate,
 * and latency counts from that moment, so that a slow server cannot hide those that it kept waiting.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from './connection.js';
import { Histogram } from './histogram.js';
import { type LatencySummary, latencySummary } from './result.js';

export interface QueryLoadOptions {
  readonly host: string;
  readonly port: number;
  /** Keep-alive connections; one query at a time on each. */
  readonly clients: number;
  readonly seconds: number;
  /** Queries offered a second; 0 is a closed loop. */
  readonly rate: number;
  /** The whole HTTP request of the `index`-th query. */
  readonly request: (index: number) => Uint8Array;
}

export interface QueryLoadResult {
  readonly queries: number;
  /** Answers 503; each was asked again. */
  readonly refused: number;
  /** Queries that fell due and were given up, since the server was too far behind (open loop). */
  readonly unserved: number;
  /** From the start to the last answer, and at least the load's length when queries come at a rate. */
  readonly seconds: number;
  readonly queriesPerSecond: number;
  readonly latency: LatencySummary;
}

const retryMsMin = 20;

/** Queries that fell due and were not asked by so many times the load's length are given up; their wait so far counts as latency. */
const patience = 3;

/** @throws on the first answer that is neither 200 nor 503 */
export async function runQueryLoad(options: QueryLoadOptions): Promise<QueryLoadResult> {
  const { host, port, clients, seconds, rate, request } = options;
  const open = await Promise.all(Array.from({ length: clients }, () => Connection.open(host, port)));
  const latency = new Histogram();
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const giveUpMs = startMs + patience * seconds * 1000;
  let [next, queries, refused, unserved, failed] = [0, 0, 0, 0, false];
  const serve = async (connection: Connection) => {
    while (!failed) {
      const index = next++;
      const dueMs = rate > 0 ? startMs + (index * 1000) / rate : performance.now();
      if (dueMs >= endMs) return;
      if (performance.now() > giveUpMs) {
        latency.record((performance.now() - dueMs) * 1000);
        unserved++;
        continue;
      }
      if (dueMs > performance.now()) await sleep(dueMs - performance.now());
      const bytes = request(index);
      let answer = await connection.send(bytes);
      while (answer.status === 503 && !failed) {
        refused++;
        await sleep(Math.max(answer.retryAfterSeconds * 1000, retryMsMin));
        answer = await connection.send(bytes);
      }
      if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body.slice(0, 500)}`);
      latency.record((performance.now() - dueMs) * 1000);
      queries++;
    }
  };
  try {
    await Promise.all(open.map(serve));
  } finally {
    failed = true;
    for (const connection of open) connection.close();
  }
  const took = Math.max((performance.now() - startMs) / 1000, rate > 0 ? seconds : 0);
  return {
    queries,
    refused,
    unserved,
    seconds: took,
    queriesPerSecond: queries / took,
    latency: latencySummary(latency),
  };
}
