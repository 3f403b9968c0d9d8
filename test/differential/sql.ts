/**
 * Random queries of the SQL that both engines read alike. Where they spell something differently, `both` holds the two texts.
 *
 * Left out, because the engines differ on purpose: division of integers with a sign, casts that round, text of floats, and order of ties.
 * A cast never stands alone: DataFusion names it like its argument, and refuses both in one aggregate.
 */

import type { Random } from '../harness/random.js';
import { LEVELS, TIME } from './data.js';

export interface RandomQuery {
  basalt: string;
  duckdb: string;
  /** Whether the order of all rows is told. */
  ordered: boolean;
  /** Half-open range of event time; both engines see only its rows. */
  start: number;
  end: number;
}

const MARK = { open: '\u0001', or: '\u0002', close: '\u0003' };

function both(basalt: string, duckdb: string): string {
  return MARK.open + basalt + MARK.or + duckdb + MARK.close;
}

function chosen(sql: string, engine: 0 | 1): string {
  const innermost = new RegExp(
    `${MARK.open}([^${MARK.open}${MARK.or}${MARK.close}]*)${MARK.or}([^${MARK.open}${MARK.or}${MARK.close}]*)${MARK.close}`,
  );
  let text = sql;
  while (text.includes(MARK.open))
    text = text.replace(innermost, (_, first: string, second: string) => (engine === 0 ? first : second));
  return text;
}

/** Columns of each type that may be named, with their qualifier. */
interface Scope {
  ints: string[];
  floats: string[];
  texts: string[];
  bools: string[];
  time: string;
}

function eventScope(prefix = ''): Scope {
  const all = (names: string[]) => names.map((name) => prefix + name);
  return {
    ints: all(['id', 'k', 'n', 'big', 'sparse']),
    floats: all(['f', 'g', 'w']),
    texts: all(['level', 'host', 'message', 'x']),
    bools: all(['b']),
    time: `${prefix}_timestamp`,
  };
}

function userScope(prefix = ''): Scope {
  const all = (names: string[]) => names.map((name) => prefix + name);
  return {
    ints: all(['uid', 'k']),
    floats: all(['score']),
    texts: all(['label', 'level']),
    bools: [],
    time: `${prefix}_timestamp`,
  };
}

function joined(left: Scope, right: Scope): Scope {
  return {
    ints: [...left.ints, ...right.ints],
    floats: [...left.floats, ...right.floats],
    texts: [...left.texts, ...right.texts],
    bools: [...left.bools, ...right.bools],
    time: left.time,
  };
}

export class QueryMaker {
  /** @param manyRows keeps answers short, for tables whose rows are too many to be sent for each query */
  constructor(
    private readonly random: Random,
    private readonly manyRows = false,
  ) {}

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
    const operator = random.pick(['UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT']);
    const sql = `SELECT ${column} AS c0 FROM events${this.where(eventScope())} ${operator} SELECT ${column} AS c0 FROM users${this.where(userScope())}`;
    return { sql, ordered: false };
  }

  private where(scope: Scope): string {
    return this.random.chance(0.75) ? ` WHERE ${this.condition(scope, 3)}` : '';
  }

  private having(scope: Scope): string {
    return this.random.pick([
      `count(*) > ${this.random.int(0, 40)}`,
      `sum(${this.random.pick(scope.ints)}) > 0`,
      `min(${this.random.pick(scope.texts)}) IS NOT NULL`,
      `avg(${this.random.pick(scope.floats)}) < 50e0`,
    ]);
  }

  private measure(scope: Scope): string {
    const { random } = this;
    const number = random.pick([...scope.ints, ...scope.floats]);
    const any = random.pick([...scope.ints, ...scope.floats, ...scope.texts]);
    return random.pick([
      'count(*)',
      'count(*)',
      `count(${any})`,
      `sum(${number})`,
      `avg(${number})`,
      `min(${any})`,
      `max(${any})`,
      `min(${scope.time})`,
      `max(${scope.time})`,
      `count(DISTINCT ${any})`,
      `sum(${this.int(scope, 1)})`,
      `max(${this.float(scope, 1)})`,
      `sum(CASE WHEN ${this.condition(scope, 1)} THEN 1 ELSE 0 END)`,
      `count(*) FILTER (WHERE ${this.condition(scope, 1)})`,
      `stddev(${random.pick(scope.floats)})`,
      `(avg(${number}) IS NULL)`,
    ]);
  }

  private scalar(scope: Scope, depth: number): string {
    return this.random.pick([
      () => this.int(scope, depth),
      () => this.float(scope, depth),
      () => this.text(scope, depth),
      () => `(${this.condition(scope, depth)})`,
    ])();
  }

  private int(scope: Scope, depth: number): string {
    const { random } = this;
    if (depth <= 0) return random.chance(0.8) ? random.pick(scope.ints) : String(random.int(-50, 50));
    const inner = () => this.int(scope, depth - 1);
    return random.pick([
      inner,
      () => `(${inner()} + ${inner()})`,
      () => `(${inner()} - ${inner()})`,
      () => `(${inner()} * ${random.int(-9, 9)})`,
      () => `(${inner()} % ${random.int(2, 13)})`,
      () => `abs(${inner()})`,
      () => `coalesce(${inner()}, ${random.int(-5, 5)})`,
      () => `CASE WHEN ${this.condition(scope, depth - 1)} THEN ${inner()} ELSE ${inner()} END`,
      () => `${both('character_length', 'length')}(${this.text(scope, depth - 1)})`,
      () => `nullif(${inner()}, ${random.int(0, 20)})`,
    ])();
  }

  private float(scope: Scope, depth: number): string {
    const { random } = this;
    if (depth <= 0) return random.chance(0.8) ? random.pick(scope.floats) : `${random.int(-400, 400) / 8}e0`;
    const inner = () => this.float(scope, depth - 1);
    return random.pick([
      inner,
      () => `(${inner()} + ${inner()})`,
      () => `(${inner()} - ${this.int(scope, depth - 1)})`,
      () => `(${inner()} * ${random.int(-9, 9)}e0)`,
      () => `(${inner()} / ${random.pick(['2', '4', '-8', '3'])}e0)`,
      () => `abs(${inner()})`,
      () => `floor(${inner()})`,
      () => `coalesce(${inner()}, 0.5e0)`,
      () => `(CAST(${this.int(scope, depth - 1)} AS DOUBLE) * 1e0)`,
    ])();
  }

  private text(scope: Scope, depth: number): string {
    const { random } = this;
    if (depth <= 0)
      return random.chance(0.85) ? random.pick(scope.texts) : `'${random.pick(['info', 'a', ''])}'`;
    const inner = () => this.text(scope, depth - 1);
    return random.pick([
      inner,
      () => `upper(${inner()})`,
      () => `lower(${inner()})`,
      () => `(${inner()} || '/' || ${inner()})`,
      () => `substr(${inner()}, ${random.int(1, 4)}, ${random.int(0, 5)})`,
      () => `coalesce(${inner()}, 'none')`,
      () => `(CAST(${this.int(scope, depth - 1)} AS VARCHAR) || '')`,
      () => `replace(${inner()}, 'o', '00')`,
      () => `CASE WHEN ${this.condition(scope, depth - 1)} THEN ${inner()} END`,
    ])();
  }

  private condition(scope: Scope, depth: number): string {
    const { random } = this;
    if (depth > 1 && random.chance(0.6)) {
      const inner = () => this.condition(scope, depth - 1);
      return random.pick([
        () => `(${inner()} AND ${inner()})`,
        () => `(${inner()} AND ${inner()})`,
        () => `(${inner()} OR ${inner()})`,
        () => `NOT (${inner()})`,
      ])();
    }
    return random.pick([
      () => this.numberTest(scope, depth),
      () => this.textTest(scope, depth),
      () => this.otherTest(scope),
    ])();
  }

  private numberTest(scope: Scope, depth: number): string {
    const { random } = this;
    const compare = random.pick(['=', '<>', '<', '<=', '>', '>=']);
    const column = random.pick(scope.ints);
    return random.pick([
      () => `${column} ${compare} ${random.int(-100, 100)}`,
      () => `${random.int(0, 20)} ${compare} ${column}`,
      () => `${random.pick(scope.floats)} ${compare} ${random.int(-800, 800) / 8}e0`,
      () => `${column} ${compare} ${random.int(-80, 80) / 8}e0`,
      () => `${random.pick(scope.floats)} ${compare} ${random.int(-10, 100)}`,
      () => `${column} ${random.pick(['', 'NOT '])}BETWEEN ${random.int(-500, 0)} AND ${random.int(0, 500)}`,
      () =>
        `${column} ${random.pick(['', 'NOT '])}IN (${Array.from({ length: random.int(1, 6) }, () => random.int(0, 25)).join(', ')})`,
      () => `${this.int(scope, depth - 1)} ${compare} ${this.int(scope, depth - 1)}`,
      () => `${this.float(scope, depth - 1)} ${compare} ${this.float(scope, depth - 1)}`,
      () => `${scope.time} ${random.pick(['<', '>='])} ${random.int(TIME.start, TIME.end)}`,
    ])();
  }

  private textTest(scope: Scope, depth: number): string {
    const { random } = this;
    const column = random.pick(scope.texts);
    const part = random.pick(['o', 'in', 'error', 'a-', 'conn', '1', 'GET /api', 'höhe', "o'", '']);
    const quoted = part.replaceAll("'", "''");
    const value = random.pick([...LEVELS, '7', 'a-1.example', 'users']).replaceAll("'", "''");
    return random.pick([
      () => `${column} ${random.pick(['=', '<>', '<', '>='])} '${value}'`,
      () =>
        `${column} ${random.pick(['', 'NOT '])}LIKE '${random.pick(['%', ''])}${quoted}${random.pick(['%', ''])}'`,
      () => `${column} ${random.pick(['', 'NOT '])}ILIKE '%${quoted.toUpperCase()}%'`,
      () => `${column} LIKE '_${quoted}%'`,
      () =>
        `${column} ${random.pick(['', 'NOT '])}IN (${random
          .sample(LEVELS, 3)
          .map((level) => `'${level}'`)
          .join(', ')})`,
      () => `${both('str_match', 'contains')}(${column}, '${quoted}')`,
      () =>
        both(
          `str_match_ignore_case(${column}, '${quoted}')`,
          `contains(lower(${column}), lower('${quoted}'))`,
        ),
      () =>
        `${both('re_match', 'regexp_matches')}(${column}, '${random.pick(['^i', 'o+', '[0-9]$', '(?i)ERROR', 'a|b', '^$'])}')`,
      () => `${this.text(scope, depth - 1)} = ${this.text(scope, depth - 1)}`,
      () => `${column} BETWEEN 'c' AND 'm'`,
    ])();
  }

  private otherTest(scope: Scope): string {
    const { random } = this;
    const any = random.pick([...scope.ints, ...scope.floats, ...scope.texts, ...scope.bools]);
    const bool = random.pick(scope.bools.length > 0 ? scope.bools : ['(1 = 1)']);
    return random.pick([
      `${any} IS NULL`,
      `${any} IS NOT NULL`,
      bool,
      `NOT ${bool}`,
      `${bool} = ${random.pick(['true', 'false'])}`,
      `${bool} IS ${random.pick(['', 'NOT '])}TRUE`,
      `(${random.pick(scope.ints)} IS DISTINCT FROM ${random.pick(scope.ints)})`,
    ]);
  }
}
