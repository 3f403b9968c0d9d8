/** The thirteen questions that every engine answers, with what they are asked about, and how answers are compared. */
import { blockPattern, phrase, type Truth } from '../generator/truth.js';

/** In the order of the tables. `match_all` stands beside `substr` and is not one of the thirteen. */
export const queryNames = [
  'count',
  'filter',
  'group2',
  'seed',
  'p95',
  'substr',
  'match_all',
  'needle',
  'toppath',
  'last100',
  'distinct',
  'regex',
  'hist1h',
  'join',
] as const;

export type QueryName = (typeof queryNames)[number];

/** One statement a question, in an engine's own SQL. */
export type Statements = Readonly<Record<QueryName, string>>;

/** What the questions are about; taken from the data, so that each has an answer. No text may hold a quote. */
export interface QueryParameters {
  /** Words that some messages hold. */
  readonly phrase: string;
  /** A regular expression, of the kind that all engines know, that some messages match. */
  readonly pattern: string;
  /** A trace id that one record has. */
  readonly traceId: string;
  /** One service's records in [fromUs, untilUs), microseconds, are counted by minute. */
  readonly service: string;
  readonly fromUs: number;
  readonly untilUs: number;
  /** The hourly query reaches this many hours back from now. */
  readonly hours: number;
  /** The join keeps users with at least so many errors. */
  readonly errorsMin: number;
}

/** How many errors of one user the join asks for: with little data hardly any user has more than one. */
export function errorsMinOf(records: number): number {
  if (records >= 200_000) return 5;
  return records >= 100_000 ? 2 : 1;
}

/** The parameters for data that the bench's generator made. */
export function parametersOf(truth: Truth): QueryParameters {
  const { service, fromUs, untilUs } = truth.minutes;
  const { traceId } = truth.needle;
  const errorsMin = errorsMinOf(truth.records);
  return { phrase, pattern: blockPattern, traceId, service, fromUs, untilUs, hours: 24, errorsMin };
}

export type Comparison =
  /** Rows that may come in any order among those with equal values in the columns `orderedBy`. */
  | {
      readonly kind: 'rows';
      readonly orderedBy: readonly string[];
      readonly limit?: number;
      /** Columns that are estimates, and may differ as percentiles may. */
      readonly estimated?: readonly string[];
    }
  /** Rows of a key and an estimated percentile, the highest first, at most `limit`; compared with exact ones that have `rows` too. */
  | { readonly kind: 'percentile'; readonly key: string; readonly value: string; readonly limit: number };

export const comparisons: Readonly<Record<QueryName, Comparison>> = {
  count: { kind: 'rows', orderedBy: [] },
  filter: { kind: 'rows', orderedBy: [] },
  group2: { kind: 'rows', orderedBy: [] },
  seed: { kind: 'rows', orderedBy: ['time_bucket', 'count'] },
  p95: { kind: 'percentile', key: 'service', value: 'p95', limit: 10 },
  substr: { kind: 'rows', orderedBy: [] },
  match_all: { kind: 'rows', orderedBy: [] },
  needle: { kind: 'rows', orderedBy: [] },
  toppath: { kind: 'rows', orderedBy: ['count', 'path'], limit: 10 },
  last100: { kind: 'rows', orderedBy: ['_timestamp'], limit: 100 },
  distinct: { kind: 'rows', orderedBy: [] },
  regex: { kind: 'rows', orderedBy: [] },
  hist1h: { kind: 'rows', orderedBy: ['time_bucket'] },
  join: { kind: 'rows', orderedBy: ['count', 'service'] },
};
