import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeRecordFile } from '../../bench/generator/file.js';
import { canonicalRow, difference } from '../../bench/peers/compare.js';
import { describeFile } from '../../bench/peers/data.js';
import { DuckdbPeer } from '../../bench/peers/duckdb.js';
import { type EngineTimes, judge, meanTimesFaster } from '../../bench/peers/peers-report.js';
import { pythonWithChdb } from '../../bench/peers/python.js';
import { type Comparison, comparisons, parametersOf, queryNames } from '../../bench/peers/queries.js';
import { timeEngine } from '../../bench/peers/timing.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'basalt-test-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('answers of two engines', () => {
  const anyOrder: Comparison = { kind: 'rows', orderedBy: [] };
  const top: Comparison = { kind: 'rows', orderedBy: ['count'], limit: 4 };

  it('are the same in whatever form rows come', () => {
    const flat = {
      time_bucket: '1970-01-01T01:00:00',
      a: 1,
      error_kind: 'x',
      error_retryable: true,
      none: null,
    };
    const nested = { a: 1n, time_bucket: 3600e6, error: { retryable: true, kind: 'x', more: null } };
    expect(canonicalRow(flat)).toEqual(canonicalRow(nested));
    expect(difference(anyOrder, [flat], [nested])).toBeUndefined();
  });

  it('may differ in the rounding of fractions, and in nothing else', () => {
    const row = { service: 'cart', average: 1.5, count: 7 };
    expect(difference(anyOrder, [{ ...row, average: 1.5000000000000002 }], [row])).toBeUndefined();
    expect(difference(anyOrder, [{ ...row, average: 1.50001 }], [row])).toContain('average');
    expect(difference(anyOrder, [{ ...row, count: 8 }], [row])).toContain('count: 8, wanted 7');
    expect(difference(anyOrder, [{ ...row, more: 1 }], [row])).toContain('more');
    expect(difference(anyOrder, [{ service: 'cart', average: 1.5 }], [row])).toContain('count');
    expect(difference(anyOrder, [row, row], [row])).toContain('2 rows, 1 wanted');
  });

  it('may have tied rows in any order, but no other row out of order', () => {
    const rows = [
      { path: 'a', count: 9 },
      { path: 'b', count: 5 },
      { path: 'c', count: 5 },
      { path: 'd', count: 2 },
    ];
    const [a, b, c, d] = rows as [object, object, object, object] as Record<string, unknown>[];
    const order = (...list: unknown[]) => difference(top, list as Record<string, unknown>[], rows);
    expect(order(a, c, b, d)).toBeUndefined();
    expect(order(b, a, c, d)).toContain('row 0');
    expect(order(a, b, b, d)).toContain('path');
  });

  it('may hold other rows where the limit cuts through a tie, and only there', () => {
    const rows = ['a', 'b', 'c', 'd'].map((path, index) => ({ path, count: index < 2 ? 9 : 5 }));
    const others = rows.with(3, { path: 'z', count: 5 });
    expect(difference(top, others, rows)).toBeUndefined();
    expect(difference({ ...top, limit: 5 }, others, rows)).toContain('path');
    expect(difference(top, rows.with(3, { path: 'd', count: 4 }), rows)).toContain('count');
    expect(difference(top, rows.with(1, { path: 'z', count: 9 }), rows)).toContain('path');
  });

  it('hold percentiles within 1 % and leave out none that is clearly higher', () => {
    const rowsMany = 20_000;
    const exact = [100, 90, 80].map((p95, index) => ({ service: `s${index}`, p95, rows: rowsMany }));
    const percentiles: Comparison = { kind: 'percentile', key: 'service', value: 'p95', limit: 2 };
    const check = (...rows: [string, number][]) =>
      difference(
        percentiles,
        rows.map(([service, p95]) => ({ service, p95 })),
        exact,
      );
    expect(check(['s0', 100.9], ['s1', 89.2])).toBeUndefined();
    expect(check(['s0', 101.1], ['s1', 90])).toContain('s0');
    expect(check(['s0', 100], ['s2', 80])).toContain('s1');
    expect(check(['s1', 90], ['s0', 100])).toContain('above');
    expect(check(['s0', 100], ['s0', 100])).toContain('twice');
    expect(check(['s0', Number.NaN], ['s1', 90])).toContain('s0');
    expect(check(['s0', 100])).toContain('1 rows, 2 wanted');
    const estimates: Comparison = { kind: 'rows', orderedBy: [], estimated: ['p95'] };
    expect(difference(estimates, [{ p95: 100.5 }], [{ p95: 100 }])).toBeUndefined();
    expect(difference(estimates, [{ p95: 106 }], [{ p95: 100 }])).toContain('p95');
    const few = exact.map((row) => ({ ...row, rows: rowsMany - 1 }));
    const strays = [
      { service: 's0', p95: 104 },
      { service: 's1', p95: 90 },
    ];
    expect(difference(percentiles, strays, few)).toBeUndefined();
    expect(difference(percentiles, strays, exact)).toContain('s0');
  });
});

describe('peers', () => {
  it('ask questions that the data answers, alike of a table and a Parquet file', async () => {
    const path = join(folder, 'records.ndjson');
    const startUs = Date.now() * 1000 - 5 * 3600e6;
    const truth = writeRecordFile({ records: 20_000, seed: 3, startUs, spanUs: 4 * 3600e6 }, path);
    const parameters = parametersOf(truth);
    const peer = await DuckdbPeer.open(folder);
    await peer.loadTable(path);
    await peer.writeParquet();
    const [table, parquet] = [await peer.table(parameters), await peer.parquet(parameters)];
    for (const query of queryNames) {
      const wanted = (await timeEngine(table, query, 1)).rows;
      expect(wanted.length, query).toBeGreaterThan(0);
      const comparison = comparisons[query];
      const right = comparison.kind === 'percentile' ? await peer.exactPercentiles() : wanted;
      expect(
        difference(comparison, (await timeEngine(parquet, query, 1)).rows, right),
        query,
      ).toBeUndefined();
      expect(difference(comparison, wanted, right), query).toBeUndefined();
    }
    const single = async (query: 'substr' | 'regex' | 'distinct') =>
      Number(Object.values((await table.ask(table.statements[query])).rows[0] as object)[0]);
    expect(await single('substr')).toBe(truth.phraseCount);
    expect(await single('regex')).toBe(truth.blockCount);
    expect(await single('distinct')).toBe(truth.distinctUsers);
    await table.close();
    await parquet.close();
    peer.close();
  });

  it('describe a file of records, whatever the order of its fields', () => {
    const path = join(folder, 'others.ndjson');
    const record = (us: number, id: string) =>
      JSON.stringify({ service: 'cart', _timestamp: us, trace_id: id });
    writeFileSync(
      path,
      `{"_timestamp":7200000000,"service":"cart","trace_id":"aa"}\n\n${record(3600e6, 'bb')}\n`,
    );
    const data = describeFile(path);
    expect([data.records, data.startUs, data.endUs]).toEqual([2, 3600e6, 7200e6 + 1]);
    expect(data.parameters).toMatchObject({ traceId: 'bb', service: 'cart', fromUs: 3600e6 });
    writeFileSync(path, '{"_timestamp":"yesterday"}\n');
    expect(() => describeFile(path)).toThrow('record 1 has no _timestamp');
    writeFileSync(path, '{"_timestamp":1,"service":"it\'s","trace_id":"a"}\n');
    expect(() => describeFile(path)).toThrow('cannot be asked for');
    writeFileSync(path, '\n');
    expect(() => describeFile(path)).toThrow('no records');
  });

  it('are left out with a reason when they cannot be had', async () => {
    const python = await pythonWithChdb(folder, join(folder, 'no-python'), () => {});
    expect(python).toMatchObject({ path: undefined });
    expect('reason' in python && python.reason).toContain('no-python');
  });
});

describe('verdicts', () => {
  const row = (cached: number, own: number, duckdb: number, clickhouse?: number) =>
    new Map(
      Object.entries({ 'Basalt cached': cached, Basalt: own, DuckDB: duckdb, ClickHouse: clickhouse })
        .filter(([, minMs]) => minMs !== undefined)
        .map(([name, minMs]) => [name, { minMs: minMs as number, medianMs: 0 }]),
    );
  const times: EngineTimes = new Map([
    ['count', row(1, 1.9, 0.5)],
    ['filter', row(2, 2, 1)],
    ['substr', row(5, 20, 40, 10)],
    ['regex', row(1, 5, 40)],
    ['match_all', row(1000, 1000, 10)],
  ]);

  it('tell the best peer, and who is as fast or under 2 ms', () => {
    const judged = new Map(judge(times).map((one) => [one.query, one]));
    const fast = (query: 'count' | 'filter' | 'substr') => [
      ...(judged.get(query)?.fastEnough.values() ?? []),
    ];
    expect(fast('count')).toEqual([true, true]);
    expect(fast('filter')).toEqual([false, false]);
    expect(fast('substr')).toEqual([true, false]);
    expect(judged.get('substr')).toMatchObject({ bestName: 'ClickHouse', bestMs: 10 });
  });

  it('take the geometric mean over the thirteen where the best peer is slow', () => {
    const judged = judge(times);
    expect(meanTimesFaster(judged, 'Basalt cached')).toBeCloseTo(Math.sqrt(2 * 40));
    expect(meanTimesFaster(judged, 'Basalt')).toBeCloseTo(Math.sqrt(0.5 * 8));
    expect(meanTimesFaster(judge(new Map()), 'Basalt')).toBeNaN();
  });
});
