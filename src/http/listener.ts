/** The uWebSockets.js listener. */

import type * as UWebSockets from 'uWebSockets.js';
import { createRequire } from 'node:module';
import { FatalError } from '../errors/index.js';
import { Exchange } from './exchange.js';
import { type SocketData, socketBehavior } from './socket.js';

// Read by the library when it loads: shippers send long headers.
process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= '65536';
/** Without it, a second server could share the port unnoticed. */
const EXCLUSIVE_PORT = 1;

/** The declared overloads lack the one with host and options. */
type ListenWithOptions = (
  host: string,
  port: number,
  options: number,
  done: (socket: UWebSockets.us_listen_socket | false) => void,
) => void;

const uws = createRequire(import.meta.url)('uWebSockets.js') as typeof UWebSockets;

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
export function listen(
  host: string,
  port: number,
  handle: (exchange: Exchange) => void,
  onAnswered: (exchange: Exchange, status: number) => void,
): Promise<Listener> {
  const app = uws.App();
  // Requests that ask for a WebSocket; its routes are the same as those of all others.
  app.ws<SocketData>(
    '/*',
    socketBehavior((response, request, upgrade) =>
      handle(new Exchange(response, request, onAnswered, upgrade)),
    ),
  );
  app.any('/*', (response, request) => handle(new Exchange(response, request, onAnswered)));
  return new Promise((resolve, reject) => {
    const listenOn = app.listen.bind(app) as unknown as ListenWithOptions;
    listenOn(host, port, EXCLUSIVE_PORT, (socket) => {
      if (!socket) {
        reject(
          new FatalError(
            `cannot listen on ${host}:${port}: the port is taken or the address is not this host's`,
          ),
        );
        return;
      }
      resolve({
        port: uws.us_socket_local_port(socket),
        stopAccepting: () => uws.us_listen_socket_close(socket),
        close: () => app.close(),
      });
    });
  });
}
