/**
 * Ingest latency while a merge runs against that while none does. Merges cannot be held back from outside, so requests of one run are
 * told apart by the server's own counters of merge time.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MERGE_ROWS } from '../../src/config/limits.js';
import { Histogram } from '../load/histogram.js';
import { latencySummary } from '../load/result.js';
import type { Client } from './client.js';
import { type Context, withServer } from './context.js';
import { wrongCount } from './ingest.js';
import { type MetricsSample, MetricsWatch, metric } from './metrics.js';
import { readable } from './report.js';
import { send } from './send.js';

const pollMs = 100;
const ratioMax = 2;
/** Latencies of a server that cannot keep the rate are those of its queue. */
const keptShare = 0.97;
/** Fewer requests than this give no 99th percentile. */
const requestsMin = 500;

/** Milliseconds since 1970. */
export interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

export interface RequestSample {
  readonly dueMs: number;
  readonly latencyMs: number;
}

export async function latencyUnderMerge(context: Context): Promise<void> {
  const { report, scale, folder } = context;
  const records = scale.mergeLatencyRecords;
  report.title(
    `latency-under-merge: ${readable(scale.latencyRate)} records/s offered in requests of 50, 32 connections, ${readable(records)} records`,
  );
  const dataset = folder.dataset(records);
  const samplesPath = join(folder.path, 'latency-samples');
  await withServer(context, {}, async (server, client) => {
    const watch = new MetricsWatch(server.url, pollMs);
    const sending = send(server, dataset, {
      batchRecords: 50,
      connections: 32,
      rateRecords: scale.latencyRate,
      warmupRecords: scale.warmupRecords,
      samplesPath,
    });
    try {
      // So few records are not merged by themselves within the run: flushes ask for it.
      if (records < MERGE_ROWS) await flushUntil(client, sending);
      const { recordsPerSecond } = await sending;
      report.target('rate', recordsPerSecond, 'at least', scale.latencyRate * keptShare, 'records/s');
      // A merge that still runs is known when it has ended.
      await client.flush();
    } finally {
      await watch.stop().catch(() => {});
    }
    const merges = mergeIntervals(await watch.stop());
    const { during, apart } = splitByMerges(readSamples(samplesPath), merges);
    reportSplit(context, merges, during, apart);
    report.answer('count(*) after it', await wrongCount(client, dataset));
  });
}

/** Flushes again and again until `work` has ended, however it ends. */
async function flushUntil(client: Client, work: Promise<unknown>): Promise<void> {
  let ended = false;
  const end = () => {
    ended = true;
  };
  work.then(end, end);
  while (!ended) {
    await client.flush();
    await sleep(pollMs);
  }
}

/**
 * When merges ran: the counter of merge time grows when one ends, by what it took. It may have ended anywhere between two readings, so the
 * interval reaches from the earliest start to the latest end; intervals that touch are one.
 */
export function mergeIntervals(samples: readonly MetricsSample[]): Interval[] {
  const intervals: { startMs: number; endMs: number }[] = [];
  for (const [index, sample] of samples.entries()) {
    const before = samples[index - 1];
    if (!before) continue;
    const tookMs = (mergeSeconds(sample) - mergeSeconds(before)) * 1000;
    if (!(tookMs > 0)) continue;
    const startMs = before.atMs - tookMs;
    const last = intervals.at(-1);
    if (last && startMs <= last.endMs) last.endMs = sample.atMs;
    else intervals.push({ startMs, endMs: sample.atMs });
  }
  return intervals;
}

function mergeSeconds({ values }: MetricsSample): number {
  return metric(values, 'basalt_merge_seconds_total');
}

/** Latencies of requests that were on their way while a merge ran, and of those that were not. */
export function splitByMerges(
  samples: readonly RequestSample[],
  merges: readonly Interval[],
): { during: Histogram; apart: Histogram } {
  const [during, apart] = [new Histogram(), new Histogram()];
  for (const { dueMs, latencyMs } of samples) {
    const touches = merges.some(({ startMs, endMs }) => dueMs <= endMs && dueMs + latencyMs >= startMs);
    (touches ? during : apart).record(latencyMs * 1000);
  }
  return { during, apart };
}

function readSamples(path: string): RequestSample[] {
  return readFileSync(path, 'latin1')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [dueMs, latencyMs] = line.split(' ').map(Number) as [number, number];
      return { dueMs, latencyMs };
    });
}

function reportSplit(
  { report, scale }: Context,
  merges: readonly Interval[],
  during: Histogram,
  apart: Histogram,
): void {
  const seconds = merges.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0) / 1000;
  report.line(`${merges.length} stretches of merging, ${readable(seconds)} s, known to within ${pollMs} ms`);
  const row = (name: string, histogram: Histogram) => {
    const { p50Ms, p90Ms, p99Ms, maxMs } = latencySummary(histogram);
    return [name, histogram.total, ...[p50Ms, p90Ms, p99Ms, maxMs].map(readable)];
  };
  report.table(
    ['due to answer, ms', 'requests', 'p50', 'p90', 'p99', 'max'],
    [row('no merge', apart), row('merging', during)],
  );
  report.answer('a merge ran', merges.length > 0 ? undefined : 'none did, so nothing was compared');
  if (scale.mergeLatencyRecords < MERGE_ROWS) return;
  const enough = Math.min(during.total, apart.total) >= requestsMin;
  report.answer('requests of either kind', enough ? undefined : `fewer than ${requestsMin}`);
  report.target(
    'p99 while merging against without',
    during.percentile(99) / apart.percentile(99),
    'at most',
    ratioMax,
    'x',
  );
}
