import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { textBars, vectorPlot } from '../../bench/end-to-end/plot.js';
import { summarise } from '../../bench/end-to-end/queries.js';
import { type QueryCase, queryCases, sameRows } from '../../bench/end-to-end/query-cases.js';
import { formatTable, Report, readable } from '../../bench/end-to-end/report.js';
import { sizesByKind } from '../../bench/end-to-end/storage.js';
import { GroundTruth } from '../../bench/generator/truth.js';

describe('report', () => {
  it('aligns text left and numbers right', () => {
    const rows = [
      ['one', 5],
      ['eleven', 12345],
    ];
    expect(formatTable(['name', 'count'], rows)).toBe(
      'name    count\n------  -----\none         5\neleven  12345',
    );
  });

  it('counts missed targets, and not without targets', () => {
    const report = new Report(true);
    expect(report.verdict(5, 'at most', 5, 'ms')).toBe('PASS (at most 5.00 ms)');
    expect(report.verdict(5, 'at least', 6, 'ms')).toBe('FAIL (at least 6.00 ms)');
    expect(report.verdict(Number.NaN, 'at most', 6, 'ms')).toBe('FAIL (at most 6.00 ms)');
    expect(report.answerVerdict('wrong')).toBe('FAIL: wrong');
    expect(report.failures).toBe(3);
    const tiny = new Report(false);
    expect([tiny.verdict(5, 'at least', 6, 'ms'), tiny.failures]).toEqual(['', 0]);
    expect(tiny.answerVerdict(undefined)).toBe('PASS');
  });

  it('writes numbers for people', () => {
    expect([1234567, 123.4, 12.34, 1.234].map(readable)).toEqual(['1,234,567', '123', '12.3', '1.23']);
  });
});

describe('answers', () => {
  const truth = new GroundTruth({ records: 1, seed: 1, startUs: 0, spanUs: 1e6 }, ['t']);
  const record = {
    timestampUs: 7,
    level: 2,
    service: 0,
    stem: 0,
    number: 4,
    user: 9,
    responseThousandths: 1500,
    template: 0,
  };
  truth.add(0, { ...record, trace: Int32Array.of(1, -1, 0, 5) });
  const cases = new Map<string, QueryCase>(queryCases(truth.result()).map((query) => [query.name, query]));
  const check = (name: string, hits: Record<string, unknown>[]) => cases.get(name)?.check(hits);

  it('accepts right ones', () => {
    expect(check('count', [{ count: 1 }])).toBeUndefined();
    expect(check('filter', [{ count: 0 }])).toBeUndefined();
    expect(check('group2', [{ level: 'warn', count: 1, average: 1.5 }])).toBeUndefined();
    const hour = { level: 'warn', count: 1, avg_response: 1.5000000000000002 };
    expect(check('seed', [{ time_bucket: 0, ...hour }])).toBeUndefined();
    expect(check('seed', [{ time_bucket: '1970-01-01T00:00:00', ...hour }])).toBeUndefined();
    expect(check('last100', [])).toBeUndefined();
    expect(
      check('needle', [{ _timestamp: 7, trace_id: '00000001ffffffff0000000000000005' }]),
    ).toBeUndefined();
    expect(check('toppath', [{ path: '/api/v1/items/4', count: 1 }])).toBeUndefined();
  });

  it('refuses wrong ones', () => {
    expect(check('count', [{ count: 2 }])).toContain('wanted 1');
    expect(check('count', [])).toBe('0 rows, 1 wanted');
    expect(check('count', [{}])).toContain('undefined');
    expect(check('group2', [{ level: 'warn', count: 1, average: 1.50001 }])).toContain('average');
    expect(check('seed', [{ time_bucket: 3600e6, level: 'warn', count: 1, avg_response: 1.5 }])).toContain(
      'time_bucket',
    );
    expect(sameRows([{ a: '1' }], [{ a: 1 }])).toContain('"1"');
  });
});

describe('figures', () => {
  it('sorts times as numbers', () => {
    expect(summarise([10, 9, 100])).toEqual({ minMs: 9, medianMs: 10, maxMs: 100 });
  });

  it('adds sizes by kind', () => {
    const folder = mkdtempSync(join(tmpdir(), 'basalt-test-'));
    mkdirSync(join(folder, 'segments'));
    const files = {
      'a.wal': 3,
      'segments/b.seg': 5,
      'segments/c.seg': 7,
      'catalog.sqlite-wal': 2,
      'catalog.sqlite': 1,
      lock: 4,
    };
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), Buffer.alloc(bytes));
    expect(Object.fromEntries(sizesByKind(folder))).toEqual({
      '*.wal': { files: 1, bytes: 3 },
      '*.seg': { files: 2, bytes: 12 },
      sqlite: { files: 2, bytes: 3 },
      other: { files: 1, bytes: 4 },
    });
    rmSync(folder, { recursive: true });
  });

  it('draws bars and a picture', () => {
    const series = { name: 'rate', values: [50, 100] };
    expect(
      textBars(series)
        .split('\n')
        .map((line) => line.replaceAll(/[^█]/g, '').length),
    ).toEqual([0, 25, 50]);
    const picture = vectorPlot([series, series]);
    expect(picture.match(/<circle/g)?.length).toBe(4);
    expect(picture).not.toContain('NaN');
  });
});
