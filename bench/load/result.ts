import type { Histogram } from './histogram.js';
import type { ProcessUsage } from './process-usage.js';

export interface LatencySummary {
  minMs: number;
  meanMs: number;
  p50Ms: number;
  p90Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
}

/** What one run of the sender measured. Every answer was checked: a run that ends has no failed record. */
export interface SendResult {
  /** Records acknowledged. */
  records: number;
  /** Records acknowledged before the clock started. */
  warmupRecords: number;
  requests: number;
  seconds: number;
  recordsPerSecond: number;
  /** Millions of bytes of requests a second. */
  megabytesPerSecond: number;
  /** Answers 503, each followed by another try of the same request. */
  refused: number;
  /** The most requests that were due and waited for a free connection (open loop). */
  queueLongest: number;
  /** From the moment a request fell due (closed loop: from its sending) to its answer. */
  latency: LatencySummary;
  /** From the sending of a request to its answer. */
  service: LatencySummary;
  senderCpuSeconds: number;
  server: ProcessUsage | undefined;
}

/** Of a histogram of microseconds. */
export function latencySummary(histogram: Histogram): LatencySummary {
  const milliseconds = (us: number) => us / 1000;
  return {
    minMs: milliseconds(histogram.min),
    meanMs: milliseconds(histogram.mean),
    p50Ms: milliseconds(histogram.percentile(50)),
    p90Ms: milliseconds(histogram.percentile(90)),
    p99Ms: milliseconds(histogram.percentile(99)),
    p999Ms: milliseconds(histogram.percentile(99.9)),
    maxMs: milliseconds(histogram.max),
  };
}
