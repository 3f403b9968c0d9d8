/** Routes about one stream without SQL of the caller's: the values of its fields, the rows around a moment. */
import { z } from 'zod';
import { requestError } from '../errors/index.js';
import { type AroundRequest, around } from '../query/around.js';
import type { SearchService } from '../query/search.js';
import { decodeSql, parseBody, searchType } from '../query/search-body.js';
import { onlyStream, statementParts } from '../query/statement-parts.js';
import { type ValuesRequest, values } from '../query/values.js';
import { streamValues } from '../query/values-stream.js';
import { replyEvents } from './event-stream.js';
import type { Exchange } from './exchange.js';
import type { Router } from './router.js';
import { replyJson, type SearchRequest, searchRoute } from './search-request.js';

const AROUND_SIZE_DEFAULT = 10;
const VALUES_SIZE_DEFAULT = 10;

const count = z.number().int().min(0);

const valuesSchema = z.object({
  fields: z.array(z.string()),
  no_count: z.boolean(),
  stream_name: z.string(),
  stream_type: z.string(),
  sql: z.string(),
  start_time: count.default(0),
  end_time: count.default(0),
  from: count.default(0),
  size: count.default(VALUES_SIZE_DEFAULT),
  filter: z.string().nullish(),
  keyword: z.string().nullish(),
  timeout: count.default(0),
  use_cache: z.boolean().default(true),
});

const recordSchema = z.looseObject({ _timestamp: z.number().int() });

export function addValuesRoutes(router: Router, search: SearchService): void {
  router
    .add(
      'GET',
      '/api/:organization/:stream/_values',
      searchRoute(async (request) => {
        const wanted = valuesOfUrl(request);
        if (request.exchange.query.get('clear_cache') === 'true') search.runner.caches.clear();
        replyJson(request, await values(search, request.context, wanted));
      }),
    )
    .add(
      'POST',
      '/api/:organization/_values_stream',
      searchRoute((request) => {
        const wanted = valuesOfBody(request);
        return replyEvents(request, (sink) => streamValues(search, request.context, wanted, sink));
      }),
    )
    .add(
      'GET',
      '/api/:organization/:stream/_around',
      searchRoute(async (request) => {
        const { exchange } = request;
        const key = wholeNumber(exchange, 'key', 0);
        if (key === 0) throw requestError(400, 'key is empty');
        replyJson(request, await around(search, request.context, aroundRequest(request, key, undefined)));
      }),
    )
    .add(
      'POST',
      '/api/:organization/:stream/_around',
      searchRoute(async (request) => {
        const record = parseBody(request.body, recordSchema, 'needed: a record with _timestamp in µs');
        const wanted = aroundRequest(request, record._timestamp, record);
        replyJson(request, await around(search, request.context, wanted));
      }),
    );
}

function valuesOfUrl({ exchange, params }: SearchRequest): ValuesRequest {
  const { query } = exchange;
  const sql = query.get('sql');
  return {
    stream: params.stream ?? '',
    fields: names(query.get('fields') ?? ''),
    startTime: wholeNumber(exchange, 'start_time', 0),
    endTime: wholeNumber(exchange, 'end_time', 0),
    from: wholeNumber(exchange, 'from', 0),
    size: wholeNumber(exchange, 'size', VALUES_SIZE_DEFAULT),
    filter: query.get('filter') || undefined,
    keyword: query.get('keyword') || undefined,
    sql: sql ? decodeSql(sql.replaceAll(' ', '+'), 'base64') : undefined,
    noCount: ['true', '1'].includes(query.get('no_count') ?? ''),
    useCache: query.get('use_cache') !== 'false',
    timeoutSeconds: wholeNumber(exchange, 'timeout', 0),
    searchType: searchType(query.get('search_type') ?? 'values'),
  };
}

function valuesOfBody({ body }: SearchRequest): ValuesRequest {
  const hint =
    'needed: {"fields":["…"],"no_count":false,"stream_name":"…","stream_type":"logs","sql":"<Base64>"}';
  const given = parseBody(body, valuesSchema, hint);
  return {
    stream: given.stream_name,
    fields: given.fields,
    startTime: given.start_time,
    endTime: given.end_time,
    from: given.from,
    size: given.size,
    filter: given.filter ?? undefined,
    keyword: given.keyword ?? undefined,
    sql: given.sql === '' ? undefined : decodeSql(given.sql, 'base64'),
    noCount: given.no_count,
    useCache: given.use_cache,
    timeoutSeconds: given.timeout,
    searchType: 'values',
  };
}

function aroundRequest(
  { exchange, params }: SearchRequest,
  key: number,
  record: AroundRequest['record'],
): AroundRequest {
  const sql = exchange.query.get('sql');
  const named = sql ? onlyStream(statementParts(decodeSql(sql.replaceAll(' ', '+'), 'base64'))) : undefined;
  return {
    stream: named ?? params.stream ?? '',
    key,
    size: wholeNumber(exchange, 'size', AROUND_SIZE_DEFAULT),
    record,
    useCache: exchange.query.get('use_cache') !== 'false',
    timeoutSeconds: wholeNumber(exchange, 'timeout', 0),
  };
}

function names(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** @throws BasaltError 400 */
function wholeNumber({ query }: Exchange, name: string, missing: number): number {
  const text = query.get(name);
  if (text === null || text === '') return missing;
  if (!/^\d{1,16}$/.test(text)) throw requestError(400, `${name} must be a whole number, not '${text}'`);
  return Number(text);
}
