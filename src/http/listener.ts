/**
 * The listener: accepts connections within their limits and gives each to one of two readers. Plain ones (nearly all) go to uWebSockets.js,
 * which is fast; but it takes chunked bodies whatever their syntax is, offers no hook there, and does not tell connections apart. So
 * what begins with a chunked body, and whatever else is not plain, goes to Node's own HTTP server (strict-server.ts), and each
 * connection of uWebSockets.js has an App of its own, which is used again for the next.
 * Only this file and `socket.ts` know uWebSockets.js.
 */

import type * as UWebSockets from 'uWebSockets.js';
import { createRequire } from 'node:module';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import { HEAD_BYTES_MAX, HEAD_SECONDS } from '../config/limits.js';
import { type BasaltError, FatalError } from '../errors/index.js';
import { deferAccept, duplicateDescriptor, peekSocket } from '../native/index.js';
import type { Connection, Connections } from './connections.js';
import { Exchange, type ExchangeOptions, type RequestHead, type Wire } from './exchange.js';
import { FramingFields } from './framing.js';
import { replyError } from './reply-error.js';
import { type SocketData, socketBehavior, type Upgrade } from './socket.js';
import { strictServer } from './strict-server.js';

// Read by the library when it loads: shippers send long headers.
process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= String(HEAD_BYTES_MAX);

const uws = createRequire(import.meta.url)('uWebSockets.js') as typeof UWebSockets;

/** The declarations lack it: takes over the descriptor of an accepted connection. */
type AdoptingApp = UWebSockets.TemplatedApp & { adoptSocket(descriptor: number): void };

/** Of a new connection, looked at before it is given to a reader. */
const PEEK_BYTES = 8192;
const BACKLOG = 1024;

/** A whole head whose body, if there is one, has a length. */
const PLAIN_REQUEST_LINE = /^[A-Z]{1,16} \/[^ ]* HTTP\/1\.1\r\n/;
const NOT_PLAIN_FIELD = /\n(?:transfer-encoding|expect)?[ \t]*:/i;

export interface Listener {
  port: number;
  /** Takes no new connections; those that are open go on. */
  stopAccepting(): void;
  /** Cuts every connection. */
  close(): void;
}

/**
 * Listens on `host:port` (0: any free port) and hands each request to `handle`.
 * @throws FatalError when the address cannot be had
 */
export async function listen(
  host: string,
  port: number,
  connections: Connections,
  handle: (exchange: Exchange) => void,
  onAnswered: (exchange: Exchange, status: number) => void,
): Promise<Listener> {
  const take = (
    wire: Wire,
    head: RequestHead,
    connection: Connection | undefined,
    refused: BasaltError | undefined,
    options?: ExchangeOptions,
  ) => {
    const exchange = new Exchange(wire, head, connection, onAnswered, options);
    if (refused) replyError(exchange, refused, true);
    else handle(exchange);
  };
  const owners = new WeakMap<TcpSocket, Connection>();
  const strict = strictServer((wire, head, socket, refused) => take(wire, head, owners.get(socket), refused));
  const lanes = new Lanes(take);
  // Half-open, because Node's HTTP server wants it so; not read, because what has come must stay where it is.
  const acceptor = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, (socket) => {
    const address = socket.remoteAddress ?? '';
    const descriptor = descriptorOf(socket);
    if (descriptor !== undefined && isPlain(peekSocket(descriptor, PEEK_BYTES))) {
      lanes.adopt(descriptor, (cut) => connections.admit(address, cut));
      socket.destroy();
      return;
    }
    const connection = connections.admit(address, () => socket.destroy());
    if (!connection) {
      socket.destroy();
      return;
    }
    owners.set(socket, connection);
    socket.once('close', () => connection.closed());
    strict.emit('connection', socket);
    socket.resume();
  });
  await listening(acceptor, host, port);
  const descriptor = descriptorOf(acceptor);
  if (descriptor !== undefined) deferAccept(descriptor, HEAD_SECONDS);
  const address = acceptor.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    stopAccepting: () => acceptor.close(),
    close: () => {
      lanes.close();
      strict.closeAllConnections();
      strict.close();
    },
  };
}

/** Whether uWebSockets.js may read the connection that begins so. */
function isPlain(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const head = text.toString('latin1', 0, end + 2);
  return PLAIN_REQUEST_LINE.test(head) && !NOT_PLAIN_FIELD.test(head);
}

/** Node keeps it on the handle, which has no declaration. */
function descriptorOf(owner: TcpSocket | Server): number | undefined {
  const { _handle: handle } = owner as unknown as { _handle?: { fd?: number } | null };
  const descriptor = handle?.fd;
  return descriptor !== undefined && descriptor >= 0 ? descriptor : undefined;
}

function listening(acceptor: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    acceptor.once('error', (cause) => {
      const message = `cannot listen on ${host}:${port}: the port is taken or the address is not this host's`;
      reject(new FatalError(`${message} (${(cause as NodeJS.ErrnoException).code})`, { cause }));
    });
    acceptor.listen({ host: host === '' ? undefined : host, port, backlog: BACKLOG }, () => {
      acceptor.removeAllListeners('error');
      // A connection that could not be accepted; the ones before and after it are.
      acceptor.on('error', () => {});
      resolve();
    });
  });
}

type Take = (
  wire: Wire,
  head: RequestHead,
  connection: Connection | undefined,
  refused: BasaltError | undefined,
  options?: ExchangeOptions,
) => void;

/** An App and the connection that it has at the moment. */
interface Lane {
  app: AdoptingApp;
  connection: Connection | undefined;
}

class Lanes {
  private readonly idle: Lane[] = [];
  private readonly all: Lane[] = [];

  constructor(private readonly take: Take) {}

  /** Takes over a second descriptor of a connection, where `admit` lets it in. */
  adopt(descriptor: number, admit: (cut: () => void) => Connection | undefined): void {
    const lane = this.idle.pop() ?? this.create();
    lane.connection = admit(() => lane.app.close());
    if (!lane.connection) {
      this.idle.push(lane);
      return;
    }
    try {
      lane.app.adoptSocket(duplicateDescriptor(descriptor));
    } catch {
      // No descriptor is left: the client sees its connection closed, and those that are open go on.
      this.release(lane);
    }
  }

  close(): void {
    for (const lane of this.all) lane.app.close();
  }

  private create(): Lane {
    const app = uws.App() as AdoptingApp;
    const lane: Lane = { app, connection: undefined };
    const release = () => this.release(lane);
    // Requests that ask for a WebSocket; its routes are the same as those of all others.
    app.ws<SocketData>(
      '/*',
      socketBehavior((response, request, upgrade) => this.request(lane, response, request, upgrade), release),
    );
    app.any('/*', (response, request) => this.request(lane, response, request));
    // Not told of a connection that has become a WebSocket: `socketBehavior` tells of its end.
    const onChange = (_response: UWebSockets.HttpResponse, change: number) => {
      if (change < 0) release();
    };
    app.filter(onChange as Parameters<typeof app.filter>[0]);
    this.all.push(lane);
    return lane;
  }

  private release(lane: Lane): void {
    const { connection } = lane;
    if (!connection) return;
    lane.connection = undefined;
    connection.closed();
    this.idle.push(lane);
  }

  private request(
    lane: Lane,
    response: UWebSockets.HttpResponse,
    request: UWebSockets.HttpRequest,
    upgrade?: Upgrade,
  ): void {
    const framingFields = new FramingFields();
    const fields = new Map<string, string>();
    request.forEach((name, value) => {
      framingFields.add(name, value);
      if (!fields.has(name)) fields.set(name, value);
    });
    const head: RequestHead = {
      method: request.getMethod(),
      path: request.getUrl(),
      query: request.getQuery() ?? '',
      fields,
      framing: { kind: 'none' },
    };
    let refused: BasaltError | undefined;
    try {
      head.framing = framingFields.framing();
    } catch (error) {
      refused = error as BasaltError;
    }
    // The syntax of the chunks of a later request is not checked here, so nothing behind them may be taken for another request.
    const isLast = refused !== undefined || head.framing.kind === 'chunked';
    this.take(response, head, lane.connection, refused, { upgrade, isLast });
  }
}
