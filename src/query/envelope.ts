/** The members of a search's answer around its hits (openobserve API, S1). */
import { joinWithCommas } from './encoded-rows.js';
import type { StatementAnswer } from './query-runner.js';
import type { ScanRequest } from './scan-request.js';

/** What one or several statements took and read. */
export interface Figures {
  tookMs: number;
  waitedMs: number;
  fileListMs: number;
  planMs: number;
  scanMs: number;
  /** For answers that were kept whole. */
  cacheMs: number;
  rowsScanned: number;
  /** Rows that kept answers stand for. */
  rowsCached: number;
  bytesRead: number;
}

export function noFigures(): Figures {
  return {
    tookMs: 0,
    waitedMs: 0,
    fileListMs: 0,
    planMs: 0,
    scanMs: 0,
    cacheMs: 0,
    rowsScanned: 0,
    rowsCached: 0,
    bytesRead: 0,
  };
}

export function figuresOf({ result, kept, waitedMs, fileListMs }: StatementAnswer, tookMs: number): Figures {
  const { planMs, scanMs, scans, leaves } = result;
  const counted = leaves.reduce((sum, leaf) => sum + leaf.countedRows, 0);
  const rowsScanned = scans.rowsScanned + counted;
  if (kept) return { ...noFigures(), tookMs, cacheMs: tookMs, rowsCached: rowsScanned + scans.rowsCached };
  return {
    tookMs,
    waitedMs,
    fileListMs,
    planMs,
    scanMs,
    cacheMs: 0,
    rowsScanned,
    rowsCached: scans.rowsCached,
    bytesRead: scans.bytesRead,
  };
}

export function addFigures(a: Figures, b: Figures): Figures {
  const sum = { ...a };
  for (const key of Object.keys(a) as (keyof Figures)[]) sum[key] += b[key];
  return sum;
}

/** Members that the caller knows. Undefined ones are left out of the answer. */
export interface AnswerMembers {
  traceId: string;
  total: number;
  from: number;
  size: number;
  columns?: string[];
  functionErrors?: string[];
  isPartial?: boolean;
  responseType?: 'table' | 'matrix';
  histogramInterval?: number;
  newRange?: { startTime: number; endTime: number };
  orderBy?: [string, 'asc' | 'desc'][];
  convertedHistogramQuery?: string;
  histogramBreakdownField?: string;
  isHistogramEligible?: boolean;
  queryIndex?: number;
  format?: string;
  /** The contents of a JSON string, in pieces. */
  data?: Uint8Array[];
}

/** Share of rows that kept answers stand for, percent. */
export function cachedRatio({ rowsScanned, rowsCached, cacheMs }: Figures): number {
  const rows = rowsScanned + rowsCached;
  if (rows === 0) return cacheMs > 0 ? 100 : 0;
  return Math.round((rowsCached / rows) * 100);
}

/** MB. */
export function scanSize({ bytesRead }: Figures): number {
  return Math.round(bytesRead / 1048.576) / 1000;
}

/** The answer in pieces, with `hits` in it as they were encoded. */
export function envelope(figures: Figures, members: AnswerMembers, hits: Uint8Array[]): Uint8Array[] {
  const { head, tail } = ends(figures, members);
  return [
    Buffer.from(`${head.slice(0, -1)},"hits":[`),
    ...joinWithCommas(hits),
    ...(members.data
      ? [Buffer.from(`],${tail.slice(1, -1)},"data":"`), ...members.data, Buffer.from('"}')]
      : [Buffer.from(`],${tail.slice(1)}`)]),
  ];
}

function ends(figures: Figures, members: AnswerMembers): { head: string; tail: string } {
  const took = Math.round(figures.tookMs);
  const head = JSON.stringify({
    took,
    took_detail: {
      total: took,
      cache_took: milliseconds(figures.cacheMs),
      file_list_took: milliseconds(figures.fileListMs),
      wait_in_queue: milliseconds(figures.waitedMs),
      plan_took: milliseconds(figures.planMs),
      // Indexes are asked page by page within the scan.
      idx_took: 0,
      search_took: milliseconds(figures.scanMs),
    },
    columns: members.columns,
  });
  const ratio = cachedRatio(figures);
  const tail = JSON.stringify({
    total: members.total,
    from: members.from,
    size: members.size,
    cached_ratio: ratio,
    scan_size: scanSize(figures),
    idx_scan_size: 0,
    scan_records: figures.rowsScanned,
    response_type: members.responseType,
    trace_id: members.traceId,
    function_error: members.functionErrors?.length ? members.functionErrors : undefined,
    is_partial: members.isPartial ?? false,
    histogram_interval: members.histogramInterval,
    new_start_time: members.newRange?.startTime,
    new_end_time: members.newRange?.endTime,
    result_cache_ratio: ratio,
    order_by: members.orderBy?.[0]?.[1],
    order_by_metadata: members.orderBy?.length ? members.orderBy : undefined,
    converted_histogram_query: members.convertedHistogramQuery,
    histogram_breakdown_field: members.histogramBreakdownField,
    is_histogram_eligible: members.isHistogramEligible,
    query_index: members.queryIndex,
    format: members.format,
  });
  return { head, tail };
}

function milliseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

const DAY_SECONDS = 86_400;
const ROUND_SECONDS = [
  1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 28_800, 43_200, 86_400,
];

/** A width as answers tell it: multiples and divisors of a day as they are, others as the next round one. */
export function roundInterval(seconds: number): number {
  if (seconds >= 1 && (seconds % DAY_SECONDS === 0 || DAY_SECONDS % seconds === 0)) return seconds;
  return ROUND_SECONDS.find((round) => round >= seconds) ?? DAY_SECONDS;
}

/** Width of the buckets that an answer is grouped by, seconds; undefined when there are none. */
export function histogramInterval(planned: {
  leaves: { request: ScanRequest }[];
  histogramSeconds: number | undefined;
}): number | undefined {
  if (planned.histogramSeconds !== undefined) return roundInterval(planned.histogramSeconds);
  for (const { request } of planned.leaves) {
    if (request.output.kind !== 'aggregate') continue;
    for (const group of request.output.groups) {
      if (group.kind === 'bucket' && group.column === '_timestamp')
        return roundInterval(group.width / 1_000_000);
    }
  }
  return undefined;
}
