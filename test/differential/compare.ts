/** Compares the rows of two engines cell by cell. */

/** Numbers that took different ways may differ in their last digits. */
const RELATIVE = 1e-9;

export function cellsEqual(left: unknown, right: unknown): boolean {
  if (left === null || left === undefined || right === null || right === undefined) {
    return (left ?? null) === (right ?? null);
  }
  if (isNumber(left) && isNumber(right)) {
    if (typeof left === 'bigint' || typeof right === 'bigint') {
      if (isWhole(left) && isWhole(right)) return BigInt(left) === BigInt(right);
    }
    const [a, b] = [Number(left), Number(right)];
    return a === b || Math.abs(a - b) <= RELATIVE * Math.max(Math.abs(a), Math.abs(b), 1);
  }
  return left === right;
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function isWhole(value: number | bigint): boolean {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

function rowsEqual(left: unknown[], right: unknown[]): boolean {
  return left.length === right.length && left.every((cell, index) => cellsEqual(cell, right[index]));
}

/** @returns what differs, or undefined. Without an order, rows may come in any. */
export function rowsDifference(
  actual: unknown[][],
  expected: unknown[][],
  ordered: boolean,
): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} rows, expected ${expected.length}`;
  const [left, right] = ordered ? [actual, expected] : [sorted(actual), sorted(expected)];
  const at = left.findIndex((row, index) => !rowsEqual(row, right[index] as unknown[]));
  if (at < 0) return undefined;
  if (!ordered && matchesAnyOrder(left, right)) return undefined;
  return `row ${at} is ${show(left[at])}, expected ${show(right[at])}`;
}

function sorted(rows: unknown[][]): unknown[][] {
  const keyed = rows.map((row) => ({ row, key: row.map(sortKey).join('\u0000') }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ row }) => row);
}

function sortKey(cell: unknown): string {
  return isNumber(cell) ? Number(cell).toPrecision(8) : String(cell ?? '\uffff');
}

/** For rows whose numbers are equal only within the tolerance, so that sorting put them apart. */
function matchesAnyOrder(left: unknown[][], right: unknown[][]): boolean {
  const rest = [...right];
  return left.every((row) => {
    const found = rest.findIndex((candidate) => rowsEqual(row, candidate));
    if (found < 0) return false;
    rest.splice(found, 1);
    return true;
  });
}

function show(row: unknown): string {
  return JSON.stringify(row, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}
