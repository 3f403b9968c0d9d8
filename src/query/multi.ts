/** `_search_multi` (openobserve API, S8): several statements in one request. */
import { z } from 'zod';
import { ANSWER_BYTES_MAX } from '../config/limits.js';
import { BasaltError, requestError } from '../errors/index.js';
import { answerTooLong } from './answer-limit.js';
import { joinWithCommas } from './encoded-rows.js';
import { addFigures, envelope, type Figures, noFigures } from './envelope.js';
import type { SearchAnswer, SearchContext, SearchService } from './search.js';
import {
  decodeSql,
  microseconds,
  pagingMembers,
  parseBody,
  type SearchBody,
  sharedMembers,
} from './search-body.js';

const STATEMENTS_MAX = 64;

const multiSchema = z.object({
  sql: z
    .array(
      z.union([
        z.string().min(1),
        z.object({
          sql: z.string().min(1),
          start_time: microseconds.nullish(),
          end_time: microseconds.nullish(),
          query_fn: z.string().nullish(),
        }),
      ]),
    )
    .min(1)
    .max(STATEMENTS_MAX),
  start_time: microseconds,
  end_time: microseconds,
  ...pagingMembers,
  track_total_hits: z.boolean().default(false),
  query_type: z.enum(['', 'table', 'metrics']).default(''),
  query_fn: z.string().nullish(),
  histogram_interval: z.number().int().min(0).default(0),
  timezone: z.string().nullish(),
  /** The hits of each statement in a list of their own. */
  per_query_response: z.boolean().default(false),
  ...sharedMembers,
});

export interface MultiBody {
  searches: SearchBody[];
  perQuery: boolean;
  use_cache: boolean;
  clear_cache: boolean;
  search_type: string | null | undefined;
}

/** @throws BasaltError 400 when it is not JSON, 422 when a member is missing or of the wrong type */
export function parseMultiBody(bytes: Uint8Array): MultiBody {
  const body = parseBody(bytes, multiSchema, 'needed: {"sql":["…"],"start_time":µs,"end_time":µs}');
  const { per_query_response, encoding, timeout, use_cache, clear_cache, search_type, ...common } = body;
  const searches = body.sql.map((each): SearchBody => {
    const one = typeof each === 'string' ? { sql: each } : each;
    const query = {
      ...common,
      sql: decodeSql(one.sql, encoding),
      start_time: one.start_time ?? body.start_time,
      end_time: one.end_time ?? body.end_time,
      query_fn: one.query_fn ?? body.query_fn,
    };
    return { query, encoding: '', timeout, use_cache, clear_cache: false, search_type };
  });
  return { searches, perQuery: per_query_response, use_cache, clear_cache, search_type };
}

/** One search for each statement, with what the URL said of all of them. */
export function searchesOf({ searches, use_cache, search_type }: MultiBody): SearchBody[] {
  return searches.map((body) => ({ ...body, use_cache, search_type }));
}

/**
 * A statement that fails is told of in `function_error` beside the hits of the others.
 * @throws BasaltError when all fail, with what the first one fails of
 */
export async function multiSearch(
  service: SearchService,
  context: SearchContext,
  multi: MultiBody,
): Promise<SearchAnswer> {
  if (multi.clear_cache) service.runner.caches.clear();
  const searches = searchesOf(multi);
  const lists: Uint8Array[][] = [];
  const notes: string[] = [];
  const failures: BasaltError[] = [];
  let total = 0;
  let hitBytes = 0;
  let partial = false;
  let sum: Figures = noFigures();
  for (const [index, body] of searches.entries()) {
    try {
      const { members, hits, figures } = await service.answer(context, body);
      const bytes = hits.reduce((length, piece) => length + piece.length, 0);
      if (hitBytes + bytes > ANSWER_BYTES_MAX) throw answerTooLong(ANSWER_BYTES_MAX);
      hitBytes += bytes;
      lists.push(hits);
      sum = addFigures(sum, figures);
      total += members.total;
      partial ||= members.isPartial ?? false;
      notes.push(...(members.functionErrors ?? []));
    } catch (error) {
      // A search that was stopped is not one that failed beside others.
      if (!(error instanceof BasaltError) || error.status !== 400) throw error;
      failures.push(error);
      lists.push([]);
      notes.push(`query ${index}: ${error.message}`);
    }
  }
  if (failures.length === searches.length) throw failures[0] ?? requestError(422, 'sql: no statement');
  const { from, size } = (searches[0] as SearchBody).query;
  const members = {
    traceId: context.traceId,
    total,
    from,
    size: size > 0 ? size : total,
    functionErrors: notes,
    isPartial: partial || failures.length > 0,
  };
  const hits = multi.perQuery
    ? lists.map((list) => Buffer.concat([Buffer.from('['), ...joinWithCommas(list), Buffer.from(']')]))
    : lists.flat();
  return envelope(sum, members, hits);
}
