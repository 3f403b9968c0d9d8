/** Results as files: `_export` for a whole one, and `_search` for clients that accept no JSON. */
import { EXPORT_STALL_SECONDS } from '../config/limits.js';
import { requestError } from '../errors/index.js';
import { type ExportBody, type ExportFormat, exportResult, parseExportBody } from '../query/export.js';
import type { Statement } from '../query/query-runner.js';
import type { SearchService } from '../query/search.js';
import { paging, parseSearchBody } from '../query/search-body.js';
import type { Exchange, ReplyStream } from './exchange.js';
import { replyError } from './reply-error.js';
import type { Router } from './router.js';
import { replyJson, type SearchRequest, searchRoute, TRACE_HEADER } from './search-request.js';

const CONTENT_TYPES: Record<ExportFormat, string> = {
  arrow: 'application/vnd.apache.arrow.stream',
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
};
/** A file has no place to say that acknowledged rows are lost. */
const PARTIAL_HEADER = 'x-basalt-partial';

const FORMATS = Object.keys(CONTENT_TYPES) as ExportFormat[];

export function addExportRoutes(router: Router, search: SearchService): void {
  router
    .add(
      'POST',
      '/api/:organization/_export',
      searchRoute(async (request) => {
        const format = exportFormat(request.exchange);
        await sendFile(search, request, parseExportBody(request.body), format);
      }),
    )
    .add(
      'GET',
      '/api/:organization/_export/:traceId',
      searchRoute(async (request) => {
        const { organization } = request.context;
        const { traceId = '' } = request.params;
        const exported = search.exports.get(organization, traceId);
        if (!exported) throw requestError(404, `no complete export has the trace id '${traceId}'`);
        replyJson(request, { trace_id: traceId, ...exported });
      }),
    );
}

/** The file format that the client asks of `_search`, if it does not want JSON. */
export function acceptedFormat({ accept }: Exchange): ExportFormat | undefined {
  const wanted = accept.split(',').map((type) => type.split(';')[0]?.trim());
  return FORMATS.find((format) => wanted.includes(CONTENT_TYPES[format]));
}

/** Answers a `_search` with a file: its page of the result. */
export async function sendSearchFile(
  search: SearchService,
  request: SearchRequest,
  format: ExportFormat,
): Promise<void> {
  const body = parseSearchBody(request.body);
  const { sql, start_time, end_time, from, size } = body.query;
  const query = { sql, start_time, end_time, from, size: paging(size).size ?? size };
  await sendFile(search, request, { ...body, query }, format);
}

/** @throws BasaltError 400 for a format that is not known */
function exportFormat(exchange: Exchange): ExportFormat {
  const named = exchange.query.get('format');
  const format =
    named === null ? (acceptedFormat(exchange) ?? 'ndjson') : FORMATS.find((each) => each === named);
  if (format) return format;
  throw requestError(400, `format '${named}' is not known`, { hint: `one of ${FORMATS.join(', ')}` });
}

async function sendFile(
  search: SearchService,
  { exchange, context }: SearchRequest,
  body: ExportBody,
  format: ExportFormat,
): Promise<void> {
  const { query } = body;
  const statement: Statement = {
    organization: context.organization,
    sql: query.sql,
    range: { startTime: query.start_time, endTime: query.end_time },
    from: query.from,
    size: paging(query.size).size,
    defaultOrder: true,
    format: 'objects',
    useCache: false,
  };
  const stalled = new AbortController();
  let stream: ReplyStream | undefined;
  const open = () => {
    stream ??= exchange.stream(200, {
      contentType: CONTENT_TYPES[format],
      headers: {
        [TRACE_HEADER]: context.traceId,
        ...(search.lossNotes(context.organization, query.sql).length > 0
          ? { [PARTIAL_HEADER]: 'losses' }
          : {}),
      },
    });
    return stream;
  };
  const clientGone = AbortSignal.any([context.clientGone, stalled.signal]);
  try {
    await exportResult(search, { ...context, clientGone }, body, statement, format, async (parts) => {
      const timer = setTimeout(() => stalled.abort(), EXPORT_STALL_SECONDS * 1000);
      try {
        for (const part of parts) await open().write(part);
      } finally {
        clearTimeout(timer);
      }
    });
    open().end('');
  } catch (error) {
    // A file that ends too early must not look whole: the connection is cut instead.
    if (stream) stream.cut();
    else replyError(exchange, error, false, context.traceId);
  }
}
