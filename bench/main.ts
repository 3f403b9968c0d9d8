/** `npm run bench`: all benches, or those named. Ends with code 1 when an answer is wrong or a target is missed. */
import { parseArgs } from 'node:util';
import { Context, fullScale, tinyScale } from './end-to-end/context.js';
import { WorkFolder } from './end-to-end/dataset.js';
import { ingestLarge, ingestLatency, ingestSmall } from './end-to-end/ingest.js';
import { latencyUnderMerge } from './end-to-end/latency-under-merge.js';
import { machineLine } from './end-to-end/machine.js';
import { queries } from './end-to-end/queries.js';
import { Report } from './end-to-end/report.js';
import { commandLine } from './end-to-end/results.js';
import { storage } from './end-to-end/storage.js';
import { workers } from './end-to-end/workers.js';
import { peers } from './peers/peers.js';
import { scale as scaleRun } from './scale/scale.js';

/** In the order in which they run: those that use the large data set first, while its server is there. */
const benches: Readonly<Record<string, (context: Context) => Promise<void>>> = {
  'ingest-large': ingestLarge,
  storage,
  queries,
  peers,
  'ingest-small': ingestSmall,
  'ingest-latency': ingestLatency,
  'latency-under-merge': latencyUnderMerge,
  workers,
  // Loads the addon, which must not be in the process that measures the others.
  micro: async (context) => (await import('./micro/micro.js')).micro(context),
  scale: scaleRun,
};

/** These share the server with the large data set. */
const onLargeServer = new Set(['ingest-large', 'storage', 'queries']);
/** Takes most of an hour, and so runs only when it is named, or with little data. */
const onlyNamed = new Set(['scale']);

const usage = `usage: npm run bench -- [options] [${Object.keys(benches).join('|')}]...
  Without a name: all but ${[...onlyNamed].join(', ')}.
  --records N       records of the large data set (${fullScale.largeRecords}); targets of storage and queries need all of them
  --data FILE       peers: NDJSON of the generator's shape instead of its records
  --python PATH     peers: a Python that has chdb; without it one is made in the work folder (pip, 900 MB)
  --gigabytes LIST  scale: sizes of JSON in 10^9 bytes, ascending (${fullScale.gigabytes.join()})
  --no-page-cache   scale: every scan decodes its pages, whether little or much data fits the cache; costs only
  --folder DIR      where data is written, about 10 GB, 15 for scale (the system's temporary folder)
  --tiny            all of it with few records: checks answers, not speed`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      tiny: { type: 'boolean', default: false },
      records: { type: 'string' },
      folder: { type: 'string' },
      data: { type: 'string' },
      python: { type: 'string' },
      gigabytes: { type: 'string' },
      'no-page-cache': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const largeRecords = Number(values.records ?? (values.tiny ? tinyScale : fullScale).largeRecords);
  const base = values.tiny ? tinyScale : fullScale;
  const gigabytes = values.gigabytes?.split(',').map(Number) ?? base.gigabytes;
  const unknown = positionals.filter((name) => !(name in benches));
  const wrong =
    !Number.isSafeInteger(largeRecords) || largeRecords < 1 || !gigabytes.every((size) => size > 0);
  if (values.help || unknown.length > 0 || wrong) {
    if (unknown.length > 0) console.error(`no bench is called ${unknown.join(', ')}`);
    console.error(usage);
    return values.help ? 0 : 2;
  }
  console.log(`${commandLine()}\n${machineLine()}`);
  const report = new Report(!values.tiny);
  const folder = new WorkFolder(values.folder);
  const settings = {
    dataPath: values.data,
    python: values.python,
    mayInstall: !values.tiny,
    pageCache: !values['no-page-cache'],
  };
  const context = new Context(report, folder, { ...base, largeRecords, gigabytes }, settings);
  try {
    for (const [name, bench] of Object.entries(benches)) {
      if (positionals.length > 0 ? !positionals.includes(name) : onlyNamed.has(name) && !values.tiny)
        continue;
      // The large server would only take memory from the others.
      if (!onLargeServer.has(name)) await context.close();
      await bench(context);
    }
  } finally {
    await context.close();
    folder.remove();
  }
  report.line(report.failures === 0 ? '\nall PASS' : `\n${report.failures} FAIL`);
  return report.failures === 0 ? 0 : 1;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(error.stack ?? error.message);
    process.exitCode = 1;
  },
);
