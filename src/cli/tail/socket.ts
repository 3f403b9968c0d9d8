/** One connection of a tail, from its beginning to its end. */
import type { IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import type { Connection } from '../connection.js';
import type { HttpReply } from '../http-client.js';
import { apiPath } from '../query/search.js';

export interface TailQuery {
  stream: string;
  filter?: string;
  /** So many rows that are there already come first. */
  lines: number;
}

export interface TailEvents {
  opened(): void;
  /** Whole lines. The connection is not read before it resolves. */
  text(text: string): Promise<void>;
}

/** How a connection ended: the server answered with something else than a socket, or it was lost. */
export type TailEnd = { refusal: HttpReply } | { lost: string };

const HANDSHAKE_MS_MAX = 30_000;

/** The server pings more often than this: without a sign of life for so long, it is taken for gone. */
const SILENCE_MS_MAX = 150_000;

export async function followOnce(
  connection: Connection,
  { stream, filter, lines }: TailQuery,
  events: TailEvents,
): Promise<TailEnd> {
  const url = new URL(connection.url.replace(/^http/, 'ws') + apiPath(connection, stream, '_tail'));
  if (filter !== undefined) url.searchParams.set('filter', filter);
  url.searchParams.set('from', String(lines));
  const socket = new WebSocket(url, {
    headers: { authorization: connection.authorization },
    handshakeTimeout: HANDSHAKE_MS_MAX,
    perMessageDeflate: false,
  });
  const silence = setTimeout(() => socket.terminate(), SILENCE_MS_MAX);
  let written = Promise.resolve();
  try {
    return await new Promise<TailEnd>((resolve, reject) => {
      let reason = '';
      socket.on('open', events.opened);
      socket.on('ping', () => silence.refresh());
      socket.on('message', (data) => {
        silence.refresh();
        // What is not shown yet is not asked for: the server knows what to do about slow readers.
        socket.pause();
        written = written.then(() => events.text(String(data))).then(() => socket.resume());
        written.catch(reject);
      });
      socket.on('unexpected-response', (_request, response) => {
        collect(response).then((refusal) => resolve({ refusal }), reject);
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        reason ||= error.message || error.code || 'error';
      });
      socket.on('close', (code, text) => {
        resolve({ lost: reason || text.toString() || `closed with code ${code}` });
      });
    });
  } finally {
    clearTimeout(silence);
    socket.terminate();
    await written;
  }
}

async function collect(response: IncomingMessage): Promise<HttpReply> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks) };
}
