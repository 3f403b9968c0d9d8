/**
 * The JSON answers of the ingest routes, made on the ingest worker so that the front end only moves bytes.
 */
import type { Reply, RequestOutcome } from '../ingest/batch-task.js';
import { BodyFormat } from '../ring/layout.js';
import { bulkPieces } from './bulk-reply.js';

/** Items of an answer that is made as one text: some 2 MB. */
const ITEMS_AT_ONCE_MAX = 10_000;

/** The answer to a request, in the form its route promises. */
export function reply(outcome: RequestOutcome, tookMs: number): Reply {
  if (outcome.rejected !== undefined) return rejectedReply(outcome);
  return outcome.format === BodyFormat.BULK ? bulkReply(outcome, tookMs) : jsonReply(outcome);
}

/** `_json` and `_multi`: one status entry for the stream of the URL, with the last error as the API has it, and all kept ones beside it. */
function jsonReply(outcome: RequestOutcome): Reply {
  const { request, stream, successful, failed, errors, warned, warnings } = outcome;
  const last = errors.at(-1);
  const body = {
    code: 200,
    status: [
      {
        name: stream,
        successful,
        failed,
        error: last?.message,
        errors: errors.length > 0 ? errors : undefined,
        warned: warned > 0 ? warned : undefined,
        warnings: warned > 0 ? warnings : undefined,
      },
    ],
  };
  return { request, status: 200, body: JSON.stringify(body) };
}

/** Longer ones are made where they are sent, piece by piece. */
function bulkReply(
  { request, successful, failed, warned, warnings, items, filterPath }: RequestOutcome,
  tookMs: number,
): Reply {
  const answer = { tookMs, failed, warned, warnings, items, filterPath };
  const body = successful + failed > ITEMS_AT_ONCE_MAX ? answer : [...bulkPieces(answer)].join('');
  return { request, status: 200, body };
}

function rejectedReply(outcome: RequestOutcome): Reply {
  const status = outcome.rejectedStatus ?? 400;
  return {
    request: outcome.request,
    status,
    body: JSON.stringify({ code: status, message: outcome.rejected }),
  };
}
