/** Whether an answer contains the expected JSON; README.md describes what that means. */
import type { Json } from '../harness/exact-json.js';

const ABSENT = 'absent';

/** @returns the first difference as text, or undefined */
export function difference(actual: Json | undefined, expected: Json, path = '$'): string | undefined {
  if (expected === '*') return actual === undefined ? `${path} is absent` : undefined;
  if (expected === ABSENT)
    return actual === undefined ? undefined : `${path} is ${show(actual)}, expected none`;
  if (typeof expected === 'string' && expected.startsWith('~')) {
    const part = expected.slice(1);
    return typeof actual === 'string' && actual.includes(part)
      ? undefined
      : `${path} is ${show(actual)}, expected a text with ${JSON.stringify(part)}`;
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) {
      return `${path} is ${show(actual)}, expected ${expected.length} elements`;
    }
    return first(expected.map((element, index) => difference(actual[index], element, `${path}[${index}]`)));
  }
  if (expected !== null && typeof expected === 'object') {
    if (actual === null || typeof actual !== 'object' || Array.isArray(actual)) {
      return `${path} is ${show(actual)}, expected an object`;
    }
    return first(
      Object.entries(expected).map(([key, value]) => difference(actual[key], value, `${path}.${key}`)),
    );
  }
  return actual === expected ? undefined : `${path} is ${show(actual)}, expected ${show(expected)}`;
}

function first(differences: (string | undefined)[]): string | undefined {
  return differences.find((text) => text !== undefined);
}

function show(value: Json | undefined): string {
  return value === undefined
    ? 'absent'
    : JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner));
}
