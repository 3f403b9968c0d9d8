/** Which plans are answered part by part: those that pick rows of one stream, newest first, and no others. */
import { describe, expect, test } from 'vitest';
import { mayBePlain, plainRows } from '../../src/query/plain-rows.js';
import type { PlanFacts } from '../../src/query/query-runner.js';
import type { Output } from '../../src/query/scan-request.js';

const NEWEST: Output = { kind: 'topTime', project: ['_timestamp'], descending: true, limit: 10 };
const SORT = 'SortExec: TopK(fetch=10), expr=[_timestamp@0 DESC], preserve_partitioning=[false]';
const SCAN = '  Scan: {"stream":"logs"}';

function facts(...outputs: Output[]): PlanFacts {
  const leaves = outputs.map((output) => ({
    stream: 'logs',
    columns: [],
    time: { min: null, max: null },
    filter: null,
    output,
  }));
  return { leaves, columns: [], analyze: false };
}

describe('worth explaining', () => {
  test('is one leaf of rows or of the newest', () => {
    expect(mayBePlain(facts(NEWEST))).toBe(true);
    expect(mayBePlain(facts({ kind: 'rows', project: [], limit: null }))).toBe(true);
  });
  test('is nothing else', () => {
    expect(mayBePlain(facts())).toBe(false);
    expect(mayBePlain(facts(NEWEST, NEWEST))).toBe(false);
    expect(mayBePlain(facts({ ...NEWEST, descending: false }))).toBe(false);
    expect(mayBePlain(facts({ kind: 'rows', project: [], limit: 5 }))).toBe(false);
    expect(mayBePlain(facts({ kind: 'aggregate', groups: [], aggregates: [] }))).toBe(false);
    expect(mayBePlain({ ...facts(NEWEST), analyze: true })).toBe(false);
  });
});

describe('a tree', () => {
  const plain = (...tree: string[]) => plainRows(facts(NEWEST), tree);

  test('of a sort by time over a scan is plain', () => {
    expect(plain(SORT, SCAN)).toEqual({ stream: 'logs', limit: 10 });
    expect(plain('SortExec: expr=[_timestamp@2 DESC], preserve_partitioning=[false]', SCAN)?.limit).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  test('may project and filter', () => {
    const tree = [
      'ProjectionExec: expr=[m@0 as m]',
      SORT,
      '  ProjectionExec: expr=[m@0 as m, _timestamp@2 as _timestamp]',
      '    FilterExec: id@1 * 2 > 5',
      SCAN,
    ];
    expect(plain(...tree)?.limit).toBe(10);
  });

  test('that does anything else is not', () => {
    expect(plain('AggregateExec: mode=Single', SORT, SCAN)).toBeUndefined();
    expect(plain('GlobalLimitExec: skip=2, fetch=7', SORT, SCAN)).toBeUndefined();
    expect(plain('FilterExec: id@1 > 5', SORT, SCAN)).toBeUndefined();
    expect(plain(SORT, SORT, SCAN)).toBeUndefined();
    expect(plain(SORT, SCAN, SCAN)).toBeUndefined();
    expect(plain(SCAN)).toBeUndefined();
    expect(plain(SORT)).toBeUndefined();
    expect(plain(SORT.replace('DESC', 'ASC'), SCAN)).toBeUndefined();
    expect(plain(SORT.replace('_timestamp@0 DESC', '_timestamp@0 DESC, id@1 ASC'), SCAN)).toBeUndefined();
  });

  test('in which something else is called _timestamp is not', () => {
    expect(plain(SORT, 'ProjectionExec: expr=[id@1 as _timestamp]', SCAN)).toBeUndefined();
  });
});
