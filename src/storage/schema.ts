/**
 * Column types of a stream and how they widen. Blocks keep the type they were written with; a stream's type is the join over all of
 * its blocks, and scans cast to it. The join does not depend on the order of blocks, so a type is the same in all states.
 */
export type ColumnType =
  | 'int64'
  | 'float64'
  | 'bool'
  | 'string'
  | 'json'
  /** Whole numbers, some of them from 2^63 up; their digits in blocks. */
  | 'decimal'
  /** Numbers, of which some are fractions and some such whole numbers; no block has it. */
  | 'decimalfloat'
  /** Texts of which some were sent as numbers, maybe some as booleans. */
  | 'textnumber'
  /** Texts of which some were sent as booleans. */
  | 'textbool';

export type Schema = Map<string, ColumnType>;

type Kind = 'bool' | 'int' | 'decimal' | 'float' | 'text' | 'json';

/** What values of each type were sent as. Of numbers it is not known whether some were booleans. */
const KINDS: Record<ColumnType, Kind[]> = {
  bool: ['bool'],
  int64: ['int'],
  decimal: ['decimal'],
  float64: ['float'],
  decimalfloat: ['decimal', 'float'],
  string: ['text'],
  json: ['json'],
  textnumber: ['text', 'int'],
  textbool: ['text', 'bool'],
};

/** The narrowest type that both cast to: bool → int64 → float64, anything with text is text that is known to hold the others too. */
export function widenType(a: ColumnType, b: ColumnType): ColumnType {
  if (a === b) return a;
  const has = (...kinds: Kind[]) => kinds.some((kind) => KINDS[a].includes(kind) || KINDS[b].includes(kind));
  if (has('text', 'json')) {
    if (has('int', 'decimal', 'float')) return 'textnumber';
    return has('bool') ? 'textbool' : 'string';
  }
  if (has('decimal')) return has('float') ? 'decimalfloat' : 'decimal';
  return has('float') ? 'float64' : 'int64';
}

/** Whether the values are texts, though some may have been sent as others. */
export function isText(type: ColumnType | undefined): boolean {
  return type !== undefined && (KINDS[type].includes('text') || type === 'json');
}

/** The column of records' fields that have no column of their own: JSON objects (docs/FORMAT.md). */
export const OVERFLOW_COLUMN = '_all';

/** Among the fields of an overflow column: there are more that are not told. No field has this name. */
export const OVERFLOW_REST = '*';

/** Parses `name:type,name:type` as blocks carry it. Names hold neither comma nor colon: of ASCII they have `[a-z0-9_]` only. */
export function parseSchema(text: string): [string, ColumnType][] {
  if (text === '') return [];
  return text.split(',').map((column) => {
    const colon = column.lastIndexOf(':');
    return [column.slice(0, colon), column.slice(colon + 1) as ColumnType];
  });
}

/** Widens `schema` by a block's columns. @returns whether anything changed */
export function mergeSchema(schema: Schema, columns: [string, ColumnType][]): boolean {
  let changed = false;
  for (const [name, type] of columns) {
    const known = schema.get(name);
    const widened = known === undefined ? type : widenType(known, type);
    if (widened !== known) {
      schema.set(name, widened);
      changed = true;
    }
  }
  return changed;
}
