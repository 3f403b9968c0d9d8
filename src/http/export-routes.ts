/** Results as files: `_export` for a whole one, and `_search` for clients that accept no JSON. */
import { EXPORT_STALL_SECONDS, SEARCH_FILE_HELD_BYTES_MAX } from '../config/limits.js';
import { BasaltError, requestError } from '../errors/index.js';
import type { ExportFormat, ExportOptions } from '../native/index.js';
import { type ExportBody, exportResult, parseExportBody } from '../query/export.js';
import type { Statement } from '../query/query-runner.js';
import type { SearchService } from '../query/search.js';
import { paging, parseSearchBody } from '../query/search-body.js';
import { statementParts } from '../query/statement-parts.js';
import { exportOptions, fileOptions } from './export-options.js';
import { FileReply } from './file-reply.js';
import { replyError } from './reply-error.js';
import type { Router } from './router.js';
import { replyJson, type SearchRequest, searchRoute, TRACE_HEADER } from './search-request.js';

/** A file has no place to say that acknowledged rows are lost. */
const PARTIAL_HEADER = 'x-basalt-partial';

/** `true` where the answer of a search has not all rows; `unknown` where that could not be told before it was sent. */
const TRUNCATED_HEADER = 'x-basalt-truncated';

export function addExportRoutes(router: Router, search: SearchService): void {
  router
    .add(
      'POST',
      '/api/:organization/_export',
      searchRoute(async (request) => {
        const options = exportOptions(request.exchange);
        const body = parseExportBody(request.body);
        await sendFile(search, request, body, statementOf(request, body), options);
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

/** Answers a `_search` with a file: its page of the result. */
export async function sendSearchFile(
  search: SearchService,
  request: SearchRequest,
  format: ExportFormat,
): Promise<void> {
  const options = fileOptions(request.exchange.query, format);
  const body = parseSearchBody(request.body);
  const { sql, start_time, end_time, from, size: asked } = body.query;
  const { size } = paging(asked);
  const page: ExportBody = { ...body, query: { sql, start_time, end_time, from, size: size ?? asked } };
  const statement = statementOf(request, page);
  // A limit of its own goes before the page's.
  if (size === null || statementParts(sql).clauses.limit !== undefined) {
    return sendFile(search, request, page, statement, options);
  }
  // The row after the last tells that there are more.
  const withNext = { ...statement, size: size + 1 };
  await sendFile(search, request, page, withNext, { ...options, rowsMax: size });
}

function statementOf({ context }: SearchRequest, { query }: ExportBody): Statement {
  return {
    organization: context.organization,
    sql: query.sql,
    range: { startTime: query.start_time, endTime: query.end_time },
    from: query.from,
    size: paging(query.size).size,
    defaultOrder: true,
    format: 'objects',
    useCache: false,
  };
}

async function sendFile(
  search: SearchService,
  { exchange, context }: SearchRequest,
  body: ExportBody,
  statement: Statement,
  options: ExportOptions,
): Promise<void> {
  const stalled = new AbortController();
  const reply = new FileReply(exchange, options.format, { [TRACE_HEADER]: context.traceId });
  const hasLosses = search.lossNotes(context.organization, statement.sql).length > 0;
  if (hasLosses) reply.addHeader(PARTIAL_HEADER, 'losses');
  const held = new HeldStart(reply, options.rowsMax);
  const clientGone = AbortSignal.any([context.clientGone, stalled.signal]);
  try {
    await exportResult(search, { ...context, clientGone }, body, statement, options, async (parts, rows) => {
      const timer = setTimeout(() => stalled.abort(), EXPORT_STALL_SECONDS * 1000);
      try {
        await held.write(parts, rows);
      } finally {
        clearTimeout(timer);
      }
    });
    await held.release();
    reply.end();
  } catch (error) {
    // A file that ends too early must not look whole: the connection is cut instead.
    if (reply.isOpen) await reply.fail(error instanceof BasaltError ? error.message : 'an internal error');
    else replyError(exchange, error, false, context.traceId);
  }
}

/** Keeps the beginning of a file back until it is known whether it has all rows: the head of the answer says so. */
class HeldStart {
  private readonly pieces: Uint8Array[] = [];
  private bytes = 0;
  private isHeld: boolean;

  constructor(
    private readonly reply: FileReply,
    private readonly rowsMax: number | undefined,
  ) {
    this.isHeld = rowsMax !== undefined;
  }

  /** @param rows of the result so far */
  async write(parts: Iterable<Uint8Array>, rows: number): Promise<void> {
    if (!this.isHeld) return this.reply.write(parts);
    for (const part of parts) {
      this.pieces.push(part.slice());
      this.bytes += part.length;
    }
    const isTruncated = this.rowsMax !== undefined && rows > this.rowsMax;
    if (!isTruncated && this.bytes <= SEARCH_FILE_HELD_BYTES_MAX) return;
    this.reply.addHeader(TRUNCATED_HEADER, isTruncated ? 'true' : 'unknown');
    await this.release();
  }

  async release(): Promise<void> {
    if (!this.isHeld) return;
    this.isHeld = false;
    await this.reply.write(this.pieces);
  }
}
