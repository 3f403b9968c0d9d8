/** Rows 5 and 6 of the features: their queries offered at a fixed rate, and the latency from when each was due. */
import type { Client } from '../end-to-end/client.js';
import type { Context } from '../end-to-end/context.js';
import { readable } from '../end-to-end/report.js';
import type { ServerProcess } from '../end-to-end/server.js';
import { type QueryLoadResult, runQueryLoad } from '../load/query-load.js';
import { difference } from '../peers/compare.js';
import { aggregation, cacheOf, type LoadMode, type LoadQuery, requests, simpleFilter } from './loads.js';
import type { Stage } from './scale.js';
import { isRealRun } from './scale-report.js';
import type { Source } from './stages.js';

const modes: readonly LoadMode[] = ['same', 'moving', 'uncached'];
const clients = 64;
/** A rate counts as served when so much of it was. */
const servedShare = 0.97;

export interface RateFigures {
  readonly mode: LoadMode;
  readonly rate: number;
  readonly result: QueryLoadResult;
}

export interface RowFigures {
  readonly stage: Stage;
  readonly filter: readonly RateFigures[];
  readonly aggregation: readonly RateFigures[];
}

export async function offeredRates(
  context: Context,
  server: ServerProcess,
  client: Client,
  source: Source,
  stage: Stage,
): Promise<RowFigures> {
  const { report } = context;
  report.line(
    `\nqueries offered at a fixed rate, at ${stage.size} (FEATURES rows 5 and 6); latency from when each was due\n` +
      'same: one request again and again; moving: the range moves with each, as a dashboard does; uncached: that, with result caches off',
  );
  const measure = async (query: LoadQuery, rate: number, targetMs: number) => {
    await checkCaches(context, client, query);
    const figures: RateFigures[] = [];
    for (const mode of modes) figures.push(await offer(context, server, query, mode, rate));
    report.table(
      [query.name, 'offered/s', 'served/s', 'refused', 'given up', 'p50 ms', 'p99 ms', 'max ms', 'target'],
      figures.map(({ mode, result }) => [
        mode,
        rate,
        readable(result.queriesPerSecond),
        result.refused,
        result.unserved,
        readable(result.latency.p50Ms),
        readable(result.latency.p99Ms),
        readable(result.latency.maxMs),
        // The caches are part of the server: a moving range is what the target is for. The others stand beside it.
        mode === 'moving' && isRealRun(stage) ? verdict(context, rate, targetMs, result) : '',
      ]),
    );
    return figures;
  };
  return {
    stage,
    filter: await measure(simpleFilter(source, stage), 100, 100),
    aggregation: await measure(aggregation(source, stage), 50, 1000),
  };
}

async function offer(
  { scale }: Context,
  server: ServerProcess,
  query: LoadQuery,
  mode: LoadMode,
  rate: number,
): Promise<RateFigures> {
  const { hostname: host, port } = new URL(server.url);
  const load = {
    host,
    port: Number(port),
    clients,
    seconds: scale.loadSeconds,
    request: requests(server, query, mode),
  };
  return { mode, rate, result: await runQueryLoad({ ...load, rate }) };
}

function verdict({ report }: Context, rate: number, targetMs: number, result: QueryLoadResult): string {
  const served = report.verdict(result.queriesPerSecond, 'at least', rate * servedShare, '/s');
  const latency = report.verdict(result.latency.p99Ms, 'at most', targetMs, 'ms p99');
  return `${served} ${latency}`.trim();
}

/** A cached answer is that of doing the work, the second time and with another range too. */
async function checkCaches({ report }: Context, client: Client, query: LoadQuery): Promise<void> {
  for (const step of [0, 1]) {
    const worked = await client.search(query.search(step), cacheOf('uncached'));
    for (const mode of ['same', 'moving'] as const) {
      const { hits } = await client.search(query.search(step), cacheOf(mode));
      const problem = hits.length === 0 ? 'no rows' : difference(query.comparison, hits, worked.hits);
      report.answer(`${query.name}, step ${step}, ${mode} against uncached`, problem);
    }
  }
}
