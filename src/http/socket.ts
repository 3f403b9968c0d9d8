/** WebSockets over uWebSockets.js: the request for one, and the socket while it is open. */
import type {
  HttpRequest,
  HttpResponse,
  us_socket_context_t,
  WebSocket,
  WebSocketBehavior,
} from 'uWebSockets.js';
import { TAIL_IDLE_SECONDS } from '../config/limits.js';

/** What an open socket tells its route. */
export interface SocketListener {
  opened(socket: Socket): void;
  /** The network has taken what was sent. */
  drained(): void;
  closed(): void;
}

/** That the library keeps with each socket. */
export interface SocketData {
  listener: SocketListener;
  socket?: Socket;
}

/** Clients have nothing to say; what they send is not looked at, and a long message ends the connection. */
const MESSAGE_BYTES_MAX = 1024;

/** After its end, nothing is sent any more. */
export class Socket {
  private open = true;

  constructor(private readonly socket: WebSocket<SocketData>) {}

  get bufferedBytes(): number {
    return this.open ? this.socket.getBufferedAmount() : 0;
  }

  send(text: string | Uint8Array): void {
    if (this.open) this.socket.send(text, false);
  }

  close(code: number, reason: string): void {
    if (this.open) this.socket.end(code, reason);
  }

  ended(): void {
    this.open = false;
  }
}

/** A request that asks for a WebSocket. */
export class Upgrade {
  private readonly key: string;
  private readonly protocol: string;
  private readonly extensions: string;

  constructor(
    private readonly response: HttpResponse,
    request: HttpRequest,
    private readonly context: us_socket_context_t,
  ) {
    this.key = request.getHeader('sec-websocket-key');
    this.protocol = request.getHeader('sec-websocket-protocol');
    this.extensions = request.getHeader('sec-websocket-extensions');
  }

  /** The listener is told that the socket is open before this returns. */
  accept(listener: SocketListener): void {
    const data: SocketData = { listener };
    this.response.upgrade(data, this.key, this.protocol, this.extensions, this.context);
  }
}

export function socketBehavior(
  handle: (response: HttpResponse, request: HttpRequest, upgrade: Upgrade) => void,
  closed: () => void,
): WebSocketBehavior<SocketData> {
  return {
    idleTimeout: TAIL_IDLE_SECONDS,
    sendPingsAutomatically: true,
    maxPayloadLength: MESSAGE_BYTES_MAX,
    // Senders bound what waits themselves: here, what is dropped would be dropped unseen.
    maxBackpressure: 0,
    upgrade: (response, request, context) =>
      handle(response, request, new Upgrade(response, request, context)),
    open: (socket) => {
      const data = socket.getUserData();
      data.socket = new Socket(socket);
      data.listener.opened(data.socket);
    },
    drain: (socket) => socket.getUserData().listener.drained(),
    close: (socket) => {
      const { socket: ended, listener } = socket.getUserData();
      ended?.ended();
      listener.closed();
      closed();
    },
  };
}
