/** Rows as text for readers that want no JSON: CSV (RFC 4180), and Markdown for language models. */
import { splitRows } from './encoded-rows.js';

export type TextFormat = 'csv' | 'md_table';

/** @param pieces rows as JSON arrays, joined by commas within a piece */
export function textTable(format: TextFormat, columns: string[], pieces: Uint8Array[]): string {
  const rows = splitRows(pieces).map(cells);
  return format === 'csv' ? csv(columns, rows) : markdown(columns, rows);
}

/** Numbers keep the digits that were encoded: they may have more than a JavaScript number. Null is null. */
function cells(row: Uint8Array): (string | null)[] {
  return splitRows([row.subarray(1, -1)]).map((cell) => {
    const text = Buffer.from(cell).toString();
    if (text === 'null') return null;
    return text.startsWith('"') ? (JSON.parse(text) as string) : text;
  });
}

/** Null is nothing between two commas, an empty text is two quotes. */
function csv(columns: string[], rows: (string | null)[][]): string {
  const cell = (text: string | null) => {
    if (text === null) return '';
    return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
}

function markdown(columns: string[], rows: (string | null)[][]): string {
  const cell = (text: string | null) =>
    (text ?? '')
      .replaceAll('\\', '\\\\')
      .replaceAll('|', '\\|')
      .replace(/\r\n|\n|\r/g, '<br>');
  const line = (row: (string | null)[]) => `| ${row.map(cell).join(' | ')} |`;
  return [line(columns), `|${' --- |'.repeat(columns.length)}`, ...rows.map(line)].join('\n');
}
