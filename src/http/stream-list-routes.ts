/** The streams of an organization: listing, describing, deleting. */
import { requestError } from '../errors/index.js';
import type { ColumnType } from '../storage/schema.js';
import type { Store } from '../storage/store.js';
import type { Stream } from '../storage/stream.js';
import type { Exchange } from './exchange.js';
import { checkOrganization } from './ingest-routes.js';
import { replyError } from './reply-error.js';
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
    .add('GET', '/api/:organization/streams', (exchange, { organization = '' }) =>
      listStreams(exchange, store, organization),
    )
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

const SORT_KEYS = ['name', 'doc_num', 'storage_size', 'compressed_size', 'index_size'] as const;

function listStreams(exchange: Exchange, store: Store, organization: string): void {
  checkOrganization(organization);
  const { query } = exchange;
  const fetchSchema = query.get('fetchSchema') ?? 'false';
  if (fetchSchema !== 'true' && fetchSchema !== 'false')
    throw requestError(400, 'fetchSchema must be true or false');
  const sort = SORT_KEYS.find((key) => key === (query.get('sort') ?? 'name'));
  if (!sort) throw requestError(400, `sort must be one of ${SORT_KEYS.join(', ')}`);
  const keyword = (query.get('keyword') ?? '').toLowerCase();
  const type = query.get('type') ?? 'logs';
  const streams = type === 'logs' ? store.streamsOf(organization) : [];
  const described = streams
    .filter(({ name }) => name.includes(keyword))
    .map((stream) => describeStream(stream, fetchSchema === 'true'));
  const direction = query.get('asc') === 'false' ? -1 : 1;
  described.sort((a, b) => {
    const [left, right] = sort === 'name' ? [a.name, b.name] : [a.stats[sort], b.stats[sort]];
    return left < right ? -direction : left > right ? direction : 0;
  });
  const offset = Number(query.get('offset') ?? 0);
  const limit = Number(query.get('limit') ?? 0);
  const list = described.slice(offset, limit > 0 ? offset + limit : undefined);
  exchange.reply(200, JSON.stringify({ list, total: described.length }));
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
