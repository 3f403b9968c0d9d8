import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchBuilder } from '../../src/cli/ingest/batches.js';
import { splitLines } from '../../src/cli/ingest/lines.js';
import { recordOf } from '../../src/cli/ingest/records.js';

async function* inPieces(bytes: Buffer, cuts: number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (const cut of [...cuts, bytes.length].filter((at) => at <= bytes.length).toSorted((a, b) => a - b)) {
    yield bytes.subarray(start, cut);
    start = cut;
  }
}

async function collect(bytes: Buffer, cuts: number[], max?: number): Promise<(string | undefined)[]> {
  const lines: (string | undefined)[] = [];
  for await (const { bytes: line, number } of splitLines(inPieces(bytes, cuts), max)) {
    expect(number).toBe(lines.length + 1);
    lines.push(line?.toString('latin1'));
  }
  return lines;
}

const someBytes = fc
  .array(fc.constantFrom(10, 13, 65, 66, 0, 0xff), { maxLength: 60 })
  .map((bytes) => Buffer.from(bytes));

test('lines are the same however the input is cut into chunks', async () => {
  await fc.assert(
    fc.asyncProperty(someBytes, fc.array(fc.nat(60), { maxLength: 8 }), async (bytes, cuts) => {
      const expected = bytes.toString('latin1').split('\n');
      if (expected.at(-1) === '') expected.pop();
      expect(await collect(bytes, cuts)).toEqual(expected);
    }),
  );
});

test('lines over the limit are dropped one by one, wherever the chunks end', async () => {
  await fc.assert(
    fc.asyncProperty(
      someBytes,
      fc.array(fc.nat(60), { maxLength: 8 }),
      fc.integer({ min: 1, max: 5 }),
      async (bytes, cuts, max) => {
        const expected = bytes.toString('latin1').split('\n');
        if (expected.at(-1) === '') expected.pop();
        expect(await collect(bytes, cuts, max)).toEqual(
          expected.map((line) => (line.length > max ? undefined : line)),
        );
      },
    ),
  );
});

test('a plain line comes back from its record unchanged', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const options = {
        format: 'lines',
        encoding: 'utf8',
        stripCarriageReturn: false,
        badBytes: 'fail',
      } as const;
      const record = recordOf(Buffer.from(text, 'utf8'), options);
      expect('json' in record && JSON.parse(record.json.toString('utf8'))).toEqual({ message: text });
    }),
  );
});

test('a batch holds its records in order, knows where each came from, and grows for a large one', () => {
  const builder = new BatchBuilder({ bytes: 16, records: 3 });
  const large = Buffer.from('x'.repeat(40));
  expect(builder.isFullFor(large)).toBe(false);
  builder.add(large, 'f', 7);
  expect(builder.isFullFor(Buffer.from('a'))).toBe(true);
  const first = builder.take();
  expect(first?.body.toString()).toBe(`${large}\n`);
  expect(first?.position(0)).toBe('f:7');
  expect(first?.position(1)).toBeUndefined();
  for (const [index, text] of ['a', 'b', 'c'].entries()) {
    expect(builder.isFullFor(Buffer.from(text))).toBe(false);
    builder.add(Buffer.from(text), 'g', index + 1);
  }
  expect(builder.isFullFor(Buffer.from('d'))).toBe(true);
  expect(builder.take()?.body.toString()).toBe('a\nb\nc\n');
  expect(builder.take()).toBeUndefined();
});
