/** `basalt tail`: the rows of a stream as they come in, until it is interrupted. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import {
  addConnectionOptions,
  type Connection,
  type ConnectionOptions,
  resolveConnection,
} from '../connection.js';
import { CliError } from '../failure.js';
import { parseExact } from '../query/exact-json.js';
import { parseErrorBody, serverError } from '../server-error.js';
import { type Row, rowWriter } from './row-text.js';
import { followOnce, type TailEnd, type TailQuery } from './socket.js';

interface TailOptions extends ConnectionOptions {
  filter?: string;
  lines: number;
  format: 'text' | 'json';
}

const LINES_DEFAULT = 10;
const LINES_MAX = 10_000;

/** Pause before the first try to connect again; doubles up to the most. */
const PAUSE_MS = 250;
const PAUSE_MS_MAX = 10_000;

/** Answers of a server or proxy that may be another one soon. */
const PASSING = new Set([429, 502, 503, 504]);

/** How a line begins that is no row; the values of a row are never objects. */
const NOTICE = '{"_tail":{';

function parseLines(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > LINES_MAX)
    throw new InvalidArgumentError(`must be a whole number from 0 to ${LINES_MAX}`);
  return value;
}

export function addTailCommand(program: Command): void {
  const command = program
    .command('tail')
    .description('show the rows of a stream as they come in')
    .argument('<stream>', 'it need not exist yet')
    .option('--filter <condition>', 'SQL condition, for example: "level = \'error\'"')
    .option('--lines <n>', 'show so many of the newest rows first', parseLines, LINES_DEFAULT)
    .addOption(
      new Option('--format <format>', 'form of the output').choices(['text', 'json']).default('text'),
    );
  addConnectionOptions(command).action(async (stream: string, options: TailOptions) => {
    await tail(stream, options);
  });
}

/** Runs the command; it ends by a signal only. @throws CliError when the server refuses or is not there at first */
export async function tail(stream: string, options: TailOptions): Promise<void> {
  const connection = resolveConnection(options);
  const show = output(options.format);
  const query: TailQuery = { stream, ...options };
  let connected = false;
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
    const end = await followOnce(connection, query, {
      opened: () => {
        if (connected) say('connected again; rows that came meanwhile are not shown');
        connected = true;
        query.lines = 0;
        pauseMs = PAUSE_MS;
      },
      text: show,
    });
    say(`${lossText(end, connection, options.filter, connected)}, trying again in ${pauseMs / 1000} s`);
    await sleep(pauseMs);
  }
}

/** @throws CliError when it is no use to try again */
function lossText(end: TailEnd, { url }: Connection, filter: string | undefined, connected: boolean): string {
  if ('refusal' in end) {
    const error = parseErrorBody(end.refusal);
    if (!PASSING.has(end.refusal.status)) throw serverError(filter ?? '', error);
    return error.message;
  }
  if (!connected) {
    throw new CliError(`no answer from ${url}: ${end.lost}`, 'is the server running? `npm start` starts one');
  }
  return `the connection was lost (${end.lost})`;
}

function say(text: string): void {
  process.stderr.write(`${pc.dim(text)}\n`);
}

/** Shows lines; resolves when standard output takes more. */
function output(format: TailOptions['format'], out = process.stdout): (text: string) => Promise<void> {
  const write = rowWriter(out.isTTY && pc.isColorSupported);
  const shown = (line: string) => {
    if (!line.startsWith(NOTICE)) return `${format === 'json' ? line : write(parseExact(line) as Row)}\n`;
    const { dropped, error } = (JSON.parse(line) as { _tail: { dropped?: number; error?: string } })._tail;
    if (dropped !== undefined)
      say(`${dropped.toLocaleString('en-US')} rows were left out: they came too fast`);
    if (error !== undefined) say(`the server says: ${error}`);
    return '';
  };
  return async (text) => {
    const lines = text.split('\n').filter((line) => line !== '');
    if (!out.write(lines.map(shown).join(''))) await once(out, 'drain');
  };
}
