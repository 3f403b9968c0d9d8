import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SendResult } from '../load/result.js';
import type { Dataset } from './dataset.js';
import type { ServerProcess } from './server.js';

const entryPath = fileURLToPath(new URL('../load/main.js', import.meta.url));

export interface SendSettings {
  readonly batchRecords: number;
  readonly connections: number;
  /** Records a second offered; 0 is a closed loop. */
  readonly rateRecords?: number;
  readonly warmupRecords?: number;
  /** Records to send, all of the data set's when absent; more than those means several passes. */
  readonly records?: number;
  /** Records of earlier runs, behind which this one goes on. */
  readonly sentBefore?: number;
  /** How much later each further pass through the data set is, with new trace ids. */
  readonly passSeconds?: number;
  /** A file for each request's due time and latency. */
  readonly samplesPath?: string;
  /** The sender is ended with an error after this long. */
  readonly secondsMax?: number;
}

export const stream = 'logs';
const secondsMaxDefault = 1800;

/** Sends a data set to the server from a process of its own, and watches the server meanwhile. */
export async function send(
  server: ServerProcess,
  dataset: Pick<Dataset, 'path' | 'records'>,
  settings: SendSettings,
): Promise<SendResult> {
  const words = Object.entries({
    url: server.url,
    user: server.user,
    password: server.password,
    stream,
    input: dataset.path,
    records: settings.records ?? dataset.records,
    distinct: dataset.records,
    batch: settings.batchRecords,
    connections: settings.connections,
    rate: settings.rateRecords ?? 0,
    warmup: settings.warmupRecords ?? 0,
    'sent-before': settings.sentBefore ?? 0,
    'pass-seconds': settings.passSeconds ?? 0,
    ...(settings.samplesPath === undefined ? {} : { samples: settings.samplesPath }),
    pid: server.pid,
  }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, [entryPath, '--json', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: (settings.secondsMax ?? secondsMaxDefault) * 1000,
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const code = await new Promise<number | string | null>((resolve, reject) => {
    child.once('close', (exitCode, signal) => resolve(exitCode ?? signal));
    child.once('error', reject);
  });
  if (code !== 0)
    throw new Error(`the load sender failed (${code}): ${errors.trim()}\nserver: ${server.output.trim()}`);
  return JSON.parse(output) as SendResult;
}
