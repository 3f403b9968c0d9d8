/** One statement sent to the server, and its rows. */
import { randomBytes } from 'node:crypto';
import type { Connection } from '../connection.js';
import type { HttpClient } from '../http-client.js';
import { parseErrorBody, serverError } from '../server-error.js';
import { parseSearchAnswer, type QueryRows } from './result.js';

/** A few tries: someone waits at the terminal. */
export const INTERACTIVE_RETRY = {
  connectionAttemptsMax: 3,
  overloadAttemptsMax: 30,
  pauseMs: 200,
  pauseMsMax: 1000,
};

/** By which the server tells the trace id of a search, and takes one from the client. */
export const TRACE_HEADER = 'x-openobserve-trace-id';

/** `size` of a search without a limit. */
const SIZE_UNLIMITED = -999;

export interface Search {
  sql: string;
  /** Microseconds, half-open; absent: everything. */
  from?: number;
  to?: number;
  /** Most rows; 0: all. */
  limit: number;
  /** 32 hexadecimal digits, by which it can be stopped. */
  traceId?: string;
  signal?: AbortSignal;
}

export function newTraceId(): string {
  return randomBytes(16).toString('hex');
}

/** A path of the API in the connection's organization. */
export function apiPath({ organization }: Connection, ...segments: string[]): string {
  return ['/api', organization, ...segments]
    .map((segment, index) => (index ? encodeURIComponent(segment) : segment))
    .join('/');
}

/** @throws CliError with the server's reason and, where it tells one, the place in the SQL */
export async function search(
  client: HttpClient,
  connection: Connection,
  { sql, from, to, limit, traceId, signal }: Search,
): Promise<QueryRows> {
  const query = {
    sql,
    start_time: from ?? 0,
    end_time: to ?? Number.MAX_SAFE_INTEGER,
    size: limit === 0 ? SIZE_UNLIMITED : limit,
    query_type: 'table',
  };
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (traceId) headers[TRACE_HEADER] = traceId;
  const body = Buffer.from(JSON.stringify({ query }));
  const reply = await client.send({
    method: 'POST',
    path: apiPath(connection, '_search'),
    headers,
    body,
    signal,
  });
  if (reply.status !== 200) throw serverError(sql, parseErrorBody(reply));
  return parseSearchAnswer(reply.body.toString('utf8'));
}

/** `1 row`, `2,000 rows`. */
export function rowsText(rows: number): string {
  return rows === 1 ? '1 row' : `${rows.toLocaleString('en-US')} rows`;
}

/** What stands below an answer. */
export function summaryText({ rows, tookMs }: QueryRows, elapsedMs: number): string {
  return `${rowsText(rows.length)}, ${elapsedMs.toFixed(0)} ms (server ${tookMs} ms)`;
}
