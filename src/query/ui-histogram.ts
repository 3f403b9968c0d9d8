/** `is_ui_histogram`: a statement about rows becomes one that counts the same rows by time. */
import { requestError } from '../errors/index.js';
import { roundInterval } from './envelope.js';
import { onlyStream, type StatementParts, statementParts } from './statement-parts.js';

/** The first that a stream has tells rows of a bucket apart. */
const BREAKDOWN_FIELDS = ['severity', 'log_level', 'level', 'status'];

export interface UiHistogram {
  sql: string;
  breakdownField: string | undefined;
}

export function isHistogramEligible({ clauses, distinct, setOperation, joined }: StatementParts): boolean {
  return (
    !distinct &&
    !setOperation &&
    !joined &&
    clauses.with === undefined &&
    clauses.limit === undefined &&
    clauses.from !== undefined
  );
}

/**
 * @param intervalSeconds 0: as fits the range
 * @throws BasaltError 400 (20013) for statements whose rows are not rows of one stream
 */
export function uiHistogram(
  sql: string,
  intervalSeconds: number,
  fieldsOf: (stream: string) => Iterable<string>,
): UiHistogram {
  const parts = statementParts(sql);
  if (!isHistogramEligible(parts)) {
    throw requestError(
      400,
      'histogram not available for a statement with WITH, DISTINCT, UNION, JOIN or LIMIT',
      {
        code: 20013,
      },
    );
  }
  const { from, where } = parts.clauses;
  const fields = new Set(fieldsOf(onlyStream(parts) ?? ''));
  const breakdownField = BREAKDOWN_FIELDS.find((field) => fields.has(field));
  const width = intervalSeconds > 0 ? `, '${roundInterval(intervalSeconds)} seconds'` : '';
  const key = `histogram(_timestamp${width}) AS zo_sql_key`;
  const columns = breakdownField ? [key, `"${breakdownField}" AS zo_sql_breakdown`] : [key];
  const groups = breakdownField ? 'zo_sql_key, zo_sql_breakdown' : 'zo_sql_key';
  // The line ends close comments at the ends of the clauses.
  const rows = where === undefined ? `${from}\n` : `${from}\nWHERE ${where}\n`;
  const counted = `SELECT ${columns.join(', ')}, count(*) AS zo_sql_num FROM ${rows}`;
  return { sql: `${counted}GROUP BY ${groups} ORDER BY zo_sql_key DESC`, breakdownField };
}
