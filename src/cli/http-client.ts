/**
 * Requests with patience: an overloaded server (503, 429) is asked again after its Retry-After, a lost connection after a
 * growing pause, both a bounded number of times.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from './connection.js';
import { CliError } from './failure.js';
import { saysCancelled } from './server-error.js';

export interface HttpReply {
  status: number;
  body: Buffer;
}

/** An answer whose body, where the status is 200, is still to be read. */
export interface OpenReply extends HttpReply {
  stream?: http.IncomingMessage;
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  headers?: Record<string, string>;
  body?: Buffer;
  /** Ends the request, and all patience with it. */
  signal?: AbortSignal;
}

export interface RetryPolicy {
  /** Connection errors in a row before giving up. */
  connectionAttemptsMax: number;
  /** Refusals for overload before giving up. */
  overloadAttemptsMax: number;
  /** Pause after the first connection error; doubles up to `pauseMsMax`. */
  pauseMs: number;
  pauseMsMax: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  connectionAttemptsMax: 8,
  overloadAttemptsMax: 300,
  pauseMs: 200,
  pauseMsMax: 5000,
};

/** A server that sends nothing for this long is taken for gone. */
const SILENCE_MS_MAX = 660_000;

const RETRY_AFTER_SECONDS_MAX = 60;

interface RawReply {
  status: number;
  stream: http.IncomingMessage;
}

/** Failed before the request can have reached the server: sending it again cannot store anything twice. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

export class HttpClient {
  /** Refusals for overload so far. */
  overloadRetries = 0;
  /** Requests sent again although the server may have taken the lost one. */
  uncertainRepeats = 0;
  private readonly agent: http.Agent | https.Agent;
  private readonly begin: typeof http.request;

  /** @param connections most requests in flight at once */
  constructor(
    private readonly connection: Connection,
    connections: number,
    private readonly retry: RetryPolicy = DEFAULT_RETRY,
  ) {
    const secure = connection.url.startsWith('https:');
    this.agent = new (secure ? https : http).Agent({ keepAlive: true, maxSockets: connections });
    this.begin = secure ? https.request : http.request;
  }

  /** @throws CliError when the server stays away or overloaded */
  post(path: string, contentType: string, body: Buffer): Promise<HttpReply> {
    return this.send({ method: 'POST', path, headers: { 'content-type': contentType }, body });
  }

  /** @throws as `post` */
  send(request: HttpRequest): Promise<HttpReply> {
    return this.patiently(request, collect);
  }

  /** For answers too large to be held. @throws as `post` */
  open(request: HttpRequest): Promise<OpenReply> {
    return this.patiently(request, async (raw) =>
      raw.status === 200 ? { status: 200, body: Buffer.alloc(0), stream: raw.stream } : collect(raw),
    );
  }

  close(): void {
    this.agent.destroy();
  }

  private async patiently<Reply extends HttpReply>(
    request: HttpRequest,
    read: (raw: RawReply) => Promise<Reply>,
  ): Promise<Reply> {
    const { signal } = request;
    let failures = 0;
    let refusals = 0;
    for (;;) {
      try {
        const raw = await this.sendOnce(request);
        const reply = await read(raw);
        if ((reply.status !== 503 && reply.status !== 429) || saysCancelled(reply)) return reply;
        if (++refusals >= this.retry.overloadAttemptsMax) return reply;
        this.overloadRetries++;
        await sleep(parseRetryAfter(raw.stream.headers['retry-after']) * 1000, undefined, { signal });
      } catch (error) {
        signal?.throwIfAborted();
        const code = (error as NodeJS.ErrnoException).code ?? '';
        if (++failures >= this.retry.connectionAttemptsMax) {
          throw new CliError(
            `no answer from ${this.connection.url}: ${(error as Error).message || code}`,
            'is the server running? `npm start` starts one',
          );
        }
        if (!NEVER_SENT.has(code)) this.uncertainRepeats++;
        await sleep(Math.min(this.retry.pauseMs * 2 ** (failures - 1), this.retry.pauseMsMax), undefined, {
          signal,
        });
      }
    }
  }

  private sendOnce({ method, path, headers, body, signal }: HttpRequest): Promise<RawReply> {
    const { url, authorization } = this.connection;
    const length = body ? { 'content-length': body.length } : {};
    const options = { method, agent: this.agent, headers: { authorization, ...length, ...headers }, signal };
    return new Promise((resolve, reject) => {
      const request = this.begin(`${url}${path}`, options, (stream) => {
        resolve({ status: stream.statusCode ?? 0, stream });
      });
      request.setTimeout(SILENCE_MS_MAX, () => request.destroy(new Error('the server fell silent')));
      request.on('error', reject);
      request.end(body);
    });
  }
}

async function collect({ status, stream }: RawReply): Promise<HttpReply> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { status, body: Buffer.concat(chunks) };
}

/** Seconds of a Retry-After header; 1 when it is absent or not a number of seconds. */
export function parseRetryAfter(header: string | undefined): number {
  const seconds = Number(header);
  if (header === undefined || !Number.isFinite(seconds) || seconds < 0) return 1;
  return Math.min(seconds, RETRY_AFTER_SECONDS_MAX);
}
