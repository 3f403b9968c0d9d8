/** `_around` (openobserve API, S3): the rows before and after a moment. */
import { splitRows } from './encoded-rows.js';
import { addFigures, envelope, figuresOf } from './envelope.js';
import type { Statement } from './query-runner.js';
import type { SearchAnswer, SearchContext, SearchService } from './search.js';
import { findStream, quoteName, quoteText } from './values.js';

const REACH_US = 900 * 1_000_000;

/** Fields of a record that tell whose log it is: the rows around it are looked for there. */
const ORIGIN_FIELDS = [
  'k8s_cluster',
  'k8s_namespace_name',
  'k8s_pod_name',
  'kubernetes_namespace_name',
  'kubernetes_pod_name',
  'hostname',
];

export interface AroundRequest {
  stream: string;
  /** Microseconds. */
  key: number;
  size: number;
  /** Only rows of the same origin as this one. */
  record: Record<string, unknown> | undefined;
  useCache: boolean;
  timeoutSeconds: number;
}

/** @throws BasaltError with the API's code */
export function around(
  service: SearchService,
  context: SearchContext,
  request: AroundRequest,
): Promise<SearchAnswer> {
  const { organization, traceId } = context;
  const { key, size } = request;
  const stream = findStream(service.store, organization, request.stream);
  const conditions = ORIGIN_FIELDS.filter((field) => stream.schema.has(field)).flatMap((field) => {
    const value = request.record?.[field];
    return value === undefined || value === null ? [] : [`${quoteName(field)} = ${quoteText(String(value))}`];
  });
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
  const statement = (direction: 'ASC' | 'DESC', startTime: number, endTime: number): Statement => ({
    organization,
    sql: `SELECT * FROM ${quoteName(stream.name)}${where} ORDER BY _timestamp ${direction}`,
    range: { startTime, endTime },
    from: 0,
    size: Math.floor(size / 2),
    defaultOrder: false,
    format: 'objects',
    useCache: request.useCache,
  });
  const before = statement('DESC', key - REACH_US, key);
  const after = statement('ASC', key, key + REACH_US);
  const limits = { timeout: request.timeoutSeconds, search_type: 'ui' };
  const described = { sql: before.sql, range: { startTime: key - REACH_US, endTime: key + REACH_US } };
  return service.track(context, limits, described, async ({ signal }) => {
    const started = performance.now();
    const [older, newer] = await Promise.all([
      service.runner.run(before, signal),
      service.runner.run(after, signal),
    ]);
    const tookMs = performance.now() - started;
    const hits = [...splitRows(newer.result.pieces).reverse(), ...splitRows(older.result.pieces)];
    // They ran at the same time.
    const figures = { ...addFigures(figuresOf(older, tookMs), figuresOf(newer, tookMs)), tookMs };
    const members = {
      traceId,
      total: hits.length,
      from: 0,
      size,
      orderBy: [['_timestamp', 'desc']] as ['_timestamp', 'desc'][],
      ...service.lossMembers(organization, before.sql),
    };
    return { value: envelope(figures, members, hits), figures };
  });
}
