import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runCli } from './run-cli.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'basalt-serve-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('basalt serve --print-config', () => {
  test('file < environment < flags, and the password is not shown', async () => {
    writeFileSync(
      join(folder, 'basalt.yaml'),
      'ingestWorkers: 1\nqueryWorkers: 1\nlogLevel: warn\nrootUserPassword: geheim\n',
    );
    const env = { BASALT_QUERY_WORKERS: '2', BASALT_LOG_LEVEL: 'error' };
    const args = [
      'serve',
      '--print-config',
      '--log-level',
      'debug',
      '--http-addr',
      '[::1]:0',
      '--data-dir',
      'd',
    ];
    const { code, stdout, stderr } = await runCli(args, { cwd: folder, env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(parse(stdout.toString())).toMatchObject({
      ingestWorkers: 1,
      queryWorkers: 2,
      logLevel: 'debug',
      httpAddr: '[::1]:0',
      dataDir: join(folder, 'd'),
      rootUserPassword: '********',
    });
    expect(stdout.toString()).not.toContain('geheim');
  });

  test('unknown keys are refused with the nearest known one', async () => {
    const variable = await runCli(['serve', '--print-config'], {
      cwd: folder,
      env: { BASALT_HTTP_ADRR: 'x' },
    });
    expect(variable.code).toBe(1);
    expect(variable.stderr).toContain("did you mean 'BASALT_HTTP_ADDR'?");
    const file = join(folder, 'other.yaml');
    writeFileSync(file, 'dataDri: x\n');
    const key = await runCli(['serve', '--print-config', '--config', file], { cwd: folder });
    expect(key.stderr).toContain("did you mean 'dataDir'?");
    const flag = await runCli(['serve', '--data-dri', 'x'], { cwd: folder });
    expect(flag.code).toBe(1);
    expect(flag.stderr).toContain('Did you mean --data-dir?');
  });

  test('a wrong value names its key', async () => {
    const { code, stderr } = await runCli(['serve', '--print-config', '--query-workers', '0'], {
      cwd: folder,
    });
    expect(code).toBe(1);
    expect(stderr).toContain('queryWorkers');
  });
});

test('basalt without arguments, with --version, and with an unknown command', async () => {
  expect((await runCli(['--version'])).stdout.toString()).toMatch(/^\d+\.\d+\.\d+\n$/);
  const unknown = await runCli(['qeury']);
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toContain('Did you mean query?');
});
