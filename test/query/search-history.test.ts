/** What is remembered of searches, and how much. */
import { expect, test } from 'vitest';
import { SEARCH_HISTORY_MAX, SEARCH_HISTORY_TEXT_MAX } from '../../src/config/limits.js';
import { SearchHistory, type SearchRecord } from '../../src/query/search-history.js';

function record(time: number, fields: Partial<SearchRecord> = {}): SearchRecord {
  return {
    org_id: 'o',
    stream_type: 'logs',
    stream_name: 'logs',
    start_time: 0,
    end_time: 1,
    sql: 'SELECT 1',
    scan_size: 0,
    scan_records: 0,
    took: 0,
    cached_ratio: 0,
    trace_id: `${time}`,
    _timestamp: time,
    event: 'ui',
    ...fields,
  };
}

test('newest first, within the range, of the organization', () => {
  const history = new SearchHistory();
  for (const time of [1, 2, 3, 4]) history.add(record(time));
  history.add(record(3, { org_id: 'other' }));
  const all = { organization: 'o', startTime: 0, endTime: 100, size: 100 };
  const times = (filter: object) => history.find({ ...all, ...filter }).map((each) => each._timestamp);
  expect(times({})).toEqual([4, 3, 2, 1]);
  expect(times({ startTime: 2, endTime: 4 })).toEqual([3, 2]);
  expect(times({ size: 1 })).toEqual([4]);
  expect(times({ traceId: '2' })).toEqual([2]);
  expect(times({ stream: 'none' })).toEqual([]);
});

test('no more than the limit', () => {
  const history = new SearchHistory();
  for (let time = 0; time < 5 * SEARCH_HISTORY_MAX + 3; time++) history.add(record(time));
  const found = history.find({ organization: 'o', startTime: 0, endTime: 1e9, size: 1e9 });
  expect(found).toHaveLength(SEARCH_HISTORY_MAX);
  expect(found[0]?._timestamp).toBe(5 * SEARCH_HISTORY_MAX + 2);
});

test('no more of a long statement than a part', () => {
  const history = new SearchHistory();
  history.add(record(1, { sql: 'x'.repeat(1e6), error: 'y'.repeat(1e6) }));
  const [found] = history.find({ organization: 'o', startTime: 0, endTime: 10, size: 1 });
  expect(found?.sql).toBe(`${'x'.repeat(SEARCH_HISTORY_TEXT_MAX)}…`);
  expect(found?.error).toHaveLength(SEARCH_HISTORY_TEXT_MAX + 1);
});
