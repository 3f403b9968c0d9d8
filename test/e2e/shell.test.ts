/** The shell's session against the real server. */
import { Writable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { HttpClient } from '../../src/cli/http-client.js';
import { INTERACTIVE_RETRY } from '../../src/cli/query/search.js';
import { Session } from '../../src/cli/shell/session.js';
import { TestServer } from '../harness/server.js';

let server: TestServer;
let client: HttpClient;
let shell: Session;
let [out, err] = ['', ''];

beforeAll(async () => {
  server = await TestServer.start();
  await server.client.store(
    'app',
    Array.from({ length: 5000 }, (_, n) => ({
      n,
      level: n % 2 ? 'error' : 'info',
      _timestamp: 1_767_225_600_000_000,
    })),
  );
  const authorization = `Basic ${Buffer.from(`${server.user}:${server.password}`).toString('base64')}`;
  const connection = { url: server.client.url, organization: 'default', authorization };
  client = new HttpClient(connection, 3, INTERACTIVE_RETRY);
  const sink = (take: (text: string) => void) =>
    new Writable({
      write(chunk, _encoding, done) {
        take(String(chunk));
        done();
      },
    });
  shell = new Session(
    client,
    connection,
    { limit: 1000, format: 'table' },
    sink((text) => {
      out += text;
    }),
    sink((text) => {
      err += text;
    }),
  );
});
beforeEach(() => {
  [out, err] = ['', ''];
});
afterAll(async () => {
  client.close();
  await server.stop();
});

test('answers and lists', async () => {
  await shell.line('SELECT level, count(*) AS rows FROM app');
  await shell.line('GROUP BY level ORDER BY level;');
  expect(out).toBe('level  rows\n-----  ----\nerror  2500\ninfo   2500\n');
  out = '';
  await shell.line('\\d');
  expect(out).toMatch(/^stream +rows +size +oldest +newest\n.*\napp +5000 .*2026-01-01T00:00:00.000Z/);
  out = '';
  await shell.line('\\d app');
  expect(out.split('\n').map((line) => line.trimEnd())).toEqual([
    'field       type',
    '----------  -----',
    '_timestamp  Int64',
    'level       Utf8',
    'n           Int64',
    '',
  ]);
  await shell.line('\\d nothing');
  expect(err).toContain('stream not found');
});

test('marks the place of an error', async () => {
  await shell.line('SELECT level');
  await shell.line('FROM app WHERE lvel = 1;');
  expect(err).toMatch(/ {2}FROM app WHERE lvel = 1\n {17}\^\n/);
});

test('Ctrl-C ends a long statement, on the server too', async () => {
  const running = shell.line('SELECT count(*) FROM app a, app b, app c WHERE a.n + b.n + c.n = 7;');
  const list = async () => (await server.client.request('GET', '/api/default/_search')).text;
  await expect.poll(list, { timeout: 10_000 }).toContain('app c');
  await shell.interrupt();
  await running;
  expect([out, err]).toEqual(['', 'cancelled\n']);
  expect(await list()).toBe('{"list":[]}');
  await shell.line('SELECT 1 AS one;');
  expect(out).toBe('one\n---\n  1\n');
});

test('completes what the server has', async () => {
  expect(await shell.complete('SELECT le')).toEqual([expect.arrayContaining(['least(', 'length(']), 'le']);
  expect((await shell.complete('SELECT * FROM '))[0]).toEqual(['app']);
  expect((await shell.complete('SELECT * FROM app WHERE lev'))[0]).toEqual(['level', 'levenshtein(']);
});
