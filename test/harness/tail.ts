/** A live tail of a test server. */
import { once } from 'node:events';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import WebSocket from 'ws';
import type { TestServer } from './server.js';

export interface TailOptions {
  filter?: string;
  from?: number | string;
  organization?: string;
  anonymous?: boolean;
}

/** The server refused; `text` is what it answered. */
export class TailRefused extends Error {
  constructor(
    readonly status: number,
    readonly text: string,
  ) {
    super(`${status} ${STATUS_CODES[status]}: ${text}`);
  }
}

export class TailClient {
  readonly rows: Record<string, unknown>[] = [];
  readonly notices: Record<string, unknown>[] = [];
  closeCode: number | undefined;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => {
      for (const line of String(data).split('\n')) {
        if (line === '') continue;
        const row = JSON.parse(line) as Record<string, unknown>;
        if (typeof row._tail === 'object') this.notices.push(row._tail as Record<string, unknown>);
        else this.rows.push(row);
      }
    });
    socket.on('close', (code) => {
      this.closeCode = code;
    });
  }

  /** @throws TailRefused */
  static async open(server: TestServer, stream: string, options: TailOptions = {}): Promise<TailClient> {
    const url = new URL(`/api/${options.organization ?? 'default'}/${stream}/_tail`, server.client.url);
    if (options.filter !== undefined) url.searchParams.set('filter', options.filter);
    if (options.from !== undefined) url.searchParams.set('from', String(options.from));
    url.protocol = 'ws:';
    const auth = options.anonymous ? undefined : `${server.user}:${server.password}`;
    const socket = new WebSocket(url, { auth, perMessageDeflate: false });
    const client = new TailClient(socket);
    const refused = new Promise<never>((_, reject) => {
      socket.on('unexpected-response', (_request, response: IncomingMessage) => {
        response
          .toArray()
          .then(
            (chunks) => reject(new TailRefused(response.statusCode ?? 0, Buffer.concat(chunks).toString())),
            reject,
          );
      });
    });
    refused.catch(() => {});
    await Promise.race([once(socket, 'open'), refused]);
    return client;
  }

  /** Of one column, in the order in which they came. */
  values(column: string): unknown[] {
    return this.rows.map((row) => row[column]);
  }

  close(): void {
    this.socket.close();
  }
}
