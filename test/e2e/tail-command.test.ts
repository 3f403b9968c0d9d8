/** `basalt tail` against the real server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../harness/cli.js';
import { program } from '../harness/paths.js';
import { TestServer } from '../harness/server.js';

let server: TestServer;
let child: ChildProcess | undefined;
let [stdout, stderr] = ['', ''];

beforeAll(async () => {
  server = await TestServer.start();
});
afterEach(() => void child?.kill('SIGKILL'));
afterAll(() => server.stop());

/** Starts a tail and waits until it is open. */
async function follow(...args: string[]): Promise<void> {
  [stdout, stderr] = ['', ''];
  child = spawn(process.execPath, [program, 'tail', ...args], {
    env: { ...server.cliEnvironment(), NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await opened();
}

async function opened(): Promise<void> {
  const isOpen = async () => /^basalt_tails 1$/m.test((await server.client.request('GET', '/metrics')).text);
  await expect.poll(isOpen, { timeout: 20_000 }).toBe(true);
}

const TIME = Date.UTC(2026, 0, 2, 3, 4, 5, 678) * 1000;

describe('basalt tail', () => {
  test('shows what is there and what comes, for people', async () => {
    await server.client.store('app', [
      { _timestamp: TIME, level: 'info', message: 'first', n: 1 },
      { _timestamp: TIME + 1, level: 'error', message: 'second', n: 2 },
    ]);
    await follow('app', '--lines', '1');
    await server.client.store('app', [
      { _timestamp: TIME, level: 'warn', message: 'tab\there', n: 9007199254740993n.toString(), user: 'a b' },
      { _timestamp: TIME, n: 4 },
    ]);
    await expect
      .poll(() => stdout, { timeout: 10_000 })
      .toBe(
        [
          '2026-01-02T03:04:05.678Z  error  second  n=2',
          '2026-01-02T03:04:05.678Z  warn   tab\\there  n=9007199254740993 user="a b"',
          '2026-01-02T03:04:05.678Z  n=4',
          '',
        ].join('\n'),
      );
  });

  test('filters, and gives rows as they are with --format json', async () => {
    await follow('json', '--filter', 'n > 1', '--format', 'json');
    await server.client.store(
      'json',
      [1, 2, 3].map((n) => ({ _timestamp: TIME, n })),
    );
    await expect
      .poll(() => stdout, { timeout: 10_000 })
      .toBe(`{"_timestamp":${TIME},"n":2}\n{"_timestamp":${TIME},"n":3}\n`);
  });

  test('marks the place of an error in the filter', async () => {
    await server.client.store('app', [{ n: 1 }]);
    const result = await runCli(server, ['tail', 'app', '--filter', 'n = 1 AND lvel = 2']);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/ {2}n = 1 AND lvel = 2\n {12}\^\n/);
  });

  test('goes on when the server comes back, and says so', async () => {
    // Below the ports that the system gives to clients, so that nobody has it meanwhile.
    const address = `127.0.0.1:${20_000 + (process.pid % 10_000)}`;
    await server.restart('SIGTERM', { env: { BASALT_HTTP_ADDR: address } });
    await follow('back');
    await server.restart('SIGKILL');
    await opened();
    await server.client.store('back', [{ _timestamp: TIME, message: 'again' }]);
    await expect.poll(() => stdout, { timeout: 10_000 }).toBe('2026-01-02T03:04:05.678Z  again\n');
    expect(stderr).toMatch(/^the connection was lost \(.+\), trying again in 0.25 s\n/);
    expect(stderr).toContain('connected again');
  });

  test('does not wait for a server that is not there at first', async () => {
    const result = await runCli(server, ['tail', 'app', '--url', 'http://127.0.0.1:1']);
    expect([result.code, result.stderr]).toEqual([
      1,
      expect.stringContaining('no answer from http://127.0.0.1:1'),
    ]);
  });
});
