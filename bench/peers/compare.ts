/** Compares the answers of two engines to one question, row by row. */
import type { Hit } from '../end-to-end/client.js';
import { sameValue, withBucketUs } from '../end-to-end/query-cases.js';
import type { Comparison } from './queries.js';

type RowComparison = Extract<Comparison, { kind: 'rows' }>;

/**
 * By how much an estimated percentile may stray from the exact one; where there are few values, or nobody says how many, neighbouring
 * ones are themselves a percent apart.
 */
const percentileErrorMax = 0.01;
const coarseErrorMax = 0.05;
const fewRows = 20_000;

/**
 * The same form for every engine's rows: nested objects become columns joined by `_`, absent values are left out, the start of a time
 * bucket is in microseconds, columns are in order.
 */
export function canonicalRow(row: Hit): Hit {
  const columns: [string, unknown][] = [];
  for (const [name, value] of Object.entries(withBucketUs(row))) {
    if (value === null || value === undefined) continue;
    if (typeof value === 'object') {
      for (const [inner, innerValue] of Object.entries(canonicalRow(value as Hit))) {
        columns.push([`${name}_${inner}`, innerValue]);
      }
    } else {
      columns.push([name, typeof value === 'bigint' ? Number(value) : value]);
    }
  }
  return Object.fromEntries(columns.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/**
 * What is wrong with `found` if `wanted` is right; undefined when they agree. For percentiles, `wanted` has the exact ones of all keys
 * and their numbers of values, the highest first.
 */
export function difference(
  comparison: Comparison,
  found: readonly Hit[],
  wanted: readonly Hit[],
): string | undefined {
  const [left, right] = [found.map(canonicalRow), wanted.map(canonicalRow)];
  return comparison.kind === 'rows'
    ? rowDifference(comparison, left, right)
    : percentileDifference(comparison, left, right);
}

function rowDifference(
  { orderedBy, limit, estimated = [] }: RowComparison,
  found: readonly Hit[],
  wanted: readonly Hit[],
): string | undefined {
  if (found.length !== wanted.length) return `${found.length} rows, ${wanted.length} wanted`;
  let at = 0;
  for (const tied of tiedRows(wanted, orderedBy)) {
    const others = found.slice(at, at + tied.length);
    // Where the limit cuts through rows that are tied, each engine may keep others of them.
    const cut = limit === wanted.length && at + tied.length === limit && orderedBy.length > 0;
    const problem = cut
      ? firstDifference(others, tied, estimated, orderedBy)
      : firstDifference(sortedRows(others, estimated), sortedRows(tied, estimated), estimated);
    if (problem) return `row ${at + problem.row}, ${problem.text}`;
    at += tied.length;
  }
  return undefined;
}

/** Neighbouring rows with equal values in `columns`, together. */
function tiedRows(rows: readonly Hit[], columns: readonly string[]): Hit[][] {
  const groups: Hit[][] = [];
  for (const row of rows) {
    const group = groups.at(-1);
    const first = group?.[0];
    if (group && first && columns.every((column) => first[column] === row[column])) group.push(row);
    else groups.push([row]);
  }
  return groups;
}

/** By all that is exact: fractions may differ by rounding, and so may not decide the order. */
function sortedRows(rows: readonly Hit[], estimated: readonly string[]): Hit[] {
  const exact = ([column, value]: [string, unknown]) =>
    (typeof value !== 'number' || Number.isInteger(value)) && !estimated.includes(column);
  const key = (row: Hit) => JSON.stringify(Object.entries(row).filter(exact));
  return rows
    .map((row) => ({ row, key: key(row) }))
    .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0))
    .map(({ row }) => row);
}

function firstDifference(
  found: readonly Hit[],
  wanted: readonly Hit[],
  estimated: readonly string[],
  only?: readonly string[],
): { row: number; text: string } | undefined {
  for (const [row, right] of wanted.entries()) {
    const left = found[row] as Hit;
    for (const column of only ?? new Set([...Object.keys(right), ...Object.keys(left)])) {
      const same = estimated.includes(column)
        ? isNear(Number(left[column]), Number(right[column]), coarseErrorMax)
        : sameValue(left[column], right[column]);
      if (!same) {
        return {
          row,
          text: `${column}: ${JSON.stringify(left[column])}, wanted ${JSON.stringify(right[column])}`,
        };
      }
    }
  }
  return undefined;
}

function isNear(found: number, wanted: number, errorMax: number): boolean {
  return Math.abs(found - wanted) <= errorMax * Math.abs(wanted);
}

function errorMaxOf({ rows }: Hit): number {
  return Number(rows) >= fewRows ? percentileErrorMax : coarseErrorMax;
}

/** Each estimate is near the exact value, and no key was left out that is clearly above the last one given. */
function percentileDifference(
  { key, value, limit }: Extract<Comparison, { kind: 'percentile' }>,
  found: readonly Hit[],
  exact: readonly Hit[],
): string | undefined {
  const rows = Math.min(limit, exact.length);
  if (found.length !== rows) return `${found.length} rows, ${rows} wanted`;
  const exactOf = new Map(exact.map((row) => [row[key], row]));
  for (const [index, row] of found.entries()) {
    const exactRow = exactOf.get(row[key]);
    if (exactRow === undefined) return `row ${index}: ${JSON.stringify(row[key])} is not there, or twice`;
    exactOf.delete(row[key]);
    const [wanted, errorMax] = [Number(exactRow[value]), errorMaxOf(exactRow)];
    if (!isNear(Number(row[value]), wanted, errorMax)) {
      return `row ${index}, ${row[key]}: ${row[value]}, but it is ${wanted}: more than ${errorMax * 100} % off`;
    }
    const before = found[index - 1];
    if (before && Number(before[value]) < Number(row[value]))
      return `row ${index} is above the row before it`;
  }
  const least = Number(found.at(-1)?.[value]);
  for (const [missing, exactRow] of exactOf) {
    const wanted = Number(exactRow[value]);
    if (wanted > least * (1 + 2 * errorMaxOf(exactRow))) return `${missing} with ${wanted} is left out`;
  }
  return undefined;
}
