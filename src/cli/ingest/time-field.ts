/** `--time-field`: a member of a record whose value is the event time. Bytes are moved as they are: numbers keep their digits. */
import { textEnd, valueEnd } from './json-document.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const OPENING_BRACKET = 0x5b;

const isBlank = (byte: number | undefined) =>
  byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

/**
 * The record with `_timestamp` from the field: one of its members, or a member of a member by a path with dots. A `_timestamp` that it
 * has is overridden.
 * @returns undefined when it has no such field, the field is null, or it is no JSON object
 */
export function withTime(record: Buffer, field: string): Buffer | undefined {
  const value = memberByPath(record, field);
  if (!value || value.equals(Buffer.from('null'))) return undefined;
  const end = record.lastIndexOf(CLOSING_BRACE);
  // The last member of a name is the one that counts.
  return Buffer.concat([record.subarray(0, end), Buffer.from(',"_timestamp":'), value, record.subarray(end)]);
}

/** The name as a whole goes before its parts. */
function memberByPath(object: Buffer, path: string): Buffer | undefined {
  const whole = member(object, path);
  if (whole) return whole;
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const outer = member(object, path.slice(0, dot));
    const inner = outer && memberByPath(outer, path.slice(dot + 1));
    if (inner) return inner;
  }
  return undefined;
}

/** The bytes of the value of the last member of that name. */
function member(object: Buffer, name: string): Buffer | undefined {
  let at = skipBlanks(object, 0);
  if (object[at] !== OPENING_BRACE) return undefined;
  at = skipBlanks(object, at + 1);
  let found: Buffer | undefined;
  while (object[at] === QUOTE) {
    const keyEnd = textEnd(object, at);
    const key = object.subarray(at, keyEnd);
    at = skipBlanks(object, keyEnd);
    if (object[at] !== COLON) return undefined;
    const start = skipBlanks(object, at + 1);
    const end = endOfValue(object, start);
    if (end === undefined) return undefined;
    if (isKey(key, name)) found = object.subarray(start, end);
    at = skipBlanks(object, end);
    if (object[at] !== COMMA) return object[at] === CLOSING_BRACE ? found : undefined;
    at = skipBlanks(object, at + 1);
  }
  return undefined;
}

function endOfValue(bytes: Buffer, start: number): number | undefined {
  const first = bytes[start];
  if (first === QUOTE) {
    const end = textEnd(bytes, start);
    return end > bytes.length ? undefined : end;
  }
  if (first === OPENING_BRACE || first === OPENING_BRACKET) return valueEnd(bytes, start);
  let at = start;
  while (at < bytes.length && bytes[at] !== COMMA && bytes[at] !== CLOSING_BRACE && !isBlank(bytes[at])) at++;
  return at > start && at < bytes.length ? at : undefined;
}

function skipBlanks(bytes: Buffer, from: number): number {
  let at = from;
  while (isBlank(bytes[at])) at++;
  return at;
}

/** `key` with its quotes. */
function isKey(key: Buffer, name: string): boolean {
  const text = key.toString('utf8');
  if (!text.includes('\\')) return text === `"${name}"`;
  try {
    return JSON.parse(text) === name;
  } catch {
    return false;
  }
}
