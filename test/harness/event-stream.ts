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
      // A connection of its own: one that is kept may be closed by the server while a test is busy.
      agent: false,
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
      const searched = Math.max(0, this.text.length - 1);
      this.text += piece;
      for (let end = this.text.indexOf('\n\n', searched); end >= 0; end = this.text.indexOf('\n\n')) {
        yield parse(this.text.slice(0, end));
        this.text = this.text.slice(end + 2);
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

function parse(frame: string): ServerEvent {
  const data = frame.indexOf('data: ');
  const event = frame.startsWith('event: ') ? frame.slice('event: '.length, data - 1) : '';
  return { event, data: frame.slice(data + 'data: '.length) };
}
