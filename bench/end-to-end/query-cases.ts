import type { Truth } from '../generator/truth.js';
import { basaltStatements } from '../peers/basalt-statements.js';
import { parametersOf, type QueryName, type QueryParameters } from '../peers/queries.js';
import type { Hit } from './client.js';

export interface QueryCase {
  readonly name: QueryName;
  readonly sql: string;
  /** Milliseconds that the median of warm runs may take. */
  readonly targetMs?: number;
  /** Says what is wrong with an answer; undefined when nothing is. */
  readonly check: (hits: readonly Hit[]) => string | undefined;
}

const thousandthsPerUnit = 1000;
const relativeErrorMax = 1e-9;

/** Queries with the answers that the data's generator counted. `parameters` must be about the same data. */
export function queryCases(truth: Truth, parameters: QueryParameters = parametersOf(truth)): QueryCase[] {
  const statements = basaltStatements(parameters);
  return [...targetCases(truth), ...otherCases(truth)].map((query) => ({
    ...query,
    sql: statements[query.name],
  }));
}

type CheckedQuery = Omit<QueryCase, 'sql'>;

function targetCases(truth: Truth): CheckedQuery[] {
  const errors = truth.levels.find(({ level }) => level === 'error')?.count ?? 0;
  return [
    { name: 'count', targetMs: 5, check: (hits) => single(hits, 'count', truth.records) },
    { name: 'filter', targetMs: 25, check: (hits) => single(hits, 'count', errors) },
    {
      name: 'group2',
      targetMs: 60,
      check: (hits) =>
        sameRows(
          sortedBy(hits, (hit) => String(hit.level)),
          sortedBy(truth.levels, ({ level }) => level).map(({ level, count, responseThousandths }) => ({
            level,
            count,
            average: average(responseThousandths, count),
          })),
        ),
    },
    {
      name: 'seed',
      targetMs: 80,
      check: (hits) => sameRows(tiesByLevel(hits.map(withBucketUs)), hourlyRows(truth)),
    },
    {
      name: 'last100',
      targetMs: 30,
      check: (hits) =>
        sameRows(
          hits.map(({ _timestamp, level }) => ({ _timestamp, level })),
          truth.newestErrorsUs.map((us) => ({ _timestamp: us, level: 'error' })),
        ),
    },
  ];
}

function otherCases(truth: Truth): CheckedQuery[] {
  const { needle, minutes } = truth;
  return [
    {
      name: 'needle',
      check: (hits) =>
        sameRows(
          hits.map(({ _timestamp, trace_id }) => ({ _timestamp, trace_id })),
          [{ _timestamp: needle.timestampUs, trace_id: needle.traceId }],
        ),
    },
    { name: 'substr', check: (hits) => single(hits, 'count', truth.phraseCount) },
    { name: 'regex', check: (hits) => single(hits, 'count', truth.blockCount) },
    { name: 'toppath', check: (hits) => sameRows(hits, truth.topPaths) },
    { name: 'distinct', check: (hits) => single(hits, 'users', truth.distinctUsers) },
    {
      name: 'hist1h',
      check: (hits) =>
        sameRows(
          hits.map(withBucketUs),
          minutes.counts.map(({ minuteUs, count }) => ({ time_bucket: minuteUs, count })),
        ),
    },
  ];
}

function hourlyRows(truth: Truth): Hit[] {
  return truth.hours
    .filter(({ level }) => level === 'error' || level === 'warn')
    .sort(
      (left, right) =>
        right.hourUs - left.hourUs || right.count - left.count || (left.level < right.level ? -1 : 1),
    )
    .map(({ hourUs, level, count, responseThousandths }) => ({
      time_bucket: hourUs,
      level,
      count,
      avg_response: average(responseThousandths, count),
    }));
}

/** Two rows of an hour with the same count may come in either order: puts them in that of their levels. */
function tiesByLevel(hits: readonly Hit[]): Hit[] {
  const ordered = [...hits];
  for (let index = 1; index < ordered.length; index++) {
    const [before, after] = [ordered[index - 1] as Hit, ordered[index] as Hit];
    const tied = before.time_bucket === after.time_bucket && before.count === after.count;
    if (tied && String(before.level) > String(after.level)) {
      ordered[index - 1] = after;
      ordered[index] = before;
    }
  }
  return ordered;
}

function average(thousandths: number, count: number): number {
  return thousandths / thousandthsPerUnit / count;
}

/** The bucket's start as microseconds, whether it came as such a number or as a time in text. */
export function withBucketUs(hit: Hit): Hit {
  const bucket = hit.time_bucket;
  if (typeof bucket !== 'string') return hit;
  const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(bucket) ? bucket : `${bucket}Z`;
  return { ...hit, time_bucket: Date.parse(zoned.replace(' ', 'T')) * 1000 };
}

function sortedBy<T>(list: readonly T[], key: (item: T) => string): T[] {
  return [...list].sort((left, right) => (key(left) < key(right) ? -1 : 1));
}

function single(hits: readonly Hit[], column: string, wanted: number): string | undefined {
  return sameRows(hits, [{ [column]: wanted }]);
}

/** Compares rows in order, by the columns that the wanted rows have; fractions may differ by rounding. */
export function sameRows(hits: readonly Hit[], wanted: readonly Hit[]): string | undefined {
  if (hits.length !== wanted.length) return `${hits.length} rows, ${wanted.length} wanted`;
  for (const [index, row] of wanted.entries()) {
    for (const [column, value] of Object.entries(row)) {
      const found = (hits[index] as Hit)[column];
      if (!sameValue(found, value)) {
        return `row ${index}, ${column}: ${JSON.stringify(found)}, wanted ${JSON.stringify(value)}`;
      }
    }
  }
  return undefined;
}

/** Equal, fractions up to rounding. */
export function sameValue(found: unknown, wanted: unknown): boolean {
  if (typeof found !== 'number' || typeof wanted !== 'number') return found === wanted;
  if (Number.isInteger(wanted) && Number.isInteger(found)) return found === wanted;
  return Math.abs(found - wanted) <= relativeErrorMax * Math.abs(wanted);
}
