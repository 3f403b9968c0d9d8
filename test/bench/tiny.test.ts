import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const timeoutMs = 110_000;

function runTiny(benches: readonly string[]): string {
  const result = spawnSync(process.execPath, ['dist/bench/main.js', '--tiny', ...benches], {
    cwd: root,
    encoding: 'utf8',
    timeout: timeoutMs,
  });
  const output = `${result.stdout}\n${result.stderr}`;
  expect(output).toContain('all PASS');
  expect(output).not.toContain('FAIL');
  expect(result.status, output).toBe(0);
  for (const name of benches) expect(output).toContain(`== ${name}`);
  return output;
}

it('runs the benches of one server with few records and right answers', { timeout: timeoutMs }, () => {
  runTiny(['ingest-large', 'storage', 'queries', 'ingest-small', 'ingest-latency', 'workers', 'micro']);
});

it('runs the scale bench and that of merges with few records and right answers', {
  timeout: timeoutMs,
}, () => {
  const output = runTiny(['latency-under-merge', 'scale']);
  expect(output).toContain('FEATURES rows 5 to 8');
});

it('asks the peers that need no download the same, and says which is left out', {
  timeout: timeoutMs,
}, (context) => {
  const output = runTiny(['peers']);
  const skipped = 'ClickHouse SKIPPED: chdb is not installed in a tiny run';
  expect(output).toContain(skipped);
  context.skip(`the rest agreed; ${skipped}`);
});
