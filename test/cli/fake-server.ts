/** A local HTTP server whose answers a test decides, and which keeps what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  path: string;
  authorization: string | undefined;
  body: Buffer;
}

export interface FakeServer {
  url: string;
  requests: SeenRequest[];
  close(): Promise<void>;
}

export type Answer = (
  request: SeenRequest,
  response: ServerResponse,
  index: number,
  socket: IncomingMessage,
) => void;

export async function startFakeServer(answer: Answer): Promise<FakeServer> {
  const requests: SeenRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const seen = {
      path: incoming.url ?? '',
      authorization: incoming.headers.authorization,
      body: Buffer.concat(chunks),
    };
    requests.push(seen);
    answer(seen, response, requests.length - 1, incoming);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers like `_multi`: every line stored. */
export const storeAll: Answer = (request, response) => {
  const successful = request.body.toString('utf8').trimEnd().split('\n').length;
  response.end(JSON.stringify({ code: 200, status: [{ name: 's', successful, failed: 0 }] }));
};
