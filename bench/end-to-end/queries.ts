/** SQL over the large data set on warm caches, each answer compared with what the generator counted. */
import type { Client } from './client.js';
import type { Context } from './context.js';
import type { Dataset } from './dataset.js';
import { type QueryCase, queryCases } from './query-cases.js';
import { readable } from './report.js';

const warmupRuns = 2;
const rowsMax = 1000;

export interface QueryTiming {
  readonly minMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
  /** What was wrong with the first wrong answer. */
  readonly problem: string | undefined;
}

export async function queries(context: Context): Promise<void> {
  const { report, scale } = context;
  report.title(
    `queries: ${readable(scale.largeRecords)} records in segments, ${scale.queryRuns} warm runs over HTTP`,
  );
  const { client, dataset } = await context.loaded();
  await client.flush();
  const rows = [];
  for (const query of queryCases(dataset.truth)) {
    const timing = await timeQuery(client, dataset, query, scale.queryRuns);
    const target =
      query.targetMs !== undefined && context.fullSize
        ? report.verdict(timing.medianMs, 'at most', query.targetMs, 'ms')
        : '';
    rows.push([
      query.name,
      readable(timing.minMs),
      readable(timing.medianMs),
      readable(timing.maxMs),
      target,
      report.answerVerdict(timing.problem),
    ]);
  }
  report.table(['query', 'min ms', 'median ms', 'max ms', 'time', 'answer'], rows);
}

export async function timeQuery(
  client: Client,
  dataset: Dataset,
  query: Pick<QueryCase, 'sql' | 'check'>,
  runs: number,
): Promise<QueryTiming> {
  const search = { sql: query.sql, startUs: dataset.startUs, endUs: dataset.endUs, size: rowsMax };
  const times: number[] = [];
  let problem: string | undefined;
  try {
    for (let run = 0; run < warmupRuns + runs; run++) {
      const { hits, milliseconds } = await client.search(search);
      if (run >= warmupRuns) times.push(milliseconds);
      problem ??= query.check(hits);
    }
  } catch (error) {
    problem = (error as Error).message;
  }
  return { ...summarise(times), problem };
}

export function summarise(times: readonly number[]): { minMs: number; medianMs: number; maxMs: number } {
  const sorted = [...times].sort((left, right) => left - right);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return { minMs: at(0), medianMs: at(Math.floor(sorted.length / 2)), maxMs: at(sorted.length - 1) };
}
