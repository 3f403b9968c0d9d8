/** Routes that take SQL: `_search`, its streamed form, several statements at once, and what a statement tells without its rows. */
import { z } from 'zod';
import { requestError } from '../errors/index.js';
import { multiSearch, parseMultiBody, searchesOf } from '../query/multi.js';
import { resultSchema } from '../query/result-schema.js';
import type { SearchService } from '../query/search.js';
import { microseconds, parseBody, parseSearchBody, type SearchBody } from '../query/search-body.js';
import { parsePartitionBody, searchPartition } from '../query/search-partition.js';
import { beginStream, type StreamSearch, streamSearch } from '../query/search-stream.js';
import { replyEvents } from './event-stream.js';
import { acceptedFormat } from './export-options.js';
import { sendSearchFile } from './export-routes.js';
import type { Router } from './router.js';
import { applyParameters, replyJson, type SearchRequest, searchRoute } from './search-request.js';

const HISTORY_SIZE_DEFAULT = 100;

const historySchema = z.object({
  stream_name: z.string().nullish(),
  start_time: microseconds,
  end_time: microseconds,
  trace_id: z.string().nullish(),
  size: z.number().int().min(0).default(HISTORY_SIZE_DEFAULT),
});

export function addSearchRoutes(router: Router, search: SearchService): void {
  const routes: Record<string, (request: SearchRequest) => Promise<void>> = {
    _search: async (request) => {
      const format = acceptedFormat(request.exchange);
      if (format) return sendSearchFile(search, request, format);
      replyJson(request, await search.search(request.context, searchBody(request)));
    },
    _search_stream: (request) => streamed(search, request),
    _search_partition: async (request) => {
      const body = parsePartitionBody(request.body);
      replyJson(request, await searchPartition(search, request.context, body));
    },
    _search_multi: async (request) => {
      const body = parseMultiBody(request.body);
      applyParameters(request.exchange, body);
      replyJson(request, await multiSearch(search, request.context, body));
    },
    _search_multi_stream: (request) => multiStreamed(search, request),
    _search_history: async (request) => replyJson(request, history(search, request)),
    result_schema: async (request) =>
      replyJson(request, await resultSchema(search, request.context, searchBody(request))),
  };
  for (const [name, answer] of Object.entries(routes))
    router.add('POST', `/api/:organization/${name}`, searchRoute(answer));
}

function searchBody({ exchange, body }: SearchRequest) {
  const parsed = parseSearchBody(body);
  applyParameters(exchange, parsed);
  return parsed;
}

async function streamed(search: SearchService, request: SearchRequest): Promise<void> {
  const { context } = request;
  const body = searchBody(request);
  const begun = await beginStream(search, context, body);
  await replyEvents(request, (sink) => streamSearch(search, context, body, begun, sink));
}

async function multiStreamed(search: SearchService, request: SearchRequest): Promise<void> {
  const { context } = request;
  const multi = parseMultiBody(request.body);
  applyParameters(request.exchange, multi);
  const begun: { body: SearchBody; search: StreamSearch }[] = [];
  for (const body of searchesOf(multi))
    begun.push({ body, search: await beginStream(search, context, body) });
  await replyEvents(request, async (sink) => {
    for (const [index, each] of begun.entries())
      await streamSearch(search, context, each.body, each.search, sink, index);
  });
}

function history(search: SearchService, { context, body }: SearchRequest): object {
  const parsed = parseBody(body, historySchema, 'needed: {"start_time":µs,"end_time":µs}');
  const { start_time, end_time, stream_name, trace_id, size } = parsed;
  if (start_time >= end_time) throw requestError(400, 'start_time must be before end_time', { code: 20011 });
  const started = performance.now();
  const hits = search.history.find({
    organization: context.organization,
    startTime: start_time,
    endTime: end_time,
    stream: stream_name ?? undefined,
    traceId: trace_id ?? undefined,
    size,
  });
  const took = Math.round(performance.now() - started);
  return { took, hits, total: hits.length, from: 0, size, trace_id: context.traceId };
}
