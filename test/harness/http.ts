/** A small client of the server's API. Every request carries the root user's credentials unless told otherwise. */
import { type Json, parseExactJson } from './exact-json.js';

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON; `undefined` when it is none. */
  json: Json | undefined;
}

export interface RequestOptions {
  headers?: Record<string, string>;
  body?: string | Uint8Array | ReadableStream<Uint8Array>;
  /** Leave the credentials out. */
  anonymous?: boolean;
  timeoutMs?: number;
}

export interface SearchOptions {
  startTime?: number;
  endTime?: number;
  from?: number;
  /** -999: no limit. */
  size?: number;
  trackTotalHits?: boolean;
  /** `table` gives rows as arrays. */
  queryType?: string;
  organization?: string;
  timeoutMs?: number;
  /** False: nothing is taken from a cache of answers. */
  useCache?: boolean;
}

/** As wide as any test needs: 1970 to 2100, microseconds. */
export const ALL_TIME = { start: 0, end: 4_102_444_800_000_000 };

const REQUEST_TIMEOUT_MS = 30_000;

export class Client {
  readonly authorization: string;

  constructor(
    readonly url: string,
    user: string,
    password: string,
  ) {
    this.authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  }

  /** @throws when no answer comes; an error status is an answer */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Reply> {
    const headers: Record<string, string> = { ...options.headers };
    if (!options.anonymous) headers.authorization ??= this.authorization;
    const init: RequestInit & { duplex?: 'half' } = {
      method,
      headers,
      body: options.body as RequestInit['body'],
      signal: AbortSignal.timeout(options.timeoutMs ?? REQUEST_TIMEOUT_MS),
      redirect: 'manual',
    };
    if (options.body instanceof ReadableStream) init.duplex = 'half';
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: tryJson(text) };
  }

  /** Sends a body to an ingest route of the default organization. */
  ingest(stream: string, route: '_json' | '_multi' | '_bulk', body: string | Uint8Array): Promise<Reply> {
    return this.request('POST', `/api/default/${stream}/${route}`, { body });
  }

  /** Stores records and checks that all of them were. */
  async store(stream: string, records: object[]): Promise<void> {
    const reply = await this.ingest(stream, '_json', JSON.stringify(records));
    const status = (reply.json as { status?: { successful: number }[] } | undefined)?.status?.[0];
    if (reply.status !== 200 || status?.successful !== records.length) {
      throw new Error(`storing ${records.length} records: ${reply.status} ${reply.text}`);
    }
  }

  search(sql: string, options: SearchOptions = {}): Promise<Reply> {
    const query = {
      sql,
      start_time: options.startTime ?? ALL_TIME.start,
      end_time: options.endTime ?? ALL_TIME.end,
      ...(options.from === undefined ? {} : { from: options.from }),
      ...(options.size === undefined ? {} : { size: options.size }),
      ...(options.trackTotalHits === undefined ? {} : { track_total_hits: options.trackTotalHits }),
      ...(options.queryType === undefined ? {} : { query_type: options.queryType }),
    };
    return this.request('POST', `/api/${options.organization ?? 'default'}/_search`, {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, use_cache: options.useCache ?? true }),
      timeoutMs: options.timeoutMs,
    });
  }

  /** The hits of a query without a limit. @throws when the answer is an error */
  async rows<Row = Record<string, Json>>(sql: string, options: SearchOptions = {}): Promise<Row[]> {
    const reply = await this.search(sql, { size: -999, ...options });
    if (reply.status !== 200) throw new Error(`${reply.status} for ${sql}: ${reply.text}`);
    return (reply.json as { hits: Row[] }).hits;
  }

  /** The first cell of the first row, as a number. */
  async number(sql: string, options: SearchOptions = {}): Promise<number> {
    const [row] = await this.rows(sql, options);
    return Number(Object.values(row ?? {})[0]);
  }

  /** Turns all that is live in the WAL into segments. */
  async flush(): Promise<void> {
    const reply = await this.request('PUT', '/node/flush');
    if (reply.status !== 200) throw new Error(`flush: ${reply.status} ${reply.text}`);
  }
}

function tryJson(text: string): Json | undefined {
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
}
