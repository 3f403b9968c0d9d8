/**
 * The JSON answers of the ingest routes, made on the ingest worker so that the front end only moves bytes.
 */
import type { Reply, RequestOutcome } from '../ingest/batch-task.js';
import type { BulkItem } from '../native/index.js';
import { BodyFormat } from '../ring/layout.js';

/** The answer to a request, in the form its route promises. */
export function reply(outcome: RequestOutcome, tookMs: number): Reply {
  if (outcome.rejected !== undefined) return rejectedReply(outcome);
  return outcome.format === BodyFormat.BULK ? bulkReply(outcome, tookMs) : jsonReply(outcome);
}

/** `_json` and `_multi`: one status entry for the stream of the URL, with the last error as the API has it, and all kept ones beside it. */
function jsonReply(outcome: RequestOutcome): Reply {
  const { request, stream, successful, failed, errors } = outcome;
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
      },
    ],
  };
  return { request, status: 200, body: JSON.stringify(body) };
}

/** `_bulk`: one item per action in request order, under the action's own name, as Elasticsearch clients expect. */
function bulkReply(outcome: RequestOutcome, tookMs: number): Reply {
  const items = outcome.items.map(bulkItem);
  const errors = outcome.items.some((item) => item.status >= 400);
  return {
    request: outcome.request,
    status: 200,
    body: JSON.stringify({ took: Math.round(tookMs), errors, items }),
  };
}

function bulkItem(item: BulkItem): Record<string, unknown> {
  const head = { _index: item.stream, _id: item.id ?? '', status: item.status };
  if (item.status >= 400) {
    const error = {
      type: item.errorType,
      reason: item.errorReason,
      index_uuid: '0',
      shard: '1',
      index: item.stream,
    };
    return { [item.action]: { ...head, error } };
  }
  const shards = { total: 1, successful: 1, failed: 0 };
  return {
    [item.action]: { ...head, _version: 1, result: 'created', _shards: shards, _seq_no: 1, _primary_term: 1 },
  };
}

function rejectedReply(outcome: RequestOutcome): Reply {
  const status = outcome.rejectedStatus ?? 400;
  return {
    request: outcome.request,
    status,
    body: JSON.stringify({ code: status, message: outcome.rejected }),
  };
}
