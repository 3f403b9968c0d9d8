/**
 * JSON whose numbers keep their text: 64-bit integers and floats reach the user digit by digit, where JSON.parse would
 * round them. A number becomes an `ExactNumber`; everything else is as JSON.parse has it.
 */
import { randomBytes } from 'node:crypto';

export class ExactNumber {
  constructor(readonly text: string) {}
}

export type ExactValue =
  | null
  | boolean
  | string
  | ExactNumber
  | ExactValue[]
  | { [name: string]: ExactValue };

/** Strings (skipped whole, so that digits in them are left alone) or numbers. */
const STRING_OR_NUMBER = /"(?:[^"\\]+|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** @throws SyntaxError when `text` is not JSON */
export function parseExact(text: string): ExactValue {
  // No value can hold the mark: it is made after the text.
  const mark = `${randomBytes(12).toString('hex')}:`;
  const marked = text.replace(STRING_OR_NUMBER, (token) =>
    token.startsWith('"') ? token : `"${mark}${token}"`,
  );
  return JSON.parse(marked, (_name, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? new ExactNumber(value.slice(mark.length)) : value,
  ) as ExactValue;
}

/** The inverse of `parseExact`, without white space. */
export function stringifyExact(value: ExactValue): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(stringifyExact).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}:${stringifyExact(member)}`,
  );
  return `{${members.join(',')}}`;
}
