/** Random queries that both engines read alike; see `expressions.ts` for what they are made of. The order of ties is left out. */
import type { Random } from '../harness/random.js';
import { TIME } from './data.js';
import { both, chosen, Expressions, eventScope, joined, type Scope, userScope } from './expressions.js';
import { subqueryQuery } from './subqueries.js';

export interface RandomQuery {
  basalt: string;
  duckdb: string;
  /** Whether the order of all rows is told. */
  ordered: boolean;
  /** Half-open range of event time; both engines see only its rows. */
  start: number;
  end: number;
}

export class QueryMaker extends Expressions {
  /** @param manyRows keeps answers short, for tables whose rows are too many to be sent for each query */
  constructor(
    random: Random,
    private readonly manyRows = false,
  ) {
    super(random);
  }

  make(): RandomQuery {
    const { random } = this;
    const short = [
      () => this.rows(),
      () => this.aggregate(),
      () => this.groups(),
      () => this.groups(),
      () => this.buckets(),
      () => this.join(),
      () => this.windows(),
      () => this.sets(),
    ];
    const all = [
      () => this.rows(),
      () => this.rows(),
      () => this.aggregate(),
      () => this.groups(),
      () => this.groups(),
      () => this.buckets(),
      () => this.join(),
      () => this.windows(),
      () => this.nested(),
      () => this.combined(),
      () => this.sets(),
      () => this.correlated(),
      () => this.firsts(),
      () => this.ranked(),
      () => subqueryQuery(this.random),
    ];
    const { sql, ordered } = random.pick(this.manyRows ? short : all)();
    const whole = random.chance(0.5);
    const start = whole ? 0 : random.int(TIME.start, (TIME.start + TIME.end) / 2);
    const end = whole ? TIME.end * 2 : random.int(start, TIME.end);
    return { basalt: chosen(sql, 0), duckdb: chosen(sql, 1), ordered, start, end };
  }

  private rows(): { sql: string; ordered: boolean } {
    const { random } = this;
    const scope = eventScope();
    const outputs = Array.from({ length: random.int(1, 5) }, () => this.scalar(scope, 2));
    const list = ['id', ...outputs].map((text, index) => `${text} AS c${index}`).join(', ');
    const where = this.where(scope);
    if (this.whole()) return { sql: `SELECT ${list} FROM events${where}`, ordered: false };
    const offset = random.chance(0.3) ? ` OFFSET ${random.int(0, 30)}` : '';
    const limit = this.manyRows || random.chance(0.7) ? ` LIMIT ${random.int(0, 60)}${offset}` : '';
    return {
      sql: `SELECT ${list} FROM events${where} ORDER BY ${this.order(scope)}id${limit}`,
      ordered: true,
    };
  }

  /** Whether a query asks for all of its rows. */
  private whole(): boolean {
    return !this.manyRows && this.random.chance(0.5);
  }

  private order(scope: Scope): string {
    const { random } = this;
    const keys = random.sample(
      [...scope.ints, ...scope.floats, ...scope.texts, ...scope.bools, scope.time],
      random.int(0, 2),
    );
    return keys
      .map((key) => `${key} ${random.pick(['ASC', 'DESC'])} NULLS ${random.pick(['FIRST', 'LAST'])}, `)
      .join('');
  }

  private aggregate(): { sql: string; ordered: boolean } {
    const scope = eventScope();
    const outputs = Array.from(
      { length: this.random.int(1, 6) },
      (_, index) => `${this.measure(scope)} AS c${index}`,
    );
    return { sql: `SELECT ${outputs.join(', ')} FROM events${this.where(scope)}`, ordered: false };
  }

  private groups(): { sql: string; ordered: boolean } {
    const { random } = this;
    const scope = eventScope();
    const keys = this.groupKeys(scope);
    const measures = Array.from({ length: random.int(1, 4) }, () => this.measure(scope));
    const list = [...keys, ...measures].map((text, index) => `${text} AS c${index}`).join(', ');
    const having = random.chance(0.3) ? ` HAVING ${this.having(scope)}` : '';
    const sql = `SELECT ${list} FROM events${this.where(scope)} GROUP BY ${keys.join(', ')}${having}`;
    if (this.whole()) return { sql, ordered: false };
    const order = keys
      .map((_, index) => `c${index} ${random.pick(['ASC', 'DESC'])} NULLS ${random.pick(['FIRST', 'LAST'])}`)
      .join(', ');
    return { sql: `${sql} ORDER BY ${order} LIMIT ${random.int(1, 50)}`, ordered: true };
  }

  private groupKeys(scope: Scope): string[] {
    const { random } = this;
    const plain = ['k', 'level', 'host', 'b', 'x', 'sparse', 'w'];
    const computed = [
      'n % 7',
      `${this.text(scope, 1)}`,
      `CASE WHEN ${this.condition(scope, 1)} THEN 'yes' ELSE 'no' END`,
      both('_timestamp / 86400000000', '_timestamp // 86400000000'),
    ];
    return random
      .sample([...plain, ...plain, ...computed], random.int(1, 3))
      .filter((key, index, all) => all.indexOf(key) === index);
  }

  private buckets(): { sql: string; ordered: boolean } {
    const { random } = this;
    const scope = eventScope();
    const [width, us] = random.pick([
      ['1 hour', 3_600_000_000],
      ['15 minutes', 900_000_000],
      ['1 day', 86_400_000_000],
    ] as const);
    const call = random.pick([
      `histogram(_timestamp, '${width}')`,
      `timestamp_bucket('${width}', _timestamp)`,
    ]);
    const bucket = both(
      call,
      `strftime(make_timestamp(_timestamp - _timestamp % ${us}), '%Y-%m-%dT%H:%M:%S')`,
    );
    const key = random.chance(0.5) ? `, ${random.pick(['level', 'k', 'b'])} AS c1` : '';
    const group = key === '' ? 'c0' : 'c0, c1';
    const measures = [this.measure(scope), this.measure(scope)]
      .map((text, index) => `${text} AS c${index + 2}`)
      .join(', ');
    const sql = `SELECT ${bucket} AS c0${key}, ${measures} FROM events${this.where(scope)} GROUP BY ${group}`;
    if (random.chance(0.5)) return { sql, ordered: false };
    return {
      sql: `${sql} ORDER BY c0 DESC${key === '' ? '' : ', c1 NULLS FIRST'} LIMIT ${random.int(1, 40)}`,
      ordered: true,
    };
  }

  private join(): { sql: string; ordered: boolean } {
    const { random } = this;
    const scope = joined(eventScope('e.'), userScope('u.'));
    const kind = random.pick(['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN']);
    const on = random.pick(['e.k = u.k', 'e.n = u.uid', 'e.k = u.k AND e.level = u.level', 'e.id = u.uid']);
    const extra = kind === 'JOIN' && random.chance(0.3) ? ' AND e.f < u.score' : '';
    const from = `FROM events e ${kind} users u ON ${on}${extra}${this.where(scope)}`;
    if (random.chance(0.5)) {
      const measures = Array.from(
        { length: random.int(1, 3) },
        (_, index) => `${this.measure(scope)} AS c${index + 1}`,
      );
      return { sql: `SELECT u.level AS c0, ${measures.join(', ')} ${from} GROUP BY u.level`, ordered: false };
    }
    const list = ['e.id', 'u.uid', this.scalar(scope, 1)]
      .map((text, index) => `${text} AS c${index}`)
      .join(', ');
    return { sql: `SELECT ${list} ${from} ORDER BY c0 NULLS LAST, c1 NULLS LAST LIMIT 200`, ordered: true };
  }

  private windows(): { sql: string; ordered: boolean } {
    const { random } = this;
    const scope = eventScope();
    const over = `OVER (PARTITION BY ${random.pick(['k', 'level', 'b', 'host, k'])} ORDER BY ${this.order(scope)}id)`;
    const framed = over.replace(
      ')',
      ` ROWS BETWEEN ${random.int(0, 4)} PRECEDING AND ${random.pick(['CURRENT ROW', '2 FOLLOWING'])})`,
    );
    const calls = [
      `row_number() ${over}`,
      `rank() ${over}`,
      `lag(n) ${over}`,
      `lead(level, 2) ${over}`,
      `first_value(f) ${over}`,
      `sum(n) ${framed}`,
      `avg(f) ${framed}`,
      `count(k) ${framed}`,
      `max(big) ${framed}`,
      'count(*) OVER (PARTITION BY level)',
      'sum(n) OVER ()',
      `dense_rank() ${over}`,
      `ntile(${random.int(2, 5)}) ${over}`,
      `percent_rank() ${over}`,
      `cume_dist() ${over}`,
      `lag(n, ${random.int(0, 3)}, -1) ${over}`,
      `last_value(level) ${framed}`,
      `nth_value(n, 2) ${framed}`,
      `min(f) ${over}`,
      `sum(k) OVER (PARTITION BY level ORDER BY n RANGE BETWEEN ${random.int(0, 90)} PRECEDING AND ${random.int(0, 90)} FOLLOWING)`,
      'count(*) OVER (ORDER BY k)',
      `avg(n) FILTER (WHERE ${this.condition(scope, 1)}) OVER (PARTITION BY k)`,
    ];
    const list = ['id', ...random.sample(calls, random.int(1, 3))]
      .map((text, index) => `${text} AS c${index}`)
      .join(', ');
    const sql = `SELECT ${list} FROM events${this.where(scope)}`;
    if (!this.whole()) return { sql: `${sql} ORDER BY id LIMIT 100`, ordered: true };
    return { sql: `SELECT * FROM (${sql}) AS t WHERE c1 IS NOT NULL`, ordered: false };
  }

  private nested(): { sql: string; ordered: boolean } {
    const { random } = this;
    const scope = eventScope();
    const texts = [
      `SELECT id AS c0, level AS c1 FROM events WHERE k IN (SELECT k FROM users WHERE ${this.condition(userScope(), 1)})`,
      `SELECT id AS c0 FROM events e WHERE EXISTS (SELECT 1 FROM users u WHERE u.k = e.k AND u.score > 50e0) AND ${this.condition(scope, 1)}`,
      `SELECT id AS c0 FROM events e WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.uid = e.id) AND ${this.condition(scope, 1)}`,
      `SELECT id AS c0, n AS c1 FROM events WHERE n > (SELECT avg(n) FROM events WHERE ${this.condition(scope, 1)})`,
      `WITH c AS (SELECT level, count(*) AS n, sum(f) AS s FROM events${this.where(scope)} GROUP BY level) SELECT u.level AS c0, c.n AS c1, c.s AS c2, count(*) AS c3 FROM users u JOIN c ON u.level = c.level GROUP BY u.level, c.n, c.s`,
      `SELECT c0, count(*) AS c1, max(c2) AS c3 FROM (SELECT k AS c0, level, sum(n) AS c2 FROM events${this.where(scope)} GROUP BY k, level) AS t GROUP BY c0`,
      `SELECT max(c0) AS c0 FROM (SELECT count(*) AS c0 FROM events${this.where(scope)} GROUP BY host) AS t`,
      `SELECT DISTINCT ${random
        .sample(['k', 'level', 'b', 'x', 'host'], 2)
        .map((text, index) => `${text} AS c${index}`)
        .join(', ')} FROM events${this.where(scope)}`,
      `SELECT count(DISTINCT ${random.pick(['k', 'level', 'x', 'n', 'f', 'message'])}) AS c0 FROM events${this.where(scope)}`,
    ];
    return { sql: random.pick(texts), ordered: false };
  }

  private combined(): { sql: string; ordered: boolean } {
    const { random } = this;
    const column = random.pick(['k', 'level']);
    const operator = random.pick([
      'UNION',
      'UNION ALL',
      'INTERSECT',
      'EXCEPT',
      'INTERSECT ALL',
      'EXCEPT ALL',
    ]);
    const left = `SELECT ${column} AS c0 FROM events${this.where(eventScope())}`;
    const right = `SELECT ${column} AS c0 FROM users${this.where(userScope())}`;
    const sql = `${left} ${operator} ${right}`;
    if (random.chance(0.3)) return { sql: `(${sql}) UNION ALL (${right})`, ordered: false };
    if (random.chance(0.3))
      return { sql: `SELECT c0, count(*) AS c1 FROM (${sql}) AS t GROUP BY c0`, ordered: false };
    return { sql, ordered: false };
  }

  /** Grouping sets. */
  private sets(): { sql: string; ordered: boolean } {
    const { random } = this;
    const scope = eventScope();
    const [a, b] = random.sample(['k', 'level', 'host', 'b'], 2) as [string, string];
    const sets = random.pick([
      `ROLLUP (${a}, ${b})`,
      `CUBE (${a}, ${b})`,
      `GROUPING SETS ((${a}), (${b}), ())`,
      `GROUPING SETS ((${a}, ${b}), (${a}))`,
    ]);
    const list = [a, b, `grouping(${a})`, this.measure(scope), this.measure(scope)]
      .map((text, index) => `${text} AS c${index}`)
      .join(', ');
    return { sql: `SELECT ${list} FROM events${this.where(scope)} GROUP BY ${sets}`, ordered: false };
  }

  /** Subqueries that look at the row outside, and joins of other kinds. */
  private correlated(): { sql: string; ordered: boolean } {
    const { random } = this;
    const events = eventScope('e.');
    const users = userScope('u.');
    const measure = random.pick(['count(*)', 'max(e.n)', 'sum(e.f)', 'min(e.level)']);
    const texts = [
      `SELECT u.uid AS c0, (SELECT ${measure} FROM events e WHERE e.k = u.k AND ${this.condition(events, 1)}) AS c1 FROM users u`,
      `SELECT u.uid AS c0 FROM users u WHERE u.score > (SELECT avg(e.f) FROM events e WHERE e.level = u.level)`,
      `SELECT u.uid AS c0 FROM users u WHERE u.k NOT IN (SELECT e.k FROM events e WHERE e.k IS NOT NULL AND ${this.condition(events, 1)})`,
      `SELECT u.uid AS c0 FROM users u WHERE u.k NOT IN (SELECT e.k FROM events e WHERE ${this.condition(events, 1)})`,
      `SELECT u.uid AS c0 FROM users u WHERE u.k = ANY (SELECT e.k FROM events e WHERE e.level = u.level AND ${this.condition(events, 1)})`,
      `SELECT e.id AS c0 FROM events e WHERE ${this.condition(events, 1)} AND (e.k IN (SELECT u.k FROM users u WHERE ${this.condition(users, 1)}) OR e.n < 0)`,
      `SELECT e.id AS c0 FROM events e ${random.pick([both('LEFT SEMI JOIN', 'SEMI JOIN'), both('LEFT ANTI JOIN', 'ANTI JOIN')])} users u ON e.k = u.k WHERE ${this.condition(events, 2)}`,
      `SELECT a.uid AS c0, b.uid AS c1 FROM users a JOIN users b ON a.score < b.score AND a.uid <> b.uid WHERE a.level = 'info'`,
      `SELECT k AS c0, count(*) AS c1, max(label) AS c2 FROM events JOIN users USING (k) GROUP BY k`,
      `SELECT count(*) AS c0, sum(a.uid + b.uid) AS c1 FROM users a CROSS JOIN users b WHERE a.k < b.k`,
      `SELECT u.uid AS c0, v.c AS c1 FROM users u JOIN (VALUES ('info', 1), ('warn', 2), ('error', NULL)) AS v(l, c) ON u.level = v.l`,
      `WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < ${random.int(1, 30)}) SELECT r.i AS c0, count(e.id) AS c1 FROM r LEFT JOIN events e ON e.k = r.i GROUP BY r.i`,
      `SELECT u.uid AS c0, t.c AS c1 FROM users u, LATERAL (SELECT count(*) AS c FROM events e WHERE e.k = u.k) AS t`,
      `SELECT e.id AS c0, f.id AS c1 FROM events e FULL JOIN events f ON e.id = f.n AND ${this.condition(events, 1)} WHERE ${this.condition(eventScope('f.'), 1)}`,
    ];
    return { sql: random.pick(texts), ordered: false };
  }

  /** The first row of each, and what is asked of windows. */
  private firsts(): { sql: string; ordered: boolean } {
    const { random } = this;
    const scope = eventScope();
    const key = random.pick(['k', 'level', 'host', 'b']);
    const where = this.where(scope);
    const texts = [
      `SELECT DISTINCT ON (${key}) ${key} AS c0, id AS c1, n AS c2 FROM events${where} ORDER BY ${key}, n DESC NULLS LAST, id`,
      `SELECT id AS c0, ${key} AS c1 FROM events${where} QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY n NULLS LAST, id) <= ${random.int(1, 3)}`,
      `SELECT ${key} AS c0, sum(n) AS c1, sum(sum(n)) OVER (ORDER BY ${key} NULLS FIRST) AS c2, rank() OVER (ORDER BY count(*) DESC) AS c3 FROM events${where} GROUP BY ${key}`,
      `SELECT ${key} AS c0, count(*) AS c1 FROM events${where} GROUP BY 1 HAVING count(*) >= (SELECT avg(c) FROM (SELECT count(*) AS c FROM events GROUP BY ${key}) AS t)`,
    ];
    return { sql: random.pick(texts), ordered: false };
  }

  /** Sorted by what is computed, aggregates too. */
  private ranked(): { sql: string; ordered: boolean } {
    const { random } = this;
    const scope = eventScope();
    const direction = () => `${random.pick(['ASC', 'DESC'])} NULLS ${random.pick(['FIRST', 'LAST'])}`;
    const limit = `LIMIT ${random.int(0, 40)}${random.chance(0.3) ? ` OFFSET ${random.int(0, 9)}` : ''}`;
    if (random.chance(0.5)) {
      // A number alone would be the place of a column.
      const order = `(${this.int(scope, 2)} + 0) ${direction()}, (${this.text(scope, 1)} || '') ${direction()}, id`;
      return {
        sql: `SELECT id AS c0 FROM events${this.where(scope)} ORDER BY ${order} ${limit}`,
        ordered: true,
      };
    }
    const key = random.pick(['k', 'level', 'host']);
    const order = `${random.pick(['count(*)', 'sum(n)', 'max(big)', 'min(level)', 'count(DISTINCT x)'])} ${direction()}`;
    return {
      sql: `SELECT ${key} AS c0, count(*) AS c1 FROM events${this.where(scope)} GROUP BY ${key} ORDER BY ${order}, ${key} ${direction()} ${limit}`,
      ordered: true,
    };
  }
}
