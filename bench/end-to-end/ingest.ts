/** Records in over HTTP, each request acknowledged when it is on disk. */
import type { SendResult } from '../load/result.js';
import type { Client } from './client.js';
import { type Context, withServer } from './context.js';
import type { Dataset } from './dataset.js';
import { readable } from './report.js';
import { send } from './send.js';

const megabyte = 1e6;

/** 5,000-record requests; the segments' writing is part of the load, since merges run meanwhile. */
export async function ingestLarge(context: Context): Promise<void> {
  const { report, scale } = context;
  report.title(`ingest-large: ${readable(scale.largeRecords)} records in requests of 5,000, 4 connections`);
  const { ingest, client, dataset, server } = await context.loaded();
  printLoad(context, ingest);
  report.target('rate', ingest.recordsPerSecond, 'at least', 600_000, 'records/s');
  report.answer('count(*) after it', await wrongCount(client, dataset));
  const flushMs = await client.flush();
  const settledSeconds = ingest.seconds + flushMs / 1000;
  report.line(
    `all in segments ${readable(flushMs / 1000)} s later: ${readable(ingest.records / settledSeconds)} records/s with that`,
  );
  const peak = ingest.server?.rssPeakBytes ?? 0;
  report.target('resident memory, peak', peak / megabyte, 'at most', 1500, 'MB');
  if (server.output.trim() !== '') report.line(`server wrote: ${server.output.trim()}`);
}

/** 50-record requests from 32 connections, as fast as they are answered. */
export async function ingestSmall(context: Context): Promise<void> {
  const { report, scale } = context;
  report.title(`ingest-small: ${readable(scale.smallRecords)} records in requests of 50, 32 connections`);
  const dataset = context.folder.dataset(scale.smallRecords);
  await withServer(context, {}, async (server, client) => {
    const settings = { batchRecords: 50, connections: 32, warmupRecords: scale.warmupRecords };
    const result = await send(server, dataset, settings);
    printLoad(context, result);
    report.target('rate', result.recordsPerSecond, 'at least', 200_000, 'records/s');
    report.answer('count(*) after it', await wrongCount(client, dataset));
  });
}

/** 50-record requests offered at a fixed rate; latency counts from the moment each was due. */
export async function ingestLatency(context: Context): Promise<void> {
  const { report, scale } = context;
  report.title(
    `ingest-latency: ${readable(scale.latencyRate)} records/s offered in requests of 50, 32 connections`,
  );
  const dataset = context.folder.dataset(scale.latencyRecords);
  await withServer(context, {}, async (server, client) => {
    const result = await send(server, dataset, {
      batchRecords: 50,
      connections: 32,
      rateRecords: scale.latencyRate,
      warmupRecords: scale.warmupRecords,
    });
    printLoad(context, result);
    report.target('p99', result.latency.p99Ms, 'at most', 10, 'ms');
    report.answer('count(*) after it', await wrongCount(client, dataset));
  });
}

function printLoad({ report }: Context, result: SendResult): void {
  const { latency, service, server } = result;
  const usPerRecord = (seconds: number) => (seconds * 1e6) / (result.records || 1);
  report.table(
    [
      'records',
      'seconds',
      'records/s',
      'MB/s',
      'refused',
      'server us/rec',
      'sender us/rec',
      'RSS max MB',
      'RSS peak MB',
    ],
    [
      [
        readable(result.records),
        readable(result.seconds),
        readable(result.recordsPerSecond),
        readable(result.megabytesPerSecond),
        result.refused,
        usPerRecord(server?.cpuSeconds ?? 0).toFixed(2),
        usPerRecord(result.senderCpuSeconds).toFixed(2),
        readable((server?.rssMaxBytes ?? 0) / megabyte),
        readable((server?.rssPeakBytes ?? 0) / megabyte),
      ],
    ],
  );
  const row = (name: string, of: typeof latency) => [
    name,
    ...[of.p50Ms, of.p90Ms, of.p99Ms, of.p999Ms, of.maxMs].map(readable),
  ];
  report.table(
    ['ms', 'p50', 'p90', 'p99', 'p99.9', 'max'],
    [row('due to answer', latency), row('sent to answer', service)],
  );
}

/** What is wrong with the number of records that the server has; undefined when it is that of the data set. */
export async function wrongCount(client: Client, dataset: Dataset): Promise<string | undefined> {
  const { hits } = await client.search({
    sql: 'SELECT count(*) AS count FROM logs',
    startUs: dataset.startUs,
    endUs: dataset.endUs,
    size: 1,
  });
  const found = hits[0]?.count;
  return found === dataset.records ? undefined : `${found} records, ${dataset.records} were acknowledged`;
}
