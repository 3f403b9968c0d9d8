/** What `\d` shows. */
import { sizeText } from '../human.js';
import { ExactNumber, type ExactValue } from '../query/exact-json.js';
import type { QueryRows } from '../query/result.js';
import type { StreamDescription } from './names.js';

const US_PER_MS = 1000;

export function streamTable(streams: StreamDescription[]): QueryRows {
  const rows = streams.map(({ name, stats }) => [
    name,
    new ExactNumber(String(stats.doc_num)),
    sizeText(stats.storage_size * 1024 * 1024),
    timeText(stats.doc_time_min),
    timeText(stats.doc_time_max),
  ]);
  return table(['stream', 'rows', 'size', 'oldest', 'newest'], rows);
}

export function fieldTable({ schema }: StreamDescription): QueryRows {
  return table(
    ['field', 'type'],
    schema.map(({ name, type }) => [name, type]),
  );
}

function table(columns: string[], rows: ExactValue[][]): QueryRows {
  return { columns, rows, tookMs: 0, recordsScanned: 0 };
}

/** Microseconds as a time; null where there is none. */
function timeText(us: number): ExactValue {
  const date = new Date(us / US_PER_MS);
  return us === 0 || Number.isNaN(date.getTime()) ? null : date.toISOString();
}
