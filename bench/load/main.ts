/** Command line of the load sender: prepares its requests, then sends them and prints what it measured. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeRecordFile } from '../generator/file.js';
import { Renewal } from './renewal.js';
import { RequestFile } from './request-file.js';
import type { SendResult } from './result.js';
import { Sender } from './sender.js';

const usage = `usage: node dist/bench/load/main.js --url http://127.0.0.1:5080 --user EMAIL --password PASSWORD [options]
  --stream NAME     stream to write to (bench)        --org NAME       organisation (default)
  --input FILE      NDJSON to send; without it, records are made first
  --records N       records to send (1000000); the input is sent again from its start when it has fewer
  --distinct N      records to take from the input or to make (all of --records)
  --batch N         records a request (5000)          --connections N  keep-alive connections (4)
  --rate N          records offered a second; 0: as fast as the server answers (0)
  --warmup N        of the records, sent before the clock starts (0)
  --sent-before N   records that earlier runs have sent: this one goes on behind them (0)
  --pass-seconds S  each further pass through the input is so much later, with new trace ids; 0: the same again (0)
  --samples FILE    write when each request was due (ms since 1970) and what it took (ms), one a line
  --pid N           the server's process, to watch its memory and processor time
  --json            print the result as one line of JSON`;

const text = (fallback: string) => ({ type: 'string' as const, default: fallback });

function readArguments() {
  const { values } = parseArgs({
    options: {
      url: text('http://127.0.0.1:5080'),
      user: text('root@example.com'),
      password: text(''),
      stream: text('bench'),
      org: text('default'),
      input: { type: 'string' },
      records: text('1000000'),
      distinct: { type: 'string' },
      batch: text('5000'),
      connections: text('4'),
      rate: text('0'),
      warmup: text('0'),
      'sent-before': text('0'),
      'pass-seconds': text('0'),
      samples: { type: 'string' },
      pid: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return values;
}

type Arguments = ReturnType<typeof readArguments>;

function positive(name: string, value: string, least = 1): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < least)
    throw new Error(`--${name} ${value} is not a number from ${least}`);
  return number;
}

function prepare(values: Arguments, url: URL, folder: string): RequestFile {
  const records = positive('records', values.records);
  const distinct = positive('distinct', values.distinct ?? values.records);
  let inputPath = values.input;
  if (!inputPath) {
    inputPath = join(folder, 'records.ndjson');
    const spanUs = 84_600e6;
    writeRecordFile({ records: distinct, seed: 1, startUs: Date.now() * 1000 - spanUs, spanUs }, inputPath);
  }
  const credentials = Buffer.from(`${values.user}:${values.password}`).toString('base64');
  return RequestFile.prepare({
    inputPath,
    outputPath: join(folder, 'requests'),
    batchRecords: positive('batch', values.batch),
    recordsMax: Math.min(records, distinct),
    head:
      `POST /api/${encodeURIComponent(values.org)}/${encodeURIComponent(values.stream)}/_json HTTP/1.1\r\n` +
      `Host: ${url.host}\r\nAuthorization: Basic ${credentials}\r\nContent-Type: application/json\r\n`,
  });
}

function print(result: SendResult): void {
  const { latency, server } = result;
  const perRecord = (seconds: number) => ((seconds * 1e6) / result.records).toFixed(3);
  console.log(
    `records        ${result.records} in ${result.requests} requests, ${result.refused} refused and sent again`,
  );
  console.log(
    `rate           ${Math.round(result.recordsPerSecond)} records/s, ${result.megabytesPerSecond.toFixed(1)} MB/s`,
  );
  console.log(
    `latency, ms    p50 ${latency.p50Ms} p90 ${latency.p90Ms} p99 ${latency.p99Ms} p99.9 ${latency.p999Ms} max ${latency.maxMs}`,
  );
  console.log(`sender         ${perRecord(result.senderCpuSeconds)} us of processor a record`);
  if (server) {
    console.log(
      `server         ${perRecord(server.cpuSeconds)} us of processor a record, ` +
        `${(server.rssPeakBytes / 1e6).toFixed(0)} MB resident at most`,
    );
  }
}

async function main(): Promise<number> {
  const values = readArguments();
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const url = new URL(values.url);
  const folder = mkdtempSync(join(tmpdir(), 'basalt-load-'));
  try {
    const file = prepare(values, url, folder);
    const batch = positive('batch', values.batch);
    const warmupRequests = Math.ceil(positive('warmup', values.warmup, 0) / batch);
    const passSeconds = positive('pass-seconds', values['pass-seconds'], 0);
    const samples: string[] = [];
    const result = await new Sender(file, {
      host: url.hostname,
      port: Number(url.port || 80),
      connections: positive('connections', values.connections),
      rateRecords: positive('rate', values.rate, 0),
      requests: Math.max(1, Math.ceil(positive('records', values.records) / batch) - warmupRequests),
      warmupRequests,
      sentBefore: Math.ceil(positive('sent-before', values['sent-before'], 0) / batch),
      ...(passSeconds > 0 ? { renewal: new Renewal(passSeconds, process.pid) } : {}),
      ...(values.samples ? { onAnswer: (dueMs, tookMs) => samples.push(`${dueMs} ${tookMs}\n`) } : {}),
      ...(values.pid ? { serverPid: positive('pid', values.pid) } : {}),
    }).run();
    file.close();
    if (values.samples) writeFileSync(values.samples, samples.join(''));
    if (values.json) console.log(JSON.stringify(result));
    else print(result);
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
