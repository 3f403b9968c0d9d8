/** Texts and series of many rows: what they say, and that everybody else has a turn while they are made. */
import { expect, test } from 'vitest';
import { answerBytesMax, checkMadeAnswer } from '../../src/query/answer-limit.js';
import { matrix } from '../../src/query/matrix.js';
import { textTable } from '../../src/query/text-table.js';
import { TURN_BYTES } from '../../src/storage/turns.js';

const MB = 1024 * 1024;

/** @returns what `work` resolves with, and how many turns others had meanwhile */
async function turnsDuring<T>(work: () => Promise<T>): Promise<{ value: T; turns: number }> {
  let turns = 0;
  let done = false;
  const tick = () => {
    turns++;
    if (!done) setImmediate(tick);
  };
  setImmediate(tick);
  const value = await work();
  done = true;
  return { value, turns };
}

const text = (pieces: Uint8Array[]) => JSON.parse(`"${Buffer.concat(pieces)}"`) as string;

test('a table of many rows is made in steps', async () => {
  const rows = Array.from({ length: 50_000 }, (_, index) => [index, `a "q" | \\ \n é😀 ${index}`, null]);
  const half = JSON.stringify(rows.slice(0, 25_000)).slice(1, -1);
  const other = JSON.stringify(rows.slice(25_000)).slice(1, -1);
  const pieces = [Buffer.from(half), Buffer.from(other)];
  const { value, turns } = await turnsDuring(() => textTable('md_table', ['n', 'm', 'x'], pieces));
  const lines = text(value).split('\n');
  expect(lines).toHaveLength(50_002);
  expect(lines[0]).toBe('| n | m | x |');
  expect(lines[50_001]).toBe('| 49999 | a "q" \\| \\\\ <br> é😀 49999 |  |');
  expect(turns).toBeGreaterThan((half.length * 2) / TURN_BYTES / 2);
  const csv = text(await textTable('csv', ['n', 'm', 'x'], pieces));
  expect(csv.startsWith('n,m,x\n0,"a ""q"" | \\ \n é😀 0",\n1,')).toBe(true);
  expect(csv.endsWith('49999",\n')).toBe(true);
  expect(text(await textTable('csv', ['n'], []))).toBe('n\n');
  expect(text(await textTable('md_table', ['n'], []))).toBe('| n |\n| --- |');
});

test('series of many samples are made in steps, whole and in order', async () => {
  const rows = Array.from({ length: 40_000 }, (_, index) => ({
    _timestamp: index,
    value: index / 2,
    pod: `p${index % 3}`,
  }));
  const encoded = JSON.stringify(rows).slice(1, -1);
  const { value, turns } = await turnsDuring(() => matrix([Buffer.from(encoded)]));
  const series = value.map((each) => JSON.parse(Buffer.from(each).toString()));
  expect(series.map(({ metrics }) => metrics)).toEqual([{ pod: 'p0' }, { pod: 'p1' }, { pod: 'p2' }]);
  for (const [pod, { values }] of series.entries()) {
    const expected = rows
      .filter((row) => row.pod === `p${pod}`)
      .map((row) => [row._timestamp, String(row.value)]);
    expect(values).toEqual(expected);
  }
  expect(turns).toBeGreaterThan(encoded.length / TURN_BYTES / 2);
  expect(await matrix([])).toEqual([]);
});

test('answers share what there is, and each may be of some length', () => {
  expect(answerBytesMax(1024 * MB, 1)).toBe(128 * MB);
  expect(answerBytesMax(1024 * MB, 16)).toBe(16 * MB);
  expect(answerBytesMax(60 * MB, 1)).toBe(15 * MB);
  expect(answerBytesMax(60 * MB, 100)).toBe(8 * MB);
});

test('of very many rows no text is made', () => {
  const piece = Buffer.alloc(MB);
  expect(() => checkMadeAnswer(Array.from({ length: 32 }, () => piece))).not.toThrow();
  expect(() => checkMadeAnswer(Array.from({ length: 33 }, () => piece))).toThrow(/more than 32 MB/);
});
