/**
 * Random statements of the kinds where planners go wrong: subqueries in all places, with NULLs, negated and correlated in all ways; keys of
 * joins that keep both sides; windows above groups that are cut. Over the few rows of `users`, for DuckDB compares each row with each.
 */
import type { Random } from '../harness/random.js';

const COLUMNS = ['k', 'uid'] as const;

/** A subquery of one number; `outer` is the alias of the row that it may look at. */
function inner(random: Random, outer: string): string {
  const column = random.pick(COLUMNS);
  const conditions = [
    `v.k = ${outer}.k`,
    `v.score < ${outer}.score`,
    `v.level = ${outer}.level`,
    `v.uid > ${outer}.uid`,
    'v.k IS NOT NULL',
    `v.uid < ${random.int(0, 40)}`,
    'v.k > 100',
    `v.k IS NOT DISTINCT FROM ${outer}.k`,
  ];
  const where = random.sample(conditions, random.int(0, 2)).join(' AND ');
  const from = `FROM users v${where === '' ? '' : ` WHERE ${where}`}`;
  return random.pick([
    `SELECT v.${column} ${from}`,
    `SELECT v.${column} ${from}`,
    `SELECT max(v.${column}) ${from}`,
    `SELECT count(*) ${from}`,
    `SELECT v.${column} ${from} ORDER BY v.score DESC NULLS LAST, v.uid LIMIT ${random.int(1, 3)}`,
    `SELECT DISTINCT v.k ${from}`,
    `SELECT v.k ${from} GROUP BY v.k HAVING count(*) > 1`,
  ]);
}

/** A subquery of one row at most. */
function scalar(random: Random, outer: string): string {
  const where = random.pick([
    `v.k = ${outer}.k`,
    `v.score < ${outer}.score`,
    `v.level = ${outer}.level AND v.uid <> ${outer}.uid`,
    `v.k = ${outer}.k OR v.k IS NULL`,
  ]);
  return random.pick([
    `SELECT v.uid FROM users v WHERE ${where} ORDER BY v.score NULLS LAST, v.uid LIMIT 1`,
    `SELECT v.uid FROM users v WHERE ${where} ORDER BY v.score DESC NULLS LAST, v.uid LIMIT 1 OFFSET 1`,
    `SELECT count(*) FROM users v WHERE ${where}`,
    `SELECT sum(v.k) FROM users v WHERE ${where}`,
    `SELECT count(DISTINCT v.k) + ${outer}.uid FROM users v WHERE ${where}`,
    `SELECT coalesce(min(v.k), -1) FROM users v WHERE ${where}`,
  ]);
}

function predicate(random: Random, outer: string): string {
  const column = `${outer}.${random.pick(COLUMNS)}`;
  const subquery = inner(random, outer);
  const compared = random.pick(['=', '<>', '<', '<=', '>', '>=']);
  const text = random.pick([
    `${column} IN (${subquery})`,
    `${column} NOT IN (${subquery})`,
    `${random.int(0, 30)} NOT IN (${subquery})`,
    `EXISTS (${subquery})`,
    `NOT EXISTS (${subquery})`,
    `${column} ${compared} ANY (${subquery})`,
    `${column} ${compared} ALL (${subquery})`,
    `${column} ${compared} (${scalar(random, outer)})`,
  ]);
  return random.chance(0.2) ? `NOT (${text})` : text;
}

export function subqueryQuery(random: Random): { sql: string; ordered: boolean } {
  const one = predicate(random, 'u');
  const other = predicate(random, 'u');
  const kind = random.pick(['FULL', 'RIGHT', 'LEFT', 'INNER']);
  const sides = `(SELECT k, uid AS x FROM users WHERE uid < 30) p ${kind} JOIN (SELECT k, uid AS y FROM users WHERE uid > 25 AND uid < 50) q USING (k)`;
  const key = random.pick(['k', 'level']);
  const texts = [
    `SELECT u.uid AS c0 FROM users u WHERE ${one}`,
    `SELECT u.uid AS c0 FROM users u WHERE ${one} AND ${other}`,
    `SELECT u.uid AS c0 FROM users u WHERE ${one} OR u.uid < 9`,
    `SELECT u.uid AS c0, ${one} AS c1 FROM users u`,
    `SELECT u.uid AS c0, CASE WHEN ${one} THEN 1 WHEN ${other} THEN 2 END AS c1 FROM users u`,
    `SELECT count(*) AS c0 FROM users u WHERE (${one}) IS NULL`,
    `SELECT u.uid AS c0, (${scalar(random, 'u')}) AS c1 FROM users u`,
    `SELECT u.uid AS c0, t.c AS c1 FROM users u, LATERAL (${scalar(random, 'u')}) AS t(c)`,
    `SELECT u.k AS c0, count(*) AS c1 FROM users u GROUP BY u.k HAVING u.k IN (SELECT v.k FROM users v WHERE v.uid < 40)`,
    `SELECT k AS c0, x AS c1, y AS c2 FROM ${sides}`,
    `SELECT k AS c0, count(*) AS c1, count(x) AS c2 FROM ${sides} GROUP BY k`,
    `SELECT ${key} AS c0, count(*) OVER () AS c1, sum(count(*)) OVER () AS c2 FROM users GROUP BY ${key} ORDER BY ${key} NULLS LAST LIMIT 3`,
    `SELECT DISTINCT k AS c0, rank() OVER (ORDER BY k NULLS LAST) AS c1 FROM users ORDER BY c0 NULLS LAST LIMIT 5`,
    `SELECT uid AS c0, row_number() OVER (PARTITION BY k % 3 ORDER BY uid * -1) AS c1 FROM users`,
    `SELECT uid AS c0 FROM users WHERE k IS NULL OR k = 0 OR 100 % k > 3`,
  ];
  return { sql: random.pick(texts), ordered: false };
}
