/** The rows of a `_search` answer, whichever of its two forms the server chose. */
import { CliError } from '../failure.js';
import { ExactNumber, type ExactValue, parseExact } from './exact-json.js';

export interface QueryRows {
  columns: string[];
  /** As long as `columns` each; null where there is no value. */
  rows: ExactValue[][];
  tookMs: number;
  recordsScanned: number;
}

type Members = { [name: string]: ExactValue };

function isMembers(value: ExactValue | undefined): value is Members {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
  );
}

/** @throws CliError when the body is not a search answer */
export function parseSearchAnswer(body: string): QueryRows {
  let answer: ExactValue;
  try {
    answer = parseExact(body);
  } catch {
    throw new CliError('the answer is not JSON: is this a Basalt server?', body.slice(0, 200));
  }
  if (!isMembers(answer) || !Array.isArray(answer.hits))
    throw new CliError('the answer has no "hits": is this a Basalt server?');
  const { hits } = answer;
  const columns = Array.isArray(answer.columns) ? answer.columns.map(String) : namesIn(hits);
  const rows = hits.map((hit) => {
    if (Array.isArray(hit)) return columns.map((_, index) => hit[index] ?? null);
    return columns.map((name) => (isMembers(hit) ? (hit[name] ?? null) : null));
  });
  return { columns, rows, tookMs: numberOf(answer.took), recordsScanned: numberOf(answer.scan_records) };
}

/** Names of all objects, in order of first appearance: nulls are left out of a row, so no one row has them all. */
function namesIn(hits: ExactValue[]): string[] {
  return [...new Set(hits.flatMap((hit) => (isMembers(hit) ? Object.keys(hit) : [])))];
}

function numberOf(value: ExactValue | undefined): number {
  return value instanceof ExactNumber ? Number(value.text) : 0;
}
