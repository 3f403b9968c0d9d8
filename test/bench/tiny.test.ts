import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const timeoutMs = 110_000;

it('runs every bench on the real server with few records and right answers', { timeout: timeoutMs }, () => {
  const result = spawnSync(process.execPath, ['dist/bench/main.js', '--tiny'], {
    cwd: root,
    encoding: 'utf8',
    timeout: timeoutMs,
  });
  const output = `${result.stdout}\n${result.stderr}`;
  expect(output).toContain('all PASS');
  expect(output).not.toContain('FAIL');
  expect(result.status, output).toBe(0);
  for (const name of [
    'ingest-large',
    'storage',
    'queries',
    'peers',
    'ingest-small',
    'ingest-latency',
    'latency-under-merge',
    'workers',
    'scale',
  ]) {
    expect(output).toContain(`== ${name}`);
  }
  expect(output).toContain('ClickHouse SKIPPED: chdb is not installed in a tiny run');
});
