/**
 * Random expressions of the SQL that both engines read alike. Where they spell something differently, `both` holds the two texts.
 *
 * Left out, because the engines differ on purpose: division of integers with a sign, casts that round, and text of floats.
 * A cast never stands alone: DataFusion names it like its argument, and refuses both in one aggregate.
 */
import type { Random } from '../harness/random.js';
import { LEVELS, TIME } from './data.js';

const MARK = { open: '\u0001', or: '\u0002', close: '\u0003' };

export function both(basalt: string, duckdb: string): string {
  return MARK.open + basalt + MARK.or + duckdb + MARK.close;
}

export function chosen(sql: string, engine: 0 | 1): string {
  const innermost = new RegExp(
    `${MARK.open}([^${MARK.open}${MARK.or}${MARK.close}]*)${MARK.or}([^${MARK.open}${MARK.or}${MARK.close}]*)${MARK.close}`,
  );
  let text = sql;
  while (text.includes(MARK.open))
    text = text.replace(innermost, (_, first: string, second: string) => (engine === 0 ? first : second));
  return text;
}

/** Columns of each type that may be named, with their qualifier. */
export interface Scope {
  ints: string[];
  floats: string[];
  texts: string[];
  bools: string[];
  /** Texts with numbers among them: where a number is wanted they are what DuckDB has over a cast. */
  drifted: string[];
  time: string;
  /** No two rows have the same. */
  id: string;
}

export function eventScope(prefix = ''): Scope {
  const all = (names: string[]) => names.map((name) => prefix + name);
  return {
    ints: all(['id', 'k', 'n', 'big', 'sparse']),
    floats: all(['f', 'g', 'w']),
    texts: all(['level', 'host', 'message', 'x']),
    bools: all(['b']),
    drifted: all(['x']),
    time: `${prefix}_timestamp`,
    id: `${prefix}id`,
  };
}

export function userScope(prefix = ''): Scope {
  const all = (names: string[]) => names.map((name) => prefix + name);
  return {
    ints: all(['uid', 'k']),
    floats: all(['score']),
    texts: all(['label', 'level']),
    bools: [],
    drifted: [],
    time: `${prefix}_timestamp`,
    id: `${prefix}uid`,
  };
}

export function joined(left: Scope, right: Scope): Scope {
  return {
    ints: [...left.ints, ...right.ints],
    floats: [...left.floats, ...right.floats],
    texts: [...left.texts, ...right.texts],
    bools: [...left.bools, ...right.bools],
    drifted: [...left.drifted, ...right.drifted],
    time: left.time,
    id: `${left.id}, ${right.id}`,
  };
}

/** A drifted field where a number is wanted. */
function numbers(name: string): string {
  return both(name, `TRY_CAST(${name} AS DOUBLE)`);
}

/** As `min` and `max` take it. */
function ordered({ drifted }: Scope, name: string): string {
  return drifted.includes(name) ? numbers(name) : name;
}

export class Expressions {
  constructor(protected readonly random: Random) {}

  protected where(scope: Scope): string {
    return this.random.chance(0.75) ? ` WHERE ${this.condition(scope, 3)}` : '';
  }

  protected having(scope: Scope): string {
    return this.random.pick([
      `count(*) > ${this.random.int(0, 40)}`,
      `sum(${this.random.pick(scope.ints)}) > 0`,
      `min(${ordered(scope, this.random.pick(scope.texts))}) IS NOT NULL`,
      `avg(${this.random.pick(scope.floats)}) < 50e0`,
    ]);
  }

  protected measure(scope: Scope): string {
    const { random } = this;
    const number = random.pick([...scope.ints, ...scope.floats]);
    const any = random.pick([...scope.ints, ...scope.floats, ...scope.texts]);
    return random.pick([
      'count(*)',
      'count(*)',
      `count(${any})`,
      `sum(${number})`,
      `avg(${number})`,
      `min(${ordered(scope, any)})`,
      `max(${ordered(scope, any)})`,
      ...scope.drifted.flatMap((name) => [
        `sum(${numbers(name)})`,
        `avg(${numbers(name)})`,
        `max(${numbers(name)} * 2)`,
        `median(${numbers(name)})`,
        `stddev(${numbers(name)})`,
      ]),
      `min(${scope.time})`,
      `max(${scope.time})`,
      `count(DISTINCT ${any})`,
      `sum(${this.int(scope, 1)})`,
      `max(${this.float(scope, 1)})`,
      `sum(CASE WHEN ${this.condition(scope, 1)} THEN 1 ELSE 0 END)`,
      `count(*) FILTER (WHERE ${this.condition(scope, 1)})`,
      `stddev(${random.pick(scope.floats)})`,
      `(avg(${number}) IS NULL)`,
      `sum(DISTINCT ${random.pick(scope.ints)})`,
      `(max(${number}) - min(${number}))`,
      `bool_and(${this.condition(scope, 1)})`,
      `bool_or(${this.condition(scope, 1)})`,
      `stddev_pop(${number})`,
      `var_samp(${random.pick(scope.floats)})`,
      `var_pop(${random.pick(scope.floats)})`,
      `median(${random.pick(scope.floats)})`,
      this.correlation(scope),
      `avg(${this.int(scope, 1)}) FILTER (WHERE ${this.condition(scope, 1)})`,
      `count(DISTINCT ${this.text(scope, 1)})`,
      `string_agg(${random.pick(scope.texts)}, ',' ORDER BY ${scope.id})`,
      `(sum(${random.pick(scope.floats)}) / count(*))`,
    ]);
  }

  /** Where a side does not vary, DuckDB has no number and SQL no value. */
  private correlation(scope: Scope): string {
    const call = `corr(${this.random.pick(scope.floats)}, ${this.random.pick(scope.floats)})`;
    return both(call, `CASE WHEN NOT isnan(${call}) THEN ${call} END`);
  }

  protected scalar(scope: Scope, depth: number): string {
    return this.random.pick([
      () => this.int(scope, depth),
      () => this.float(scope, depth),
      () => this.text(scope, depth),
      () => `(${this.condition(scope, depth)})`,
    ])();
  }

  protected int(scope: Scope, depth: number): string {
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
      () => `(- ${inner()})`,
      () => `greatest(${inner()}, ${inner()})`,
      () => `least(${inner()}, ${random.int(-20, 20)})`,
      () => `strpos(${this.text(scope, depth - 1)}, '${random.pick(['o', 'e', ' ', '1'])}')`,
      () => `(CASE ${random.pick(scope.texts)} WHEN 'info' THEN 1 WHEN 'a' THEN 2 ELSE ${inner()} END)`,
    ])();
  }

  protected float(scope: Scope, depth: number): string {
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
      () => (scope.drifted.length > 0 ? `(${numbers(random.pick(scope.drifted))} + 0)` : inner()),
      () => `floor(${inner()})`,
      () => `coalesce(${inner()}, 0.5e0)`,
      () => `sqrt(abs(${inner()}))`,
      () => `ceil(${inner()})`,
      () => `trunc(${inner()})`,
      () => `power(${inner()}, 2e0)`,
      () => `ln(abs(${inner()}) + 1e0)`,
      () => `greatest(${inner()}, ${inner()})`,
      () => `least(${inner()}, ${inner()})`,
      () => `nullif(${inner()}, 0e0)`,
      () => `(CAST(${this.int(scope, depth - 1)} AS DOUBLE) * 1e0)`,
    ])();
  }

  protected text(scope: Scope, depth: number): string {
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
      () => `trim(${inner()})`,
      () => `left(${inner()}, ${random.int(0, 5)})`,
      () => `right(${inner()}, ${random.int(0, 5)})`,
      () => `lpad(${inner()}, ${random.int(0, 12)}, '*')`,
      () => `rpad(${inner()}, ${random.int(0, 12)}, 'ab')`,
      () => `reverse(${inner()})`,
      () => `repeat(${inner()}, ${random.int(0, 3)})`,
      () => `split_part(${inner()}, ' ', ${random.int(1, 3)})`,
      () => `concat(${inner()}, '-', ${inner()})`,
      () => `translate(${inner()}, 'aeo', 'xy')`,
      () => `regexp_replace(${inner()}, '[0-9]+', '#', 'g')`,
      () => `md5(${inner()})`,
      () => `greatest(${inner()}, ${inner()})`,
      () => `nullif(${inner()}, 'info')`,
      () => `CASE WHEN ${this.condition(scope, depth - 1)} THEN ${inner()} END`,
    ])();
  }

  protected condition(scope: Scope, depth: number): string {
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

  protected numberTest(scope: Scope, depth: number): string {
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

  protected textTest(scope: Scope, depth: number): string {
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
      () => `starts_with(${column}, '${quoted}')`,
      () => `(${column} IS ${random.pick(['', 'NOT '])}DISTINCT FROM ${this.text(scope, depth - 1)})`,
      () => `${column} NOT IN ('info', NULL, '${value}')`,
      () => `(${column}, ${random.pick(scope.texts)}) = ('${value}', '${random.pick(LEVELS)}')`,
    ])();
  }

  protected otherTest(scope: Scope): string {
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
      `coalesce(${bool}, ${random.pick(['true', 'false'])})`,
      `(CASE WHEN ${any} IS NULL THEN ${bool} ELSE NOT ${bool} END)`,
      `${random.pick(scope.ints)} BETWEEN ${random.pick(scope.ints)} AND ${random.pick(scope.ints)}`,
    ]);
  }
}
