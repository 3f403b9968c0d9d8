/** Tables, targets and pictures of a scale run. */
import { labelledBars, lineChart } from '../end-to-end/chart.js';
import type { Context } from '../end-to-end/context.js';
import type { MetricsSample } from '../end-to-end/metrics.js';
import { readable } from '../end-to-end/report.js';
import { markdownHead, markdownTable, saveResult } from '../end-to-end/results.js';
import type { SendResult } from '../load/result.js';
import { type QueryName, queryNames } from '../peers/queries.js';
import { type BacklogSample, backlogGrowth, backlogSamples, slowestRate } from './backlog.js';
import type { StageCosts } from './costs.js';
import { extrapolate, growthOfCost, scanQueries } from './extrapolation.js';
import type { RateFigures, RowFigures } from './offered-rates.js';
import type { Stage } from './scale.js';

export interface IngestStage {
  readonly stage: Stage;
  readonly result: SendResult;
  readonly samples: readonly MetricsSample[];
  readonly flushSeconds: number;
  readonly diskBytes: number;
}

const realGigabytes = 9;
const sustainedRecords = 25_000_000;
const sustainedRateMin = 600_000;
const backlogGrowthMax = 1.5;
/** Fewer samples than this (half a second apart) show no trend. */
const samplesMin = 12;
const costGrowthMax = 0.2;
const barSlices = 12;

/** Whether figures are held against their targets, and kept: with little data they mean nothing. */
export function isRealRun(stage: Stage): boolean {
  return stage.gigabytes >= realGigabytes;
}

export function reportIngest(context: Context, ingests: readonly IngestStage[]): void {
  const { report } = context;
  const last = ingests.at(-1) as IngestStage;
  const real = isRealRun(last.stage);
  const backlogs = ingests.map(({ samples }) => backlogSamples(samples));
  const header = [
    'GB',
    'records sent',
    'records/s',
    'MB/s',
    'refused',
    'settled after s',
    'disk MB',
    'disk/JSON',
  ];
  const rows = ingests.map(({ stage, result, flushSeconds, diskBytes }, index) => {
    const backlog = backlogs[index] as BacklogSample[];
    return [
      stage.size,
      readable(result.records),
      readable(result.recordsPerSecond),
      readable(result.megabytesPerSecond),
      result.refused,
      readable(flushSeconds),
      readable(diskBytes / 1e6),
      (diskBytes / (stage.gigabytes * 1e9)).toFixed(3),
      readable((result.server?.rssPeakBytes ?? 0) / 1e6),
      Math.max(...backlog.map(({ blocks }) => blocks)),
      backlogGrowth(backlog).toFixed(2),
    ];
  });
  header.push('RSS peak MB', 'most blocks waiting', 'backlog growth');
  report.line(
    '\ningest, merges running; backlog growth: the last third against the middle third, about 1 when merges keep up',
  );
  report.table(header, rows);
  const longest = backlogs.reduce((best, backlog) => (backlog.length > best.length ? backlog : best));
  report.line(
    labelledBars('blocks waiting in the WAL, by second of the longest ingest', slices(longest), 'blocks'),
  );
  if (real) judgeIngest(context, backlogs);
  saveResult(
    context,
    real,
    'scale-ingest.md',
    `${markdownHead('Ingest as data grows')}\n${markdownTable(header, rows)}\n`,
  );
  const picture = lineChart({
    title: 'blocks waiting in the WAL while data goes in',
    xLabel: 'seconds',
    yLabel: 'blocks',
    x: longest.map(({ seconds }) => seconds),
    lines: [{ name: `up to ${last.stage.size}`, y: longest.map(({ blocks }) => blocks) }],
  });
  saveResult(context, real, 'scale-backlog.svg', picture);
}

function judgeIngest({ report }: Context, backlogs: readonly BacklogSample[][]): void {
  for (const backlog of backlogs) {
    if (backlog.length < samplesMin) continue;
    report.target('backlog growth', backlogGrowth(backlog), 'at most', backlogGrowthMax, 'x');
  }
  const rates = backlogs
    .map((backlog) => slowestRate(backlog, sustainedRecords))
    .filter((rate) => rate !== undefined);
  const name = `slowest stretch of ${readable(sustainedRecords)} records`;
  if (rates.length === 0) report.line(`${name}: not measured, no ingest was that long`);
  else report.target(name, Math.min(...rates), 'at least', sustainedRateMin, 'records/s');
}

function slices(samples: readonly BacklogSample[]): (readonly [string, number])[] {
  const step = Math.max(1, Math.ceil(samples.length / barSlices));
  return samples
    .filter((_, index) => index % step === 0)
    .map(({ seconds, blocks }) => [readable(seconds), blocks] as const);
}

export function reportCosts(context: Context, costs: readonly StageCosts[]): void {
  const { report } = context;
  const stages = costs.map(({ stage }) => stage);
  const real = isRealRun(stages.at(-1) as Stage);
  const ms = (query: QueryName) => costs.map((stage) => stage.costs.get(query)?.minMs as number);
  const header = [
    'query',
    ...stages.map(({ size }) => `${size}, ms`),
    ...stages.map(({ size }) => `${size}, ms/GB`),
    'max/min - 1',
  ];
  const rows = queryNames.map((query) => [
    query,
    ...ms(query).map(readable),
    ...ms(query).map((value, index) => readable(value / (stages[index] as Stage).gigabytes)),
    `${(growthOfCost(costs, query) * 100).toFixed(0)} %`,
  ]);
  report.line(
    '\ncost of each query as data grows; caches of results off, minimum of the warm runs, HTTP included',
  );
  report.table(header, rows);
  for (const query of real ? scanQueries : []) {
    const growth = growthOfCost(costs, query) * 100;
    report.target(`${query}: change of the cost per GB`, growth, 'at most', costGrowthMax * 100, '%');
  }
  saveResult(
    context,
    real,
    'scale-costs.md',
    `${markdownHead('Cost of queries as data grows')}\n${markdownTable(header, rows)}\n`,
  );
  const picture = lineChart({
    title: 'cost of full scans as data grows',
    xLabel: 'GB of JSON (logarithmic)',
    yLabel: 'ms/GB',
    x: stages.map(({ gigabytes }) => gigabytes),
    lines: scanQueries.map((query) => ({
      name: query,
      y: ms(query).map((value, index) => value / (stages[index] as Stage).gigabytes),
    })),
    xLogarithmic: true,
  });
  saveResult(context, real, 'scale-costs.svg', picture);
}

/** Rows 5 to 8 of the features: what was measured, and for more data than was there, the straight line through the sizes. */
export function reportRows(context: Context, costs: readonly StageCosts[], figures: RowFigures): void {
  const { report } = context;
  const { size, gigabytes, passes } = figures.stage;
  const pass = `${Number((gigabytes / passes).toPrecision(3))} of ${size}`;
  const served = ({ mode, rate, result }: RateFigures) =>
    `${mode}: ${readable(result.queriesPerSecond)} of ${rate}/s, ` +
    `p50 ${readable(result.latency.p50Ms)}, p99 ${readable(result.latency.p99Ms)} ms`;
  const rows = [
    ...figures.filter.map((figure) => ['5', `filter over ${pass}`, served(figure), 'under 100 ms, 100/s']),
    ...figures.aggregation.map((figure) => [
      '6',
      `aggregation over ${size}`,
      served(figure),
      'under 1 s, 50/s',
    ]),
    ['7', 'join, 100 GB', extrapolated(costs, 'join', 100), 'under 5 s, 20/s'],
    ...scanQueries.map((query) => [
      '8',
      `${query}, 1 TB`,
      extrapolated(costs, query, 1000),
      'under 30 s, 5/s',
    ]),
  ];
  const header = ['row', 'what', 'here', 'FEATURES'];
  const note =
    'Rows 7 and 8 are extrapolated by the straight line through the smallest and the largest size, for this machine, from data in the\n' +
    'page cache; where that many bytes do not fit in memory, reading them from disk comes on top. Queries/s: the reciprocal, as one\n' +
    'query uses all cores.';
  report.line('\nFEATURES rows 5 to 8');
  report.table(header, rows);
  report.line(note);
  const real = isRealRun(figures.stage);
  saveResult(
    context,
    real,
    'scale-rows.md',
    `${markdownHead('FEATURES rows 5 to 8')}\n${markdownTable(header, rows)}\n\n${note}\n`,
  );
}

function extrapolated(costs: readonly StageCosts[], query: QueryName, gigabytes: number): string {
  const { seconds, readGigabytes } = extrapolate(costs, query, gigabytes);
  // Sizes so small that they cost the same draw no line.
  if (!(seconds > 0)) return 'cannot be told from these sizes';
  return `${readable(seconds)} s, ${(1 / seconds).toPrecision(2)}/s, reads ${readable(readGigabytes)} GB (extrapolated)`;
}
