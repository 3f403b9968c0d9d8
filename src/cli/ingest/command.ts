/** `basalt ingest`: files or standard input, line by line, to a stream of the server. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addConnectionOptions, type ConnectionOptions, resolveConnection } from '../connection.js';
import { CliError } from '../failure.js';
import { HttpClient } from '../http-client.js';
import { parseErrorBody } from '../server-error.js';
import { batchesOf } from './batch-source.js';
import type { Batch, Place } from './batches.js';
import { inputName, totalBytes } from './input.js';
import { IngestProgress } from './progress.js';
import { BAD_BYTES, INPUT_ENCODINGS, INPUT_FORMATS, type RecordOptions } from './records.js';
import { Tally } from './tally.js';

interface IngestOptions extends ConnectionOptions {
  stream: string;
  format: RecordOptions['format'];
  encoding: RecordOptions['encoding'];
  stripCr: boolean;
  timeField?: string;
  onBadBytes: RecordOptions['badBytes'];
  fromLine: number;
  parallel: number;
}

/** Answers about single batches; any other status means that no batch will fare better. */
const BATCH_REFUSALS = new Set([400, 413, 422, 500]);

const PARALLEL_MAX = 64;

function parseParallel(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > PARALLEL_MAX) {
    throw new InvalidArgumentError(`must be a whole number from 1 to ${PARALLEL_MAX}`);
  }
  return value;
}

function parseLine(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('must be a number of a line, from 1');
  return value;
}

export function addIngestCommand(program: Command): void {
  const command = program
    .command('ingest')
    .description('send files (or - for standard input) to a stream; .gz is undone')
    .argument('<files...>', 'NDJSON, JSON or plain log files')
    .requiredOption('--stream <name>', 'stream to store in; it is made when it does not exist')
    .addOption(
      new Option(
        '--format <format>',
        'auto: an array of JSON records or records over several lines as such; else a line that is a JSON object goes as it is, ' +
          'any other as {"message": line}',
      )
        .choices(INPUT_FORMATS)
        .default('auto'),
    )
    .addOption(
      new Option('--encoding <encoding>', 'encoding of the input').choices(INPUT_ENCODINGS).default('utf8'),
    )
    .option('--strip-cr', 'take a carriage return off the end of each line', false)
    .option('--time-field <name>', 'field whose value is the event time (default: _timestamp); a.b is b in a')
    .addOption(
      new Option('--on-bad-bytes <what>', 'what to do with a record that is not valid UTF-8')
        .choices(BAD_BYTES)
        .default('fail'),
    )
    .option('--from-line <n>', 'line of the first file to begin at', parseLine, 1)
    .option('--parallel <n>', 'requests in flight', parseParallel, 3);
  addConnectionOptions(command).action(async (files: string[], options: IngestOptions) => {
    process.exitCode = await ingest(files, options);
  });
}

/** Runs the command; 0 when every record was stored, 1 when any failed. @throws CliError when it cannot go on */
export async function ingest(files: string[], options: IngestOptions, out = process.stdout): Promise<number> {
  if (options.timeField !== undefined && options.format === 'lines') {
    throw new CliError('--time-field is for JSON records, and --format lines makes texts of them');
  }
  const bytes = totalBytes(files);
  const connection = resolveConnection(options);
  const client = new HttpClient(connection, options.parallel);
  const tally = new Tally();
  const progress = new IngestProgress(tally, bytes);
  const organization = encodeURIComponent(connection.organization);
  const path = `/api/${organization}/${encodeURIComponent(options.stream)}/_multi`;
  let failure: unknown;
  const unsent: Batch[] = [];
  const record: RecordOptions = {
    format: options.format,
    encoding: options.encoding,
    stripCarriageReturn: options.stripCr,
    badBytes: options.onBadBytes,
    timeField: options.timeField,
  };
  try {
    const source = batchesOf(files, { record, fromLine: options.fromLine }, tally);
    await sendAll(source, options.parallel, async (batch) => {
      try {
        await send(client, path, batch, tally);
      } catch (error) {
        unsent.push(batch);
        throw error;
      }
    });
  } catch (error) {
    failure = error;
  } finally {
    progress.stop();
    client.close();
  }
  for (const line of [...tally.notes(), ...tally.failures()]) process.stderr.write(`${line}\n`);
  if (client.uncertainRepeats > 0) {
    const times = client.uncertainRepeats === 1 ? 'once' : `${client.uncertainRepeats} times`;
    process.stderr.write(
      `the connection was lost ${times} and the request repeated: its records may be stored twice\n`,
    );
  }
  const place = firstOf(files, unsent);
  if (place) {
    process.stderr.write(
      `not stored: ${place.source}:${place.line} and what follows, but for what was under way; --from-line ${place.line} goes on there\n`,
    );
  }
  out.write(`${tally.summary()}\n`);
  if (failure) throw failure;
  return tally.failed > 0 ? 1 : 0;
}

/** Where the first of the batches begins. */
function firstOf(files: string[], batches: Batch[]): Place | undefined {
  const names = files.map(inputName);
  const [first] = batches
    .map(({ first }) => first)
    .toSorted((a, b) => names.indexOf(a.source) - names.indexOf(b.source) || a.line - b.line);
  return first;
}

/** Sends batches, `parallel` at a time. After a failure no further batch is started, and those under way are awaited. */
export async function sendAll(
  batches: AsyncIterable<Batch>,
  parallel: number,
  sendOne: (batch: Batch) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  const start = (batch: Batch) => {
    const task = sendOne(batch)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => underWay.delete(task));
    underWay.add(task);
  };
  try {
    for await (const batch of batches) {
      start(batch);
      if (underWay.size >= parallel) await Promise.race(underWay);
      if (failure) break;
    }
  } catch (error) {
    failure ??= { error };
  }
  await Promise.all(underWay);
  if (failure) throw failure.error;
}

interface MultiReply {
  status?: {
    successful: number;
    failed: number;
    error?: string;
    errors?: { record: number; message: string }[];
  }[];
}

async function send(client: HttpClient, path: string, batch: Batch, tally: Tally): Promise<void> {
  const reply = await client.post(path, 'application/x-ndjson', batch.body);
  if (reply.status !== 200) {
    const { message, hint } = parseErrorBody(reply);
    if (!BATCH_REFUSALS.has(reply.status)) throw new CliError(message, hint);
    tally.fail(
      batch.records,
      `${batch.position(0)} and the ${batch.records - 1} records after it: ${message}`,
    );
    return;
  }
  const { status = [] } = parseReply(reply.body);
  tally.sentBytes += batch.body.length;
  for (const { successful, failed, error, errors } of status) {
    tally.stored += successful;
    const told = errors ?? (error === undefined ? [] : [{ record: -1, message: error }]);
    for (const { record, message } of told) {
      const position = batch.position(record);
      tally.fail(1, position ? `${position}: ${message.replace(/^(record \d+: )+/, '')}` : message);
    }
    tally.failed += Math.max(0, failed - told.length);
  }
}

function parseReply(body: Buffer): MultiReply {
  try {
    return JSON.parse(body.toString('utf8')) as MultiReply;
  } catch {
    throw new CliError('the answer is not JSON: is this a Basalt server?', body.toString('utf8', 0, 200));
  }
}
