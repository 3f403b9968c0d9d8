/**
 * Column types of a stream and how they widen. Blocks keep the type they were written with; a stream's type is the join over all of
 * its blocks, and scans cast to it.
 */
export type ColumnType = 'int64' | 'float64' | 'bool' | 'string' | 'json';

export type Schema = Map<string, ColumnType>;

const WIDTH: Record<ColumnType, number> = { bool: 0, int64: 1, float64: 2, json: 3, string: 4 };

/** The narrowest type that both cast to: bool → int64 → float64 → string, json only with itself. */
export function widenType(a: ColumnType, b: ColumnType): ColumnType {
  if (a === b) return a;
  if (a === 'json' || b === 'json') return 'string';
  return WIDTH[a] > WIDTH[b] ? a : b;
}

/** Parses `name:type,name:type` as blocks carry it. Names hold no comma; a stream's columns are `[a-z0-9_]`. */
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
