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
}

export const stream = 'logs';

/** Sends a data set to the server from a process of its own, and watches the server meanwhile. */
export async function send(
  server: ServerProcess,
  dataset: Dataset,
  settings: SendSettings,
): Promise<SendResult> {
  const words = Object.entries({
    url: server.url,
    user: server.user,
    password: server.password,
    stream,
    input: dataset.path,
    records: dataset.records,
    batch: settings.batchRecords,
    connections: settings.connections,
    rate: settings.rateRecords ?? 0,
    warmup: settings.warmupRecords ?? 0,
    pid: server.pid,
  }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, [entryPath, '--json', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const code = await new Promise((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  if (code !== 0)
    throw new Error(`the load sender failed: ${errors.trim()}\nserver: ${server.output.trim()}`);
  return JSON.parse(output) as SendResult;
}
