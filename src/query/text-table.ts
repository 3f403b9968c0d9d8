/** Rows as text for readers that want no JSON: CSV (RFC 4180), and Markdown for language models. */

import { othersTurn, TURN_BYTES } from '../storage/turns.js';
import { rowChunks, splitRows } from './encoded-rows.js';

export type TextFormat = 'csv' | 'md_table';

/**
 * @param pieces rows as JSON arrays, joined by commas within a piece
 * @returns the text as the contents of a JSON string, in pieces
 */
export async function textTable(
  format: TextFormat,
  columns: string[],
  pieces: Uint8Array[],
): Promise<Uint8Array[]> {
  const line = format === 'csv' ? csvLine : markdownLine;
  const text = [escaped(format === 'csv' ? csvLine(columns) : markdownHead(columns))];
  for (const piece of pieces) {
    for (const { bytes } of rowChunks(piece, TURN_BYTES, Number.POSITIVE_INFINITY)) {
      text.push(
        escaped(
          splitRows([bytes])
            .map((row) => line(cells(row)))
            .join(''),
        ),
      );
      await othersTurn();
    }
  }
  return text;
}

function escaped(text: string): Buffer {
  return Buffer.from(JSON.stringify(text).slice(1, -1));
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
function csvLine(row: (string | null)[]): string {
  const cell = (text: string | null) => {
    if (text === null) return '';
    return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${row.map(cell).join(',')}\n`;
}

function markdownHead(columns: string[]): string {
  return `${markdownRow(columns)}\n|${' --- |'.repeat(columns.length)}`;
}

/** The text does not end in a line feed, so each line begins with one. */
function markdownLine(row: (string | null)[]): string {
  return `\n${markdownRow(row)}`;
}

function markdownRow(row: (string | null)[]): string {
  const cell = (text: string | null) =>
    (text ?? '')
      .replaceAll('\\', '\\\\')
      .replaceAll('|', '\\|')
      .replace(/\r\n|\n|\r/g, '<br>');
  return `| ${row.map(cell).join(' | ')} |`;
}
