/** The streams of an organization: listing, describing, deleting. */
import { requestError } from '../errors/index.js';
import type { ColumnType } from '../storage/schema.js';
import type { Store } from '../storage/store.js';
import type { Stream } from '../storage/stream.js';
import { Pace, sortInTurns } from '../storage/turns.js';
import type { Exchange } from './exchange.js';
import { checkOrganization } from './ingest-routes.js';
import { replyError } from './reply-error.js';
import { replyPieces } from './reply-pieces.js';
import type { Router } from './router.js';

const ARROW_NAMES: Record<ColumnType, string> = {
  int64: 'Int64',
  float64: 'Float64',
  bool: 'Boolean',
  string: 'Utf8',
  json: 'Utf8',
  decimal: 'Decimal128(20, 0)',
  decimalfloat: 'Float64',
  textnumber: 'Utf8',
  textbool: 'Utf8',
};

const BYTES_PER_MB = 1024 * 1024;

export function addStreamListRoutes(router: Router, store: Store): void {
  router
    .add('GET', '/api/:organization/streams', (exchange, { organization = '' }) => {
      listStreams(exchange, store, organization).catch((error: unknown) => replyError(exchange, error));
    })
    .add(
      'GET',
      '/api/:organization/streams/:stream/schema',
      (exchange, { organization = '', stream = '' }) => {
        const found = store.find(organization, stream);
        if (!found) throw requestError(404, 'stream not found');
        exchange.reply(200, JSON.stringify(describeStream(found, true)));
      },
    )
    .add('DELETE', '/api/:organization/streams/:stream', (exchange, { organization = '', stream = '' }) => {
      store
        .deleteStream(organization, stream)
        .then(() => exchange.reply(200, JSON.stringify({ code: 200, message: 'stream deleted' })))
        .catch((error: unknown) => replyError(exchange, error));
    });
}

/** An answer is made in pieces of so many fields, a millisecond or two of work; a stream counts as some of its own. */
const FIELDS_IN_PIECE = 2000;
const FIELDS_OF_STREAM = 10;

/** Longer lists are written as their reader takes them. */
const LISTED_WHOLE_MAX = 100;

const SORT_KEYS = ['name', 'doc_num', 'storage_size', 'compressed_size', 'index_size'] as const;

async function listStreams(exchange: Exchange, store: Store, organization: string): Promise<void> {
  checkOrganization(organization);
  const { query } = exchange;
  const fetchSchema = query.get('fetchSchema') ?? 'false';
  if (fetchSchema !== 'true' && fetchSchema !== 'false')
    throw requestError(400, 'fetchSchema must be true or false');
  const sort = SORT_KEYS.find((key) => key === (query.get('sort') ?? 'name'));
  if (!sort) throw requestError(400, `sort must be one of ${SORT_KEYS.join(', ')}`);
  const keyword = (query.get('keyword') ?? '').toLowerCase();
  const offset = wholeNumber(query, 'offset');
  const limit = wholeNumber(query, 'limit');
  const direction = query.get('asc') === 'false' ? -1 : 1;
  const isLogs = (query.get('type') ?? 'logs') === 'logs';
  const streams = isLogs ? store.streamsOf(organization) : new Map<string, Stream>();
  const named = await filterInTurns(streams, keyword);
  const sorted = await sortInTurns(named, (a, b) => direction * (compare(a, b, sort) || compareNames(a, b)));
  const list = sorted.slice(offset, limit > 0 ? offset + limit : undefined);
  const pieces = listPieces(list, sorted.length, fetchSchema === 'true');
  if (list.length > LISTED_WHOLE_MAX && exchange.method !== 'HEAD') return replyPieces(exchange, pieces, {});
  const pace = new Pace();
  const whole: string[] = [];
  for (const piece of pieces) {
    whole.push(piece);
    if (pace.isOver) await pace.next();
  }
  exchange.reply(200, whole.join(''));
}

function wholeNumber(query: URLSearchParams, name: string): number {
  const value = Number(query.get(name) ?? 0);
  if (!Number.isSafeInteger(value) || value < 0) throw requestError(400, `${name} must be a whole number`);
  return value;
}

async function filterInTurns(streams: ReadonlyMap<string, Stream>, keyword: string): Promise<Stream[]> {
  const pace = new Pace();
  const found: Stream[] = [];
  for (const stream of [...streams.values()]) {
    if (stream.name.includes(keyword)) found.push(stream);
    if (pace.isOver) await pace.next();
  }
  return found;
}

function compare(a: Stream, b: Stream, sort: (typeof SORT_KEYS)[number]): number {
  if (sort === 'doc_num') return a.rows - b.rows;
  if (sort === 'storage_size' || sort === 'compressed_size') return a.bytes - b.bytes;
  return 0;
}

function compareNames(a: Stream, b: Stream): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Made as the reader takes them. */
function* listPieces(list: readonly Stream[], total: number, withSchema: boolean): Generator<string> {
  yield '{"list":[';
  let [text, fields, first] = ['', 0, true];
  for (const stream of list) {
    text += (first ? '' : ',') + JSON.stringify(describeStream(stream, withSchema));
    first = false;
    fields += FIELDS_OF_STREAM + (withSchema ? stream.schema.size : 0);
    if (fields < FIELDS_IN_PIECE) continue;
    yield text;
    [text, fields] = ['', 0];
  }
  yield `${text}],"total":${total}}`;
}

function describeStream(stream: Stream, withSchema: boolean) {
  const range = stream.timeRange;
  const fields = [...stream.schema].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    name: stream.name,
    storage_type: 'disk',
    stream_type: 'logs',
    stats: {
      created_at: stream.createdUs,
      doc_time_min: range?.min ?? 0,
      doc_time_max: range?.max ?? 0,
      doc_num: stream.rows,
      file_num: stream.segments.length,
      storage_size: stream.bytes / BYTES_PER_MB,
      compressed_size: stream.bytes / BYTES_PER_MB,
      index_size: 0,
    },
    schema: withSchema ? fields.map(([name, type]) => ({ name, type: ARROW_NAMES[type] })) : [],
    settings: {
      partition_keys: {},
      full_text_search_keys: [],
      index_fields: [],
      bloom_filter_fields: [],
      data_retention: stream.retention.days ?? 0,
      data_retention_bytes: stream.retention.bytes ?? 0,
    },
    total_fields: stream.schema.size,
  };
}
