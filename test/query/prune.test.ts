/** Pruning against the truth: what the native scan finds in a block that the native encoder wrote. */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type IngestGroup, scan } from '../../src/native/index.js';
import { BlockHeaderView } from '../../src/query/block-header.js';
import { blockTest, insideTime, overlapsTime } from '../../src/query/prune.js';
import type { ScanRequest } from '../../src/query/scan-request.js';
import { type ColumnType, isText, parseSchema, widenType } from '../../src/storage/schema.js';
import { encodeRecords, readRows } from '../native/encoded.js';

const folder = mkdtempSync(join(tmpdir(), 'basalt-prune-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'block');

function withFile<T>(block: Uint8Array, use: (fd: number) => T): T {
  writeFileSync(path, block);
  const fd = openSync(path, 'r');
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function headerOf({ block, headerBytes }: IngestGroup): Uint8Array {
  return block.subarray(0, headerBytes);
}

describe('block header view', () => {
  test('shows every column of the schema with its type, null count and bounds', () => {
    const records = [
      { _timestamp: 1_700_000_000_000_003, i: -5, f: 1.5, b: true, s: 'mm', j: [1, 2], sparse: 'x' },
      { _timestamp: 1_700_000_000_000_001, i: 7, f: -0.25, b: false, s: 'zz', j: [3] },
      { _timestamp: 1_700_000_000_000_002, i: 0, f: 2.5, b: true, s: 'aa', j: [] },
    ];
    const group = encodeRecords(records);
    const view = new BlockHeaderView(headerOf(group));
    expect(view.rows).toBe(3);
    for (const [name, type] of parseSchema(group.schema))
      expect(view.column(Buffer.from(name))?.type, name).toBe(type);
    expect(view.column(Buffer.from('i'))).toMatchObject({ nullCount: 0, min: -5, max: 7 });
    expect(view.column(Buffer.from('f'))).toMatchObject({ min: -0.25, max: 2.5 });
    expect(view.column(Buffer.from('b'))).toMatchObject({ min: false, max: true });
    expect(view.column(Buffer.from('s'))).toMatchObject({
      min: Buffer.from('aa'),
      max: Buffer.from('zz'),
      maxTruncated: false,
    });
    expect(view.column(Buffer.from('sparse'))).toMatchObject({ nullCount: 2, min: Buffer.from('x') });
    expect(view.column(Buffer.from('_timestamp'))).toMatchObject({
      min: 1_700_000_000_000_001,
      max: 1_700_000_000_000_003,
    });
    for (const absent of ['', 'a', 'zzz', 'ii', '_'])
      expect(view.column(Buffer.from(absent)), absent).toBeUndefined();
  });

  test('finds each of many columns', () => {
    const record = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`c${index}`, index]));
    const view = new BlockHeaderView(headerOf(encodeRecords([record])));
    for (let index = 0; index < 300; index++)
      expect(view.column(Buffer.from(`c${index}`))?.min, `c${index}`).toBe(index);
  });

  test('long strings are cut at a character, and say so', () => {
    const view = new BlockHeaderView(headerOf(encodeRecords([{ s: `${'ü'.repeat(40)}` }])));
    const { max, maxTruncated } = view.column(Buffer.from('s')) ?? {};
    expect(maxTruncated).toBe(true);
    expect(Buffer.isBuffer(max) && max.length <= 32 && 'ü'.repeat(40).startsWith(max.toString())).toBe(true);
  });
});

/** Values of each column, as JSON text: 64-bit integers do not survive JavaScript's numbers. */
const integers = fc.oneof(
  fc.integer({ min: -3, max: 3 }).map(BigInt),
  fc.constantFrom(0n, 1n, 2n, 3n).map((offset) => 2n ** 53n + offset),
  fc.constantFrom(0n, 1n, 2n).map((offset) => 2n ** 63n - 1n - offset),
  fc.constantFrom(0n, 1n).map((offset) => -(2n ** 63n) + offset),
);
const floats = fc.oneof(
  fc.constantFrom(0, -0, 0.5, -1.5, 1e300, 5e-324),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const strings = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'ü', '\u{10FFFF}', '\u0000'),
  fc
    .tuple(
      fc.constantFrom('p', 'ü'),
      fc.constantFrom(15, 16, 31, 32, 33, 40),
      fc.constantFrom('', 'a', 'z', '\u{10FFFF}'),
    )
    .map(([letter, times, end]) => letter.repeat(times) + end),
);

/** A float in JSON that no reader takes for an integer; -0 keeps its sign. */
function floatText(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

const literals = {
  int64: integers.map((value) => `{"int64":${value}}`),
  float64: floats.map((value) => `{"float64":"${floatText(value)}"}`),
  bool: fc.boolean().map((value) => `{"bool":${value}}`),
  string: strings.map((value) => `{"string":${JSON.stringify(value)}}`),
};

const values: Record<string, fc.Arbitrary<string>> = {
  i: integers.map(String),
  f: floats.map(floatText),
  b: fc.boolean().map(String),
  s: strings.map((value) => JSON.stringify(value)),
  j: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 3 }).map((value) => JSON.stringify(value)),
};
const columnNames = Object.keys(values);

const record = fc
  .record(
    Object.fromEntries(
      columnNames.map((name) => [name, fc.option(values[name] as fc.Arbitrary<string>, { freq: 4 })]),
    ),
  )
  .map((fields) => {
    const members = Object.entries(fields).filter(([, text]) => text !== null);
    return `{${['"k":1', ...members.map(([name, text]) => `"${name}":${text}`)].join()}}`;
  });
/** Few records, so that blocks without a value or with one alone are common. */
const batch = fc.array(record, { minLength: 1, maxLength: 6 }).map((records) => `[${records.join()}]`);

/** What a filter can say of a column, given the type that it has in the stream. */
function leafOf(column: string, type: ColumnType): fc.Arbitrary<string> {
  const literal = literals[isText(type) ? 'string' : (type as 'int64' | 'float64' | 'bool')];
  const cmp = fc.constantFrom('=', '!=', '<', '<=', '>', '>=');
  const compare = fc
    .tuple(cmp, literal)
    .map(([op, value]) => `{"op":"compare","column":"${column}","cmp":"${op}","value":${value}}`);
  const isIn = fc
    .tuple(fc.array(literal, { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([list, negated]) => `{"op":"in","column":"${column}","values":[${list}],"negated":${negated}}`);
  const isNull = fc.boolean().map((negated) => `{"op":"isNull","column":"${column}","negated":${negated}}`);
  if (type !== 'string' && type !== 'json') return fc.oneof({ weight: 4, arbitrary: compare }, isIn, isNull);
  const text = fc
    .tuple(fc.constantFrom('like', 'contains'), strings, fc.boolean(), fc.boolean())
    .map(([op, value, negated, ignoreCase]) => {
      const member = op === 'like' ? { pattern: `${value}%` } : { needle: value };
      return JSON.stringify({ op, column, ...member, negated, ignoreCase });
    });
  return fc.oneof({ weight: 4, arbitrary: compare }, isIn, isNull, text);
}

function filterOf(types: Map<string, ColumnType>): fc.Arbitrary<string> {
  const leaf = fc.oneof(...[...types].map(([column, type]) => leafOf(column, type)));
  const list = fc.array(leaf, { minLength: 1, maxLength: 3 });
  const constant = fc.boolean().map((value) => `{"op":"constant","value":${value}}`);
  const joined = fc
    .tuple(fc.constantFrom('and', 'or'), list)
    .map(([op, args]) => `{"op":"${op}","args":[${args}]}`);
  return fc.oneof({ weight: 6, arbitrary: leaf }, { weight: 3, arbitrary: joined }, constant);
}

/** Types of the columns in the stream: those of the block, some of them widened by other blocks; one that no record has. */
const widened = fc.record(
  Object.fromEntries(
    columnNames.map((name) => [
      name,
      fc.option(fc.constantFrom<ColumnType>('float64', 'string'), { freq: 3 }),
    ]),
  ),
);

function streamTypes(schema: string, wider: Record<string, ColumnType | null>): Map<string, ColumnType> {
  const block = new Map(parseSchema(schema));
  const types = new Map<string, ColumnType>([['absent', 'int64']]);
  for (const name of columnNames) {
    const type = block.get(name);
    if (!type) continue;
    const other = wider[name];
    const widened = other ? widenType(type, other) : type;
    // As scans answer it.
    types.set(name, isText(widened) && widened !== 'json' ? 'string' : widened);
  }
  return types;
}

test('a block is never pruned when the scan finds a row in it', () => {
  let pruned = 0;
  let kept = 0;
  const cases = batch.chain((json) => {
    const group = encodeRecords(json);
    return widened.chain((wider) => {
      const types = streamTypes(group.schema, wider);
      return fc.tuple(
        fc.constant({ json, group, types }),
        fc.array(filterOf(types), { minLength: 8, maxLength: 8 }),
      );
    });
  });
  fc.assert(
    fc.property(cases, ([{ json, group, types }, filters]) => {
      const columns = JSON.stringify([...types].map(([name, type]) => ({ name, type })));
      withFile(group.block, (fd) => {
        for (const filter of filters) {
          const text = `{"stream":"logs","columns":${columns},"time":{"min":null,"max":null},"filter":${filter},"output":{"kind":"rows","project":[],"limit":null}}`;
          const { rows } = scan(text, Int32Array.of(fd), Float64Array.of(0));
          // As the server has it: the request parsed by JavaScript, with its rounding.
          const may = blockTest(JSON.parse(text) as ScanRequest)(headerOf(group));
          if (!may) pruned++;
          else if (rows === 0) kept++;
          if (!may && rows > 0)
            throw new Error(`pruned, but ${rows} rows match: ${filter}\nin ${json}\nas ${columns}`);
        }
      });
    }),
    { numRuns: process.env.BASALT_TEST_LONG === '1' ? 20_000 : 300 },
  );
  // Reading everything would pass the test above: of the blocks without a match a good part must be pruned.
  expect(pruned).toBeGreaterThan((pruned + kept) / 4);
});

describe('time', () => {
  const request = (min: number | null, max: number | null): ScanRequest => ({
    stream: 'logs',
    columns: [],
    time: { min, max },
    filter: null,
    output: { kind: 'rows', project: [], limit: null },
  });

  test('spans inside and beside the half-open range', () => {
    const span = { timeMin: 10, timeMax: 20 };
    const cases: [number | null, number | null, boolean, boolean][] = [
      [null, null, true, true],
      [10, 21, true, true],
      [10, 20, true, false],
      [11, 21, true, false],
      [20, 21, true, false],
      [21, null, false, false],
      [null, 10, false, false],
      [null, 11, true, false],
      [5, 5, false, false],
    ];
    for (const [min, max, overlaps, inside] of cases) {
      expect(overlapsTime(request(min, max), span), `${min} to ${max}`).toBe(overlaps);
      expect(insideTime(request(min, max), span), `${min} to ${max}`).toBe(inside);
    }
  });

  test('rounded times never lose a row, and never count one too many', () => {
    const time = fc.oneof(
      fc.integer({ min: -5, max: 5 }).map(BigInt),
      fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 6n }),
      fc.bigInt({ min: 2n ** 62n - 2n, max: 2n ** 62n + 600n }),
    );
    const pair = fc.tuple(time, time).map(([a, b]) => (a < b ? [a, b] : [b, a]) as [bigint, bigint]);
    fc.assert(
      fc.property(pair, fc.option(time), fc.option(time), ([timeMin, timeMax], min, max) => {
        // The native side gives doubles, JSON.parse rounds as well.
        const span = { timeMin: Number(timeMin), timeMax: Number(timeMax) };
        const rounded = request(min === null ? null : Number(min), max === null ? null : Number(max));
        const within = (at: bigint) => (min === null || at >= min) && (max === null || at < max);
        if (within(timeMin) || within(timeMax)) expect(overlapsTime(rounded, span)).toBe(true);
        if (insideTime(rounded, span)) expect(within(timeMin) && within(timeMax)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('a span agrees with the rows that a scan gives', () => {
    const group = encodeRecords('[{"_timestamp":1700000000000005},{"_timestamp":1700000000000001}]');
    withFile(group.block, (fd) => {
      expect(readRows(fd, [0], group.schema).map(({ _timestamp }) => Number(_timestamp))).toEqual([
        1_700_000_000_000_005, 1_700_000_000_000_001,
      ]);
    });
    expect([group.timeMin, group.timeMax]).toEqual([1_700_000_000_000_001, 1_700_000_000_000_005]);
  });
});
