import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExactNumber, parseExact, stringifyExact } from '../../src/cli/query/exact-json.js';
import { fitWidths, formatTable } from '../../src/cli/query/table.js';
import { parseTimeUs } from '../../src/cli/query/time.js';
import { markPosition } from '../../src/cli/server-error.js';

describe('exact JSON', () => {
  test('what JSON.stringify writes comes back to the byte', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        // JSON.parse moves integer-like names to the front of an object, and drops nothing else.
        expect(stringifyExact(parseExact(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  test('numbers keep their text, digits in strings and names stay strings', () => {
    const text = '{"12":"34 \\" 56","n":[123456789012345678901,-0.10,1E+2]}';
    expect(stringifyExact(parseExact(text))).toBe(text);
    expect(parseExact('18446744073709551615')).toEqual(new ExactNumber('18446744073709551615'));
    expect(() => parseExact('{"a":}')).toThrow(SyntaxError);
  });
});

describe('table', () => {
  test('widths fit, and only columns that must give way do', () => {
    expect(fitWidths([10, 20], 80)).toEqual([10, 20]);
    expect(fitWidths([10, 100], 60)).toEqual([10, 48]);
    expect(fitWidths([60, 60], 60)).toEqual([29, 29]);
    expect(fitWidths([30, 30, 30], 10)).toEqual([6, 6, 6]);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 9 }),
        fc.nat(200),
        (natural, width) => {
          const widths = fitWidths(natural, width);
          const total = widths.reduce((sum, each) => sum + each, 0) + 2 * (widths.length - 1);
          expect(
            total <= width ||
              Math.max(...widths) <= 6 ||
              widths.every((each, index) => each === natural[index]),
          ).toBe(true);
          expect(widths.every((each, index) => each <= (natural[index] ?? 0) && each > 0)).toBe(true);
        },
      ),
    );
  });

  test('no line is wider than the terminal', () => {
    const rows = [['x'.repeat(100), new ExactNumber('12345678901234567890'), '😀'.repeat(50)]];
    for (const width of [10, 25, 40, 80, 400]) {
      for (const line of formatTable(['a', 'b', 'c'], rows, width))
        expect([...line].length).toBeLessThanOrEqual(width);
    }
    expect(formatTable(['a'], [['x'.repeat(500)]], undefined)[2]).toHaveLength(500);
  });
});

test('times', () => {
  const now = Date.UTC(2026, 5, 1, 12);
  expect(parseTimeUs('now', now)).toBe(now * 1000);
  expect(parseTimeUs('15m', now)).toBe((now - 900_000) * 1000);
  expect(parseTimeUs('-2h', now)).toBe((now - 7_200_000) * 1000);
  expect(parseTimeUs('2026-06-01', now)).toBe(Date.UTC(2026, 5, 1) * 1000);
  expect(parseTimeUs('2026-06-01 01:02', now)).toBe(Date.UTC(2026, 5, 1, 1, 2) * 1000);
  expect(parseTimeUs('2026-06-01T01:02:03.5+02:00', now)).toBe(
    (Date.UTC(2026, 5, 1, 1, 2, 3) - 7_200_000 + 500) * 1000,
  );
  expect(parseTimeUs('1780315200000001', now)).toBe(1780315200000001);
  for (const bad of ['', 'yesterday', '2026', '2026-13-01', '15', '15y', '99999999999999999999']) {
    expect(() => parseTimeUs(bad, now), bad).toThrow('use');
  }
});

test('the caret stands under the column, and only where there is one', () => {
  expect(markPosition('SELECT x', 1, 8)).toBe('\n  SELECT x\n         ^');
  expect(markPosition('a\nbc', 2, 3)).toBe('\n  bc\n    ^');
  expect(markPosition('a', 2, 1)).toBe('');
  expect(markPosition('a', 1, 5)).toBe('');
  expect(markPosition('a', undefined, undefined)).toBe('');
});
