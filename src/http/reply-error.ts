/** Errors as answers. */
import { randomBytes } from 'node:crypto';
import { BasaltError } from '../errors/index.js';
import type { Exchange } from './exchange.js';

/** Told of errors that are bugs of ours. */
export type BugReporter = (error: unknown, traceId: string) => void;

let reportBug: BugReporter = () => {};

export function onBug(reporter: BugReporter): void {
  reportBug = reporter;
}

/** Answers with the API's JSON form of an error. `close` where the request's body will not be read. */
export function replyError(
  exchange: Exchange,
  error: unknown,
  close = false,
  traceId = randomBytes(16).toString('hex'),
): void {
  const { status, body, retryAfterSeconds } = toAnswer(error, traceId);
  const headers: Record<string, string> = {};
  if (status === 401) headers['www-authenticate'] = 'Basic realm="basalt"';
  if (retryAfterSeconds !== undefined) headers['retry-after'] = String(retryAfterSeconds);
  exchange.reply(status, body, { headers, close });
}

/** Status and body for an error. What is not the caller's to mend is reported, and told without its details. */
export function toAnswer(
  error: unknown,
  traceId: string,
): { status: number; body: string; retryAfterSeconds?: number } {
  if (error instanceof BasaltError) {
    const { retryAfterSeconds } = error.fields;
    return { status: error.status, body: error.toBody(traceId), retryAfterSeconds };
  }
  reportBug(error, traceId);
  const bug = new BasaltError(500, 'Server Internal Error', {
    code: 10001,
    hint: `see the log for ${traceId}`,
  });
  return { status: 500, body: bug.toBody(traceId) };
}
