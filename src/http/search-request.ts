/** What all search routes read of a request before they look into it: who asks, the body, the parameters of the URL. */
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { ANSWER_SLICE_BYTES, SEARCH_BODY_BYTES_MAX } from '../config/limits.js';
import { requestError } from '../errors/index.js';
import type { SearchContext } from '../query/search.js';
import type { SearchBody } from '../query/search-body.js';
import type { Exchange } from './exchange.js';
import { checkOrganization } from './ingest-routes.js';
import { replyError } from './reply-error.js';
import { replyPieces } from './reply-pieces.js';
import type { Handler, Params } from './router.js';

const DECOMPRESSORS: Record<
  string,
  (body: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>
> = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** A search without a body, or with its body. */
export interface SearchRequest {
  exchange: Exchange;
  context: SearchContext;
  params: Params;
  body: Uint8Array;
}

const BODILESS = new Set(['GET', 'HEAD', 'DELETE']);

export const TRACE_HEADER = 'x-openobserve-trace-id';

/** A route whose answer is made by `answer`; what it throws becomes the error's answer. */
export function searchRoute(answer: (request: SearchRequest) => Promise<void>): Handler {
  return (exchange, params) => {
    const context = contextOf(exchange, params);
    const run = (body: Uint8Array) => {
      answer({ exchange, context, params, body }).catch((error: unknown) =>
        replyError(exchange, error, false, context.traceId),
      );
    };
    if (BODILESS.has(exchange.method)) return run(new Uint8Array());
    if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/.test(exchange.contentType)) {
      throw requestError(415, 'Expected request with `Content-Type: application/json`');
    }
    exchange.collectBody(SEARCH_BODY_BYTES_MAX, (body) => {
      plain(exchange, body)
        .then(run)
        .catch((error: unknown) => replyError(exchange, error, false, context.traceId));
    });
  };
}

/** Answers with JSON. */
export function replyJson({ exchange, context }: SearchRequest, body: object | Uint8Array[]): void {
  const options = { headers: { [TRACE_HEADER]: context.traceId } };
  if (!Array.isArray(body)) {
    exchange.reply(200, JSON.stringify(body), options);
    return;
  }
  const bytes = body.reduce((sum, piece) => sum + piece.length, 0);
  if (bytes <= ANSWER_SLICE_BYTES || exchange.method === 'HEAD') exchange.reply(200, body, options);
  else void replyPieces(exchange, body, options);
}

/** Takes over what the URL and the headers say beside the body. */
export function applyParameters(
  { query, cacheControl }: Exchange,
  body: Pick<SearchBody, 'use_cache' | 'clear_cache' | 'search_type'>,
): void {
  if (cacheControl === 'no-store' || query.get('use_cache') === 'false') body.use_cache = false;
  if (query.get('clear_cache') === 'true') body.clear_cache = true;
  body.search_type = query.get('search_type') ?? body.search_type;
}

function contextOf(exchange: Exchange, { organization = '' }: Params): SearchContext {
  checkOrganization(organization);
  const given = exchange.traceId;
  return {
    organization,
    traceId: /^[0-9a-f]{32}$/.test(given) ? given : randomBytes(16).toString('hex'),
    isUiHistogram: exchange.query.get('is_ui_histogram') === 'true',
    clientGone: exchange.cancelled.signal,
  };
}

/** @throws BasaltError 413, 415 for an encoding that is not known, 400 for a body that is not so encoded */
async function plain(exchange: Exchange, body: Uint8Array | undefined): Promise<Uint8Array> {
  const tooLong = requestError(413, `a search body may have ${SEARCH_BODY_BYTES_MAX} bytes`);
  if (!body) throw tooLong;
  const encoding = exchange.contentEncoding;
  if (encoding === '' || encoding === 'identity') return body;
  const decompress = DECOMPRESSORS[encoding];
  if (!decompress) {
    throw requestError(415, `Content-Encoding '${encoding}' is not supported for searches`, {
      hint: `supported: ${Object.keys(DECOMPRESSORS).join(', ')}`,
    });
  }
  try {
    return await decompress(body, { maxOutputLength: SEARCH_BODY_BYTES_MAX });
  } catch (error) {
    if (error instanceof RangeError) throw tooLong;
    throw requestError(400, `the body is not ${encoding}: ${error instanceof Error ? error.message : error}`);
  }
}
