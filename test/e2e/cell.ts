/** Rows as lines of cells, and their comparison; README.md describes the form. */
import type { Json } from '../harness/exact-json.js';

const BETWEEN = ' | ';

export function formatRow(cells: Json[]): string {
  return cells.map(formatCell).join(BETWEEN);
}

export function formatCell(value: Json | undefined): string {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'string') return isPlain(value) ? value : JSON.stringify(value);
  if (typeof value === 'bigint') return value.toString();
  return JSON.stringify(value);
}

function isPlain(text: string): boolean {
  if (text === '' || text !== text.trim() || text.includes(BETWEEN) || text.startsWith('"')) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they would break the line
  if (/[\u0000-\u001f\u007f\u2028\u2029]/.test(text)) return false;
  return !/^(NULL|true|false|-?\d+(\.\d+)?([eE][-+]?\d+)?|[[{].*)$/.test(text);
}

/** Whether two lines of cells are the same, numbers with a fraction within a relative 1e-9. */
export function rowsEqual(actual: string, expected: string): boolean {
  if (actual === expected) return true;
  const left = actual.split(BETWEEN);
  const right = expected.split(BETWEEN);
  return (
    left.length === right.length && left.every((cell, index) => cellsEqual(cell, right[index] as string))
  );
}

function cellsEqual(actual: string, expected: string): boolean {
  if (actual === expected) return true;
  const fraction = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/;
  if (!fraction.test(actual) || !fraction.test(expected)) return false;
  if (/^-?\d+$/.test(actual) && /^-?\d+$/.test(expected)) return false;
  const [a, b] = [Number(actual), Number(expected)];
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
}
