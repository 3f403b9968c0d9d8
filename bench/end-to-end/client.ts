import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { ServerProcess } from './server.js';

export type Hit = Readonly<Record<string, unknown>>;

export interface SearchAnswer {
  hits: Hit[];
  /** From the sending of the request to the last byte of the answer. */
  milliseconds: number;
}

export interface SearchQuery {
  readonly sql: string;
  /** Microseconds; the end is exclusive. */
  readonly startUs: number;
  readonly endUs: number;
  /** Rows wanted at most. */
  readonly size: number;
}

/** Asks the server over one keep-alive connection. */
export class Client {
  readonly #server: ServerProcess;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(server: ServerProcess) {
    this.#server = server;
  }

  /** Result caches are turned off: the figure is that of doing the work. */
  async search({ sql, startUs, endUs, size }: SearchQuery): Promise<SearchAnswer> {
    const query = { sql, start_time: startUs, end_time: endUs, from: 0, size };
    const body = JSON.stringify({ query, use_cache: false });
    const startedMs = performance.now();
    const answer = await this.#call('POST', '/api/default/_search', body);
    const milliseconds = performance.now() - startedMs;
    return { hits: (JSON.parse(answer) as { hits: Hit[] }).hits, milliseconds };
  }

  /** Turns all that is in memory into segments; resolves to the time it took, in milliseconds. */
  async flush(): Promise<number> {
    const startedMs = performance.now();
    await this.#call('PUT', '/node/flush', '');
    return performance.now() - startedMs;
  }

  close(): void {
    this.#agent.destroy();
  }

  #call(method: string, path: string, body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = {
        authorization: this.#server.authorization,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      };
      const call = request(
        `${this.#server.url}${path}`,
        { method, headers, agent: this.#agent },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            if (response.statusCode === 200) resolve(text);
            else
              reject(new Error(`${method} ${path}: status ${response.statusCode}: ${text.slice(0, 1000)}`));
          });
        },
      );
      call.on('error', reject);
      call.end(body);
    });
  }
}
