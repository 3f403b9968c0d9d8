/** The file of a result on its way from the server to where it goes, and the server's word on how much it was. */
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Connection } from '../connection.js';
import { CliError } from '../failure.js';
import type { HttpClient } from '../http-client.js';
import { sizeText } from '../human.js';
import { apiPath, newTraceId, TRACE_HEADER } from '../query/search.js';
import { parseErrorBody, serverError } from '../server-error.js';
import type { ExportFormat } from './format.js';
import type { ExportMeter } from './progress.js';

export interface ExportRequest {
  sql: string;
  /** Microseconds, half-open; absent: everything. */
  from?: number;
  to?: number;
  /** Seconds; absent: the limit of the server. */
  timeout?: number;
  format: ExportFormat;
  compression?: string;
  timestampType?: string;
  nulls?: boolean;
  schema?: boolean;
}

/** Of a connection that ended before the body did: the only way in which a server can take back what it began. */
const CUT = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'HPE_INVALID_CHUNK_SIZE']);

/**
 * Resolves when `target` has all of it; a target that is no file stays open.
 * @returns the rows; undefined when the server does not tell (any more)
 * @throws CliError when the server refuses, the file is not whole, or it cannot be written
 */
export async function download(
  client: HttpClient,
  connection: Connection,
  request: ExportRequest,
  meter: ExportMeter,
  target: Writable,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { sql, from, to, timeout } = request;
  const traceId = newTraceId();
  const query = { sql, start_time: from ?? 0, end_time: to ?? Number.MAX_SAFE_INTEGER };
  const reply = await client.open({
    method: 'POST',
    path: `${apiPath(connection, '_export')}?${parameters(request)}`,
    headers: { 'content-type': 'application/json', [TRACE_HEADER]: traceId },
    body: Buffer.from(JSON.stringify({ query, timeout })),
    signal,
  });
  if (!reply.stream) throw serverError(sql, parseErrorBody(reply));
  try {
    await pipeline(reply.stream, meter, target, { end: target !== process.stdout });
  } catch (error) {
    signal.throwIfAborted();
    throw transferError(error as NodeJS.ErrnoException, meter.bytes);
  }
  const told = await exported(client, connection, traceId);
  if (told && told.bytes !== meter.bytes) {
    throw new CliError(`the file is not whole: ${meter.bytes} of ${told.bytes} bytes came`);
  }
  return told?.rows;
}

function parameters({ format, compression, timestampType, nulls, schema }: ExportRequest): string {
  const given = Object.entries({ format, compression, timestamp_type: timestampType, nulls, schema });
  const parameters = new URLSearchParams();
  for (const [name, value] of given) if (value !== undefined) parameters.set(name, String(value));
  return parameters.toString();
}

function transferError(error: NodeJS.ErrnoException, bytes: number): CliError {
  if (CUT.has(error.code ?? '') && error.syscall !== 'write') {
    return new CliError(
      `the export is not complete: the connection was cut after ${sizeText(bytes)}`,
      'the query failed half way or the server stopped; its log says why',
    );
  }
  return new CliError(`the export cannot be written: ${error.message}`);
}

/** The body was complete by then, so that a count that cannot be had is no failure. */
async function exported(
  client: HttpClient,
  connection: Connection,
  traceId: string,
): Promise<{ rows: number; bytes: number } | undefined> {
  try {
    const reply = await client.send({ method: 'GET', path: apiPath(connection, '_export', traceId) });
    if (reply.status !== 200) return undefined;
    return JSON.parse(reply.body.toString('utf8')) as { rows: number; bytes: number };
  } catch {
    return undefined;
  }
}
