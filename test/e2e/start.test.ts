/** What a start refuses, and what it leaves behind. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { FATAL_EXIT_CODE } from '../../src/errors/index.js';
import { program } from '../harness/paths.js';
import { type ServerOptions, StartError, sleep, TestServer } from '../harness/server.js';

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

test('a password that is made is kept for the owner alone, and told by no log that is kept', async () => {
  server = TestServer.prepare();
  const env = { BASALT_ROOT_USER_PASSWORD: undefined };
  await server.launch({ env });
  const file = join(server.dataDir, 'root-password');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const password = readFileSync(file, 'utf8').trim();
  expect(password.length).toBeGreaterThanOrEqual(16);
  expect(server.log).not.toContain(password);
  expect(server.log).toContain(file);
  await server.restart();
  expect(server.log).not.toContain(password);
  expect(readFileSync(file, 'utf8').trim()).toBe(password);
});

test.skipIf(spawnSync('script', ['--version']).status !== 0)(
  'at a terminal it is printed, once',
  async () => {
    const folder = TestServer.prepare();
    server = folder;
    const run = () => {
      const env = { ...process.env, BASALT_DATA_DIR: folder.dataDir, BASALT_HTTP_ADDR: '127.0.0.1:0' };
      const command = `timeout -s TERM 5 ${process.execPath} ${program} serve`;
      return spawnSync('script', ['-qec', command, '/dev/null'], { env, encoding: 'utf8' }).stdout;
    };
    const first = run();
    const password = readFileSync(join(folder.dataDir, 'root-password'), 'utf8').trim();
    expect(first).toContain(`password ${password} (kept in`);
    expect(run()).not.toContain(password);
  },
  30_000,
);

test('everything in the data directory is for its owner alone', async () => {
  server = await TestServer.start();
  await server.client.store('mine', [{ n: 1 }, { n: 2 }]);
  await server.client.flush();
  await server.client.store('mine', [{ n: 3 }]);
  await server.client.rows('SELECT n, count(*) FROM mine GROUP BY n');
  const open = (folder: string): string[] =>
    readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      const found = statSync(path);
      const here = found.mode & 0o077 ? [path] : [];
      return found.isDirectory() ? [...here, ...open(path)] : here;
    });
  expect(open(server.dataDir)).toEqual([]);
  expect(readdirSync(server.dataDir)).toEqual(expect.arrayContaining(['catalog.sqlite', 'wal', 'segments']));
});

test('SIGUSR1 opens no debugger', async () => {
  server = await TestServer.start();
  process.kill(server.pid, 'SIGUSR1');
  await sleep(300);
  expect(await server.client.request('GET', '/healthz')).toMatchObject({ status: 200 });
  expect(server.log).not.toContain('Debugger');
});

test('what is no WAL file, but has the name of one, is told in one line and does not hang the start', async () => {
  server = TestServer.prepare();
  mkdirSync(server.walDirectory, { recursive: true });
  const path = join(server.walDirectory, 'feedbeef-1-000000.wal');
  execFileSync('mkfifo', [path]);
  const { exit, log } = await refusal({}, server);
  expect(exit).toEqual({ code: FATAL_EXIT_CODE, signal: null });
  expect(log.trim()).toBe(
    `error: ${path} is a named pipe, but a regular file is needed there. Move it away and start again.`,
  );
});

test('a retention of more than a century is refused, and queries go on', async () => {
  server = await TestServer.start();
  await server.client.store('kept', [{ n: 1 }]);
  const set = (body: string) => server?.client.request('PUT', '/api/default/streams/kept/settings', { body });
  for (const days of ['36501', '1e30', '1e308', '99999999999999999999']) {
    const reply = await set(`{"data_retention":${days}}`);
    expect(reply?.status, days).toBe(422);
    expect(reply?.text).toMatch(/data_retention: (may be at most|has to be a whole number)/);
  }
  expect(await set('{"data_retention":36500}')).toMatchObject({ status: 200 });
  expect(await server.client.number('SELECT count(*) FROM kept')).toBe(1);
});
