/**
 * Statements that would keep a query worker for minutes, or take gigabytes, before a row is read: each ends with its answer or a refusal
 * that says what is too many, and the next query is answered at once.
 */
import { expect, onTestFinished, test } from 'vitest';
import { MEMORY_LIMIT_BYTES_MIN } from '../../src/config/memory.js';
import { TestServer } from '../harness/server.js';

function list(count: number, item: (index: number) => string, separator = ', '): string {
  return Array.from({ length: count }, (_, index) => item(index)).join(separator);
}

/** WITH parts, each of which reads the one before it. */
function chained(count: number, part: (before: string) => string, last: (name: string) => string): string {
  const parts = list(count, (index) => `a${index + 1} AS (${part(`a${index}`)})`);
  return `WITH a0 AS (SELECT n FROM app), ${parts} ${last(`a${count}`)}`;
}

const counted = (name: string) => `SELECT count(*) FROM ${name}`;

/** Refused, and what the refusal says. */
const REFUSED: Record<string, [sql: string, said: RegExp]> = {
  'thousands of steps': [
    chained(2000, (before) => `SELECT n + 1 AS n FROM ${before}`, counted),
    /2002 SELECTs, more than 256/,
  ],
  'windows over windows': [
    chained(300, (before) => `SELECT n, row_number() OVER (ORDER BY n) AS r FROM ${before}`, counted),
    /SELECTs, more than 256/,
  ],
  'a WITH doubled by joins': [
    chained(20, (before) => `SELECT x.n FROM ${before} x JOIN ${before} y ON x.n = y.n`, counted),
    /SELECTs, more than 256; a part of a WITH counts/,
  ],
  'a WITH doubled by UNION ALL': [
    chained(60, (before) => `SELECT n FROM ${before} UNION ALL SELECT n FROM ${before}`, counted),
    /SELECTs, more than 256/,
  ],
  'a WITH doubled by subqueries': [
    chained(18, (before) => `SELECT n FROM ${before} WHERE n IN (SELECT n FROM ${before})`, counted),
    /more than 256|more than 64/,
  ],
  'a WITH within a WITH': [
    `WITH a AS (${chained(
      6,
      (before) => `SELECT n FROM ${before} UNION ALL SELECT n FROM ${before}`,
      (name) => `SELECT n FROM ${name}`,
    )}), b AS (SELECT n FROM a UNION ALL SELECT n FROM a) SELECT count(*) FROM b, b c`,
    /SELECTs, more than 256/,
  ],
  'thousands of streams side by side': [
    list(900, (index) => `SELECT n FROM app WHERE n > ${index}`, ' UNION ALL '),
    /900 SELECTs/,
  ],
  'thousands of aggregates': [
    `SELECT ${list(600, (index) => `sum(n + ${index}) AS a${index}`)} FROM app`,
    /600 calls of aggregates, more than 500/,
  ],
  'hundreds of windows': [
    `SELECT ${list(400, (index) => `sum(n) OVER (PARTITION BY n % ${index + 2}) AS a${index}`)} FROM app`,
    /400 calls of window functions, more than 100/,
  ],
  'thousands of columns': [
    `SELECT ${list(20_000, (index) => `n + ${index} AS c${index}`)} FROM app`,
    /20000 columns in one SELECT/,
  ],
  'CUBE of twelve keys': [
    `SELECT count(*) FROM app GROUP BY CUBE (${list(12, (index) => `n % ${index + 2}`)})`,
    /4096 grouping sets, more than 256/,
  ],
  'CUBE of seventy keys': [
    `SELECT count(*) FROM app GROUP BY CUBE (${list(70, (index) => `n % ${index + 2}`)})`,
    /grouping sets, more than 256/,
  ],
  'CUBEs that multiply': [
    'SELECT count(*) FROM app GROUP BY CUBE (n, f, s, k), CUBE (n % 3, n % 5, n % 7, n % 9), ROLLUP (n % 11)',
    /512 grouping sets/,
  ],
  'ROLLUP of hundreds': [
    `SELECT count(*) FROM app GROUP BY ROLLUP (${list(500, (index) => `n % ${index + 2}`)})`,
    /501 grouping sets/,
  ],
  'thousands of GROUPING SETS': [
    `SELECT count(*) FROM app GROUP BY GROUPING SETS (${list(5000, () => '(n, s)')})`,
    /5000 grouping sets/,
  ],
  'a hundred joins': [
    `SELECT count(*) FROM app t0 ${list(120, (index) => `JOIN app t${index + 1} ON t${index}.n = t${index + 1}.n`, ' ')}`,
    /121 joined streams in one FROM, more than 40/,
  ],
  'hundreds of keys in ORDER BY': [
    `SELECT n FROM app ORDER BY ${list(5000, (index) => `n % ${index + 2}`)}`,
    /5000 keys in one ORDER BY/,
  ],
  'subqueries inside one another': [
    `SELECT count(*) FROM app a0 WHERE ${list(30, (index) => `EXISTS (SELECT 1 FROM app a${index + 1} WHERE a${index + 1}.n = a${index}.n + 1 AND `, '')}true${')'.repeat(30)}`,
    /inside one another, more than 10/,
  ],
  'hundreds of correlated subqueries': [
    `SELECT ${list(200, (index) => `(SELECT max(b.n) FROM app b WHERE b.n < a.n + ${index}) AS x${index}`)} FROM app a`,
    /200 subqueries in expressions, more than 64/,
  ],
  'LATERAL on LATERAL': [
    `SELECT count(*) FROM app a0 ${list(20, (index) => `CROSS JOIN LATERAL (SELECT max(n) AS n FROM app b${index} WHERE b${index}.n > a${index}.n) a${index + 1}`, ' ')}`,
    /20 LATERAL subqueries/,
  ],
  'VALUES of fifty thousand rows': [
    `SELECT count(*) FROM (VALUES ${list(50_000, (index) => `(${index}, 'x')`)}) v(a, b)`,
    /50000 rows of VALUES/,
  ],
  'calls inside one another': [
    `SELECT ${'upper('.repeat(60)}s${')'.repeat(60)} FROM app`,
    /calls of functions nest too deep/,
  ],
  'a long list of expressions': [
    `SELECT count(*) FROM app WHERE n + 1 IN (${list(20_000, (index) => `f + ${index}`)})`,
    /expressions, more than 8000/,
  ],
  'conditions that may fail, inside one another': [
    `SELECT count(*) FROM app WHERE ${list(25, (index) => `(n > ${index} AND (6 / (n + ${index}) > ${index} OR `, '')}6 / n > 2${'))'.repeat(25)}`,
    /nest too deep/,
  ],
};

/** At or below the limits: planned, and answered. */
const ANSWERED: Record<string, string> = {
  'a chain of steps': chained(100, (before) => `SELECT n + 1 AS n FROM ${before}`, counted),
  'hundreds of streams': list(200, (index) => `SELECT n FROM app WHERE n > ${index}`, ' UNION ALL '),
  'hundreds of aggregates': `SELECT ${list(500, (index) => `sum(n + ${index}) AS a${index}`)} FROM app`,
  'a hundred windows': `SELECT ${list(100, (index) => `sum(n) OVER (PARTITION BY n % ${index + 2}) AS a${index}`)} FROM app`,
  'CUBE of eight keys': `SELECT count(*) FROM app GROUP BY CUBE (${list(8, (index) => `n % ${index + 2}`)})`,
  'thirty joins': `SELECT count(*) FROM app t0 ${list(30, (index) => `JOIN app t${index + 1} ON t${index}.n = t${index + 1}.n`, ' ')}`,
  'many EXISTS with arithmetic': `SELECT count(*) FROM app a WHERE ${list(24, (index) => `EXISTS (SELECT 1 FROM app b WHERE b.n = a.n + ${index})`, ' AND ')}`,
  'a chain of divisions': `SELECT count(*) FROM app WHERE n = 0 OR ${list(100, (index) => `6 / n > ${index}`, ' OR ')}`,
  'a long list of constants': `SELECT count(*) FROM app WHERE n IN (${list(50_000, (index) => String(index * 7), ',')})`,
};

test('a statement that would be planned without an end is refused, and takes nothing from others', {
  timeout: 300_000,
}, async () => {
  const server = await TestServer.start({
    env: { BASALT_MEMORY_LIMIT_BYTES: String(MEMORY_LIMIT_BYTES_MIN), BASALT_QUERY_WORKERS: '2' },
  });
  onTestFinished(() => server.stop());
  const records = Array.from({ length: 1000 }, (_, n) => ({ n, f: n / 3, s: `text ${n}`, k: n % 2 }));
  await server.client.store('app', records);
  const ask = (sql: string) => server.client.search(sql, { size: 10, useCache: false });
  const others = async (after: string) => {
    const { text } = await ask('SELECT count(*) AS c FROM app');
    expect(text, after).toContain('"c":1000');
  };

  for (const [name, [sql, said]] of Object.entries(REFUSED)) {
    // As many at once as there are workers: were they kept, nothing else would be answered.
    const answers = await Promise.all([ask(sql), ask(sql)]);
    for (const { status, text } of answers) {
      expect(status, `${name}: ${text.slice(0, 300)}`).toBe(400);
      expect(text, name).toMatch(said);
    }
    await others(name);
  }
  for (const [name, sql] of Object.entries(ANSWERED)) {
    const { status, text } = await ask(sql);
    expect(status, `${name}: ${text.slice(0, 300)}`).toBe(200);
    await others(name);
  }
});
