/** Runs the command line program against a test server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { program } from './paths.js';
import type { TestServer } from './server.js';

export interface CliResult {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

const CLI_TIMEOUT_MS = 60_000;

export async function runCli(server: TestServer, args: string[], input?: Uint8Array): Promise<CliResult> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: server.dataDir,
    env: server.cliEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: CLI_TIMEOUT_MS,
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8') };
}
