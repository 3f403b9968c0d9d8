/**
 * Decides from zone maps whether a block can hold a row that a filter passes. Only ever errs towards reading.
 *
 * Integer bounds and literals may have been rounded to doubles. Rounding keeps order, so a strict `a > b` between rounded values implies
 * it between the true ones; that is why every test below is strict.
 */
import type { ColumnType } from '../storage/schema.js';
import { BlockHeaderView, type ZoneMap } from './block-header.js';
import type { Filter, Literal, ScanRequest } from './scan-request.js';

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

/** Whether a block with this header may hold a row that the request's filter passes. */
export function mayMatch(request: ScanRequest, header: Uint8Array): boolean {
  if (request.filter === null) return true;
  const view = new BlockHeaderView(header);
  const types = new Map(request.columns.map(({ name, type }) => [name, type]));
  return filterMayMatch(request.filter, view, types);
}

function filterMayMatch(filter: Filter, view: BlockHeaderView, types: Map<string, ColumnType>): boolean {
  switch (filter.op) {
    case 'constant':
      return filter.value;
    case 'and':
      return filter.args.every((arg) => filterMayMatch(arg, view, types));
    case 'or':
      return filter.args.some((arg) => filterMayMatch(arg, view, types));
    default:
      return leafMayMatch(filter, view, types);
  }
}

type Leaf = Exclude<Filter, { op: 'and' | 'or' | 'constant' }>;

function leafMayMatch(filter: Leaf, view: BlockHeaderView, types: Map<string, ColumnType>): boolean {
  const map = view.column(filter.column);
  const nullCount = map?.nullCount ?? view.rows;
  if (filter.op === 'isNull') return filter.negated ? nullCount < view.rows : nullCount > 0;
  if (!map || nullCount === view.rows) return false;
  // Bounds of an older type do not bound the cast values.
  if (map.type !== types.get(filter.column)) return true;
  switch (filter.op) {
    case 'compare':
      return compareMayMatch(filter.cmp, filter.value, map);
    case 'in':
      return filter.negated || filter.values.some((value) => compareMayMatch('=', value, map));
    default:
      return true;
  }
}

function compareMayMatch(cmp: string, literal: Literal, map: ZoneMap): boolean {
  const { min, max } = map;
  if (min === undefined || max === undefined) return true;
  const value = literalValue(literal);
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

function literalValue(literal: Literal): number | boolean | Buffer {
  if ('int64' in literal) return literal.int64;
  if ('float64' in literal) return literal.float64;
  if ('bool' in literal) return literal.bool;
  return Buffer.from(literal.string);
}

/** -1, 0 or 1; 0 also where the two cannot be compared. */
function order(a: number | boolean | Buffer, b: number | boolean | Buffer): number {
  if (Buffer.isBuffer(a) || Buffer.isBuffer(b)) {
    return Buffer.isBuffer(a) && Buffer.isBuffer(b) ? Buffer.compare(a, b) : 0;
  }
  return Number(a) < Number(b) ? -1 : Number(a) > Number(b) ? 1 : 0;
}

/** Order against an upper bound that may be cut: a value that begins with the cut bound may still be below the true one. */
function maxOrder(
  value: number | boolean | Buffer,
  max: number | boolean | Buffer,
  truncated: boolean,
): number {
  if (truncated && Buffer.isBuffer(value) && Buffer.isBuffer(max)) {
    return Buffer.compare(value.subarray(0, max.length), max);
  }
  return order(value, max);
}
