/** Commands of the shell itself: a backslash and a word, on a line of their own. */
import { CliError } from '../failure.js';
import { OUTPUT_FORMATS, type OutputFormat } from '../query/formats.js';
import { parseTimeUs } from '../query/time.js';

export type MetaCommand =
  | { kind: 'streams' }
  | { kind: 'stream'; name: string }
  | { kind: 'timing'; on: boolean | undefined }
  | { kind: 'format'; format: OutputFormat }
  | { kind: 'range'; age: string | undefined }
  | { kind: 'help' }
  | { kind: 'quit' };

export const COMMANDS = ['\\d', '\\format', '\\help', '\\q', '\\range', '\\timing'];
export const FORMAT_NAMES: string[] = OUTPUT_FORMATS;

export const HELP = `A statement ends with a semicolon and may have many lines.
Tab completes, Ctrl-C stops a statement, Ctrl-D ends the shell.

  \\d                list the streams
  \\d STREAM         list the fields of a stream
  \\format FORMAT    ${OUTPUT_FORMATS.join(', ')}
  \\range AGE        only rows of the last 15m, 2h, 7d; \\range all: every row
  \\timing [on|off]  show how long answers take
  \\help             this text
  \\q                end the shell
`;

const TIMING: Record<string, boolean | undefined> = { '': undefined, on: true, off: false };

/** Reads a line that begins with a backslash. @throws CliError when it is no command */
export function parseMeta(line: string): MetaCommand {
  // People end it as they end a statement.
  const [command = '', argument = '', ...others] = line.trim().replace(/;$/, '').trim().split(/\s+/);
  if (others.length > 0)
    throw new CliError(`${command} takes one argument at most`, '\\help lists the commands');
  switch (command) {
    case '\\d':
      return argument === ''
        ? { kind: 'streams' }
        : { kind: 'stream', name: argument.replace(/^"(.*)"$/, '$1') };
    case '\\timing':
      if (!(argument in TIMING)) throw new CliError('\\timing is on or off');
      return { kind: 'timing', on: TIMING[argument] };
    case '\\format':
      return { kind: 'format', format: parseFormat(argument) };
    case '\\range':
      return { kind: 'range', age: parseAge(argument) };
    case '\\help':
    case '\\h':
    case '\\?':
      return { kind: 'help' };
    case '\\q':
    case '\\quit':
      return { kind: 'quit' };
    default:
      throw new CliError(`${command} is no command`, '\\help lists the commands');
  }
}

function parseFormat(text: string): OutputFormat {
  const format = OUTPUT_FORMATS.find((each) => each === text);
  if (!format) throw new CliError(`the format is one of ${OUTPUT_FORMATS.join(', ')}`);
  return format;
}

/** Kept as text: it is of the time of each statement. */
function parseAge(text: string): string | undefined {
  if (text === 'all') return undefined;
  try {
    parseTimeUs(text);
    return text;
  } catch {
    throw new CliError('\\range takes an age such as 15m, 2h or 7d, a time, or all');
  }
}
