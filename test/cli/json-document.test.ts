/** Documents of JSON records, and the event time of a record by a field of its own. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isDocument, splitDocument } from '../../src/cli/ingest/json-document.js';
import { withTime } from '../../src/cli/ingest/time-field.js';

async function* inPieces(text: string, cuts: number[]): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text, 'utf8');
  let start = 0;
  for (const cut of [...cuts, bytes.length].filter((at) => at <= bytes.length).toSorted((a, b) => a - b)) {
    yield bytes.subarray(start, cut);
    start = cut;
  }
}

async function split(text: string, { cuts = [] as number[], firstLine = 1, max = 1 << 20 } = {}) {
  const parts: (string | number)[][] = [];
  for await (const part of splitDocument(inPieces(text, cuts), firstLine, max)) {
    if ('bytes' in part) parts.push([part.number, part.bytes.toString('utf8')]);
    else parts.push([part.number, 'failed' in part ? part.failed : part.ended]);
  }
  return parts;
}

const record = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());

test('records come back from arrays, indented or not, and from one after the other, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { maxLength: 5 }),
      fc.constantFrom(0, 1, 3),
      fc.boolean(),
      fc.array(fc.nat(200), { maxLength: 8 }),
      async (records, indent, inArray, cuts) => {
        const text = inArray
          ? JSON.stringify(records, null, indent)
          : records.map((each) => JSON.stringify(each, null, indent)).join(indent === 0 ? '' : '\n');
        const parts = await split(text, { cuts });
        expect(parts.every(([, bytes]) => !String(bytes).includes('\n'))).toBe(true);
        expect(parts.map(([, bytes]) => JSON.parse(String(bytes)))).toEqual(
          records.map((each) => JSON.parse(JSON.stringify(each))),
        );
      },
    ),
  );
});

test('white space is not taken out of numbers and texts, and lines are counted', async () => {
  expect(await split('[\n  {"a":  "x  y",\n   "n": 1 2},\n\n  {}\n]\n[{"b":1}]')).toEqual([
    [2, '{"a": "x  y", "n": 1 2}'],
    [5, '{}'],
    [7, '{"b":1}'],
  ]);
});

test('a record that cannot be sent fails alone where its end is known', async () => {
  expect(await split('[{"a":"x\ny"},{"b":1}]')).toEqual([
    [1, 'a line ends within a text'],
    [2, '{"b":1}'],
  ]);
  expect(await split(`[{"a":"${'x'.repeat(200_000)}"},{"b":1}]`, { max: 100_000 })).toEqual([
    [1, 'the record is longer than 100000 bytes'],
    [1, '{"b":1}'],
  ]);
});

test('what is not understood ends it, with its place', async () => {
  expect(await split('{"a":1}\nplain\n{"b":1}')).toEqual([
    [1, '{"a":1}'],
    [2, 'no JSON object begins here'],
  ]);
  expect(await split('[{"a":1},\n 5]')).toEqual([
    [1, '{"a":1}'],
    [2, 'no JSON object begins here'],
  ]);
  expect(await split('[\n{"a":[1},{"b":1}]')).toEqual([[2, "'}' closes nothing in the record of line 2"]]);
  expect(await split('[{"a":1},\n{"b":')).toEqual([
    [1, '{"a":1}'],
    [2, 'the input ends within this record'],
  ]);
  expect(await split('[{"a":1},\n{"b":2}')).toEqual([
    [1, '{"a":1}'],
    [2, '{"b":2}'],
    [2, 'the input ends within its array'],
  ]);
  // The rest of an array, from a line on.
  expect(await split('{"b":2},\n{"c":3}]', { firstLine: 4 })).toEqual([
    [4, '{"b":2}'],
    [5, '{"c":3}'],
  ]);
});

test('a document is told from lines by its beginning', () => {
  const tell = (text: string, isAll = true) => isDocument(Buffer.from(text), isAll);
  for (const document of [
    '[]',
    ' \n[ ]\n',
    '[{"a":1}]',
    '[\n  {\n    "a": 1\n  },',
    '{\n "a": 1\n}',
    '{"a":1}{"b":2}',
    '{"a":\n1}\n[{"b":2}]',
  ])
    expect(tell(document), document).toBe(true);
  for (const lines of [
    '',
    'text',
    '{"a":1}',
    '{"a":1}\n{"b":2}',
    '{"a":1} text',
    '{broken\n}',
    '[1,2]',
    '[Sun Dec 04 04:47:44 2005] [notice]',
    '[{braces}] text',
    '[] text',
    '{"broken": \n[1,2]\nlast',
  ])
    expect(tell(lines), lines).toBe(false);
  for (const short of ['', '  ', '[', '[ {"a"', '{"a":1', '{\n"a":{', '{"a":\n1}', '[]'])
    expect(tell(short, false), short).toBeUndefined();
});

test('the event time is copied byte by byte, from the last member of the name', () => {
  const timed = (record: string, field: string) => withTime(Buffer.from(record), field)?.toString();
  expect(timed('{"t":1700000000123456789}', 't')).toBe(
    '{"t":1700000000123456789,"_timestamp":1700000000123456789}',
  );
  expect(timed('{"a":{"t":"x}"},"t" : "2026-01-01T00:00:00Z" , "_timestamp":1}', 't')).toBe(
    '{"a":{"t":"x}"},"t" : "2026-01-01T00:00:00Z" , "_timestamp":1,"_timestamp":"2026-01-01T00:00:00Z"}',
  );
  expect(timed('{"t":1,"t":2}', 't')).toContain('"_timestamp":2}');
  expect(timed('{"log":{"time":5}}', 'log.time')).toContain('"_timestamp":5}');
  expect(timed('{"log.time":6,"log":{"time":5}}', 'log.time')).toContain('"_timestamp":6}');
  expect(timed('{"\\u0074":7}', 't')).toContain('"_timestamp":7}');
  for (const without of ['{}', '{"a":1}', '{"t":null}', '[{"t":1}]', '{"a":{"t":1}}', '{"t":', '{"t":1', 'x'])
    expect(timed(without, 't'), without).toBeUndefined();
});
