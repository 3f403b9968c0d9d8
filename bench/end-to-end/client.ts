import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { ServerProcess } from './server.js';

export type Hit = Readonly<Record<string, unknown>>;

export interface SearchAnswer {
  hits: Hit[];
  /** From the sending of the request to the last byte of the answer. */
  milliseconds: number;
  /** What the server says that it read for this answer, bytes. */
  scannedBytes: number;
}

export interface SearchQuery {
  readonly sql: string;
  /** Microseconds; the end is exclusive. */
  readonly startUs: number;
  readonly endUs: number;
  /** Rows wanted at most. */
  readonly size: number;
}

/**
 * Whether the server may answer from its caches of results, whole or of single segments. Most benches turn them off: their figure is that
 * of doing the work.
 */
export type Cache = 'on' | 'off';

/** Turns them off for one request. */
const cacheOffHeader = 'x-basalt-cache';
const mebibyte = 2 ** 20;

export function searchBody({ sql, startUs, endUs, size }: SearchQuery): string {
  return JSON.stringify({ query: { sql, start_time: startUs, end_time: endUs, from: 0, size } });
}

export function cacheHeaders(cache: Cache): Record<string, string> {
  return cache === 'off' ? { [cacheOffHeader]: 'off' } : {};
}

/** Asks the server over one keep-alive connection. */
export class Client {
  readonly #server: ServerProcess;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(server: ServerProcess) {
    this.#server = server;
  }

  async search(query: SearchQuery, cache: Cache = 'off'): Promise<SearchAnswer> {
    const startedMs = performance.now();
    const answer = await this.#call('POST', '/api/default/_search', searchBody(query), cacheHeaders(cache));
    const milliseconds = performance.now() - startedMs;
    const { hits, scan_size } = JSON.parse(answer) as { hits: Hit[]; scan_size: number };
    return { hits, milliseconds, scannedBytes: scan_size * mebibyte };
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

  #call(
    method: string,
    path: string,
    body: string,
    moreHeaders: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = {
        ...moreHeaders,
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
