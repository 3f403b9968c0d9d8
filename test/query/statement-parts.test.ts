/** Where the clauses of a statement stand, whatever is in strings, comments and brackets. */
import { describe, expect, test } from 'vitest';
import { listItems, onlyStream, statementParts } from '../../src/query/statement-parts.js';

describe('clauses', () => {
  test('are taken as they are written', () => {
    const sql = `select a, count(*) from logs l where a = 'FROM x' and b > 1 group by a
      having count(*) > 2 order by a desc limit 5 offset 2;`;
    expect(statementParts(sql).clauses).toEqual({
      select: 'a, count(*)',
      from: 'logs l',
      where: "a = 'FROM x' and b > 1",
      group: 'a',
      having: 'count(*) > 2',
      order: 'a desc',
      limit: '5 offset 2',
    });
  });

  test('inside brackets, strings, names and comments are none', () => {
    const { clauses } = statementParts(
      `SELECT (SELECT max(x) FROM t WHERE y LIMIT 1) AS "where", 'it''s WHERE' -- LIMIT 3
       FROM logs /* WHERE 1 */ WHERE "order" = $$ LIMIT $$ AND e = E'\\' LIMIT'`,
    );
    expect(Object.keys(clauses)).toEqual(['select', 'from', 'where']);
    expect(clauses.where).toBe(`"order" = $$ LIMIT $$ AND e = E'\\' LIMIT'`);
  });

  test('are not begun by the same words elsewhere', () => {
    const sql =
      'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x), extract(day FROM t) FROM logs WHERE a IS DISTINCT FROM b';
    const { clauses, distinct } = statementParts(sql);
    expect(clauses.from).toBe('logs');
    expect(clauses.where).toBe('a IS DISTINCT FROM b');
    expect(clauses.group).toBeUndefined();
    expect(distinct).toBe(false);
  });

  test('tell what kind of statement it is', () => {
    expect(statementParts('SELECT DISTINCT a FROM logs').distinct).toBe(true);
    expect(statementParts('SELECT a FROM logs UNION ALL SELECT a FROM logs').setOperation).toBe(true);
    expect(statementParts('SELECT a FROM logs, more').joined).toBe(true);
    expect(statementParts('SELECT a FROM logs x JOIN more y ON true').joined).toBe(true);
    expect(statementParts('SELECT a FROM (SELECT 1)').joined).toBe(true);
    expect(statementParts('WITH c AS (SELECT 1) SELECT * FROM c').clauses.with).toBe('c AS (SELECT 1)');
  });

  test('of what is no statement are none', () => {
    expect(statementParts('').clauses).toEqual({});
    expect(statementParts("'").clauses).toEqual({});
    expect(statementParts(')))(((').clauses).toEqual({});
  });
});

test('the one stream of a statement', () => {
  const name = (sql: string) => onlyStream(statementParts(sql));
  expect(name('SELECT * FROM Logs')).toBe('logs');
  expect(name('SELECT * FROM "Logs" AS l WHERE 1')).toBe('Logs');
  expect(name('SELECT * FROM logs.app')).toBe('app');
  expect(name('SELECT * FROM a, b')).toBeUndefined();
  expect(name('SELECT 1')).toBeUndefined();
});

test('items of a list', () => {
  expect(listItems("a, coalesce(b, 'x,y') DESC, 3")).toEqual(['a', "coalesce(b, 'x,y') DESC", '3']);
  expect(listItems('')).toEqual([]);
});
