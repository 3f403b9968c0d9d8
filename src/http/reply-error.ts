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
export function replyError(exchange: Exchange, error: unknown, close = false): void {
  const traceId = randomBytes(16).toString('hex');
  if (!(error instanceof BasaltError)) {
    reportBug(error, traceId);
    const bug = new BasaltError(500, 'Server Internal Error', {
      code: 10001,
      hint: `see the log for ${traceId}`,
    });
    exchange.reply(500, bug.toBody(traceId), { close });
    return;
  }
  const headers: Record<string, string> = {};
  if (error.status === 401) headers['www-authenticate'] = 'Basic realm="basalt"';
  const retryAfter = error.fields.retryAfterSeconds;
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  exchange.reply(error.status, error.toBody(traceId), { headers, close });
}
