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
import { BasaltError, requestError } from '../errors/index.js';
import type { Store } from '../storage/store.js';
import { QueryAdmission } from './admission.js';
import { type QueryResult, runQuery } from './executor.js';
import { namedStreams, planContext } from './plan-context.js';

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
});

export type SearchBody = z.infer<typeof searchSchema>;

/** Answer in pieces: JSON head, encoded hits, JSON tail. */
export interface SearchAnswer {
  pieces: Uint8Array[];
  traceId: string;
}

/** `size` that means: no limit of ours. */
const SIZE_UNLIMITED = -999;

/** @throws BasaltError 400 when it is not JSON, 422 when a member is missing or of the wrong type */
export function parseSearchBody(bytes: Uint8Array): SearchBody {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw requestError(
      400,
      `the request body is not JSON: ${error instanceof Error ? error.message : error}`,
    );
  }
  const parsed = searchSchema.safeParse(json);
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

export class SearchService {
  readonly admission = new QueryAdmission(QUERIES_RUNNING_MAX, QUERIES_WAITING_MAX);

  constructor(
    private readonly store: Store,
    private readonly pool: Piscina,
  ) {}

  /**
   * @param cancelled aborts when the client goes away
   * @throws BasaltError with the API's code
   */
  async search(organization: string, body: SearchBody, cancelled: AbortSignal): Promise<SearchAnswer> {
    const started = performance.now();
    const traceId = randomBytes(16).toString('hex');
    return this.admission.run(async () => {
      const waitedMs = performance.now() - started;
      const result = await this.execute(organization, body, cancelled);
      return { traceId, pieces: envelope(body, result, traceId, performance.now() - started, waitedMs) };
    });
  }

  private async execute(
    organization: string,
    body: SearchBody,
    cancelled: AbortSignal,
  ): Promise<QueryResult> {
    const { sql, start_time, end_time, from, size, track_total_hits, query_type } = body.query;
    const streams = this.store.streamsOf(organization);
    const names = streams.map(({ name }) => name);
    const snapshots = namedStreams(sql, streams).map((stream) => this.store.snapshot(stream));
    const context = planContext(snapshots, names, Date.now() * 1000, {
      startTime: start_time,
      endTime: end_time,
      from,
      size: track_total_hits || size === SIZE_UNLIMITED ? null : size > 0 ? size : SEARCH_SIZE_DEFAULT,
      defaultOrder: !track_total_hits,
    });
    const seconds = body.timeout || QUERY_TIMEOUT_SECONDS_DEFAULT;
    const timeout = AbortSignal.timeout(seconds * 1000);
    try {
      return await runQuery(this.pool, {
        sql: track_total_hits ? countingSql(sql) : sql,
        context,
        format: query_type === 'table' ? 'arrays' : 'objects',
        snapshots,
        signal: AbortSignal.any([timeout, cancelled]),
      });
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
  tookMs: number,
  waitedMs: number,
): Uint8Array[] {
  const { from, size, query_type, track_total_hits } = body.query;
  const took = Math.round(tookMs);
  const head = JSON.stringify({
    took,
    took_detail: {
      total: took,
      cache_took: 0,
      file_list_took: 0,
      wait_in_queue: Math.round(waitedMs),
      plan_took: Math.round(result.planMs * 1000) / 1000,
      idx_took: 0,
      search_took: Math.round(result.scanMs * 1000) / 1000,
    },
    columns: query_type === 'table' ? result.columns.map(({ name }) => name) : undefined,
  });
  const tail = {
    total: result.rows,
    from,
    size: size > 0 ? size : result.rows,
    cached_ratio: 0,
    scan_size: Math.round(result.bytesRead / 1048.576) / 1000,
    idx_scan_size: 0,
    scan_records: result.rowsScanned,
    response_type: query_type === 'table' ? 'table' : undefined,
    trace_id: traceId,
    is_partial: false,
    result_cache_ratio: 0,
  };
  const total = track_total_hits ? countOf(result) : undefined;
  const end = JSON.stringify(total === undefined ? tail : { ...tail, total });
  return [
    Buffer.from(`${head.slice(0, -1)},"hits":[`),
    ...joinWithCommas(result.pieces),
    Buffer.from(`],${end.slice(1)}`),
  ];
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
