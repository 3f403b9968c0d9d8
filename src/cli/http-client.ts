/**
 * POST with patience: an overloaded server (503, 429) is asked again after its Retry-After, a lost connection after a
 * growing pause, both a bounded number of times.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from './connection.js';
import { CliError } from './failure.js';

export interface HttpReply {
  status: number;
  body: Buffer;
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

interface RawReply extends HttpReply {
  retryAfterSeconds: number;
}

/** Failed before the request can have reached the server: sending it again cannot store anything twice. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

export class HttpClient {
  /** Refusals for overload so far. */
  overloadRetries = 0;
  /** Requests sent again although the server may have taken the lost one. */
  uncertainRepeats = 0;
  private readonly agent: http.Agent | https.Agent;
  private readonly send: typeof http.request;

  /** @param connections most requests in flight at once */
  constructor(
    private readonly connection: Connection,
    connections: number,
    private readonly retry: RetryPolicy = DEFAULT_RETRY,
  ) {
    const secure = connection.url.startsWith('https:');
    this.agent = new (secure ? https : http).Agent({ keepAlive: true, maxSockets: connections });
    this.send = secure ? https.request : http.request;
  }

  /** @throws CliError when the server stays away or overloaded */
  async post(path: string, contentType: string, body: Buffer): Promise<HttpReply> {
    let failures = 0;
    let refusals = 0;
    for (;;) {
      try {
        const reply = await this.postOnce(path, contentType, body);
        if (reply.status !== 503 && reply.status !== 429) return reply;
        if (++refusals >= this.retry.overloadAttemptsMax) return reply;
        this.overloadRetries++;
        await sleep(reply.retryAfterSeconds * 1000);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? '';
        if (++failures >= this.retry.connectionAttemptsMax) {
          throw new CliError(
            `no answer from ${this.connection.url}: ${(error as Error).message || code}`,
            'is the server running? `npm start` starts one',
          );
        }
        if (!NEVER_SENT.has(code)) this.uncertainRepeats++;
        await sleep(Math.min(this.retry.pauseMs * 2 ** (failures - 1), this.retry.pauseMsMax));
      }
    }
  }

  close(): void {
    this.agent.destroy();
  }

  private postOnce(path: string, contentType: string, body: Buffer): Promise<RawReply> {
    const { url, authorization } = this.connection;
    const headers = { authorization, 'content-type': contentType, 'content-length': body.length };
    return new Promise((resolve, reject) => {
      const request = this.send(
        `${url}${path}`,
        { method: 'POST', agent: this.agent, headers },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            resolve({
              status: response.statusCode ?? 0,
              body: Buffer.concat(chunks),
              retryAfterSeconds: parseRetryAfter(response.headers['retry-after']),
            });
          });
        },
      );
      request.setTimeout(SILENCE_MS_MAX, () => request.destroy(new Error('the server fell silent')));
      request.on('error', reject);
      request.end(body);
    });
  }
}

/** Seconds of a Retry-After header; 1 when it is absent or not a number of seconds. */
export function parseRetryAfter(header: string | undefined): number {
  const seconds = Number(header);
  if (header === undefined || !Number.isFinite(seconds) || seconds < 0) return 1;
  return Math.min(seconds, RETRY_AFTER_SECONDS_MAX);
}

/** The members of an error answer (docs: README, "Errors"). */
export interface ErrorBody {
  message: string;
  error_detail?: string;
  hint?: string;
  suggestions?: string[];
  line?: number;
  column?: number;
}

/** Reads an error answer; whatever is not one becomes its message. */
export function parseErrorBody(reply: HttpReply): ErrorBody {
  const text = reply.body.toString('utf8');
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && typeof (parsed as ErrorBody).message === 'string') {
      return parsed as ErrorBody;
    }
  } catch {
    // Not JSON: a proxy's page, or another server altogether.
  }
  return { message: `HTTP ${reply.status}${text ? `: ${text.slice(0, 500)}` : ''}` };
}
