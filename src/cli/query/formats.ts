/** A query's rows in the form asked for. */

import { type ExactValue, stringifyExact } from './exact-json.js';
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
      return [result.columns, ...result.rows.map((row) => row.map(displayText))].map(csvLine).join('');
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

/** RFC 4180. */
function csvLine(cells: string[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\r\n`;
}
