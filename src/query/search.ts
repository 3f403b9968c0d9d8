/** The `_search` request (openobserve API, S1): its body, its limits, its answer. */
import { randomBytes } from 'node:crypto';
import type { Piscina } from 'piscina';
import { z } from 'zod';
import {
  QUERIES_RUNNING_MAX,
  QUERIES_WAITING_MAX,
  QUERY_TIMEOUT_SECONDS_DEFAULT,
  SEARCH_SIZE_DEFAULT,
} from '../config/limits.js';
import { type QueryBudget, shareOf } from '../config/memory.js';
import { BasaltError, requestError } from '../errors/index.js';
import type { RowFormat } from '../native/index.js';
import type { Store } from '../storage/store.js';
import type { Stream } from '../storage/stream.js';
import { QueryAdmission } from './admission.js';
import type { QueryCaches } from './caches.js';
import { type QueryResult, runQuery } from './executor.js';
import { parseJsonBody } from './json-body.js';
import { namedStreams, type PlanOptions, planContext } from './plan-context.js';
import type { TimeMove } from './scan-request.js';

const microseconds = z.number().int();

const searchSchema = z.object({
  query: z.object({
    sql: z.string().min(1),
    start_time: microseconds,
    end_time: microseconds,
    from: z.number().int().min(0).default(0),
    size: z.number().int().default(SEARCH_SIZE_DEFAULT),
    track_total_hits: z.boolean().default(false),
    query_type: z.string().default(''),
  }),
  encoding: z.enum(['', 'base64']).default(''),
  timeout: z.number().int().min(0).default(0),
  use_cache: z.boolean().default(true),
  clear_cache: z.boolean().default(false),
});

export type SearchBody = z.infer<typeof searchSchema>;

/**
 * What is planned for the time range of its request: a histogram has as many buckets as fit that, and an explanation shows it. Other plans
 * are made without, so that a dashboard whose range moves on needs no new one.
 */
const PLANNED_FOR_RANGE = /\bhistogram\b|^\W*explain\b/i;

/** Answer in pieces: JSON head, encoded hits, JSON tail. */
export interface SearchAnswer {
  pieces: Uint8Array[];
  traceId: string;
}

/** `size` that means: no limit of ours. */
const SIZE_UNLIMITED = -999;

/** @throws BasaltError 400 when it is not JSON, 422 when a member is missing or of the wrong type */
export function parseSearchBody(bytes: Uint8Array): SearchBody {
  const parsed = searchSchema.safeParse(parseJsonBody(bytes));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw requestError(422, `${issue?.path.join('.')}: ${issue?.message}`, {
      hint: 'needed: {"query":{"sql":"…","start_time":µs,"end_time":µs}}',
    });
  }
  const { query, encoding } = parsed.data;
  if (encoding === 'base64') query.sql = Buffer.from(query.sql, 'base64url').toString('utf8');
  return parsed.data;
}

interface ResolvedQuery {
  sql: string;
  format: RowFormat;
  options: PlanOptions;
  streams: { stream: Stream; expiredBefore: number | undefined }[];
  /** Of all streams of the organization. */
  names: string[];
  timeRange: Pick<TimeMove, 'startTime' | 'endTime'>;
  planKey: string;
  answerKey: string;
}

interface Timing {
  tookMs: number;
  waitedMs: number;
  /** Whether the whole answer was kept from an earlier time. */
  kept: boolean;
}

export class SearchService {
  readonly admission = new QueryAdmission(QUERIES_RUNNING_MAX, QUERIES_WAITING_MAX);

  constructor(
    private readonly store: Store,
    private readonly pool: Piscina,
    private readonly caches: QueryCaches,
    private readonly budget: QueryBudget,
  ) {}

  /**
   * @param cancelled aborts when the client goes away
   * @throws BasaltError with the API's code
   */
  async search(organization: string, body: SearchBody, cancelled: AbortSignal): Promise<SearchAnswer> {
    const started = performance.now();
    const traceId = randomBytes(16).toString('hex');
    if (body.clear_cache) this.caches.clear();
    const kept = body.use_cache
      ? this.caches.answers?.get(this.resolve(organization, body).answerKey)
      : undefined;
    if (kept) {
      const timing = { tookMs: performance.now() - started, waitedMs: 0, kept: true };
      return { traceId, pieces: envelope(body, kept, traceId, timing) };
    }
    return this.admission.run(async () => {
      const waitedMs = performance.now() - started;
      // Resolved anew: the streams may have changed while it waited for its turn.
      const result = await this.execute(this.resolve(organization, body), body, cancelled);
      const timing = { tookMs: performance.now() - started, waitedMs, kept: false };
      return { traceId, pieces: envelope(body, result, traceId, timing) };
    });
  }

  /** The statement with all that its plan and its answer depend on. */
  private resolve(organization: string, body: SearchBody): ResolvedQuery {
    const { start_time, end_time, from, size, track_total_hits, query_type } = body.query;
    const all = this.store.streamsOf(organization);
    const streams = namedStreams(body.query.sql, all).map((stream) => ({
      stream,
      expiredBefore: this.store.expiredBefore(stream),
    }));
    const range = { startTime: start_time, endTime: end_time };
    const noRange = { startTime: null, endTime: null };
    const planned = PLANNED_FOR_RANGE.test(body.query.sql);
    const options: PlanOptions = {
      ...(planned ? range : noRange),
      from,
      size: track_total_hits || size === SIZE_UNLIMITED ? null : size > 0 ? size : SEARCH_SIZE_DEFAULT,
      defaultOrder: !track_total_hits,
    };
    const sql = track_total_hits ? countingSql(body.query.sql) : body.query.sql;
    const format = query_type === 'table' ? 'arrays' : 'objects';
    // The plan has the time from which on rows may be seen in its leaves.
    const schemas = streams.map(
      ({ stream, expiredBefore }) => `${stream.name}:${stream.schemaVersion}:${expiredBefore ?? ''}`,
    );
    const planKey = JSON.stringify([organization, schemas, options, sql]);
    // Versions are told apart even between streams of one name, so a name need not be here.
    const versions = streams.map(({ stream }) => stream.version).join();
    const answerKey = `${versions} ${format} ${start_time} ${end_time} ${planKey}`;
    const names = all.map(({ name }) => name);
    const timeRange = planned ? noRange : range;
    return { sql, format, options, streams, names, timeRange, planKey, answerKey };
  }

  private async execute(
    query: ResolvedQuery,
    body: SearchBody,
    cancelled: AbortSignal,
  ): Promise<QueryResult> {
    const { sql, format, options, streams, names, timeRange, planKey, answerKey } = query;
    const { answers, partials, plans } = this.caches;
    const snapshots = streams.map(({ stream, expiredBefore }) => this.store.snapshot(stream, expiredBefore));
    const seconds = body.timeout || QUERY_TIMEOUT_SECONDS_DEFAULT;
    const timeout = AbortSignal.timeout(seconds * 1000);
    const nowUs = Date.now() * 1000;
    try {
      const result = await runQuery(this.pool, {
        sql,
        planKey,
        nowUs,
        timeRange,
        context: () => planContext(snapshots, names, nowUs, options),
        format,
        usePageCache: true,
        budget: shareOf(this.budget, this.admission.runningCount),
        snapshots,
        plans,
        partials: body.use_cache ? partials : undefined,
        signal: AbortSignal.any([timeout, cancelled]),
      });
      if (result.repeatable && body.use_cache) answers?.set(answerKey, result);
      return result;
    } catch (error) {
      if (timeout.aborted) {
        throw requestError(408, `the query was stopped after its limit of ${seconds} s`, {
          code: 20010,
          hint: 'narrow the time range, add a filter, or raise "timeout"',
        });
      }
      if (cancelled.aborted) throw new BasaltError(429, 'the query was cancelled', { code: 20009 });
      throw error;
    } finally {
      for (const snapshot of snapshots) snapshot.release();
    }
  }
}

/** Counts the rows of a statement. The line end closes a comment at its end. */
function countingSql(sql: string): string {
  const statement = sql.replace(/;(?:\s|--[^\n]*(?:\n|$))*$/, '');
  return `SELECT count(*) AS zo_sql_num FROM (${statement}\n) AS counted`;
}

function envelope(
  body: SearchBody,
  result: QueryResult,
  traceId: string,
  { tookMs, waitedMs, kept }: Timing,
): Uint8Array[] {
  const { scans } = result;
  const rowsCovered = scans.rowsScanned + scans.rowsCached + countedRows(result);
  const cachedShare = kept ? 1 : rowsCovered > 0 ? scans.rowsCached / rowsCovered : 0;
  const { from, size, query_type, track_total_hits } = body.query;
  const took = Math.round(tookMs);
  const head = JSON.stringify({
    took,
    took_detail: {
      total: took,
      cache_took: kept ? took : 0,
      file_list_took: 0,
      wait_in_queue: Math.round(waitedMs),
      plan_took: kept ? 0 : Math.round(result.planMs * 1000) / 1000,
      idx_took: 0,
      search_took: kept ? 0 : Math.round(result.scanMs * 1000) / 1000,
    },
    columns: query_type === 'table' ? result.columns.map(({ name }) => name) : undefined,
  });
  const tail = {
    total: result.rows,
    from,
    size: size > 0 ? size : result.rows,
    cached_ratio: Math.round(cachedShare * 100),
    scan_size: kept ? 0 : Math.round(scans.bytesRead / 1048.576) / 1000,
    idx_scan_size: 0,
    scan_records: kept ? 0 : scans.rowsScanned + countedRows(result),
    response_type: query_type === 'table' ? 'table' : undefined,
    trace_id: traceId,
    is_partial: false,
    result_cache_ratio: Math.round(cachedShare * 100),
  };
  const total = track_total_hits ? countOf(result) : undefined;
  const end = JSON.stringify(total === undefined ? tail : { ...tail, total });
  return [
    Buffer.from(`${head.slice(0, -1)},"hits":[`),
    ...joinWithCommas(result.pieces),
    Buffer.from(`],${end.slice(1)}`),
  ];
}

/** Rows of blocks that were counted from their headers. */
function countedRows({ leaves }: QueryResult): number {
  return leaves.reduce((sum, leaf) => sum + leaf.countedRows, 0);
}

/** The one number of a track_total_hits answer. */
function countOf(result: QueryResult): number {
  const text = Buffer.concat(result.pieces).toString();
  return Number(/\d+/.exec(text.replace('zo_sql_num', ''))?.[0] ?? 0);
}

function joinWithCommas(pieces: Uint8Array[]): Uint8Array[] {
  const comma = Buffer.from(',');
  return pieces.flatMap((piece, index) => (index === 0 ? [piece] : [comma, piece]));
}
