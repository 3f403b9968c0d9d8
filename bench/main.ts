/** `npm run bench`: all benches, or those named. Ends with code 1 when an answer is wrong or a target is missed. */
import { parseArgs } from 'node:util';
import { Context, fullScale, tinyScale } from './end-to-end/context.js';
import { WorkFolder } from './end-to-end/dataset.js';
import { ingestLarge, ingestLatency, ingestSmall } from './end-to-end/ingest.js';
import { machineLine } from './end-to-end/machine.js';
import { queries } from './end-to-end/queries.js';
import { Report } from './end-to-end/report.js';
import { storage } from './end-to-end/storage.js';
import { workers } from './end-to-end/workers.js';
import { micro } from './micro/micro.js';
import { duckdb } from './peers/duckdb.js';

/** In the order in which they run: those that use the large data set first, while its server is there. */
const benches: Readonly<Record<string, (context: Context) => Promise<void>>> = {
  'ingest-large': ingestLarge,
  storage,
  queries,
  duckdb,
  'ingest-small': ingestSmall,
  'ingest-latency': ingestLatency,
  workers,
  micro,
};

const usage = `usage: npm run bench -- [options] [${Object.keys(benches).join('|')}]...
  --records N   records of the large data set (${fullScale.largeRecords}); targets of storage and queries need all of them
  --folder DIR  where data is written, about 8 GB (the system's temporary folder)
  --tiny        all of it with few records: checks answers, not speed`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      tiny: { type: 'boolean', default: false },
      records: { type: 'string' },
      folder: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const largeRecords = Number(values.records ?? (values.tiny ? tinyScale : fullScale).largeRecords);
  const unknown = positionals.filter((name) => !(name in benches));
  if (values.help || unknown.length > 0 || !Number.isSafeInteger(largeRecords) || largeRecords < 1) {
    if (unknown.length > 0) console.error(`no bench is called ${unknown.join(', ')}`);
    console.error(usage);
    return values.help ? 0 : 2;
  }
  const scale = { ...(values.tiny ? tinyScale : fullScale), largeRecords };
  console.log(machineLine());
  const report = new Report(!values.tiny);
  const folder = new WorkFolder(values.folder);
  const context = new Context(report, folder, scale);
  try {
    for (const [name, bench] of Object.entries(benches)) {
      if (positionals.length > 0 && !positionals.includes(name)) continue;
      // The large server is idle from here on, and would only take memory from the others.
      if (name === 'ingest-small') await context.close();
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
