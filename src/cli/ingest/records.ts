/** A line of input as a record to send. */
import { isUtf8 } from 'node:buffer';
import { withTime } from './time-field.js';

/**
 * `ndjson`: every line is sent as it is. `lines`: every line is a message. `json`: arrays of records, records over several lines. `auto`:
 * by the beginning of the input `json`, else decided line by line.
 */
export type InputFormat = 'auto' | 'ndjson' | 'lines' | 'json';
export const INPUT_FORMATS: InputFormat[] = ['auto', 'ndjson', 'lines', 'json'];

/** What is done with a record that has bytes which are no UTF-8. */
export type BadBytes = 'fail' | 'replace' | 'skip';
export const BAD_BYTES: BadBytes[] = ['fail', 'replace', 'skip'];

export type InputEncoding = 'utf8' | 'latin1';
export const INPUT_ENCODINGS: InputEncoding[] = ['utf8', 'latin1'];

export interface RecordOptions {
  format: InputFormat;
  encoding: InputEncoding;
  /** Takes a carriage return off the end of a line. */
  stripCarriageReturn: boolean;
  badBytes: BadBytes;
  /** The member that is the event time. */
  timeField?: string;
}

/** What became of a line: bytes of one JSON object, nothing (a blank line), or bytes that are no UTF-8. */
export type LineRecord = RecordJson | { skipped: true } | { invalidUtf8: true };

export interface RecordJson {
  json: Buffer;
  /** Bytes that are no UTF-8 became U+FFFD. */
  replaced?: boolean;
  /** It has no event time where it was to have one. */
  timeless?: boolean;
}

const SPACE_BYTES = new Set([0x20, 0x09, 0x0d]);
const OPENING_BRACE = 0x7b;
const CARRIAGE_RETURN = 0x0d;

/** Makes a line's record. Blank lines separate records and are none, except in `lines`, where every line is a message. */
export function recordOf(line: Buffer, options: RecordOptions): LineRecord {
  let bytes = line;
  if (options.stripCarriageReturn && bytes.at(-1) === CARRIAGE_RETURN) bytes = bytes.subarray(0, -1);
  const first = firstVisible(bytes);
  if (first === undefined && options.format !== 'lines') return { skipped: true };
  const replaced = options.encoding === 'utf8' && !isUtf8(bytes);
  if (replaced && options.badBytes !== 'replace') return { invalidUtf8: true };
  const isJson =
    options.format === 'ndjson' ||
    options.format === 'json' ||
    (options.format === 'auto' && first === OPENING_BRACE && parsesAsObject(bytes, options));
  if (!isJson) {
    const json = Buffer.from(`{"message":${JSON.stringify(bytes.toString(options.encoding))}}`, 'utf8');
    return { json, replaced, timeless: options.timeField !== undefined };
  }
  const isSentAsIs = options.encoding === 'utf8' && !replaced;
  const json = isSentAsIs ? bytes : Buffer.from(bytes.toString(options.encoding), 'utf8');
  const timed = options.timeField === undefined ? json : withTime(json, options.timeField);
  return { json: timed ?? json, replaced, timeless: timed === undefined };
}

function firstVisible(bytes: Buffer): number | undefined {
  for (const byte of bytes) {
    if (!SPACE_BYTES.has(byte)) return byte;
  }
  return undefined;
}

/** A text that starts with `{` and parses is an object. */
function parsesAsObject(bytes: Buffer, { encoding }: RecordOptions): boolean {
  try {
    JSON.parse(bytes.toString(encoding));
    return true;
  } catch {
    return false;
  }
}
