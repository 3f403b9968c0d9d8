/** Rows as a plain aligned table. Control characters are shown escaped: log text must not drive the terminal. */
import { ExactNumber, type ExactValue, stringifyExact } from './exact-json.js';

const GAP = '  ';
const COLUMN_CHARACTERS_MIN = 6;
const ELLIPSIS = '…';

/** A value as the table and CSV show it; null is the empty text. */
export function displayText(value: ExactValue): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  return stringifyExact(value);
}

export function escapeControls(text: string): string {
  // C0, DEL, C1 and the bidirectional overrides.
  return text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\r') return '\\r';
    if (character === '\t') return '\\t';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Characters, not UTF-16 units. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}

function cut(text: string, characters: number): string {
  if (lengthOf(text) <= characters) return text;
  return [...text].slice(0, Math.max(0, characters - 1)).join('') + ELLIPSIS;
}

/**
 * Widths that fit `available` characters: the widest columns give way first, none below COLUMN_CHARACTERS_MIN.
 * When even that is too wide, the table's lines are cut.
 */
export function fitWidths(natural: number[], available: number): number[] {
  const room = available - GAP.length * (natural.length - 1);
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= COLUMN_CHARACTERS_MIN) break;
    const second = Math.max(COLUMN_CHARACTERS_MIN, ...widths.filter((width) => width < widest));
    const shared = widths.filter((width) => width === widest).length;
    const step = Math.min(widest - second, Math.ceil(excess / shared));
    for (let index = 0; index < widths.length; index++) {
      if (widths[index] === widest) widths[index] = widest - step;
    }
    excess -= step * shared;
  }
  return widths;
}

/** Lines of the table. `width`: characters of the terminal; undefined cuts nothing. */
export function formatTable(columns: string[], rows: ExactValue[][], width: number | undefined): string[] {
  const header = columns.map(escapeControls);
  const cells = rows.map((row) => row.map((value) => escapeControls(displayText(value))));
  const natural = header.map((name, index) =>
    cells.reduce((widest, row) => Math.max(widest, lengthOf(row[index] ?? '')), lengthOf(name)),
  );
  const isNumeric = columns.map((_, index) => {
    const values = rows.map((row) => row[index]).filter((value) => value !== null);
    return values.length > 0 && values.every((value) => value instanceof ExactNumber);
  });
  const widths = width === undefined ? natural : fitWidths(natural, width);
  const line = (row: string[]) => {
    const padded = widths.map((characters, index) => {
      const text = cut(row[index] ?? '', characters);
      const space = ' '.repeat(characters - lengthOf(text));
      return isNumeric[index] ? space + text : text + space;
    });
    const joined = padded.join(GAP).trimEnd();
    return width === undefined ? joined : cut(joined, width);
  };
  const rule = widths.map((characters) => '-'.repeat(characters)).join(GAP);
  return [line(header), width === undefined ? rule : rule.slice(0, width), ...cells.map(line)];
}
