/** `basalt query`: one SQL statement, its rows on standard output. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import { addConnectionOptions, type ConnectionOptions, resolveConnection } from '../connection.js';
import { CliError } from '../failure.js';
import { type ErrorBody, HttpClient, parseErrorBody } from '../http-client.js';
import { formatRows, OUTPUT_FORMATS, type OutputFormat } from './formats.js';
import { parseSearchAnswer } from './result.js';
import { parseTimeUs } from './time.js';

interface QueryOptions extends ConnectionOptions {
  from?: number;
  to?: number;
  limit: number;
  format: OutputFormat;
}

/** `size` of a search without a limit. */
const SIZE_UNLIMITED = -999;

const LIMIT_DEFAULT = 1000;

/** One connection, and a few tries: someone waits at the terminal. */
const RETRY = { connectionAttemptsMax: 3, overloadAttemptsMax: 30, pauseMs: 200, pauseMsMax: 1000 };

function parseLimit(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('must be a whole number; 0 means no limit');
  return value;
}

export function addQueryCommand(program: Command): void {
  const command = program
    .command('query')
    .description('run one SQL statement')
    .argument('<sql>', 'for example: "SELECT level, count(*) FROM logs GROUP BY level"')
    .option(
      '--from <time>',
      'start of the time range, inclusive: 15m, 2h, an ISO 8601 time (default: everything)',
      (text) => parseTimeUs(text),
    )
    .option('--to <time>', 'end of the time range, exclusive (default: everything)', (text) =>
      parseTimeUs(text),
    )
    .option('--limit <rows>', 'most rows of the answer; 0 means no limit', parseLimit, LIMIT_DEFAULT)
    .addOption(
      new Option('--format <format>', 'form of the output').choices(OUTPUT_FORMATS).default('table'),
    );
  addConnectionOptions(command).action(async (sql: string, options: QueryOptions) => {
    await query(sql, options);
  });
}

/** Runs the command. @throws CliError with the server's reason and, where it tells one, the place in the SQL */
export async function query(sql: string, options: QueryOptions, out = process.stdout): Promise<void> {
  const connection = resolveConnection(options);
  const client = new HttpClient(connection, 1, RETRY);
  const body = {
    query: {
      sql,
      start_time: options.from ?? 0,
      end_time: options.to ?? Number.MAX_SAFE_INTEGER,
      size: options.limit === 0 ? SIZE_UNLIMITED : options.limit,
      query_type: 'table',
    },
  };
  const startedAt = performance.now();
  try {
    const path = `/api/${encodeURIComponent(connection.organization)}/_search`;
    const reply = await client.post(path, 'application/json', Buffer.from(JSON.stringify(body)));
    if (reply.status !== 200) throw queryError(sql, parseErrorBody(reply));
    const result = parseSearchAnswer(reply.body.toString('utf8'));
    out.write(formatRows(result, options.format, out.isTTY ? out.columns : undefined));
    if (options.format !== 'table') return;
    const count = result.rows.length === 1 ? '1 row' : `${result.rows.length.toLocaleString('en-US')} rows`;
    const elapsedMs = performance.now() - startedAt;
    out.write(pc.dim(`${count}, ${elapsedMs.toFixed(0)} ms (server ${result.tookMs} ms)\n`));
    if (options.limit > 0 && result.rows.length === options.limit) {
      process.stderr.write(`the answer was cut at --limit ${options.limit}\n`);
    }
  } finally {
    client.close();
  }
}

/** The server's message, with the place in the SQL under which it was found. */
export function queryError(sql: string, error: ErrorBody): CliError {
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
