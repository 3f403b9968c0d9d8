/** Columns over all blocks of a file. */
import type { BlockInspection, ColumnInspection } from '../../native/index.js';
import { ExactNumber, parseExact } from '../query/exact-json.js';

export interface ColumnTotal {
  name: string;
  /** Several where blocks differ. */
  types: string[];
  /** Of the blocks that have the column. */
  rows: number;
  nulls: number;
  bytes: number;
  rawBytes: number;
  directoryBytes: number;
  validityBytes: number;
  /** Over all blocks; absent when none has one. `entries` of the largest. */
  dictionary?: { encodings: string[]; entries: number; bytes: number; rawBytes: number };
  sections: { name: string; bytes: number }[];
  encodings: { name: string; pages: number; bytes: number }[];
  /** JSON text. */
  min?: string;
  max?: string;
}

/** In the order of names. */
export function columnTotals(blocks: BlockInspection[]): ColumnTotal[] {
  const totals = new Map<string, ColumnTotal>();
  for (const block of blocks) {
    for (const column of block.columns) {
      const known = totals.get(column.name);
      if (known) add(known, column, block.rows);
      else totals.set(column.name, add(emptyTotal(column.name), column, block.rows));
    }
  }
  return [...totals.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function emptyTotal(name: string): ColumnTotal {
  return {
    name,
    types: [],
    rows: 0,
    nulls: 0,
    bytes: 0,
    rawBytes: 0,
    directoryBytes: 0,
    validityBytes: 0,
    sections: [],
    encodings: [],
  };
}

function add(total: ColumnTotal, column: ColumnInspection, rows: number): ColumnTotal {
  if (!total.types.includes(column.columnType)) total.types.push(column.columnType);
  total.rows += rows;
  total.nulls += column.nulls;
  total.bytes += column.chunkBytes;
  total.rawBytes += column.rawBytes;
  total.directoryBytes += column.directoryBytes;
  total.validityBytes += column.validityBytes;
  for (const { name, bytes } of column.sections) {
    const known = total.sections.find((section) => section.name === name);
    if (known) known.bytes += bytes;
    else total.sections.push({ name, bytes });
  }
  for (const { name, pages, bytes } of column.encodings) {
    const known = total.encodings.find((encoding) => encoding.name === name);
    if (known) {
      known.pages += pages;
      known.bytes += bytes;
    } else total.encodings.push({ name, pages, bytes });
  }
  if (column.dictionary) {
    const { encoding, entries, bytes, rawBytes } = column.dictionary;
    total.dictionary ??= { encodings: [], entries: 0, bytes: 0, rawBytes: 0 };
    if (!total.dictionary.encodings.includes(encoding)) total.dictionary.encodings.push(encoding);
    total.dictionary.entries = Math.max(total.dictionary.entries, entries);
    total.dictionary.bytes += bytes;
    total.dictionary.rawBytes += rawBytes;
  }
  total.min = outer(total.min, column.min, -1);
  total.max = outer(total.max, column.max, 1);
  return total;
}

/** The lesser (`sign` -1) or the greater of two JSON texts of one type; of several types, the first block's stays. */
function outer(known: string | undefined, next: string | undefined, sign: number): string | undefined {
  if (known === undefined || next === undefined) return known ?? next;
  const [a, b] = [parseExact(known), parseExact(next)];
  if (a instanceof ExactNumber && b instanceof ExactNumber)
    return numbersOrder(b.text, a.text) === sign ? next : known;
  if (typeof a === 'string' && typeof b === 'string') {
    return Buffer.compare(Buffer.from(b), Buffer.from(a)) === sign ? next : known;
  }
  return typeof a === 'boolean' && typeof b === 'boolean' && Math.sign(Number(b) - Number(a)) === sign
    ? next
    : known;
}

/** Whole numbers are compared with all their digits. */
function numbersOrder(a: string, b: string): number {
  const isWhole = (text: string) => /^-?\d+$/.test(text);
  if (isWhole(a) && isWhole(b)) {
    const [first, second] = [BigInt(a), BigInt(b)];
    return first < second ? -1 : Number(first > second);
  }
  return Math.sign(Number(a) - Number(b));
}
