/**
 * What queries and ingest cost as data grows: one server, sizes one after the other (1, 10 and 40 GB of JSON unless told otherwise), each
 * record newer than those before. The records of one gigabyte are made once and sent in passes, each an hour later and with new
 * trace ids; the other fields repeat in each pass.
 */

import type { Client } from '../end-to-end/client.js';
import { type Context, withServer } from '../end-to-end/context.js';
import { type MetricsSample, MetricsWatch } from '../end-to-end/metrics.js';
import { readable } from '../end-to-end/report.js';
import { send } from '../end-to-end/send.js';
import type { ServerProcess } from '../end-to-end/server.js';
import { sizesByKind } from '../end-to-end/storage.js';
import { rssPeakBytes } from '../load/process-usage.js';
import type { SendResult } from '../load/result.js';
import { errorsMinOf, parametersOf } from '../peers/queries.js';
import { concurrency } from './concurrency.js';
import { measureCosts, type StageCosts } from './costs.js';
import { offeredRates, type RowFigures } from './offered-rates.js';
import { type IngestStage, reportCosts, reportIngest, reportRows } from './scale-report.js';
import { scaledTruth } from './scaled-truth.js';
import { batchRecords, makeSource, passSeconds, passUs, planPasses, type Source } from './stages.js';

/** Rows 5 and 6 of the features, and many clients, are measured at this size, or at the largest. */
const featureGigabytes = 10;
const metricsIntervalMs = 500;
/** A server that takes fewer records a second than this is broken, and not waited for. */
const recordsPerSecondMin = 50_000;
const rssMegabytesMax = 2000;
/** Hours beyond the data that the hourly query reaches back, since the run takes its time. */
const runHours = 12;

/** One size: all that was sent so far. */
export interface Stage {
  readonly passes: number;
  /** 10^9 bytes of JSON. */
  readonly gigabytes: number;
  /** That, for people. */
  readonly size: string;
  readonly records: number;
}

export async function scale(context: Context): Promise<void> {
  const { report } = context;
  const { unit, passes } = planPasses(context.scale.gigabytes);
  const total = passes.at(-1) as number;
  report.title(
    `scale: ${passes.map((count) => Number((count * unit).toPrecision(3))).join(', ')} GB of JSON on one server`,
  );
  report.line(`… making ${unit} GB of records; each is sent ${total} times, later and with other trace ids`);
  const source = makeSource(context.folder, unit, total);
  const { pageCache } = context.settings;
  const environment: Record<string, string> = pageCache ? {} : { BASALT_PAGE_CACHE_BYTES: '0' };
  await withServer(context, environment, async (server, client) => {
    const ingests: IngestStage[] = [];
    const costs: StageCosts[] = [];
    let rows: RowFigures | undefined;
    for (const [index, count] of passes.entries()) {
      const stage = stageOf(source, count);
      const ingest = await ingestStage(context, server, client, source, stage, passes[index - 1] ?? 0);
      ingests.push({ stage, ...ingest });
      costs.push(await measureCosts(context, client, caseInputs(source, stage, total), stage, costs[0]));
      const last = index === passes.length - 1;
      if (pageCache && rows === undefined && (last || count * unit >= featureGigabytes)) {
        rows = await offeredRates(context, server, client, source, stage);
        await concurrency(context, server, source, stage);
      }
    }
    reportIngest(context, ingests);
    reportCosts(context, costs);
    if (rows) reportRows(context, costs, rows);
    const peak = rssPeakBytes(server.pid) / 1e6;
    report.target(
      'resident memory of the server, peak of all of this',
      peak,
      'at most',
      rssMegabytesMax,
      'MB',
    );
  });
}

function stageOf(source: Source, passes: number): Stage {
  const gigabytes = (source.jsonBytes * passes) / 1e9;
  return {
    passes,
    gigabytes,
    size: `${Number(gigabytes.toPrecision(3))} GB`,
    records: source.records * passes,
  };
}

/** Queries ask for so many errors of a user as grow with the data: then every size has the same users, and answers that can be known. */
function caseInputs(source: Source, { passes }: Stage, passesInAll: number) {
  const truth = scaledTruth(source.truth, passes, passUs);
  const parameters = {
    ...parametersOf(source.truth),
    hours: passesInAll + runHours,
    errorsMin: errorsMinOf(source.records) * passes,
  };
  return { truth, parameters, startUs: source.startUs, endUs: source.startUs + passes * passUs };
}

async function ingestStage(
  context: Context,
  server: ServerProcess,
  client: Client,
  source: Source,
  stage: Stage,
  passesBefore: number,
): Promise<{
  result: SendResult;
  samples: readonly MetricsSample[];
  flushSeconds: number;
  diskBytes: number;
}> {
  const { report } = context;
  const records = (stage.passes - passesBefore) * source.records;
  report.line(`… sending ${readable(records)} records, up to ${stage.size}`);
  const watch = new MetricsWatch(server.url, metricsIntervalMs);
  const sending = send(server, source, {
    batchRecords,
    connections: 4,
    records,
    sentBefore: passesBefore * source.records,
    passSeconds,
    secondsMax: 60 + records / recordsPerSecondMin,
  });
  const result = await sending.finally(() => watch.stop().catch(() => {}));
  const samples = await watch.stop();
  const flushSeconds = (await client.flush()) / 1000;
  const sizes = [...sizesByKind(server.dataDirectory).values()];
  const diskBytes = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  return { result, samples, flushSeconds, diskBytes };
}
