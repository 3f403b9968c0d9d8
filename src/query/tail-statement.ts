/** What a live tail asks: the statements that it is made of, and whether they can be. */
import { BasaltError, requestError } from '../errors/index.js';
import type { QueryRunner, Statement } from './query-runner.js';

export interface TailRequest {
  organization: string;
  /** As it is stored: letters, digits, `_` and `:`. */
  stream: string;
  /** A SQL condition; undefined: every row. */
  filter: string | undefined;
  /** So many of the newest rows that are there already come first. */
  last: number;
}

/** Codes of the planner. */
const STREAM_NOT_FOUND = 20002;
const ABSENT_COLUMNS = [20003, 20004];

const ALL_TIME = { startTime: 0, endTime: Number.MAX_SAFE_INTEGER };

/** Of the rows of new blocks, in the order in which they came. */
export function liveStatement({ organization, stream, filter }: TailRequest): Statement {
  return statement(organization, `SELECT * FROM "${stream}"${condition(filter)}`);
}

/** Of the newest rows that are there, the oldest of them first. */
export function lastStatement({ organization, stream, filter, last }: TailRequest): Statement {
  const newest = `SELECT * FROM "${stream}"${condition(filter)} ORDER BY _timestamp DESC LIMIT ${last}`;
  return statement(organization, `SELECT * FROM (${newest}) ORDER BY _timestamp`);
}

/** On lines of its own, so that it may end in a comment, and its errors are told by its own lines. */
function condition(filter: string | undefined): string {
  return filter === undefined ? '' : ` WHERE (\n${filter}\n)`;
}

function statement(organization: string, sql: string): Statement {
  return {
    organization,
    sql,
    range: ALL_TIME,
    from: 0,
    size: null,
    defaultOrder: false,
    format: 'objects',
    useCache: false,
  };
}

/**
 * A stream that does not exist yet is waited for, so what the condition says of its columns is not known then.
 * @throws BasaltError 400 for a condition that is wrong, or about more than one row of the stream
 */
export async function checkTail(runner: QueryRunner, request: TailRequest): Promise<void> {
  try {
    const { leaves } = await runner.plan(liveStatement(request));
    const foreign = leaves.length > 1 || leaves.some(({ stream }) => stream !== request.stream);
    if (!foreign) return;
  } catch (error) {
    if (error instanceof BasaltError && error.fields.code === STREAM_NOT_FOUND) return;
    throw inFilter(error, request.filter);
  }
  throw requestError(400, 'the filter of a tail is a condition on one row of its stream', {
    code: 20001,
    hint: 'without subqueries',
  });
}

/** The error with its place in the filter instead of the statement around it. */
function inFilter(error: unknown, filter: string | undefined): unknown {
  if (!(error instanceof BasaltError) || error.fields.line === undefined) return error;
  const line = error.fields.line - 1;
  const inside = line >= 1 && line <= (filter ?? '').split('\n').length;
  const place = inside ? { line } : { line: undefined, column: undefined };
  return new BasaltError(error.status, error.message, { ...error.fields, ...place });
}

/** Whether the condition cannot be planned because no row has such a column so far: then no row matches either. */
export function lacksColumn(error: BasaltError): boolean {
  return ABSENT_COLUMNS.includes(error.fields.code ?? 0);
}
