/** The tables, verdicts and pictures of the peers bench. */
import { barChart, labelledBars } from '../end-to-end/chart.js';
import type { Context } from '../end-to-end/context.js';
import { readable } from '../end-to-end/report.js';
import { markdownHead, markdownTable, saveResult } from '../end-to-end/results.js';
import type { PeerData } from './data.js';
import type { LoadFigures } from './engine.js';
import { type QueryName, queryNames } from './queries.js';

/** By question, then by engine. */
export type EngineTimes = Map<QueryName, Map<string, { minMs: number; medianMs: number }>>;

const ownNames = ['Basalt cached', 'Basalt'] as const;
const peerNames = ['DuckDB', 'Parquet', 'ClickHouse'] as const;
const engineNames = [...ownNames, ...peerNames];
/** Faster than this counts as fast enough, whoever is faster still. */
const fastMs = 2;
const timesFasterTarget = 3;

export interface Judged {
  readonly query: QueryName;
  readonly bestName: string;
  readonly bestMs: number;
  /** How many times faster than the best peer, by Basalt's name in the tables. */
  readonly timesFaster: ReadonlyMap<string, number>;
  readonly fastEnough: ReadonlyMap<string, boolean>;
}

/** Each question's best peer and how Basalt stands against it, by the minimum of the runs. */
export function judge(times: EngineTimes): Judged[] {
  return [...times].map(([query, row]) => {
    const [bestName, bestMs] = peerNames
      .flatMap((name) => (row.has(name) ? [[name, row.get(name)?.minMs as number] as const] : []))
      .reduce((best, peer) => (peer[1] < best[1] ? peer : best));
    const own = ownNames.map((name) => [name, row.get(name)?.minMs as number] as const);
    return {
      query,
      bestName,
      bestMs,
      timesFaster: new Map(own.map(([name, ms]) => [name, bestMs / ms])),
      fastEnough: new Map(own.map(([name, ms]) => [name, ms <= bestMs || ms < fastMs])),
    };
  });
}

/** The geometric mean of how many times faster, over the thirteen questions whose best peer takes more than 2 ms; NaN without any. */
export function meanTimesFaster(judged: readonly Judged[], name: string): number {
  const slow = judged.filter(({ query, bestMs }) => query !== 'match_all' && bestMs > fastMs);
  const logarithms = slow.map(({ timesFaster }) => Math.log(timesFaster.get(name) as number));
  return Math.exp(logarithms.reduce((sum, value) => sum + value, 0) / logarithms.length);
}

export function reportPeers(
  context: Context,
  data: PeerData,
  loaded: { figures: ReadonlyMap<string, LoadFigures>; absent: ReadonlyMap<string, string> },
  times: EngineTimes,
  /** Whether figures are held against their targets, and kept. */
  full: boolean,
): void {
  const { report } = context;
  const loads = loadTable(data, loaded.figures, loaded.absent);
  report.table(...loads);
  const judged = judge(times);
  const minimum = timeTable(times, 'minMs', judged);
  const median = timeTable(times, 'medianMs');
  report.line('\nminimum of the warm runs, ms; x: how many times faster than the best peer');
  report.table(...minimum);
  report.line('\nmedian of the warm runs, ms');
  report.table(...median);
  const present = engineNames.filter((name) => times.get('count')?.has(name));
  for (const [query, row] of times) {
    const bars = present.map((name) => [name, row.get(name)?.minMs as number] as const);
    report.line(labelledBars(query, bars, 'ms'));
  }
  for (const line of notes) report.line(line);
  const means = ownNames.map((name) => `${name} ${readable(meanTimesFaster(judged, name))}`).join(', ');
  const meanLine = `times faster than the best peer, geometric mean over questions where that takes more than ${fastMs} ms: ${means}`;
  report.line(meanLine);
  if (full) judgeTargets(context, judged);
  const missing = [...loaded.absent].map(([name, reason]) => `\n${name}: not available (${reason}).\n`);
  saveResult(context, full, 'peers.svg', picture(data, times, present));
  saveResult(
    context,
    full,
    'peers.md',
    [
      markdownHead(`${readable(data.records)} records on Basalt and its peers`),
      `${markdownTable(...loads)}\n`,
      `Minimum of the warm runs, ms; x: how many times faster than the best peer.\n\n${markdownTable(...minimum)}\n`,
      `Median of the warm runs, ms.\n\n${markdownTable(...median)}\n`,
      `${meanLine}\n${missing.join('')}\n${notes.join('\n')}\n`,
    ].join('\n'),
  );
}

const notes = [
  'Basalt is asked over HTTP by another process, JSON made and parsed included; the others are called in process, without a network:',
  'DuckDB with its rows fetched into this process, ClickHouse with its result as JSON text (timed inside its Python process).',
  'Basalt cached: the same request again, caches of results on. Basalt: the same with use_cache: false. The peers keep no results.',
  'Basalt took its records over HTTP, each request on disk before its answer; the peers read a local file.',
  'p95 is a t-digest in all of them. match_all (case-insensitive; ILIKE in the peers) is not one of the thirteen.',
];

function loadTable(
  data: PeerData,
  figures: ReadonlyMap<string, LoadFigures>,
  absent: ReadonlyMap<string, string>,
): [string[], (string | number)[][]] {
  const rate = (seconds: number | undefined) =>
    seconds === undefined ? '' : readable(data.records / seconds);
  const rows = [...figures].map(([name, load]) => [
    name,
    load.how,
    load.durable,
    rate(load.seconds),
    rate(load.settledSeconds),
    readable(load.diskBytes / 1e6),
    (load.diskBytes / data.records).toFixed(1),
    load.rssPeakBytes === undefined ? '' : readable(load.rssPeakBytes / 1e6),
  ]);
  for (const [name, reason] of absent) rows.push([name, 'not available', reason]);
  const header = ['engine', 'how the data went in', 'durable at the answer', 'records/s', 'all settled'];
  return [[...header, 'disk MB', 'bytes/record', 'RSS peak MB'], rows];
}

function timeTable(
  times: EngineTimes,
  figure: 'minMs' | 'medianMs',
  judged?: readonly Judged[],
): [string[], string[][]] {
  const verdicts = new Map(judged?.map((one) => [one.query, one]));
  const rows = queryNames.flatMap((query) => {
    const row = times.get(query);
    if (!row) return [];
    const cells = engineNames.map((name) => {
      const timed = row.get(name);
      return timed ? readable(timed[figure]) : 'not available';
    });
    const verdict = verdicts.get(query);
    if (!verdict) return [[query, ...cells]];
    const ours = ownNames.flatMap((name) => [
      `${(verdict.timesFaster.get(name) as number).toFixed(2)}x`,
      verdict.fastEnough.get(name) ? 'yes' : 'NO',
    ]);
    return [[query, ...cells, verdict.bestName, ...ours]];
  });
  const header = ['query', ...engineNames];
  return [
    judged ? [...header, 'best peer', 'cached x', 'fast enough', 'uncached x', 'fast enough'] : header,
    rows,
  ];
}

/** The targets are for warm runs, and so for caches as they are by default. Without them is shown beside, and is no target. */
function judgeTargets({ report }: Context, judged: readonly Judged[]): void {
  const thirteen = judged.filter(({ query }) => query !== 'match_all');
  for (const name of ownNames) {
    const slow = thirteen.filter(({ fastEnough }) => !fastEnough.get(name)).map(({ query }) => query);
    report.line(
      `${name}: ${thirteen.length - slow.length} of ${thirteen.length} as fast as the best peer or under ${fastMs} ms` +
        (slow.length > 0 ? `; not ${slow.join(', ')}` : ''),
    );
  }
  const [cached] = ownNames;
  for (const { query, bestMs, fastEnough } of thirteen) {
    report.answer(
      `${query} fast enough`,
      fastEnough.get(cached) ? undefined : `the best peer takes ${readable(bestMs)} ms`,
    );
  }
  report.target(
    'times faster, geometric mean',
    meanTimesFaster(judged, cached),
    'at least',
    timesFasterTarget,
    'x',
  );
}

function picture(data: PeerData, times: EngineTimes, present: readonly string[]): string {
  return barChart({
    title: `ms, minimum of warm runs over ${readable(data.records)} records (logarithmic; shorter is better)`,
    groups: [...times.keys()],
    series: present.map((name) => ({ name, y: [...times.values()].map((row) => row.get(name)?.minMs) })),
  });
}
