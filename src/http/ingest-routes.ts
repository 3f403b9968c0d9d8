/** `_json`, `_multi`, `_bulk`: bodies go to the ingest front end piece by piece as they arrive. */
import { BasaltError, requestError } from '../errors/index.js';
import type { IngestFrontEnd } from '../ingest/front-end.js';
import { bulkPieces } from '../protocols/bulk-reply.js';
import { BodyEncoding, BodyFormat } from '../ring/layout.js';
import type { Exchange, ReplyOptions } from './exchange.js';
import { replyError } from './reply-error.js';
import { replyPieces } from './reply-pieces.js';
import type { Handler, Router } from './router.js';

const ENCODINGS = new Map<string, BodyEncoding>([
  ['', BodyEncoding.IDENTITY],
  ['identity', BodyEncoding.IDENTITY],
  ['gzip', BodyEncoding.GZIP],
  ['deflate', BodyEncoding.DEFLATE],
  ['br', BodyEncoding.BROTLI],
  ['zstd', BodyEncoding.ZSTD],
]);

/** Of answers that a worker made: seconds after which a retry makes sense. */
const RETRY_AFTER: Record<number, string> = { 503: '1', 507: '5' };

const NAME_CHARACTERS_MAX = 256;
const FILTER_CHARACTERS_MAX = 1024;

/** Elasticsearch clients refuse answers without it. */
export const ELASTIC_HEADERS = { 'x-elastic-product': 'Elasticsearch' };

export const DEFAULT_ORGANIZATION = 'default';

export function addIngestRoutes(router: Router, ingest: IngestFrontEnd): void {
  const into =
    (format: BodyFormat, options: ReplyOptions = {}): Handler =>
    (exchange, { organization = DEFAULT_ORGANIZATION, stream = '' }) =>
      receive(exchange, ingest, format, organization, stream, options);
  const bulk = into(BodyFormat.BULK, { headers: ELASTIC_HEADERS });
  router
    .add('POST', '/api/:organization/:stream/_json', into(BodyFormat.JSON))
    .add('POST', '/api/:organization/:stream/_multi', into(BodyFormat.MULTI));
  for (const method of ['POST', 'PUT']) {
    router
      .add(method, '/api/:organization/_bulk', bulk)
      .add(method, '/api/:organization/:stream/_bulk', bulk)
      .add(method, '/_bulk', bulk)
      .add(method, '/:stream/_bulk', bulk);
  }
}

/** As clients may spell a stream: every run of other characters becomes one `_`, letters are lowered. */
export function normalizeStreamName(name: string): string {
  return name.replace(/[^A-Za-z0-9_:]+/g, '_').toLowerCase();
}

/** @throws BasaltError 400 */
export function checkOrganization(name: string): void {
  if (!/^[A-Za-z0-9_-]{1,100}$/.test(name)) {
    throw requestError(400, `organization '${name}' is not valid: letters, digits, '_' and '-', at most 100`);
  }
}

/** The members of the answer that an Elasticsearch client wants. @throws BasaltError 400 */
function filterPath({ query }: Exchange): string {
  const path = (query.get('filter_path') ?? '').replaceAll('\0', '');
  if (path.length <= FILTER_CHARACTERS_MAX) return path;
  throw requestError(400, `filter_path is longer than ${FILTER_CHARACTERS_MAX} characters`);
}

function receive(
  exchange: Exchange,
  ingest: IngestFrontEnd,
  format: BodyFormat,
  organization: string,
  rawStream: string,
  options: ReplyOptions,
): void {
  checkOrganization(organization);
  const stream = normalizeStreamName(rawStream);
  if (format !== BodyFormat.BULK && (stream === '' || stream === '_'))
    throw requestError(400, 'Stream name is empty');
  if (stream.length > NAME_CHARACTERS_MAX)
    throw requestError(400, `stream name is longer than ${NAME_CHARACTERS_MAX} characters`);
  const encoding = ENCODINGS.get(exchange.contentEncoding);
  if (encoding === undefined) {
    throw requestError(415, `Content-Encoding '${exchange.contentEncoding}' is not supported`, {
      hint: `supported: ${[...ENCODINGS.keys()].filter(Boolean).join(', ')}`,
    });
  }
  const filter = format === BodyFormat.BULK ? filterPath(exchange) : '';
  const name = Buffer.from(`${organization}\0${stream}${filter === '' ? '' : `\0${filter}`}`);
  const head = { format, encoding, name };
  const refuse = (error: unknown) => replyError(exchange, error, true);
  const body = ingest.begin(
    head,
    exchange.contentLength,
    ({ status, body: answer }) => {
      const retryAfter = RETRY_AFTER[status];
      const answerOptions = retryAfter ? { headers: { 'retry-after': retryAfter } } : options;
      if (typeof answer === 'string') exchange.reply(status, answer, answerOptions);
      else void replyPieces(exchange, bulkPieces(answer), options);
    },
    refuse,
    exchange.connection?.address,
  );
  exchange.onAbort(() => ingest.abandon(body));
  exchange.onBody((bytes, isLast) => {
    try {
      ingest.write(body, bytes);
      if (isLast) ingest.end(body);
    } catch (error) {
      if (!(error instanceof BasaltError)) throw error;
      refuse(error);
    }
  });
}
