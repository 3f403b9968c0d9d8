import { afterEach, describe, expect, test } from 'vitest';
import { type FakeServer, startFakeServer } from './fake-server.js';
import { runCli } from './run-cli.js';

let server: FakeServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

const HITS = `{"took":3,"columns":["id","ratio","text","none"],"hits":[
  [9223372036854775807,1.50,"two, \\"lines\\"\\nhere",null],
  [-1,1e300,"\\u001b[31mred 123",null]],"total":2,"scan_records":9}`;

async function query(body: string, args: string[], status = 200) {
  server = await startFakeServer((_request, response) => {
    response.writeHead(status).end(body);
  });
  return runCli(['query', ...args, '--url', server.url, '--password', 'p'], {});
}

describe('basalt query', () => {
  test('sends SQL, time range and limit', async () => {
    await query(HITS, [
      'SELECT 1',
      '--org',
      'o',
      '--from',
      '2026-01-01',
      '--to',
      '1767225600000001',
      '--limit',
      '7',
    ]);
    expect(server?.requests[0]?.path).toBe('/api/o/_search');
    expect(JSON.parse(server?.requests[0]?.body.toString() ?? '')).toEqual({
      query: {
        sql: 'SELECT 1',
        start_time: Date.UTC(2026, 0, 1) * 1000,
        end_time: 1767225600000001,
        size: 7,
        query_type: 'table',
      },
    });
  });

  test('prints an aligned table, exact numbers, no raw control characters', async () => {
    const result = await query(HITS, ['SELECT 1']);
    expect(result.code).toBe(0);
    const lines = result.stdout.toString().split('\n');
    expect(lines[0]).toMatch(/^ {17}id {2}ratio {2}text +none$/);
    expect(lines[1]).toMatch(/^-{19} {2}-{5} {2}-+ {2}-{4}$/);
    expect(lines[2]).toBe('9223372036854775807   1.50  two, "lines"\\nhere');
    expect(lines[3]).toBe('                 -1  1e300  \\u001b[31mred 123');
    expect(lines[4]).toMatch(/^2 rows, \d+ ms \(server 3 ms\)$/);
  });

  test('ndjson and json keep every digit and every null', async () => {
    const ndjson = await query(HITS, ['SELECT 1', '--format', 'ndjson']);
    const first = '{"id":9223372036854775807,"ratio":1.50,"text":"two, \\"lines\\"\\nhere","none":null}';
    const second = '{"id":-1,"ratio":1e300,"text":"\\u001b[31mred 123","none":null}';
    expect(ndjson.stdout.toString()).toBe(`${first}\n${second}\n`);
    await server?.close();
    const json = await query(HITS, ['SELECT 1', '--format', 'json']);
    expect(json.stdout.toString()).toBe(`[\n${first},\n${second}\n]\n`);
  });

  test('csv quotes as RFC 4180 says', async () => {
    const result = await query(HITS, ['SELECT 1', '--format', 'csv']);
    expect(result.stdout.toString()).toBe(
      'id,ratio,text,none\r\n9223372036854775807,1.50,"two, ""lines""\nhere",\r\n-1,1e300,\u001b[31mred 123,\r\n',
    );
  });

  test('takes rows as objects too: columns in order of appearance, absent ones null', async () => {
    const body = '{"took":1,"hits":[{"a":1},{"b":"x","a":2}]}';
    const result = await query(body, ['SELECT 1', '--format', 'csv']);
    expect(result.stdout.toString()).toBe('a,b\r\n1,\r\n2,x\r\n');
  });

  test('marks the place of an SQL error', async () => {
    const error = {
      code: 20001,
      message: 'Search SQL not valid',
      error_detail: 'Expected an expression, found: FROM',
      hint: 'remove the comma',
      line: 2,
      column: 3,
    };
    const result = await query(JSON.stringify(error), ['SELECT a,\n\t FROM logs'], 400);
    expect(result.code).toBe(1);
    expect(result.stdout.toString()).toBe('');
    expect(result.stderr).toBe(
      'error: Search SQL not valid\nExpected an expression, found: FROM\n  \t FROM logs\n  \t ^\nhint: remove the comma\n',
    );
  });

  test('says what an answer is that is no answer', async () => {
    const page = await query('<html>hello</html>', ['SELECT 1']);
    expect(page.stderr).toContain('is this a Basalt server?');
    await server?.close();
    const error = await query('bad gateway', ['SELECT 1'], 502);
    expect(error.code).toBe(1);
    expect(error.stderr).toContain('HTTP 502: bad gateway');
  });

  test('gives up on a server that is not there', async () => {
    const result = await runCli(['query', 'SELECT 1', '--url', 'http://127.0.0.1:1', '--password', 'p']);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('no answer from http://127.0.0.1:1');
  });

  test('refuses flags it does not understand, naming them', async () => {
    const result = await runCli(['query', 'SELECT 1', '--from', 'yesterday']);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("option '--from <time>' argument 'yesterday' is invalid");
    const url = await runCli(['query', 'SELECT 1', '--url', 'ftp://x', '--password', 'p']);
    expect(url.stderr).toContain("'ftp://x' is not an http:// or https:// URL");
  });
});
