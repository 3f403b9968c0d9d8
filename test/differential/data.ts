/** Random records of two streams, and the tables that they must become. */
import type { Random } from '../harness/random.js';

export type Cell = null | boolean | number | string;
export type SqlType = 'BIGINT' | 'DOUBLE' | 'BOOLEAN' | 'VARCHAR';

export interface Column {
  name: string;
  type: SqlType;
}

export interface Table {
  name: string;
  columns: Column[];
  /** By column; as they must be read back, after all widening. */
  rows: Cell[][];
  /** What is sent, in order. A null is left out or sent as null. */
  records: object[];
}

/** Microseconds: the first and the one after the last event time. */
export const TIME = { start: 1_700_000_000_000_000, end: 1_700_000_000_000_000 + 10 * 86_400_000_000 };

export const LEVELS = ['info', 'warn', 'error', 'debug', '', 'trace', 'Überfall', 'Info'];
const HOSTS = ['a-1.example', 'a-2.example', 'b-1.example', 'c%d', 'under_score', "quo'te"];
const WORDS = [
  'connection',
  'refused',
  'timeout',
  'user',
  'login',
  'failed',
  'GET',
  '/api/v1',
  '200',
  'höhe',
  'ok',
];

export const EVENT_COLUMNS: Column[] = [
  { name: '_timestamp', type: 'BIGINT' },
  { name: 'id', type: 'BIGINT' },
  { name: 'k', type: 'BIGINT' },
  { name: 'n', type: 'BIGINT' },
  { name: 'big', type: 'BIGINT' },
  { name: 'f', type: 'DOUBLE' },
  { name: 'g', type: 'DOUBLE' },
  { name: 'w', type: 'DOUBLE' },
  { name: 'b', type: 'BOOLEAN' },
  { name: 'level', type: 'VARCHAR' },
  { name: 'host', type: 'VARCHAR' },
  { name: 'message', type: 'VARCHAR' },
  { name: 'x', type: 'VARCHAR' },
  { name: 'sparse', type: 'BIGINT' },
];

export const USER_COLUMNS: Column[] = [
  { name: '_timestamp', type: 'BIGINT' },
  { name: 'uid', type: 'BIGINT' },
  { name: 'k', type: 'BIGINT' },
  { name: 'label', type: 'VARCHAR' },
  { name: 'level', type: 'VARCHAR' },
  { name: 'score', type: 'DOUBLE' },
];

/** Events: some fields change their type after the first half, so that blocks of both types are read as one. */
export function makeEvents(random: Random, count: number): Table {
  const rows: Cell[][] = [];
  const records: object[] = [];
  for (let id = 0; id < count; id++) {
    const early = id < count / 2;
    const sentX = random.chance(0.1)
      ? null
      : early
        ? random.int(0, 30)
        : random.pick(['7', 'seven', '12', 'x']);
    const row: Cell[] = [
      random.int(TIME.start, TIME.end - 1),
      id,
      maybe(random, 0.1, () => random.int(0, 20)),
      maybe(random, 0.05, () => random.int(-1000, 1000)),
      maybe(random, 0.02, () => random.int(-1e12, 1e12)),
      maybe(random, 0.1, () => random.int(-8000, 8000) / 8),
      maybe(random, 0.1, () => random.real() * 1000 - 300),
      maybe(random, 0.2, () => (early ? random.int(0, 100) : random.int(0, 800) / 8)),
      maybe(random, 0.15, () => random.chance(0.5)),
      maybe(random, 0.1, () => random.pick(LEVELS)),
      random.pick(HOSTS),
      maybe(random, 0.05, () => Array.from({ length: random.int(1, 6) }, () => random.pick(WORDS)).join(' ')),
      sentX === null ? null : String(sentX),
      random.chance(0.01) ? random.int(0, 5) : null,
    ];
    rows.push(row);
    records.push(record(random, EVENT_COLUMNS, row.with(12, sentX)));
  }
  return { name: 'events', columns: EVENT_COLUMNS, rows, records };
}

export function makeUsers(random: Random, count: number): Table {
  const rows = Array.from({ length: count }, (_, uid): Cell[] => [
    random.int(TIME.start, TIME.end - 1),
    uid,
    maybe(random, 0.1, () => random.int(0, 25)),
    `label ${random.int(0, count)}`,
    maybe(random, 0.1, () => random.pick(LEVELS)),
    maybe(random, 0.1, () => random.int(0, 400) / 4),
  ]);
  return {
    name: 'users',
    columns: USER_COLUMNS,
    rows,
    records: rows.map((row) => record(random, USER_COLUMNS, row)),
  };
}

function maybe<T>(random: Random, nullShare: number, make: () => T): T | null {
  return random.chance(nullShare) ? null : make();
}

function record(random: Random, columns: Column[], row: Cell[]): object {
  const fields: Record<string, Cell> = {};
  for (const [index, { name }] of columns.entries()) {
    const value = row[index] as Cell;
    if (value === null && random.chance(0.7)) continue;
    fields[name] = value;
  }
  return fields;
}
