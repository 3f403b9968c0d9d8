/** The `_search` request body: forms, defaults and refusals. */
import { expect, test } from 'vitest';
import { parseSearchBody } from '../../src/query/search-body.js';

function parse(body: unknown) {
  return parseSearchBody(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
}

const query = { sql: 'SELECT 1', start_time: 1, end_time: 2 };

test('defaults', () => {
  expect(parse({ query })).toEqual({
    query: { ...query, from: 0, size: 1000, track_total_hits: false, query_type: '', histogram_interval: 0 },
    encoding: '',
    timeout: 0,
    use_cache: true,
    clear_cache: false,
  });
});

test('members of other versions of the API are ignored', () => {
  expect(parse({ query: { ...query, sql_mode: 'full' }, aggs: {}, search_type: 'ui' }).query.sql).toBe(
    'SELECT 1',
  );
});

test('base64 SQL, in both alphabets', () => {
  const sql = "SELECT '?>~ü' FROM logs";
  for (const alphabet of ['base64', 'base64url'] as const) {
    const encoded = Buffer.from(sql).toString(alphabet);
    expect(parse({ query: { ...query, sql: encoded }, encoding: 'base64' }).query.sql).toBe(sql);
  }
});

test('what is not JSON is 400, what misses or mistypes a member is 422 and names it', () => {
  for (const text of ['', '{', 'SELECT 1', '{"query":}'])
    expect(() => parse(text)).toThrow(expect.objectContaining({ status: 400 }));
  const wrong: [unknown, string][] = [
    [{}, 'query'],
    [[], ''],
    [{ query: { ...query, sql: '' } }, 'query.sql'],
    [{ query: { ...query, sql: undefined } }, 'query.sql'],
    [{ query: { ...query, start_time: undefined } }, 'query.start_time'],
    [{ query: { ...query, end_time: '2' } }, 'query.end_time'],
    [{ query: { ...query, end_time: 1.5 } }, 'query.end_time'],
    [{ query: { ...query, from: -1 } }, 'query.from'],
    [{ query, timeout: -1 }, 'timeout'],
    [{ query, encoding: 'gzip' }, 'encoding'],
  ];
  for (const [body, name] of wrong) {
    expect(() => parse(body), JSON.stringify(body)).toThrow(
      expect.objectContaining({ status: 422, message: expect.stringContaining(name) }),
    );
  }
});
