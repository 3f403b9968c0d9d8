/** `basalt query`: one SQL statement, its rows on standard output; or, at a terminal and without one, a shell. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import { addConnectionOptions, type ConnectionOptions, resolveConnection } from '../connection.js';
import { HttpClient } from '../http-client.js';
import { formatRows, OUTPUT_FORMATS, type OutputFormat } from './formats.js';
import { INTERACTIVE_RETRY, search, summaryText } from './search.js';
import { addTimeOptions, type TimeOptions } from './time.js';

interface QueryOptions extends ConnectionOptions, TimeOptions {
  limit?: number;
  format: OutputFormat;
}

const LIMIT_DEFAULT = 1000;

function parseLimit(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('must be a whole number; 0 means no limit');
  return value;
}

export function addQueryCommand(program: Command): void {
  const command = program
    .command('query')
    .description('run one SQL statement; without one, at a terminal, an interactive shell')
    .argument('[sql]', 'for example: "SELECT level, count(*) FROM logs GROUP BY level"')
    .option(
      '--limit <rows>',
      'most rows; 0 means no limit (default: 1000 of a table, else no limit)',
      parseLimit,
    )
    .addOption(
      new Option('--format <format>', 'form of the output').choices(OUTPUT_FORMATS).default('table'),
    );
  addTimeOptions(command);
  addConnectionOptions(command).action(async (sql: string | undefined, options: QueryOptions) => {
    if (sql !== undefined) return query(sql, options);
    if (!process.stdin.isTTY) command.error("error: missing required argument 'sql'");
    const { startShell } = await import('../shell/start.js');
    await startShell({ ...options, limit: options.limit ?? LIMIT_DEFAULT });
  });
}

/** Runs the command. @throws CliError with the server's reason and, where it tells one, the place in the SQL */
export async function query(sql: string, options: QueryOptions, out = process.stdout): Promise<void> {
  const connection = resolveConnection(options);
  const client = new HttpClient(connection, 1, INTERACTIVE_RETRY);
  const startedAt = performance.now();
  try {
    const limit = options.limit ?? (options.format === 'table' ? LIMIT_DEFAULT : 0);
    const result = await search(client, connection, { sql, ...options, limit });
    out.write(formatRows(result, options.format, out.isTTY ? out.columns : undefined));
    if (options.format === 'table') {
      out.write(pc.dim(`${summaryText(result, performance.now() - startedAt)}\n`));
    }
    if (limit > 0 && result.rows.length === limit) {
      process.stderr.write(`the answer was cut at --limit ${limit}\n`);
    }
  } finally {
    client.close();
  }
}
