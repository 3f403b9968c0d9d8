/** How ingest and queries scale with the number of workers, from one to the number of cores. */
import { availableParallelism } from 'node:os';
import type { QueryName } from '../peers/queries.js';
import type { Client } from './client.js';
import { type Context, withServer } from './context.js';
import type { Dataset } from './dataset.js';
import { wrongCount } from './ingest.js';
import { type Series, textBars, vectorPlot } from './plot.js';
import { timeQuery } from './queries.js';
import { queryCases } from './query-cases.js';
import { readable } from './report.js';
import { saveResult } from './results.js';
import { send } from './send.js';

/** Queries that read every row, so that their time is that of scanning. */
const scanQueries = new Set<QueryName>(['group2', 'substr', 'toppath', 'distinct']);

interface Measured {
  readonly workers: number;
  readonly recordsPerSecond: number;
  readonly queriesPerSecond: number;
}

export async function workers(context: Context): Promise<void> {
  const { report, scale, folder } = context;
  const cores = availableParallelism();
  report.title(`workers: ${readable(scale.workerRecords)} records, 1 to ${cores} ingest and query workers`);
  const dataset = folder.dataset(scale.workerRecords);
  const measured: Measured[] = [];
  for (let count = 1; count <= cores; count++) measured.push(await measure(context, dataset, count));
  const first = measured[0] as Measured;
  const times = (value: number, base: number) => `${(value / base).toFixed(2)}x`;
  report.table(
    ['workers', 'records/s', 'against one', 'scans/s', 'against one'],
    measured.map((row) => [
      row.workers,
      readable(row.recordsPerSecond),
      times(row.recordsPerSecond, first.recordsPerSecond),
      readable(row.queriesPerSecond),
      times(row.queriesPerSecond, first.queriesPerSecond),
    ]),
  );
  const series: Series[] = [
    { name: 'records/s by ingest workers', values: measured.map((row) => row.recordsPerSecond) },
    { name: 'scans/s by query workers', values: measured.map((row) => row.queriesPerSecond) },
  ];
  report.line(series.map(textBars).join('\n'));
  saveResult(context, context.fullSize, 'workers.svg', vectorPlot(series));
}

async function measure(context: Context, dataset: Dataset, count: number): Promise<Measured> {
  const environment = { BASALT_INGEST_WORKERS: String(count), BASALT_QUERY_WORKERS: String(count) };
  return withServer(context, environment, async (server, client) => {
    const result = await send(server, dataset, { batchRecords: 5000, connections: 4 });
    context.report.answer(`count(*) with ${count} workers`, await wrongCount(client, dataset));
    await client.flush();
    const seconds = await scanSeconds(context, client, dataset, count);
    return {
      workers: count,
      recordsPerSecond: result.recordsPerSecond,
      queriesPerSecond: scanQueries.size / seconds,
    };
  });
}

/** The sum of the scan queries' median times. */
async function scanSeconds(
  context: Context,
  client: Client,
  dataset: Dataset,
  count: number,
): Promise<number> {
  let seconds = 0;
  for (const query of queryCases(dataset.truth)) {
    if (!scanQueries.has(query.name)) continue;
    const { medianMs, problem } = await timeQuery(client, dataset, query, context.scale.queryRuns);
    if (problem !== undefined) context.report.answer(`${query.name} with ${count} workers`, problem);
    seconds += medianMs / 1000;
  }
  return seconds;
}
