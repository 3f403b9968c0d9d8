/** `basalt export`: a whole result as a file, in constant memory however many rows it has. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addConnectionOptions, type ConnectionOptions, resolveConnection } from '../connection.js';
import { CliError } from '../failure.js';
import { HttpClient } from '../http-client.js';
import { sizeText } from '../human.js';
import { INTERACTIVE_RETRY, rowsText } from '../query/search.js';
import { addTimeOptions, type TimeOptions } from '../query/time.js';
import { download } from './download.js';
import { EXPORT_FORMATS, type ExportFormat, exportFormat } from './format.js';
import { PartFile } from './part-file.js';
import { ExportMeter } from './progress.js';

interface ExportOptions extends ConnectionOptions, TimeOptions {
  output?: string;
  format?: ExportFormat;
  compression?: string;
  timestampType?: string;
  nulls?: boolean;
  schema?: boolean;
  timeout?: number;
}

const BINARY: ExportFormat[] = ['parquet', 'arrow', 'arrows'];

function parseTimeout(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('must be whole seconds');
  return value;
}

export function addExportCommand(program: Command): void {
  const command = program
    .command('export')
    .description('write the whole result of one SQL statement to a file')
    .argument('<sql>', 'for example: "SELECT * FROM logs"')
    .option('-o, --output <file>', 'file to make; it appears once it is whole (default: standard output)')
    .addOption(
      new Option(
        '--format <format>',
        "form of the file (default: by the file's extension; ndjson on standard output)",
      ).choices(EXPORT_FORMATS),
    )
    .addOption(
      new Option('--compression <codec>', 'of parquet (default: zstd)').choices([
        'zstd',
        'snappy',
        'gzip',
        'none',
      ]),
    )
    .addOption(
      new Option(
        '--timestamp-type <type>',
        'of _timestamp: microseconds, or a moment (default: int64)',
      ).choices(['int64', 'timestamp']),
    )
    .option('--nulls', 'ndjson has fields that are null, too')
    .option('--schema', 'ndjson begins with a line of the columns and their types')
    .option(
      '--timeout <seconds>',
      'longest run of the query (default: the limit of the server)',
      parseTimeout,
    );
  addTimeOptions(command);
  addConnectionOptions(command).action(async (sql: string, options: ExportOptions) => {
    await exportToFile(sql, options);
  });
}

/** Runs the command. @throws CliError when the file is not whole; there is none under its name then, or what was there before */
export async function exportToFile(
  sql: string,
  { output, format: asked, ...options }: ExportOptions,
): Promise<void> {
  const format = exportFormat(asked, output);
  if (output === undefined && process.stdout.isTTY && BINARY.includes(format)) {
    throw new CliError(`${format} is nothing for a terminal`, 'give --output, or send it on: … | program');
  }
  const connection = resolveConnection(options);
  const client = new HttpClient(connection, 1, INTERACTIVE_RETRY);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new CliError('the export was interrupted'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const file = output === undefined ? undefined : await PartFile.create(output);
  const meter = new ExportMeter(format);
  try {
    const request = { sql, ...options, format };
    const target = file?.stream ?? process.stdout;
    const rows = await download(client, connection, request, meter, target, interrupted.signal);
    await file?.finish();
    const what = rows === undefined ? '' : `${rowsText(rows)}, `;
    const where = output === undefined ? '' : ` to ${output}`;
    meter.stop();
    process.stderr.write(`${what}${sizeText(meter.bytes)}${where} in ${meter.seconds.toFixed(1)} s\n`);
  } catch (error) {
    await file?.abandon();
    throw error;
  } finally {
    meter.stop();
    client.close();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
