/** A query's rows in the form asked for. */

import { ExactNumber, type ExactValue, stringifyExact } from './exact-json.js';
import type { QueryRows } from './result.js';
import { displayText, formatTable } from './table.js';

export type OutputFormat = 'table' | 'json' | 'csv' | 'ndjson';
export const OUTPUT_FORMATS: OutputFormat[] = ['table', 'json', 'csv', 'ndjson'];

/** Text to print, ending in a line feed. `width`: see formatTable. */
export function formatRows(result: QueryRows, format: OutputFormat, width: number | undefined): string {
  switch (format) {
    case 'json':
      return `[${result.rows.map((row) => `\n${toObject(result.columns, row)}`).join(',')}\n]\n`;
    case 'ndjson':
      return result.rows.map((row) => `${toObject(result.columns, row)}\n`).join('');
    case 'csv':
      return [result.columns, ...result.rows].map(csvLine).join('');
    case 'table':
      return `${formatTable(result.columns, result.rows, width).join('\n')}\n`;
  }
}

/** Every column, nulls too. */
function toObject(columns: string[], row: ExactValue[]): string {
  const members = columns.map(
    (name, index) => `${JSON.stringify(name)}:${stringifyExact(row[index] ?? null)}`,
  );
  return `{${members.join(',')}}`;
}

/** RFC 4180, as the server exports it: null is nothing, the empty text two quotes. A line is not empty: most readers would skip it. */
function csvLine(row: ExactValue[]): string {
  const line = row.map(csvCell).join(',');
  return `${line === '' ? '""' : line}\r\n`;
}

function csvCell(value: ExactValue): string {
  if (value === null) return '';
  if (value instanceof ExactNumber) return plainNumber(value.text);
  const text = displayText(value);
  // Blanks at the ends, and words for null, are changed by readers where they stand without quotes.
  if (!/^$|[",\r\n]|^[ \t]|[ \t]$|^(?:\\n|null)$/i.test(text)) return text;
  return `"${text.replaceAll('"', '""')}"`;
}

/** Without an exponent where that is short. */
function plainNumber(text: string): string {
  if (!/e/i.test(text)) return text;
  const plain = String(Number(text));
  return /e/i.test(plain) ? text : plain;
}
