/** `query_type: "metrics"`: rows as series. A row's `_timestamp` and `value` are a sample, its other columns name the series. */

type Row = Record<string, unknown>;

interface Series {
  metrics: Row;
  values: [unknown, string][];
}

/** @param pieces rows as JSON objects, joined by commas within a piece */
export function matrix(pieces: Uint8Array[]): Uint8Array[] {
  const series = new Map<string, Series>();
  for (const piece of pieces) {
    for (const { _timestamp, value, ...metrics } of JSON.parse(`[${Buffer.from(piece)}]`) as Row[]) {
      const key = JSON.stringify(metrics);
      const found = series.get(key) ?? { metrics, values: [] };
      series.set(key, found);
      found.values.push([_timestamp ?? null, value === undefined ? '' : String(value)]);
    }
  }
  return [...series.values()].map((each) => Buffer.from(JSON.stringify(each)));
}
