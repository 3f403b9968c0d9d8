import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SinkRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly records: unknown[];
}

export interface SinkAnswer {
  status: number;
  headers?: Record<string, string>;
  body: unknown;
  delayMs?: number;
}

export function stored(records: number, failed = 0): SinkAnswer {
  const status = [{ name: 'logs', successful: records, failed }];
  return { status: 200, body: { code: 200, status } };
}

/** A server that takes JSON arrays, keeps them, and answers as it is told. */
export class IngestSink {
  readonly requests: SinkRequest[] = [];
  readonly #server: Server;

  constructor(answer: (request: SinkRequest, index: number) => SinkAnswer) {
    this.#server = createServer((request, response) => {
      void this.#take(request, response, answer);
    });
  }

  async listen(): Promise<{ host: string; port: number }> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(
    request: IncomingMessage,
    response: ServerResponse,
    answer: (request: SinkRequest, index: number) => SinkAnswer,
  ): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const taken = {
      path: request.url ?? '',
      authorization: request.headers.authorization,
      records: JSON.parse(Buffer.concat(chunks).toString()) as unknown[],
    };
    const index = this.requests.push(taken) - 1;
    const { status, headers, body, delayMs } = answer(taken, index);
    if (delayMs) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const text = JSON.stringify(body);
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) });
    response.end(text);
  }
}
