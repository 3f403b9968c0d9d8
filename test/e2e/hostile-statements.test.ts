/**
 * Functions whose arguments say how much they answer, and plans that double: each statement ends with the right answer or a refusal that
 * tells why, the process stays within its memory limit, and answers the next query.
 */
import { readFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, onTestFinished, test } from 'vitest';
import { MEMORY_LIMIT_BYTES_MIN } from '../../src/config/memory.js';
import { TestServer } from '../harness/server.js';

const ROWS = 5000;
const LIMIT_BYTES = MEMORY_LIMIT_BYTES_MIN * 1.2;

/** `a` doubled as many times as said, each time in a subquery of its own. */
function doubled(expression: string, first: string, times: number): string {
  let from = `(SELECT ${first} AS a FROM app) t0`;
  for (let time = 1; time <= times; time++) from = `(SELECT ${expression} AS a FROM ${from}) t${time}`;
  return `SELECT a FROM ${from}`;
}

/**
 * Statements that can only be refused, and who asked for the memory: the function, or an operator that had to keep what the function
 * answered.
 */
const REFUSED: [sql: string, name: string][] = [
  ['SELECT repeat(message, 1000000) AS r FROM app', 'repeat|ORDER BY'],
  ['SELECT length(repeat(message, 1000000 + k * 1000)) AS r FROM app ORDER BY k DESC', 'repeat'],
  ["SELECT lpad(message, 50000000 + k, 'x') AS r FROM app", 'lpad'],
  ["SELECT rpad(message, k + 50000000, 'é') AS r FROM app", 'rpad'],
  ['SELECT range(k, 1000000000) AS r FROM app', 'range'],
  ['SELECT generate_series(k, 100000000, 1) AS r FROM app', 'generate_series'],
  ['SELECT array_repeat(message, 2000000) AS r FROM app', 'array_repeat'],
  ['SELECT array_repeat(array_repeat(k, 10000), 10000) AS r FROM app', 'array_repeat'],
  ['SELECT array_resize(make_array(k), 100000000, 0) AS r FROM app', 'array_resize'],
  ["SELECT length(replace(message, 'e', lpad(level, 40000000, 'y'))) AS r FROM app", 'replace|lpad'],
  ["SELECT translate(repeat(message, 1000000), 'e', 'é') AS r FROM app", 'translate'],
  ["SELECT string_to_array(repeat(message, 1000000), 'e') AS r FROM app", 'string_to_array'],
  ['SELECT to_char(_timestamp, repeat(message, 1000000)) AS r FROM app', 'to_char'],
  ["SELECT encode(repeat(message, 1000000), 'hex') AS r FROM app", 'encode'],
  [doubled('a || a', 'message', 28), '\\|\\|'],
  [doubled('concat(a, a)', 'message', 28), 'concat'],
  [doubled("concat_ws('-', a, a)", 'message', 28), 'concat_ws'],
  [doubled("replace(a, 'e', 'eeee')", 'message', 14), 'replace'],
  [doubled("regexp_replace(a, '(.+)', '\\1\\1')", 'message', 28), 'regexp_replace'],
  [doubled('array_concat(a, a)', 'make_array(message)', 26), 'array_concat'],
  [doubled('flatten(make_array(a, a))', 'make_array(message)', 26), 'flatten|make_array'],
  [doubled('overlay(a PLACING a FROM 1 FOR 0)', 'message', 28), 'overlay'],
  // Constants are folded while the statement is planned.
  ["SELECT repeat('x', 100000000) AS r", 'repeat'],
  ["SELECT length(lpad('x', 1000000000, 'y')) AS r FROM app", 'lpad'],
  ['SELECT range(0, 1000000000) AS r', 'range'],
  // What is kept by aggregates and other operators.
  ['SELECT array_agg(repeat(message, 1000)) AS r FROM app', 'repeat|an aggregate'],
  ["SELECT string_agg(repeat(message, 1000), ',') AS r FROM app", 'repeat|an aggregate'],
  ['SELECT k, array_agg(repeat(message, 1000)) AS r FROM app GROUP BY k', 'repeat|GROUP BY'],
  ['SELECT count(DISTINCT repeat(message, k)) AS r FROM app', 'repeat|GROUP BY|an aggregate'],
  [
    'SELECT max(length(m)) AS r FROM (SELECT unnest(range(0, 10000)) AS u, repeat(message, 1000) AS m FROM app)',
    'unnest',
  ],
];

/** Statements that have an answer, whatever it takes to say it. */
const ANSWERED: [sql: string, row: unknown][] = [
  [
    'SELECT sum(length(a.m)) AS r FROM (SELECT repeat(message, 10000) AS m FROM app WHERE k < 10) a CROSS JOIN app b',
    { r: 10 * 400_000 * ROWS },
  ],
  ["SELECT repeat('ab', 3) AS r FROM app LIMIT 1", { r: 'ababab' }],
  ["SELECT sum(length(repeat('ab', k))) AS r FROM app", { r: ROWS * (ROWS - 1) }],
  ["SELECT lpad('é', 3, 'xy') || rpad('b', 3, 'é') AS r FROM app LIMIT 1", { r: 'xyébéé' }],
  ["SELECT max(length(replace(message, 'e', '12345678'))) AS r FROM app", { r: 40 + 7 * 4 }],
  ['SELECT sum(array_length(range(0, 100))) AS r FROM app', { r: ROWS * 100 }],
  ['SELECT sum(array_length(array_repeat(level, 50))) AS r FROM app', { r: ROWS * 50 }],
  ["SELECT max(length(regexp_replace(repeat(message, 20), 'e', 'EE', 'g'))) AS r FROM app", { r: 20 * 44 }],
  ["SELECT array_to_string(string_to_array('a,b,c', ','), '-') AS r FROM app LIMIT 1", { r: 'a-b-c' }],
  ["SELECT sum(array_length(string_to_array(repeat('a,', 100), ','))) AS r FROM app", { r: ROWS * 101 }],
  ["SELECT concat_ws('-', 'a', NULL, 'b') || concat('c', NULL) AS r FROM app LIMIT 1", { r: 'a-bc' }],
  [
    "SELECT array_length(generate_series(TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-02', INTERVAL '1 hour')) AS r",
    { r: 25 },
  ],
];

/** Of both dialects: the functions on texts and lists that are answered some rows at a time, and on small ones. */
const SAME_AS_DUCKDB = [
  'repeat(message, k % 700)',
  "lpad(message, k % 5000, 'xyz')",
  "rpad(message, k * 3, 'é')",
  "replace(message, 'e', repeat(level, k % 500))",
  "translate(repeat(message, k % 300), 'ex', 'éñ')",
  "repeat(message, k % 200) || '-' || repeat(level, k % 900)",
  'concat(repeat(message, k % 200), NULL, level)',
  "concat_ws(repeat('-', 300), message, NULL, level, message)",
  "regexp_replace(repeat(message, k % 100), 'x+', '[]', 'g')",
  'upper(repeat(message, k % 300))',
  'lower(upper(repeat(level, k % 900)))',
  'reverse(repeat(message, k % 300))',
  "array_to_string(string_to_array(repeat(message, k % 100), 'e'), '+')",
  'left(repeat(message, 300), k)',
  "split_part(repeat(message, 300), 'xe', 200)",
  'CASE WHEN k % 2 = 0 THEN repeat(message, 300) ELSE level END',
  'coalesce(nullif(repeat(level, k % 900), level), message)',
  'greatest(repeat(message, k % 300), repeat(level, k % 300))',
  'md5(repeat(message, k % 300))',
];

/** The same of numbers and of lists, whose functions have other names in the other dialect. */
const SAME_NUMBERS: [basalt: string, duckdb: string][] = [
  ['length(repeat(message, k % 700))', 'length(repeat(message, k % 700))'],
  ['array_length(range(0, k))', 'len(range(0, k))'],
  ['array_length(array_repeat(level, k % 1000))', 'len(list_resize([level], k % 1000, level))'],
  ['array_length(array_concat(range(0, k), range(0, k)))', 'len(list_concat(range(0, k), range(0, k)))'],
  ['array_sum(range(0, k % 3000))', 'list_sum(range(0, k % 3000))'],
  ['array_length(array_distinct(range(k, k + 2000)))', 'len(list_distinct(range(k, k + 2000)))'],
  [
    "levenshtein(repeat(level, k % 40), repeat('lima', k % 30))",
    "levenshtein(repeat(level, k % 40), repeat('lima', k % 30))",
  ],
  ["strpos(repeat(message, 300), 'xe')", "strpos(repeat(message, 300), 'xe')"],
];

// Forty bytes with four e.
const MESSAGE = 'eeee'.padEnd(40, 'x');

async function started(env: Record<string, string> = {}): Promise<TestServer> {
  const server = await TestServer.start({
    env: { BASALT_MEMORY_LIMIT_BYTES: String(MEMORY_LIMIT_BYTES_MIN), ...env },
  });
  onTestFinished(() => server.stop());
  const records = Array.from({ length: ROWS }, (_, k) => ({ k, level: 'info', message: MESSAGE }));
  await server.client.store('app', records);
  return server;
}

test('a function that would pass the memory limit is refused by name, and the process lives', {
  timeout: 240_000,
}, async () => {
  const server = await started();
  const alive = async () => {
    const count = await server.client.search('SELECT count(*) AS n FROM app', { size: 1, useCache: false });
    expect(count.text).toContain(`"n":${ROWS}`);
    const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024;
  };
  for (const [sql, row] of ANSWERED) {
    const answer = await server.client.search(sql, { size: 1, useCache: false, timeoutMs: 60_000 });
    expect(answer.status, `${sql}: ${answer.text.slice(0, 300)}`).toBe(200);
    expect((JSON.parse(answer.text) as { hits: unknown[] }).hits[0], sql).toMatchObject(row as object);
  }
  for (const [sql, name] of REFUSED) {
    const answer = await server.client.search(sql, { size: 10, useCache: false, timeoutMs: 60_000 });
    expect.soft(answer.status, `${sql.slice(0, 200)}: ${answer.text.slice(0, 300)}`).toBe(400);
    const told = new RegExp(`(${name})(\\(\\))? .*needs .* (holds?|may take) `);
    expect.soft(answer.text.slice(0, 500), sql.slice(0, 200)).toMatch(told);
    expect.soft(await alive(), sql.slice(0, 200)).toBeLessThan(LIMIT_BYTES);
  }
});

test('functions that are answered some rows at a time answer what DuckDB answers', {
  timeout: 240_000,
}, async () => {
  const server = await started();
  const reference = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  onTestFinished(() => reference.closeSync());
  await reference.run(
    `CREATE TABLE app AS SELECT CAST(range AS INTEGER) AS k, 'info' AS level, '${MESSAGE}' AS message FROM range(${ROWS})`,
  );
  const compared = async (basalt: string, duckdb: string) => {
    const answer = await server.client.search(basalt, { size: 1, useCache: false, timeoutMs: 60_000 });
    expect(answer.status, `${basalt}: ${answer.text.slice(0, 300)}`).toBe(200);
    const rows = (await reference.runAndReadAll(duckdb)).getRowsJson();
    const [found] = (JSON.parse(answer.text) as { hits: object[] }).hits;
    expect(Object.values(found ?? {}).map(String), basalt).toEqual(rows[0]?.map(String));
  };
  const outer = (of: string, inner: string) => `SELECT ${of} FROM (SELECT k, ${inner} AS x FROM app) t`;
  for (const expression of SAME_AS_DUCKDB) {
    // Of all values at once, and of each: in a projection, in a condition, in an aggregate.
    const sums = 'count(x) AS n, sum(length(x)) AS s, min(md5(x)) AS a, max(md5(x)) AS b';
    await compared(outer(sums, expression), outer(sums, expression));
    const direct = `SELECT sum(length(${expression})) AS s FROM app WHERE length(${expression}) % 3 <> 1`;
    await compared(direct, direct);
    const one = `SELECT md5(${expression}) AS m FROM app WHERE k = 4321`;
    await compared(one, one);
  }
  for (const [basalt, duckdb] of SAME_NUMBERS) {
    const sums = 'count(x) AS n, sum(x) AS s, min(x) AS a, max(x) AS b';
    await compared(outer(sums, basalt), outer(sums, duckdb));
  }
});

/**
 * Statements that take a long time in one way each. Asked for by a client that goes away, they end, and the only query worker answers
 * the next query.
 */
const ENDLESS = [
  "SELECT levenshtein(repeat(message, 20000), repeat(message || 'a', 20001)) AS r FROM app",
  "SELECT levenshtein(repeat(message, 500), repeat(message || 'b', 501)) AS r FROM app",
  'SELECT array_has_all(range(0, 150000), range(k, 100000)) AS r FROM app',
  'SELECT array_has_any(range(0, 150000), range(-150000, -k - 1)) AS r FROM app',
  "SELECT re_matches(repeat('A', 90000 + k), '.*[^A-Z]|[A-Z]') AS r FROM app",
  "SELECT sum(length(replace(message, 'e', lpad(level, 400000, 'y')))) AS r FROM app",
  'SELECT sum(length(md5(repeat(message, 50000)))) AS r FROM app',
  "SELECT count(*) FROM app WHERE repeat(message, 50000) LIKE '%e%x%e%x%y%'",
  "SELECT count(*) FROM app WHERE message LIKE (repeat('%e_%x%', 1000) || CAST(k AS VARCHAR) || '%')",
  'SELECT count(*) AS n FROM app a, app b, app c',
  'SELECT count(*) FROM app a JOIN app b ON a.k < b.k JOIN app c ON b.k < c.k',
  'SELECT count(DISTINCT u % 1000) FROM (SELECT unnest(range(0, 500000)) AS u FROM app)',
  'SELECT u FROM (SELECT unnest(range(0, 100000)) AS u FROM app) ORDER BY u DESC, u % 7 LIMIT 10',
  'SELECT sum(u) OVER (ORDER BY u) AS s FROM (SELECT unnest(range(0, 100000)) AS u FROM app) ORDER BY 1 LIMIT 1',
  'SELECT sum(x) FROM range(1, 100000000000) t(x)',
  'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r',
];
/** How long the next query may take; what it waits for would take minutes. */
const FREE_WITHIN_MS = 20_000;

test('a statement whose client is gone does not keep its worker', { timeout: 240_000 }, async () => {
  const server = await started({ BASALT_QUERY_WORKERS: '1', BASALT_MEMORY_LIMIT_BYTES: String(1 << 30) });
  for (const sql of ENDLESS) {
    const gone = server.client.search(sql, { size: 10, useCache: false, timeoutMs: 700 });
    // A statement that ended is none to test with: it was answered or refused before its client went away.
    await expect(
      gone.then((answer) => answer.text.slice(0, 300)),
      sql,
    ).rejects.toThrow(/timeout/);
    const next = await server.client.search(`SELECT count(*) AS n FROM app WHERE k < ${ROWS}`, {
      useCache: false,
      timeoutMs: FREE_WITHIN_MS,
    });
    expect(next.text, sql).toContain(`"n":${ROWS}`);
  }
});

test('patterns from a column are compiled one at a time, under the bound of all patterns', {
  timeout: 120_000,
}, async () => {
  const server = await started();
  for (const [sql, row] of [
    [
      "SELECT count(*) AS n FROM app WHERE 'x' || CAST(k AS VARCHAR) ~ ('x' || CAST(k AS VARCHAR) || '$')",
      { n: ROWS },
    ],
    [
      "SELECT count(*) AS n FROM app WHERE message !~* ('E{4}X{' || CAST(k % 40 AS VARCHAR) || '}')",
      { n: 3 * (ROWS / 40) },
    ],
    [
      "SELECT count(*) AS n FROM app WHERE CAST(k AS VARCHAR) LIKE ('%' || CAST(k % 10 AS VARCHAR))",
      { n: ROWS },
    ],
    [
      "SELECT count(*) AS n FROM app WHERE level NOT ILIKE ('IN_' || CASE WHEN k % 2 = 0 THEN '%' ELSE 'X' END)",
      { n: ROWS / 2 },
    ],
    [
      "SELECT sum(length(regexp_replace(message, 'e{' || CAST(1 + k % 4 AS VARCHAR) || '}', '', 'g'))) AS n FROM app",
      { n: (ROWS / 4) * (36 + 36 + 37 + 36) },
    ],
  ] as const) {
    const answer = await server.client.search(sql, { size: 1, useCache: false, timeoutMs: 60_000 });
    expect(answer.status, `${sql}: ${answer.text.slice(0, 300)}`).toBe(200);
    expect((JSON.parse(answer.text) as { hits: unknown[] }).hits[0], sql).toMatchObject(row);
  }
  for (const sql of [
    "SELECT count(*) FROM app WHERE message ~ ('[\\w]{1,90}' || CAST(k AS VARCHAR))",
    "SELECT regexp_replace(message, '([\\w]{1,90})+' || CAST(k AS VARCHAR), 'x', 'g') AS r FROM app",
  ]) {
    const answer = await server.client.search(sql, { size: 10, useCache: false, timeoutMs: 60_000 });
    expect(answer.status, sql).toBe(400);
    expect(answer.text, sql).toMatch(/the regular expression .* needs more than 4 MiB compiled/);
  }
});
