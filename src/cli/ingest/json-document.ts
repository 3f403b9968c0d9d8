/**
 * JSON that is not one record a line: arrays of records, records over several lines, records one after the other. Bytes are looked at once,
 * and no more than one record is in memory. Whether a record is valid JSON the server says; here only its end is found.
 */
import { LINE_BYTES_MAX } from './lines.js';

export type DocumentPart =
  /** One record on one line. Valid until the next part is asked for. */
  | { bytes: Buffer; number: number }
  /** One that cannot be sent; the others go on. */
  | { failed: string; number: number }
  /** What follows is not understood: the last part. */
  | { ended: string; number: number };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const COMMA = 0x2c;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;

const isBlank = (byte: number) => byte === SPACE || (byte >= 0x09 && byte <= 0x0d);

/** Deeper records are refused: nothing that logs has a thousand levels. */
const DEPTH_MAX = 1000;

/** `firstLine`: the number of the first line of `chunks`; past 1 they may begin within an array. */
export async function* splitDocument(
  chunks: AsyncIterable<Buffer>,
  firstLine = 1,
  recordBytesMax = LINE_BYTES_MAX,
): AsyncGenerator<DocumentPart> {
  const record = new RecordBytes(recordBytesMax);
  const closers: number[] = [];
  let line = firstLine;
  let startLine = line;
  let inArray = false;
  let state: 'BETWEEN' | 'RECORD' | 'TEXT' | 'ESCAPED' = 'BETWEEN';
  let broken: string | undefined;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (byte === NEWLINE) line++;
      switch (state) {
        case 'BETWEEN':
          if (isBlank(byte) || byte === COMMA) continue;
          if (byte === OPENING_BRACKET && !inArray) {
            inArray = true;
          } else if (byte === CLOSING_BRACKET && (inArray || firstLine > 1)) {
            inArray = false;
          } else if (byte === OPENING_BRACE) {
            record.begin();
            record.add(byte);
            closers.push(CLOSING_BRACE);
            startLine = line;
            broken = undefined;
            state = 'RECORD';
          } else {
            yield { ended: 'no JSON object begins here', number: line };
            return;
          }
          continue;
        case 'ESCAPED':
          record.add(byte);
          state = 'TEXT';
          continue;
        case 'TEXT':
          // A line of its own would be made of the rest of the record.
          if (byte === NEWLINE) broken = 'a line ends within a text';
          else record.add(byte);
          if (byte === BACKSLASH) state = 'ESCAPED';
          else if (byte === QUOTE) state = 'RECORD';
          continue;
        case 'RECORD':
          if (isBlank(byte)) {
            record.addBlank();
            continue;
          }
          record.add(byte);
          if (byte === QUOTE) state = 'TEXT';
          else if (byte === OPENING_BRACE) closers.push(CLOSING_BRACE);
          else if (byte === OPENING_BRACKET) closers.push(CLOSING_BRACKET);
          else if (byte === CLOSING_BRACE || byte === CLOSING_BRACKET) {
            if (closers.pop() !== byte) {
              const found = String.fromCharCode(byte);
              yield {
                ended: `'${found}' closes nothing in the record of line ${startLine}`,
                number: startLine,
              };
              return;
            }
            if (closers.length > 0) continue;
            state = 'BETWEEN';
            const bytes = record.take();
            const failed =
              broken ?? (bytes ? undefined : `the record is longer than ${recordBytesMax} bytes`);
            if (bytes && !failed) yield { bytes, number: startLine };
            else yield { failed: failed ?? '', number: startLine };
          }
          if (closers.length > DEPTH_MAX) {
            yield { ended: `the record is more than ${DEPTH_MAX} levels deep`, number: startLine };
            return;
          }
      }
    }
  }
  if (state !== 'BETWEEN') yield { ended: 'the input ends within this record', number: startLine };
  else if (inArray) yield { ended: 'the input ends within its array', number: line };
}

/** The bytes of a record, white space between its values as one space. */
class RecordBytes {
  private buffer = Buffer.allocUnsafe(64 * 1024);
  private used = 0;
  private tooLong = false;

  constructor(private readonly bytesMax: number) {}

  begin(): void {
    this.used = 0;
    this.tooLong = false;
  }

  add(byte: number): void {
    if (this.used === this.buffer.length) this.grow();
    if (this.tooLong) return;
    this.buffer[this.used++] = byte;
  }

  addBlank(): void {
    if (this.buffer[this.used - 1] !== SPACE) this.add(SPACE);
  }

  take(): Buffer | undefined {
    return this.tooLong ? undefined : this.buffer.subarray(0, this.used);
  }

  private grow(): void {
    if (this.used >= this.bytesMax) {
      this.tooLong = true;
      return;
    }
    const larger = Buffer.allocUnsafe(Math.min(this.buffer.length * 2, this.bytesMax));
    this.buffer.copy(larger);
    this.buffer = larger;
  }
}

/**
 * Whether the input is such a document, by its beginning; undefined when more of it is needed. Lines win: a first line that is a record
 * means one record a line, and a bracket that begins a line of text no array.
 */
export function isDocument(head: Buffer, isAll: boolean): boolean | undefined {
  const start = nextVisible(head, 0);
  const unsure = isAll ? false : undefined;
  if (start === undefined) return unsure;
  if (head[start] === OPENING_BRACKET) {
    const first = nextVisible(head, start + 1);
    if (first === undefined) return unsure;
    if (head[first] === CLOSING_BRACKET) return endsThere(head, first + 1, isAll);
    return head[first] === OPENING_BRACE
      ? isRecordBefore(head, first, isAll, [COMMA, CLOSING_BRACKET])
      : false;
  }
  if (head[start] !== OPENING_BRACE) return false;
  const lineEnd = head.indexOf(NEWLINE, start);
  if (lineEnd < 0 && !isAll) return undefined;
  if (parses(head.subarray(start, lineEnd < 0 ? head.length : lineEnd))) return false;
  return isRecordBefore(head, start, isAll, [OPENING_BRACE, OPENING_BRACKET, COMMA]);
}

/** Whether a record begins at `start` and is followed by one of `followers` or the end. */
function isRecordBefore(
  head: Buffer,
  start: number,
  isAll: boolean,
  followers: number[],
): boolean | undefined {
  const end = valueEnd(head, start);
  if (end === undefined) return isAll ? false : undefined;
  if (!parses(head.subarray(start, end))) return false;
  const next = nextVisible(head, end);
  if (next === undefined) return isAll ? true : undefined;
  return followers.includes(head[next] ?? 0);
}

function endsThere(head: Buffer, from: number, isAll: boolean): boolean | undefined {
  if (nextVisible(head, from) !== undefined) return false;
  return isAll ? true : undefined;
}

function nextVisible(bytes: Buffer, from: number): number | undefined {
  for (let at = from; at < bytes.length; at++) if (!isBlank(bytes[at] ?? 0)) return at;
  return undefined;
}

/** Where the object, array or text that begins at `start` ends; undefined when it does not. */
export function valueEnd(bytes: Buffer, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = textEnd(bytes, at) - 1;
      if (at >= bytes.length) return undefined;
    } else if (byte === OPENING_BRACE || byte === OPENING_BRACKET) depth++;
    else if (byte === CLOSING_BRACE || byte === CLOSING_BRACKET) depth--;
    if (depth === 0) return at + 1;
  }
  return undefined;
}

/** Past the closing quote of the text whose opening one is at `start`; past the end when there is none. */
export function textEnd(bytes: Buffer, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at + 1;
  }
  return bytes.length + 1;
}

function parses(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
