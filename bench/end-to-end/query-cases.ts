import { blockPattern, phrase, type Truth } from '../generator/truth.js';
import type { Hit } from './client.js';

export interface QueryCase {
  readonly name: string;
  readonly sql: string;
  /** Milliseconds that the median of warm runs may take. */
  readonly targetMs?: number;
  /** Says what is wrong with an answer; undefined when nothing is. */
  readonly check: (hits: readonly Hit[]) => string | undefined;
}

const thousandthsPerUnit = 1000;
const relativeErrorMax = 1e-9;

/** The queries of a run with the answers that the data's generator counted. */
export function queryCases(truth: Truth): QueryCase[] {
  return [...targetCases(truth), ...searchCases(truth), ...groupCases(truth)];
}

function targetCases(truth: Truth): QueryCase[] {
  const errors = truth.levels.find(({ level }) => level === 'error')?.count ?? 0;
  return [
    {
      name: 'count',
      sql: 'SELECT count(*) AS count FROM logs',
      targetMs: 5,
      check: (hits) => single(hits, 'count', truth.records),
    },
    {
      name: 'filter',
      sql: "SELECT count(*) AS count FROM logs WHERE level = 'error'",
      targetMs: 25,
      check: (hits) => single(hits, 'count', errors),
    },
    {
      name: 'group by level',
      sql: 'SELECT level, count(*) AS count, avg(response_time) AS average FROM logs GROUP BY level',
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
      name: 'hourly',
      sql:
        "SELECT timestamp_bucket('1 hour', timestamp) AS time_bucket, level, COUNT(*) AS count, " +
        'AVG(response_time) AS avg_response FROM logs ' +
        "WHERE timestamp >= NOW() - INTERVAL '24 hours' AND level IN ('error', 'warn') " +
        'GROUP BY time_bucket, level ORDER BY time_bucket DESC, count DESC',
      targetMs: 80,
      check: (hits) => sameRows(tiesByLevel(hits.map(withBucketUs)), hourlyRows(truth)),
    },
    {
      name: 'newest 100 errors',
      sql: "SELECT * FROM logs WHERE level = 'error' ORDER BY _timestamp DESC LIMIT 100",
      targetMs: 30,
      check: (hits) =>
        sameRows(
          hits.map(({ _timestamp, level }) => ({ _timestamp, level })),
          truth.newestErrorsUs.map((us) => ({ _timestamp: us, level: 'error' })),
        ),
    },
  ];
}

function searchCases(truth: Truth): QueryCase[] {
  const { needle } = truth;
  return [
    {
      name: 'needle',
      sql: `SELECT * FROM logs WHERE trace_id = '${needle.traceId}'`,
      check: (hits) =>
        sameRows(
          hits.map(({ _timestamp, trace_id }) => ({ _timestamp, trace_id })),
          [{ _timestamp: needle.timestampUs, trace_id: needle.traceId }],
        ),
    },
    {
      name: 'substring',
      sql: `SELECT count(*) AS count FROM logs WHERE message LIKE '%${phrase}%'`,
      check: (hits) => single(hits, 'count', truth.phraseCount),
    },
    {
      name: 'pattern',
      sql: `SELECT count(*) AS count FROM logs WHERE re_match(message, '${blockPattern}')`,
      check: (hits) => single(hits, 'count', truth.blockCount),
    },
  ];
}

function groupCases(truth: Truth): QueryCase[] {
  const { minutes } = truth;
  return [
    {
      name: 'top paths',
      sql: 'SELECT path, count(*) AS count FROM logs GROUP BY path ORDER BY count DESC, path LIMIT 10',
      check: (hits) => sameRows(hits, truth.topPaths),
    },
    {
      name: 'distinct users',
      sql: 'SELECT count(DISTINCT user_id) AS users FROM logs',
      check: (hits) => single(hits, 'users', truth.distinctUsers),
    },
    {
      name: 'one hour by minute',
      sql:
        "SELECT timestamp_bucket('1 minute', timestamp) AS time_bucket, count(*) AS count FROM logs " +
        `WHERE service = '${minutes.service}' AND _timestamp >= ${minutes.fromUs} AND _timestamp < ${minutes.untilUs} ` +
        'GROUP BY time_bucket ORDER BY time_bucket',
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
function withBucketUs(hit: Hit): Hit {
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

function sameValue(found: unknown, wanted: unknown): boolean {
  if (typeof found !== 'number' || typeof wanted !== 'number') return found === wanted;
  if (Number.isInteger(wanted) && Number.isInteger(found)) return found === wanted;
  return Math.abs(found - wanted) <= relativeErrorMax * Math.abs(wanted);
}
