/** The queries that are asked by many clients, and their HTTP requests. */
import { type Cache, type SearchQuery, searchBody } from '../end-to-end/client.js';
import type { ServerProcess } from '../end-to-end/server.js';
import type { Comparison } from '../peers/queries.js';
import type { Stage } from './scale.js';
import { passUs, type Source } from './stages.js';

/**
 * How requests follow one another. `same`: the same request, caches on. `moving`: the time range moves with each request, as that of a
 * dashboard does, caches on. `uncached`: it moves too, and caches of results are off.
 */
export type LoadMode = 'same' | 'moving' | 'uncached';

export interface LoadQuery {
  readonly name: string;
  readonly search: (step: number) => SearchQuery;
  /** How two answers to the same request compare. */
  readonly comparison: Comparison;
}

/** Each request's range ends so much earlier than that of the one before; no two requests are the same within a load. */
const stepUs = 997;

/** Row 5: one gigabyte's time range (a pass in the middle of the data), equality, IN and LIKE, the newest first. */
export function simpleFilter(source: Source, { passes }: Stage): LoadQuery {
  const startUs = source.startUs + Math.floor(passes / 2) * passUs;
  return {
    name: 'simple filter',
    comparison: { kind: 'rows', orderedBy: ['_timestamp'], limit: 100 },
    search: (step) => ({
      sql:
        "SELECT * FROM logs WHERE level = 'error' AND service IN ('checkout', 'payment', 'auth') " +
        "AND path LIKE '/api/v1/%' ORDER BY _timestamp DESC LIMIT 100",
      startUs,
      endUs: startUs + passUs - step * stepUs,
      size: 100,
    }),
  };
}

/** Row 6: all data, by hour and two fields: count, average, percentile. */
export function aggregation(source: Source, { passes }: Stage): LoadQuery {
  const endUs = source.startUs + passes * passUs;
  return {
    name: 'aggregation',
    comparison: { kind: 'rows', orderedBy: ['time_bucket', 'count'], estimated: ['p95'] },
    search: (step) => ({
      sql:
        "SELECT timestamp_bucket('1 hour', timestamp) AS time_bucket, level, service, count(*) AS count, " +
        'avg(response_time) AS average, approx_percentile_cont(response_time, 0.95) AS p95 FROM logs ' +
        'GROUP BY time_bucket, level, service ORDER BY time_bucket DESC, count DESC',
      startUs: source.startUs,
      endUs: endUs - step * stepUs,
      size: 5000,
    }),
  };
}

export function cacheOf(mode: LoadMode): Cache {
  return mode === 'uncached' ? 'off' : 'on';
}

/** Steps taken so far, by all loads: what was asked in one is not asked again in another. */
let steps = 0;

/** Makes the requests of one load. */
export function requests(server: ServerProcess, query: LoadQuery, mode: LoadMode): (index: number) => Buffer {
  if (mode !== 'same') return () => encode(server, query.search(++steps), cacheOf(mode));
  const request = encode(server, query.search(0), cacheOf(mode));
  return () => request;
}

function encode(server: ServerProcess, search: SearchQuery, cache: Cache): Buffer {
  const body = searchBody(search, cache);
  return Buffer.from(
    `POST /api/default/_search HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\nAuthorization: ${server.authorization}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
