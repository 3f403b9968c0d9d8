import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type ColumnType,
  mergeSchema,
  parseSchema,
  type Schema,
  widenType,
} from '../../src/storage/schema.js';

const types: ColumnType[] = [
  'bool',
  'int64',
  'decimal',
  'float64',
  'decimalfloat',
  'json',
  'string',
  'textbool',
  'textnumber',
];
const anyType = fc.constantFrom(...types);

test('widening is commutative, associative and idempotent, so the order of blocks does not matter', () => {
  for (const a of types) {
    expect(widenType(a, a)).toBe(a);
    for (const b of types) {
      expect(widenType(a, b)).toBe(widenType(b, a));
      for (const c of types) {
        expect(widenType(widenType(a, b), c), `${a} ${b} ${c}`).toBe(widenType(a, widenType(b, c)));
      }
    }
  }
});

test('the table of types', () => {
  expect(widenType('bool', 'int64')).toBe('int64');
  expect(widenType('int64', 'float64')).toBe('float64');
  expect(widenType('int64', 'decimal')).toBe('decimal');
  expect(widenType('bool', 'decimal')).toBe('decimal');
  expect(widenType('float64', 'decimal')).toBe('decimalfloat');
  expect(widenType('json', 'string')).toBe('string');
  // A text that holds others is known to: they are still numbers and booleans.
  for (const text of ['string', 'json'] as const) {
    for (const number of ['int64', 'float64', 'decimal', 'decimalfloat'] as const)
      expect(widenType(text, number)).toBe('textnumber');
    expect(widenType(text, 'bool')).toBe('textbool');
  }
  expect(widenType('textbool', 'int64')).toBe('textnumber');
  expect(widenType('textnumber', 'bool')).toBe('textnumber');
  expect(widenType('textbool', 'json')).toBe('textbool');
});

test('parses what blocks carry', () => {
  expect(parseSchema('')).toEqual([]);
  expect(parseSchema('_timestamp:int64,a:b:string')).toEqual([
    ['_timestamp', 'int64'],
    ['a:b', 'string'],
  ]);
});

test('a merged schema is the same whatever the order, and says whether it changed', () => {
  const columns = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), anyType), { maxLength: 12 });
  fc.assert(
    fc.property(columns, fc.integer(), (list, seed) => {
      const forward: Schema = new Map();
      const shuffled: Schema = new Map();
      for (const column of list) {
        const before = forward.get(column[0]);
        expect(mergeSchema(forward, [column])).toBe(forward.get(column[0]) !== before);
      }
      mergeSchema(
        shuffled,
        list.toSorted(([, a], [, b]) => ((types.indexOf(a) - types.indexOf(b)) * seed) % 7),
      );
      expect(new Map([...forward].sort())).toEqual(new Map([...shuffled].sort()));
    }),
  );
});
