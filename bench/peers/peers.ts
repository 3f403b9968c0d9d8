/** The same records and questions on Basalt, DuckDB (table and Parquet) and ClickHouse, in one run on one machine. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Hit } from '../end-to-end/client.js';
import { type Context, fullScale } from '../end-to-end/context.js';
import { readable } from '../end-to-end/report.js';
import { BasaltServer } from './basalt.js';
import { ClickhousePeer } from './clickhouse.js';
import { difference } from './compare.js';
import { type PeerData, peerData } from './data.js';
import { DuckdbPeer } from './duckdb.js';
import type { Engine, LoadFigures } from './engine.js';
import { type EngineTimes, reportPeers } from './peers-report.js';
import { pythonWithChdb } from './python.js';
import { comparisons, type QueryName, queryNames } from './queries.js';
import { timeEngine } from './timing.js';

export async function peers(context: Context): Promise<void> {
  const { report, scale } = context;
  const data = peerData(context);
  report.title(
    `peers: ${readable(data.records)} records, ${readable(data.jsonBytes / 1e6)} MB of JSON; ${scale.queryRuns} warm runs`,
  );
  const folder = join(context.folder.path, 'peers');
  mkdirSync(folder);
  const closers: (() => Promise<void> | void)[] = [];
  try {
    const loaded = await loadEngines(context, folder, data, closers);
    const times = await askAll(context, loaded);
    reportPeers(context, data, loaded, times, data.records >= fullScale.largeRecords);
  } finally {
    // Each starts at once, connections before what they connect to; one that fails does not keep another from ending.
    await Promise.allSettled(closers.reverse().map(async (close) => close()));
  }
}

export interface Loaded {
  readonly engines: Engine[];
  readonly figures: ReadonlyMap<string, LoadFigures>;
  /** Names of engines that are not there, with the reason. */
  readonly absent: ReadonlyMap<string, string>;
  readonly duckdb: DuckdbPeer;
}

/** One after the other, so that none shares the cores while its rate is measured. */
async function loadEngines(
  context: Context,
  folder: string,
  data: PeerData,
  closers: (() => Promise<void> | void)[],
): Promise<Loaded> {
  const { report, settings } = context;
  const figures = new Map<string, LoadFigures>();
  const absent = new Map<string, string>();
  const progress = (text: string) => report.line(`… ${text}`);

  progress('loading Basalt');
  const basalt = await BasaltServer.start(folder, data);
  closers.push(() => basalt.close());
  figures.set('Basalt', await basalt.load());
  const engines = [basalt.engine('on'), basalt.engine('off')];

  progress('loading DuckDB and writing Parquet');
  const duckdb = await DuckdbPeer.open(folder);
  closers.push(() => duckdb.close());
  figures.set('DuckDB', await duckdb.loadTable(data.path));
  figures.set('Parquet', await duckdb.writeParquet());
  engines.push(await duckdb.table(data.parameters), await duckdb.parquet(data.parameters));
  for (const engine of engines) closers.push(() => engine.close());

  const python =
    settings.python === undefined && !settings.mayInstall
      ? {
          path: undefined,
          reason: 'chdb is not installed in a tiny run; --python names a Python that has it',
        }
      : await pythonWithChdb(folder, settings.python, progress);
  if (python.path === undefined) {
    report.line(`ClickHouse SKIPPED: ${python.reason}`);
    absent.set('ClickHouse', python.reason);
  } else {
    progress(`loading ClickHouse (chdb, engine ${python.version})`);
    const clickhouse = new ClickhousePeer(python.path, folder, data.parameters);
    closers.push(() => clickhouse.close());
    try {
      figures.set('ClickHouse', await clickhouse.load(data.path));
      engines.push(clickhouse);
    } catch (error) {
      // It was there, so this is a failure of the run; the others are compared all the same.
      const [problem] = (error as Error).message.split('\n') as [string];
      report.answer('ClickHouse loaded', problem);
      absent.set('ClickHouse', problem);
    }
  }
  return { engines, figures, absent, duckdb };
}

/** Question by question, so that a disturbance of the machine meets all engines alike. Answers are those of DuckDB's table. */
async function askAll({ report, scale }: Context, { engines, duckdb }: Loaded): Promise<EngineTimes> {
  const times: EngineTimes = new Map();
  for (const [index, query] of queryNames.entries()) {
    const answers = new Map<string, readonly Hit[]>();
    const row = new Map<string, { minMs: number; medianMs: number }>();
    for (const engine of engines) {
      const { rows, ...figures } = await timeEngine(engine, query, scale.queryRuns);
      answers.set(engine.name, rows);
      row.set(engine.name, figures);
    }
    times.set(query, row);
    const problem = await wrongAnswer(query, answers, duckdb);
    const shown = [...row].map(([name, { minMs }]) => `${name} ${readable(minMs)}`).join(', ');
    const verdict = report.answerVerdict(problem);
    report.line(`… ${index + 1}/${queryNames.length} ${query}, ms: ${shown}; answers ${verdict}`);
  }
  return times;
}

async function wrongAnswer(
  query: QueryName,
  answers: ReadonlyMap<string, readonly Hit[]>,
  duckdb: DuckdbPeer,
): Promise<string | undefined> {
  const comparison = comparisons[query];
  const wanted = comparison.kind === 'percentile' ? await duckdb.exactPercentiles() : answers.get('DuckDB');
  if (!wanted || wanted.length === 0) return 'no rows: the question has no answer in this data';
  for (const [name, rows] of answers) {
    const problem = difference(comparison, rows, wanted);
    if (problem !== undefined) return `${name}: ${problem}`;
  }
  return undefined;
}
