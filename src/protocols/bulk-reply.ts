/** The answer of `_bulk`, in pieces: one item an action in request order, under the action's own name, as Elasticsearch clients expect. */
import type { BulkAnswer } from '../ingest/batch-task.js';
import { type BulkRun, bulkRuns } from './bulk-items.js';
import { FilterPath } from './filter-path.js';

/** Pieces have at least so many characters, but for the last, and little more. */
const PIECE_CHARACTERS = 64 * 1024;

const SHARDS = { total: 1, successful: 1, failed: 0 };

export function* bulkPieces({
  tookMs,
  failed,
  warned,
  warnings,
  items,
  filterPath,
}: BulkAnswer): Generator<string> {
  const filter = FilterPath.parse(filterPath);
  const told = warned > 0 ? { warned, warnings } : {};
  const top = { took: Math.round(tookMs), errors: failed > 0, ...told };
  const head = JSON.stringify(filter ? (filter.apply(top) ?? {}) : top).slice(0, -1);
  const ofItems = filter?.under('items');
  const open = `${head === '{' ? '' : ','}"items":[`;
  let text = head;
  let count = 0;
  if (!filter || ofItems) {
    for (const run of bulkRuns(items)) {
      const item = ofItems ? ofItems.apply(itemOf(run)) : itemOf(run);
      if (item === undefined) continue;
      const one = JSON.stringify(item);
      for (let left = run.count; left > 0; left--) {
        text += count++ === 0 ? open + one : `,${one}`;
        if (text.length < PIECE_CHARACTERS) continue;
        yield text;
        text = '';
      }
    }
    // Without a filter the list is there, whatever is in it.
    if (count === 0 && !filter) text += open;
    if (count > 0 || !filter) text += ']';
  }
  yield `${text}}`;
}

function itemOf(run: BulkRun): Record<string, unknown> {
  const head = { _index: run.stream, _id: run.id ?? '', status: run.status };
  if (run.status >= 400) {
    const error = {
      type: run.errorType,
      reason: run.errorReason,
      index_uuid: '0',
      shard: '1',
      index: run.stream,
    };
    return { [run.action]: { ...head, error } };
  }
  return {
    [run.action]: { ...head, _version: 1, result: 'created', _shards: SHARDS, _seq_no: 1, _primary_term: 1 },
  };
}
