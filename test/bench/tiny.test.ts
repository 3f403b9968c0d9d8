import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const timeoutMs = 110_000;
/** A Python that has chdb, which is too large to be installed by tests. */
const python = process.env.CHDB_PYTHON;

interface Ended {
  stdout: string;
  stderr: string;
  code?: number;
}

async function runTiny(benches: readonly string[], ...options: string[]): Promise<string> {
  const words = ['dist/bench/main.js', '--tiny', ...options, ...benches];
  const run = promisify(execFile)(process.execPath, words, { cwd: root, timeout: timeoutMs });
  const { stdout, stderr, code = 0 } = (await run.catch((error: unknown) => error)) as Ended;
  const output = `${stdout}\n${stderr}`;
  expect(output).toContain('all PASS');
  expect(output).not.toContain('FAIL');
  expect(code, output).toBe(0);
  for (const name of benches) expect(output).toContain(`== ${name}`);
  return output;
}

it('runs the benches of one server with few records and right answers', { timeout: timeoutMs }, async () => {
  await runTiny(['ingest-large', 'storage', 'queries', 'ingest-small', 'ingest-latency', 'workers', 'micro']);
});

it('runs the scale bench and that of merges with few records', { timeout: timeoutMs }, async () => {
  expect(await runTiny(['latency-under-merge', 'scale'])).toContain('FEATURES rows 5 to 8');
});

it('asks the peers that need no download, and says which is left out', { timeout: timeoutMs }, async () => {
  const output = await runTiny(['peers']);
  expect(output).toContain('ClickHouse SKIPPED: chdb is not installed in a tiny run');
  expect(output).toContain('not available');
});

it.skipIf(python === undefined)(
  'asks ClickHouse too (needs CHDB_PYTHON, the path of a Python that has chdb)',
  { timeout: timeoutMs },
  async () => {
    const output = await runTiny(['peers'], '--python', python as string);
    expect(output).not.toContain('not available');
  },
);
