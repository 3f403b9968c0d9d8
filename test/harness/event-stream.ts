/** Reads an answer of server-sent events as it comes. */
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { TestServer } from './server.js';

export interface ServerEvent {
  /** Empty for the last one. */
  event: string;
  data: string;
}

export class EventStream {
  private text = '';

  private constructor(
    private readonly outgoing: ClientRequest,
    readonly response: IncomingMessage,
  ) {}

  static async open(
    { client, user, password }: TestServer,
    path: string,
    body: object,
    headers: Record<string, string> = {},
  ): Promise<EventStream> {
    const outgoing = request(client.url + path, {
      method: 'POST',
      auth: `${user}:${password}`,
      headers: { 'content-type': 'application/json', ...headers },
    });
    outgoing.end(JSON.stringify(body));
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    // An answer that is cut off is what some tests want.
    outgoing.on('error', () => {});
    return new EventStream(outgoing, response);
  }

  /** Every event until the end; the reader that stops early leaves the connection open. */
  async *events(): AsyncGenerator<ServerEvent> {
    this.response.setEncoding('utf8');
    for await (const piece of this.response) {
      this.text += piece;
      for (;;) {
        const end = this.text.indexOf('\n\n');
        if (end < 0) break;
        const frame = this.text.slice(0, end);
        this.text = this.text.slice(end + 2);
        const event = /^event: (.*)$/m.exec(frame)?.[1] ?? '';
        yield { event, data: /^data: ([\s\S]*)$/m.exec(frame)?.[1] ?? '' };
      }
    }
  }

  async all(): Promise<ServerEvent[]> {
    const found: ServerEvent[] = [];
    for await (const event of this.events()) found.push(event);
    return found;
  }

  /** Goes away without a good-bye. */
  destroy(): void {
    this.outgoing.destroy();
  }
}
