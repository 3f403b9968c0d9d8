/** Reads the server's own metrics. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Values by name, labels as they are written: `basalt_ingest_records_total{outcome="stored"}`. */
export type MetricValues = ReadonlyMap<string, number>;

export async function readMetrics(url: string): Promise<MetricValues> {
  const response = await fetch(`${url}/metrics`);
  if (!response.ok) throw new Error(`GET /metrics: status ${response.status}`);
  return parseMetrics(await response.text());
}

/** The Prometheus text format, without time stamps. */
export function parseMetrics(text: string): MetricValues {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const at = line.lastIndexOf(' ');
    values.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return values;
}

export interface MetricsSample {
  /** Milliseconds since 1970, when the answer was there. */
  readonly atMs: number;
  readonly values: MetricValues;
}

/** Reads the metrics again and again until it is stopped. */
export class MetricsWatch {
  readonly samples: MetricsSample[] = [];
  readonly #done: Promise<void>;
  #stopped = false;

  constructor(url: string, intervalMs: number) {
    this.#done = this.#watch(url, intervalMs);
    // The failure is that of `stop`, which is always awaited.
    this.#done.catch(() => {});
  }

  /** Reads once more and gives all samples. @throws when the server could not be asked */
  async stop(): Promise<readonly MetricsSample[]> {
    this.#stopped = true;
    await this.#done;
    return this.samples;
  }

  async #watch(url: string, intervalMs: number): Promise<void> {
    for (;;) {
      const last = this.#stopped;
      this.samples.push({ values: await readMetrics(url), atMs: Date.now() });
      if (last) return;
      await sleep(intervalMs);
    }
  }
}

/** A sample's value. @throws when the server has no such metric: a bench must not take its absence for 0 */
export function metric(values: MetricValues, name: string): number {
  const value = values.get(name);
  if (value === undefined) throw new Error(`the server has no metric ${name}`);
  return value;
}
