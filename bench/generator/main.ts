/** Command line of the record generator. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeRecordFile, writeRecords } from './file.js';

const usage = `usage: node dist/bench/generator/main.js RECORDS [SEED [START_ISO [SPAN_SECONDS]]] [--out FILE] [--truth FILE]
  Application log records as NDJSON on standard output, or in FILE with the right answers in FILE.truth.json.`;

function main(): number {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { out: { type: 'string' }, truth: { type: 'string' } },
  });
  const [records, seed = '1', start = '2026-11-01T00:00:00Z', span = '86400'] = positionals;
  const options = {
    records: Number(records),
    seed: Number(seed),
    startUs: Date.parse(start) * 1000,
    spanUs: Number(span) * 1e6,
  };
  if (!Object.values(options).every(Number.isSafeInteger) || options.records < 1 || options.spanUs < 1) {
    console.error(usage);
    return 2;
  }
  const truth = values.out ? writeRecordFile(options, values.out) : writeRecords(options, 1);
  if (values.truth) writeFileSync(values.truth, JSON.stringify(truth));
  return 0;
}

process.exitCode = main();
