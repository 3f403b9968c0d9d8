/** `query_type: "metrics"`: rows as series. A row's `_timestamp` and `value` are a sample, its other columns name the series. */

import { othersTurn, TURN_BYTES } from '../storage/turns.js';
import { rowChunks } from './encoded-rows.js';

type Row = Record<string, unknown>;

interface Series {
  metrics: string;
  /** JSON of samples: those that are joined already, and the last ones. */
  joined: Buffer[];
  samples: string[];
}

const SAMPLES_JOINED = 1024;

/** @param pieces rows as JSON objects, joined by commas within a piece */
export async function matrix(pieces: Uint8Array[]): Promise<Uint8Array[]> {
  const series = new Map<string, Series>();
  for (const piece of pieces) {
    for (const { bytes } of rowChunks(piece, TURN_BYTES, Number.POSITIVE_INFINITY)) {
      for (const row of JSON.parse(`[${Buffer.from(bytes)}]`) as Row[]) addSample(series, row);
      await othersTurn();
    }
  }
  const encoded: Uint8Array[] = [];
  for (const { metrics, joined, samples } of series.values()) {
    const head = Buffer.from(`{"metrics":${metrics},"values":[`);
    encoded.push(Buffer.concat([head, ...joined, Buffer.from(`${samples.join(',')}]}`)]));
    if (encoded.length % SAMPLES_JOINED === 0) await othersTurn();
  }
  return encoded;
}

function addSample(series: Map<string, Series>, { _timestamp, value, ...metrics }: Row): void {
  const key = JSON.stringify(metrics);
  let found = series.get(key);
  if (!found) {
    found = { metrics: key, joined: [], samples: [] };
    series.set(key, found);
  }
  found.samples.push(JSON.stringify([_timestamp ?? null, value === undefined ? '' : String(value)]));
  if (found.samples.length < SAMPLES_JOINED) return;
  // Another one is to come, or the list ends in a comma: so one sample stays behind.
  const last = found.samples.pop() as string;
  found.joined.push(Buffer.from(`${found.samples.join(',')},`));
  found.samples = [last];
}
