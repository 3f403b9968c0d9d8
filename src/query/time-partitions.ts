/** Cuts a range of time into parts with about as many rows as wanted, from what the lists of blocks and segments say. */

/** Rows somewhere in a span of time; both ends belong to it, microseconds. */
export interface TimedRows {
  rows: number;
  timeMin: number;
  timeMax: number;
}

/** Half-open, microseconds. */
export interface TimeRange {
  startTime: number;
  endTime: number;
}

export interface PartitionSizes {
  /** Of the newest part. */
  firstRows: number;
  /** Each further part may have so many times as many rows. */
  growth: number;
  rowsMax: number;
  countMax: number;
}

/**
 * Newest first; together exactly `range`. Where rows lie within a block or segment is not known, they are taken to be spread evenly. At
 * most `countMax` parts: what is left is in the last one.
 */
export function timePartitions(
  rows: readonly TimedRows[],
  range: TimeRange,
  sizes: PartitionSizes,
): TimeRange[] {
  const parts: TimeRange[] = [];
  let end = range.endTime;
  let wanted = sizes.firstRows;
  let held = 0;
  for (const { from, until, perMicrosecond } of spans(rows, range)) {
    let top = until;
    while (parts.length < sizes.countMax - 1) {
      const length = Math.max(0, Math.ceil((wanted - held) / perMicrosecond));
      // A cut at the start of the span is left to the next one, and one at the start of the range would leave an empty part.
      if (length >= top - from) break;
      top -= length;
      parts.push({ startTime: top, endTime: end });
      end = top;
      held = 0;
      wanted = Math.min(sizes.rowsMax, wanted * sizes.growth);
    }
    held += (top - from) * perMicrosecond;
  }
  parts.push({ startTime: range.startTime, endTime: end });
  return parts;
}

interface Span {
  from: number;
  until: number;
  perMicrosecond: number;
}

/** Stretches of even density that hold rows, newest first. */
function spans(rows: readonly TimedRows[], { startTime, endTime }: TimeRange): Span[] {
  const changes = new Map<number, number>();
  const change = (time: number, by: number) => changes.set(time, (changes.get(time) ?? 0) + by);
  for (const { rows: count, timeMin, timeMax } of rows) {
    const [from, until] = [Math.max(timeMin, startTime), Math.min(timeMax + 1, endTime)];
    if (from >= until) continue;
    const density = count / (timeMax + 1 - timeMin);
    change(until, density);
    change(from, -density);
  }
  const times = [...changes.keys()].sort((a, b) => b - a);
  const found: Span[] = [];
  let density = 0;
  for (const [index, time] of times.entries()) {
    density += changes.get(time) ?? 0;
    const from = times[index + 1];
    // Sums of fractions leave crumbs where nothing is.
    if (from !== undefined && density > 1e-12) found.push({ from, until: time, perMicrosecond: density });
  }
  return found;
}
