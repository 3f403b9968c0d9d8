/**
 * Connections that Node's own HTTP server reads: bodies in chunks, whose syntax it checks and whose extensions and trailers it understands,
 * and whatever else is not plain (listener.ts). It takes about three times as long for a request as uWebSockets.js.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import { HEAD_BYTES_MAX, HEAD_SECONDS, IDLE_SECONDS } from '../config/limits.js';
import type { BasaltError } from '../errors/index.js';
import type { RequestHead, Wire } from './exchange.js';
import { FramingFields } from './framing.js';

/** @param take gets each request, or why its framing is refused */
export function strictServer(
  take: (wire: Wire, head: RequestHead, socket: Socket, refused: BasaltError | undefined) => void,
): Server {
  const answers = new WeakMap<Socket, ServerResponse>();
  /** Connections of which one request was refused: what came behind it may be a part of it. */
  const refusing = new WeakSet<Socket>();
  const server = createServer(
    {
      maxHeaderSize: HEAD_BYTES_MAX,
      headersTimeout: HEAD_SECONDS * 1000,
      keepAliveTimeout: IDLE_SECONDS * 1000,
      connectionsCheckingInterval: 1000,
      // Checked with the rest of the head.
      requireHostHeader: false,
    },
    (request, response) => {
      if (refusing.has(request.socket)) return;
      answers.set(request.socket, response);
      const { head, refused } = headOf(request);
      if (refused) refusing.add(request.socket);
      take(new NodeWire(request, response), head, request.socket, refused);
    },
  );
  // What is no HTTP; also a body whose chunks are not well formed, which may come while the request is being worked on.
  server.on('clientError', (error: Error & { code?: string; reason?: string }, socket) => {
    const answer = answers.get(socket as Socket);
    if (
      !socket.writable ||
      error.code === 'ECONNRESET' ||
      (answer?.headersSent && !answer.writableFinished)
    ) {
      socket.destroy();
      return;
    }
    const [status, message] = problemOf(error);
    const body = JSON.stringify({ code: status, message });
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: application/json\r\n`;
    socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  });
  return server;
}

function problemOf({ code, reason, message }: Error & { code?: string; reason?: string }): [number, string] {
  if (code === 'HPE_HEADER_OVERFLOW')
    return [431, `the head of the request is longer than ${HEAD_BYTES_MAX} bytes`];
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return [413, 'the extensions of a chunk are too long'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return [408, 'the request did not come in time'];
  return [400, `the request is not valid HTTP/1.1: ${reason ?? message}`];
}

function headOf(request: IncomingMessage): { head: RequestHead; refused: BasaltError | undefined } {
  const framingFields = new FramingFields();
  const fields = new Map<string, string>();
  const { rawHeaders } = request;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    const value = rawHeaders[index + 1] as string;
    framingFields.add(name, value);
    if (!fields.has(name)) fields.set(name, value);
  }
  // A target may be a whole URL (RFC 9112, section 3.2.2).
  const target = (request.url ?? '/').replace(/^https?:\/\/[^/?#]*(?=\/|$)/i, '');
  const mark = target.indexOf('?');
  const head: RequestHead = {
    method: request.method ?? '',
    path: mark < 0 ? target || '/' : target.slice(0, mark),
    query: mark < 0 ? '' : target.slice(mark + 1),
    fields,
    framing: { kind: 'none' },
  };
  try {
    head.framing = framingFields.framing(request.httpVersion === '1.0');
    return { head, refused: undefined };
  } catch (error) {
    return { head, refused: error as BasaltError };
  }
}

class NodeWire implements Wire {
  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
  ) {
    response.sendDate = false;
  }

  onAborted(handler: () => void): void {
    this.response.on('close', () => {
      if (!this.response.writableFinished) handler();
    });
  }

  onData(handler: (chunk: Uint8Array, isLast: boolean) => void): void {
    this.request.on('data', (chunk: Buffer) => handler(chunk, false));
    this.request.on('end', () => handler(new Uint8Array(), true));
  }

  onWritable(handler: () => boolean): void {
    this.response.on('drain', handler);
  }

  cork(handler: () => void): void {
    handler();
  }

  writeStatus(status: string): void {
    this.response.statusCode = Number(status.slice(0, 3));
    this.response.statusMessage = status.slice(4);
  }

  writeHeader(name: string, value: string): void {
    this.response.setHeader(name, value);
  }

  write(bytes: string | Uint8Array): boolean {
    return this.response.write(bytes);
  }

  end(bytes: string | Uint8Array = '', close = false): void {
    this.finish(Buffer.byteLength(bytes), close);
    this.response.end(bytes);
  }

  endWithoutBody(contentLength = 0, close = false): void {
    this.finish(contentLength, close);
    this.response.end();
  }

  close(): void {
    this.request.socket.destroy();
  }

  private finish(contentLength: number, close: boolean): void {
    if (this.response.headersSent) return;
    this.response.setHeader('content-length', contentLength);
    if (close) this.response.setHeader('connection', 'close');
  }
}
