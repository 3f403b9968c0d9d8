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

const mebibyte = 2 ** 20;

export function searchBody({ sql, startUs, endUs, size }: SearchQuery, cache: Cache): string {
  const query = { sql, start_time: startUs, end_time: endUs, from: 0, size };
  return JSON.stringify({ query, use_cache: cache === 'on' });
}

/** Asks the server over one keep-alive connection. */
export class Client {
  readonly #server: ServerProcess;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(server: ServerProcess) {
    this.#server = server;
  }

  /** @throws when an answer came from a cache although caches are off: its time would not be that of doing the work */
  async search(query: SearchQuery, cache: Cache = 'off'): Promise<SearchAnswer> {
    const startedMs = performance.now();
    const answer = await this.#call('POST', '/api/default/_search', searchBody(query, cache));
    const milliseconds = performance.now() - startedMs;
    const { hits, scan_size, cached_ratio } = JSON.parse(answer) as {
      hits: Hit[];
      scan_size: number;
      cached_ratio: number;
    };
    if (cache === 'off' && cached_ratio !== 0) {
      throw new Error(`asked without caches, but ${cached_ratio} % came from one: ${query.sql}`);
    }
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
