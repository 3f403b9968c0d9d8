/** The shell's parts without a server, and the terminal with a stream for the keyboard. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_RETRY, HttpClient } from '../../src/cli/http-client.js';
import { History, historyFile } from '../../src/cli/shell/history.js';
import { parseMeta } from '../../src/cli/shell/meta.js';
import { Session } from '../../src/cli/shell/session.js';
import { StatementBuffer } from '../../src/cli/shell/statement.js';
import { runTerminal } from '../../src/cli/shell/terminal.js';
import { type Answer, type FakeServer, startFakeServer } from './fake-server.js';
import { runCli } from './run-cli.js';

function statements(...lines: string[]): string[] {
  const buffer = new StatementBuffer();
  return lines.flatMap((line) => buffer.add(line));
}

describe('statements', () => {
  test('end at semicolons, on whichever line', () => {
    expect(statements('SELECT 1;')).toEqual(['SELECT 1']);
    expect(statements('SELECT', '  1', ';')).toEqual(['SELECT\n  1']);
    expect(statements('a; b ;;c')).toEqual(['a', 'b']);
    expect(statements('', ' ; ')).toEqual([]);
  });

  test('but not at those in strings, names and comments', () => {
    expect(statements('SELECT \'a;b\'\'c;\', "d;""e";')).toEqual(['SELECT \'a;b\'\'c;\', "d;""e"']);
    expect(statements('SELECT 1 -- one;', '+ 1;')).toEqual(['SELECT 1 -- one;\n+ 1']);
    expect(statements('SELECT /* a;', "' -- ; */ 2;")).toEqual(["SELECT /* a;\n' -- ; */ 2"]);
    expect(statements("SELECT 'two;", "lines';")).toEqual(["SELECT 'two;\nlines'"]);
    expect(statements("SELECT '--;';")).toEqual(["SELECT '--;'"]);
  });
});

test('commands', () => {
  expect(parseMeta('\\d')).toEqual({ kind: 'streams' });
  expect(parseMeta(' \\d "a:b"; ')).toEqual({ kind: 'stream', name: 'a:b' });
  expect(parseMeta('\\timing off')).toEqual({ kind: 'timing', on: false });
  expect(parseMeta('\\format csv')).toEqual({ kind: 'format', format: 'csv' });
  expect(parseMeta('\\range 1h')).toEqual({ kind: 'range', age: '1h' });
  expect(parseMeta('\\range all')).toEqual({ kind: 'range', age: undefined });
  for (const bad of ['\\x', '\\format xml', '\\range soon', '\\range', '\\timing maybe', '\\d a b'])
    expect(() => parseMeta(bad), bad).toThrow();
});

describe('history', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'basalt-history-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('lies in the XDG state directory', () => {
    expect(historyFile({ XDG_STATE_HOME: '/s' })).toBe('/s/basalt/query-history');
    expect(historyFile({})).toMatch(/\/\.local\/state\/basalt\/query-history$/);
  });

  test('keeps a statement of many lines as one, unless a comment ends in it; only its user can read it', () => {
    const file = join(folder, 'a', 'b');
    const history = new History(file);
    history.entries.unshift('SELECT', '1;');
    history.record(['SELECT', '', '1;']);
    expect(history.entries).toEqual(['SELECT 1;']);
    history.record(['SELECT -- one', '2;']);
    expect(new History(file).entries).toEqual(['2;', 'SELECT -- one', 'SELECT 1;']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('is cut when it has grown', () => {
    const file = join(folder, 'h');
    writeFileSync(file, Array.from({ length: 2001 }, (_, index) => `${index}\n`).join(''));
    expect(new History(file).entries.slice(0, 2)).toEqual(['2000', '1999']);
    expect(readFileSync(file, 'utf8').split('\n').length).toBe(1001);
  });

  test('that cannot be kept does no harm', () => {
    writeFileSync(join(folder, 'file'), '');
    const history = new History(join(folder, 'file', 'h'));
    history.record(['a']);
    expect(history.entries).toEqual(['a']);
  });
});

describe('a session', () => {
  let server: FakeServer;
  let client: HttpClient;
  let [out, err] = ['', ''];

  afterEach(async () => {
    client.close();
    await server.close();
  });

  async function session(answer: Answer): Promise<Session> {
    server = await startFakeServer(answer);
    [out, err] = ['', ''];
    const connection = { url: server.url, organization: 'o', authorization: 'x' };
    client = new HttpClient(connection, 3, { ...DEFAULT_RETRY, connectionAttemptsMax: 1 });
    const sink = (take: (text: string) => void) =>
      new Writable({
        write(chunk, _encoding, done) {
          take(String(chunk));
          done();
        },
      });
    return new Session(
      client,
      connection,
      { limit: 2, format: 'table', from: 5 },
      sink((text) => {
        out += text;
      }),
      sink((text) => {
        err += text;
      }),
    );
  }

  const one: Answer = (_request, response) => response.end('{"took":3,"columns":["a"],"hits":[[1]]}');
  const queries = () => server.requests.map(({ body }) => JSON.parse(body.toString()).query);

  test('runs statements in the range and form that were set', async () => {
    const shell = await session(one);
    expect(shell.prompt).toBe('basalt> ');
    await shell.line('SELECT a');
    expect(shell.prompt).toBe('     -> ');
    await shell.line('FROM s;');
    expect(out).toBe('a\n-\n1\n');
    expect(err).toMatch(/1 row, \d+ ms \(server 3 ms\)/);
    await shell.line('\\format csv');
    await shell.line('\\timing off');
    await shell.line('\\range 1h');
    await shell.line('SELECT a FROM s;');
    expect(out.endsWith('a\r\n1\r\n')).toBe(true);
    expect(err).toMatch(/1 row\D*$/);
    expect(queries()[0]).toMatchObject({ sql: 'SELECT a\nFROM s', start_time: 5, size: 2 });
    expect(queries()[1].start_time).toBeGreaterThan((Date.now() - 3_700_000) * 1000);
    await shell.line('\\q');
    expect(shell.ended).toBe(true);
  });

  test('shows the place of an error by the lines that were typed, and goes on', async () => {
    const error = { code: 20004, message: 'no such field', line: 2, column: 3 };
    const shell = await session((request, response, index) => {
      if (index === 0) response.writeHead(400).end(JSON.stringify(error));
      else one(request, response, index, undefined as never);
    });
    await shell.line('  SELECT a,');
    await shell.line('\tbb FROM s;');
    expect(err).toContain('error: no such field\n  \tbb FROM s\n  \t ^\n');
    await shell.line('\\nothing');
    expect(err).toContain('\\nothing is no command');
    await shell.line('SELECT 1;');
    expect(out).toBe('a\n-\n1\n');
  });

  test('Ctrl-C stops the statement by its trace id', async () => {
    let stop: (() => void) | undefined;
    let traceId = '';
    const shell = await session(({ path }, response, _index, incoming) => {
      if (incoming.method === 'POST') {
        traceId = String(incoming.headers['x-openobserve-trace-id']);
        stop = () => response.writeHead(429).end('{"code":20009,"message":"the query was cancelled"}');
      } else {
        expect([incoming.method, path]).toEqual(['DELETE', `/api/o/_search/${traceId}`]);
        response.end('{}');
        stop?.();
      }
    });
    const running = shell.line('SELECT 1;');
    await expect.poll(() => traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(shell.busy).toBe(true);
    await shell.interrupt();
    await running;
    expect([out, err, shell.busy]).toEqual(['', 'cancelled\n', false]);
    await shell.line('SELECT');
    await shell.interrupt();
    expect(shell.prompt).toBe('basalt> ');
  });

  test('Ctrl-C works too where the server knows of nothing', async () => {
    let asked = false;
    const shell = await session((_request, response, _index, incoming) => {
      asked = true;
      if (incoming.method === 'DELETE') response.writeHead(404).end('{}');
    });
    const running = shell.line('SELECT 1;');
    await expect.poll(() => asked).toBe(true);
    await shell.interrupt();
    await running;
    expect(err).toBe('cancelled\n');
  });

  test('completes streams, fields, functions and keywords, even where the server lists no functions', async () => {
    const shell = await session(({ path }, response) => {
      if (path === '/api/o/streams')
        response.end('{"list":[{"name":"app"},{"name":"api:v2"},{"name":"order"}]}');
      else if (path === '/api/o/streams/app/schema')
        response.end('{"schema":[{"name":"level","type":"Utf8"},{"name":"Length","type":"Utf8"}]}');
      else response.writeHead(404).end('{"message":"no such route"}');
    });
    expect(await shell.complete('SELECT * FROM a')).toEqual([['app', '"api:v2"'], 'a']);
    expect(await shell.complete('SELECT * FROM "a')).toEqual([['"app"', '"api:v2"'], '"a']);
    expect((await shell.complete('SELECT * from o'))[0]).toEqual(['"order"']);
    expect(await shell.complete('SELECT 1 FROM app WHERE le')).toEqual([
      ['level', '"Length"', 'least(', 'length(', 'left'],
      'le',
    ]);
    expect((await shell.complete('SELECT 1 FROM app WHERE '))[0]).toEqual(['level', '"Length"']);
    await shell.line('SELECT level FROM app');
    expect((await shell.complete('WHE'))[0]).toEqual(['WHEN', 'WHERE']);
    expect((await shell.complete('GROUP BY lev'))[0]).toEqual(['level']);
    await shell.interrupt();
    expect((await shell.complete('\\f'))[0]).toEqual(['\\format']);
    expect((await shell.complete('\\d a'))[0]).toEqual(['app', 'api:v2']);
  });

  test('at a terminal: lines from the keyboard in order, history, the end by Ctrl-D', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'basalt-history-'));
    const shell = await session(one);
    const keyboard = new PassThrough();
    const history = new History(join(folder, 'h'));
    const finished = runTerminal(shell, history, keyboard, new PassThrough().resume());
    keyboard.write('SELECT 1;\nSELECT\n2;\n\\timing\n');
    keyboard.end();
    await finished;
    expect(queries().map(({ sql }) => sql)).toEqual(['SELECT 1', 'SELECT\n2']);
    expect(history.entries.slice(0, 3)).toEqual(['\\timing', 'SELECT 2;', 'SELECT 1;']);
    rmSync(folder, { recursive: true });
  });
});

test('without a terminal a statement is needed, as ever', async () => {
  const result = await runCli(['query'], { stdin: 'SELECT 1;' });
  expect([result.code, result.stderr]).toEqual([
    1,
    expect.stringContaining("missing required argument 'sql'"),
  ]);
});
