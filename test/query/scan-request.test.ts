import { expect, test } from 'vitest';
import { moveTime, replaceTime } from '../../src/query/scan-request.js';

const text = (min: string, max: string) =>
  `{"stream":"logs","time":{"min":${min},"max":${max}},"filter":{"op":"compare","value":{"string":"\\"time\\":{\\"min\\":1,\\"max\\":2}"}}}`;

test('the range of time is replaced, and nothing else', () => {
  expect(replaceTime(text('1', 'null'), { min: null, max: 7 })).toBe(text('null', '7'));
});

test('bounds are moved with the clock, then narrowed by the range of the request', () => {
  const move = (
    min: string,
    max: string,
    shiftUs: [number, number],
    start: number | null,
    end: number | null,
  ) => moveTime(text(min, max), { shiftUs, startTime: start, endTime: end });
  expect(move('null', 'null', [0, 0], null, null)).toBe(text('null', 'null'));
  expect(move('null', 'null', [0, 0], 3, 9)).toBe(text('3', '9'));
  expect(move('5', '8', [0, 0], 3, 9)).toBe(text('5', '8'));
  expect(move('5', '8', [0, 0], 6, 7)).toBe(text('6', '7'));
  expect(move('5', '8', [4, 2], 6, 99)).toBe(text('9', '10'));
  expect(move('-5', '8', [4, 0], null, null)).toBe(text('-1', '8'));
});

test('64-bit bounds stay exact', () => {
  const [min, max] = ['-9223372036854775808', '9223372036854775807'];
  const same = { shiftUs: [0, 0] as [number, number], startTime: null, endTime: null };
  expect(moveTime(text(min, max), same)).toBe(text(min, max));
});
