/**
 * Decides from zone maps whether a block can hold a row that a filter passes. Only ever errs towards reading.
 *
 * Integer bounds and literals may have been rounded to doubles. Rounding keeps order, so a strict `a > b` between rounded values implies
 * it between the true ones; that is why every test below is strict.
 */
import { type ColumnType, OVERFLOW_COLUMN } from '../storage/schema.js';
import { BlockHeaderView, type ZoneMap } from './block-header.js';
import type { Filter, Literal, ScanRequest } from './scan-request.js';

const TIME_COLUMN = '_timestamp';
const OVERFLOW_NAME = Buffer.from(OVERFLOW_COLUMN);

export interface TimeSpan {
  timeMin: number;
  timeMax: number;
}

/** Whether the span may hold a row of the request's time range. */
export function overlapsTime({ time }: ScanRequest, { timeMin, timeMax }: TimeSpan): boolean {
  if (time.min !== null && timeMax < time.min) return false;
  if (time.max === null || timeMin < time.max) return true;
  return !(Number.isSafeInteger(timeMin) && Number.isSafeInteger(time.max));
}

/** Whether every row of the span is in the request's time range. */
export function insideTime({ time }: ScanRequest, { timeMin, timeMax }: TimeSpan): boolean {
  if (time.min === null && time.max === null) return true;
  if (!Number.isSafeInteger(timeMin) || !Number.isSafeInteger(timeMax)) return false;
  return (time.min === null || timeMin >= time.min) && (time.max === null || timeMax < time.max);
}

/** Tells of a block by its header. */
export type BlockTest = (header: Uint8Array) => boolean;

type HeaderTest = (view: BlockHeaderView) => boolean;

/** Whether a block may hold a row that the request's filter passes: compiled once a query, asked once a block. */
export function blockTest({ filter, columns }: ScanRequest): BlockTest {
  if (filter === null) return () => true;
  const test = compile(filter, new Map(columns.map(({ name, type }) => [name, type])));
  return (header) => test(new BlockHeaderView(header));
}

function compile(filter: Filter, types: Map<string, ColumnType>): HeaderTest {
  switch (filter.op) {
    case 'constant':
      return () => filter.value;
    case 'and': {
      const tests = filter.args.map((arg) => compile(arg, types));
      return (view) => tests.every((test) => test(view));
    }
    case 'or': {
      const tests = filter.args.map((arg) => compile(arg, types));
      return (view) => tests.some((test) => test(view));
    }
    default:
      return compileLeaf(filter, types.get(filter.column));
  }
}

type Leaf = Exclude<Filter, { op: 'and' | 'or' | 'constant' }>;

function compileLeaf(filter: Leaf, type: ColumnType | undefined): HeaderTest {
  const name = Buffer.from(filter.column);
  const valueTest = compileValueTest(filter);
  return (view) => {
    const map = view.column(name);
    // Of what lies in the overflow column headers tell nothing.
    if (filter.column !== TIME_COLUMN && hasOverflow(view)) return true;
    const nullCount = map?.nullCount ?? view.rows;
    if (filter.op === 'isNull') return filter.negated ? nullCount < view.rows : nullCount > 0;
    if (!map || nullCount === view.rows) return false;
    // Bounds of an older type do not bound the cast values.
    return map.type !== type || valueTest(map);
  };
}

function hasOverflow(view: BlockHeaderView): boolean {
  const overflow = view.column(OVERFLOW_NAME);
  return overflow !== undefined && overflow.nullCount < view.rows;
}

function compileValueTest(filter: Leaf): (map: ZoneMap) => boolean {
  switch (filter.op) {
    case 'compare': {
      const value = literalValue(filter.value);
      return (map) => compareMayMatch(filter.cmp, value, map);
    }
    case 'in': {
      if (filter.negated) return () => true;
      const values = filter.values.map(literalValue);
      return (map) => values.some((value) => compareMayMatch('=', value, map));
    }
    default:
      return () => true;
  }
}

type Value = number | boolean | Buffer;

function compareMayMatch(cmp: string, value: Value, map: ZoneMap): boolean {
  const { min, max } = map;
  if (min === undefined || max === undefined) return true;
  const below = order(value, min) < 0;
  const above = maxOrder(value, max, map.maxTruncated) > 0;
  switch (cmp) {
    case '=':
      return !below && !above;
    case '<':
    case '<=':
      return !below;
    case '>':
    case '>=':
      return !above;
    default:
      return true;
  }
}

function literalValue(literal: Literal): Value {
  if ('int64' in literal) return literal.int64;
  if ('float64' in literal) return Number(literal.float64);
  if ('bool' in literal) return literal.bool;
  return Buffer.from(literal.string);
}

/** -1, 0 or 1; 0 also where the two cannot be compared. */
function order(a: Value, b: Value): number {
  if (Buffer.isBuffer(a) || Buffer.isBuffer(b)) {
    return Buffer.isBuffer(a) && Buffer.isBuffer(b) ? Buffer.compare(a, b) : 0;
  }
  return Number(a) < Number(b) ? -1 : Number(a) > Number(b) ? 1 : 0;
}

/** Order against an upper bound that may be cut: a value that begins with the cut bound may still be below the true one. */
function maxOrder(value: Value, max: Value, truncated: boolean): number {
  if (truncated && Buffer.isBuffer(value) && Buffer.isBuffer(max)) {
    return Buffer.compare(value.subarray(0, max.length), max);
  }
  return order(value, max);
}
