/** What a start refuses, and what it leaves behind. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { FATAL_EXIT_CODE } from '../../src/errors/index.js';
import { type ServerOptions, StartError, TestServer } from '../harness/server.js';

let server: TestServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function refusal(env: ServerOptions['env'], on = TestServer.prepare()): Promise<StartError> {
  const error = await on.launch({ env }).then(
    () => new Error('the server started'),
    (reason: unknown) => reason,
  );
  if (on !== server) await on.stop();
  if (!(error instanceof StartError)) throw error;
  return error;
}

test('listening beyond this host without a password of its own is refused', async () => {
  const { exit, log } = await refusal({
    BASALT_HTTP_ADDR: '0.0.0.0:0',
    BASALT_ROOT_USER_PASSWORD: undefined,
  });
  expect(exit).toEqual({ code: FATAL_EXIT_CODE, signal: null });
  expect(log).toMatch(/BASALT_ROOT_USER_PASSWORD/);
});

test('an unknown setting is refused with the nearest known one', async () => {
  const { exit, log } = await refusal({ BASALT_HTTP_ADR: '127.0.0.1:0' });
  expect(exit?.code).toBe(1);
  expect(log).toContain('BASALT_HTTP_ADDR');
});

test('a port that is taken is refused', async () => {
  server = await TestServer.start();
  const { exit, log } = await refusal({ BASALT_HTTP_ADDR: new URL(server.client.url).host });
  expect(exit).toEqual({ code: FATAL_EXIT_CODE, signal: null });
  expect(log).toContain('cannot listen on');
});

test('a data directory in use is refused, and goes on unharmed', async () => {
  server = await TestServer.start();
  await server.client.store('mine', [{ n: 1 }]);
  const second = TestServer.prepare();
  const { exit, log } = await refusal({ BASALT_DATA_DIR: server.dataDir }, second);
  expect(exit).toEqual({ code: FATAL_EXIT_CODE, signal: null });
  expect(log).toContain(server.dataDir);
  await server.client.store('mine', [{ n: 2 }]);
  await server.restart();
  expect(await server.client.number('SELECT sum(n) FROM mine')).toBe(3);
});

test('a password that is made is shown once and kept for the owner alone', async () => {
  server = TestServer.prepare();
  const env = { BASALT_ROOT_USER_PASSWORD: undefined };
  await server.launch({ env });
  const file = join(server.dataDir, 'root-password');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const password = readFileSync(file, 'utf8').trim();
  expect(password.length).toBeGreaterThanOrEqual(16);
  expect(server.log).toContain(password);
  await server.restart();
  expect(server.log).not.toContain(password);
  expect(readFileSync(file, 'utf8').trim()).toBe(password);
});
