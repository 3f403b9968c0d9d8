/** What the server says when it refuses (docs: README, "The HTTP API"), and how that is shown. */
import { CliError } from './failure.js';
import type { HttpReply } from './http-client.js';

/** The members of an error answer. */
export interface ErrorBody {
  message: string;
  code?: number;
  error_detail?: string;
  hint?: string;
  suggestions?: string[];
  line?: number;
  column?: number;
}

/** The API's code of a query that was stopped. */
const CANCELLED = 20009;

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

/** Whether the query was stopped by somebody, so that asking again would be against their will. */
export function saysCancelled(reply: HttpReply): boolean {
  return reply.status === 429 && parseErrorBody(reply).code === CANCELLED;
}

/** The server's message, with the place in the SQL under which it was found. */
export function serverError(sql: string, error: ErrorBody): CliError {
  const detail = error.error_detail && error.error_detail !== error.message ? `\n${error.error_detail}` : '';
  const place = markPosition(sql, error.line, error.column);
  const { suggestions } = error;
  const hint = error.hint ?? (suggestions?.length ? `did you mean ${suggestions.join(' or ')}?` : undefined);
  return new CliError(`${error.message}${detail}${place}`, hint);
}

/** The line of the SQL with a caret below the column (both from 1); empty when there is no such place. */
export function markPosition(sql: string, line: number | undefined, column: number | undefined): string {
  if (line === undefined || column === undefined) return '';
  const text = sql.split('\n')[line - 1];
  if (text === undefined || column < 1 || column > text.length + 1) return '';
  // Tabs stay tabs, so that the caret stands below its column however wide they are.
  const indent = text.slice(0, column - 1).replace(/[^\t]/g, ' ');
  return `\n  ${text}\n  ${indent}^`;
}
