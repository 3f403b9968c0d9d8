/** What the server's metrics tell about an ingest: its rate over long stretches, and whether merging kept up. */
import type { MetricsSample } from '../end-to-end/metrics.js';
import { metric } from '../end-to-end/metrics.js';

export interface BacklogSample {
  /** Seconds from the first sample. */
  readonly seconds: number;
  /** Records acknowledged so far. */
  readonly records: number;
  /** Blocks that are served from the write-ahead log: the work that merges have before them. */
  readonly blocks: number;
  readonly walBytes: number;
}

/** A merge takes some dozens of blocks: so many waiting say nothing. */
const blocksUsual = 100;

const storedRecords = 'basalt_ingest_records_total{outcome="stored"}';

/** @throws when the last sample lacks a metric */
export function backlogSamples(samples: readonly MetricsSample[]): BacklogSample[] {
  const last = samples.at(-1);
  if (last) metric(last.values, storedRecords);
  const startMs = samples[0]?.atMs ?? 0;
  return samples.map(({ atMs, values }) => ({
    seconds: (atMs - startMs) / 1000,
    // The counter has no value before the first record.
    records: values.get(storedRecords) ?? 0,
    blocks: metric(values, 'basalt_unmerged_blocks'),
    walBytes: metric(values, 'basalt_wal_bytes'),
  }));
}

/**
 * By what factor the backlog grew between the middle and the last third of an ingest: their mean numbers of blocks, of which the usual
 * ones count as no backlog. About 1 when merges keep up.
 */
export function backlogGrowth(samples: readonly BacklogSample[]): number {
  const third = Math.floor(samples.length / 3);
  if (third === 0) return 1;
  const mean = (list: readonly BacklogSample[]) =>
    list.reduce((sum, { blocks }) => sum + Math.max(blocks, blocksUsual), 0) / list.length;
  return mean(samples.slice(-third)) / mean(samples.slice(third, third * 2));
}

/** The least rate over any stretch of at least so many records; undefined when there were never so many. */
export function slowestRate(samples: readonly BacklogSample[], records: number): number | undefined {
  let slowest: number | undefined;
  let start = 0;
  for (const last of samples) {
    while (
      start + 1 < samples.length &&
      last.records - (samples[start + 1] as BacklogSample).records >= records
    ) {
      start++;
    }
    const first = samples[start] as BacklogSample;
    const taken = last.records - first.records;
    if (taken < records) continue;
    const rate = taken / (last.seconds - first.seconds);
    slowest = Math.min(slowest ?? rate, rate);
  }
  return slowest;
}
