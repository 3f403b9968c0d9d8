/** Queries a second and their latency with 1 to 64 clients, each asking again as soon as it has its answer. */
import { labelledBars, lineChart } from '../end-to-end/chart.js';
import type { Context } from '../end-to-end/context.js';
import { readable } from '../end-to-end/report.js';
import { markdownHead, markdownTable, saveResult } from '../end-to-end/results.js';
import type { ServerProcess } from '../end-to-end/server.js';
import { type QueryLoadResult, runQueryLoad } from '../load/query-load.js';
import { aggregation, type LoadMode, requests, simpleFilter } from './loads.js';
import type { Stage } from './scale.js';
import { isRealRun } from './scale-report.js';
import type { Source } from './stages.js';

const modes: readonly (readonly [LoadMode, string])[] = [
  ['same', 'cached'],
  ['uncached', 'uncached'],
];

interface Point {
  readonly name: string;
  readonly clients: number;
  readonly result: QueryLoadResult;
}

export async function concurrency(
  context: Context,
  server: ServerProcess,
  source: Source,
  stage: Stage,
): Promise<void> {
  const { report, scale } = context;
  const { hostname: host, port } = new URL(server.url);
  report.line(
    `\nmany clients, at ${stage.size}; cached: one request again and again; uncached: each another range, caches off`,
  );
  const points: Point[] = [];
  for (const query of [simpleFilter(source, stage), aggregation(source, stage)]) {
    for (const [mode, word] of modes) {
      const name = `${query.name}, ${word}`;
      for (const clients of scale.clients) {
        const options = { host, port: Number(port), clients, seconds: scale.loadSeconds, rate: 0 };
        const result = await runQueryLoad({ ...options, request: requests(server, query, mode) });
        points.push({ name, clients, result });
      }
      const bars = points.filter((point) => point.name === name);
      const named = bars.map(({ clients, result }) => [String(clients), result.queriesPerSecond] as const);
      report.line(labelledBars(name, named, 'queries/s'));
    }
  }
  const header = ['query', 'clients', 'queries/s', 'p50 ms', 'p99 ms', 'refused'];
  const rows = points.map(({ name, clients, result }) => [
    name,
    clients,
    readable(result.queriesPerSecond),
    readable(result.latency.p50Ms),
    readable(result.latency.p99Ms),
    result.refused,
  ]);
  report.table(header, rows);
  const title = `Queries a second by clients, ${stage.size} of JSON`;
  const real = isRealRun(stage);
  saveResult(context, real, 'concurrency.md', `${markdownHead(title)}\n${markdownTable(header, rows)}\n`);
  for (const unit of ['queries/s', 'p99 ms'] as const) {
    const value = ({ result }: Point) => (unit === 'p99 ms' ? result.latency.p99Ms : result.queriesPerSecond);
    const names = [...new Set(points.map(({ name }) => name))];
    const lines = names.map((name) => ({
      name,
      y: points.filter((point) => point.name === name).map(value),
    }));
    const picture = lineChart({
      title,
      xLabel: 'clients',
      yLabel: `${unit} (logarithmic)`,
      x: scale.clients,
      lines,
      xLogarithmic: true,
      yLogarithmic: true,
    });
    saveResult(context, real, `concurrency-${unit === 'p99 ms' ? 'latency' : 'rate'}.svg`, picture);
  }
}
