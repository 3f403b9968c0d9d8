/** Runs the compiled `basalt` command as a user would. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export interface CliResult {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

export interface CliInput {
  stdin?: Buffer | string;
  env?: Record<string, string>;
  cwd?: string;
}

export function runCli(args: string[], { stdin, env = {}, cwd }: CliInput = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const clean = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('BASALT_')),
    );
    const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...clean, NO_COLOR: '1', ...env } });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString('utf8') }),
    );
    child.stdin.on('error', () => {}); // The command may end before it has read everything.
    child.stdin.end(stdin ?? '');
  });
}
