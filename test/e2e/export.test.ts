/** Whole results as files over HTTP: every form, in order over all parts, and never half a file that looks whole. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../harness/server.js';

const ROWS = 90_000;
const START = 1_700_000_000_000_000;
let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await TestServer.start();
  folder = mkdtempSync(join(tmpdir(), 'basalt-export-'));
  const records = Array.from({ length: ROWS }, (_, n) => {
    // Pairs of equal time, and fields that not every record has.
    const record = { _timestamp: START + Math.floor(n / 2) * 10, n, text: `line ${n}, "quoted"`, f: n / 8 };
    const text = JSON.stringify(record);
    return n % 3 === 0 ? `${text.slice(0, -1)},"big":9007199254740993}` : text;
  });
  for (let at = 0; at < ROWS; at += 30_000)
    await server.client.ingest('app', '_multi', records.slice(at, at + 30_000).join('\n'));
});

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const TRACE = '00000000000000000000000000000abc';

async function exported(format: string, sql = 'SELECT * FROM app', headers: Record<string, string> = {}) {
  const { client } = server;
  const response = await fetch(`${client.url}/api/default/_export?format=${format}`, {
    method: 'POST',
    headers: {
      authorization: client.authorization,
      'content-type': 'application/json',
      'x-openobserve-trace-id': TRACE,
      ...headers,
    },
    body: JSON.stringify({ query: { sql, start_time: 0, end_time: START * 2 } }),
  });
  return { status: response.status, type: response.headers.get('content-type'), body: response };
}

async function bytesOf(format: string, sql?: string): Promise<Buffer> {
  const { status, body } = await exported(format, sql);
  expect(status).toBe(200);
  return Buffer.from(await body.arrayBuffer());
}

async function duckdb(sql: string): Promise<unknown[][]> {
  const connection = await (await DuckDBInstance.create()).connect();
  return (await connection.runAndReadAll(sql)).getRowsJson() as unknown[][];
}

test.each(['blocks of the WAL', 'segments'])(
  'newest first over all parts, each row once, from %s',
  async (state) => {
    if (state === 'segments') await server.client.flush();
    const lines = (await bytesOf('ndjson', 'SELECT n FROM app')).toString().trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(
      Array.from({ length: ROWS }, (_, index) => ROWS - 1 - index),
    );
    const rising = (
      await bytesOf('ndjson', 'SELECT n FROM app WHERE n % 7 = 0 ORDER BY _timestamp')
    ).toString();
    const numbers = rising.trimEnd().split('\n');
    expect(numbers.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(
      Array.from({ length: Math.ceil(ROWS / 7) }, (_, index) => index * 7),
    );
    const told = await server.client.request('GET', `/api/default/_export/${TRACE}`);
    expect(told.json).toMatchObject({ rows: numbers.length, bytes: Buffer.byteLength(rising) });
  },
);

test('DuckDB reads Parquet and CSV, and agrees', async () => {
  const question = (source: string) =>
    `SELECT count(*), sum(n), sum(f), count(big), max(big), count(DISTINCT text) FROM ${source}`;
  const expected = [
    [
      String(ROWS),
      String((ROWS * (ROWS - 1)) / 2),
      (ROWS * (ROWS - 1)) / 16,
      String(ROWS / 3),
      '9007199254740993',
      String(ROWS),
    ],
  ];
  for (const format of ['parquet', 'csv']) {
    const path = join(folder, `all.${format}`);
    writeFileSync(path, await bytesOf(format));
    expect(await duckdb(question(`'${path}'`)), format).toEqual(expected);
  }
});

test('aggregates, and pages of searches in the forms that a client accepts', async () => {
  const arrow = tableFromIPC(
    await bytesOf('arrow', 'SELECT n % 3 AS k, count(*) AS c FROM app GROUP BY k ORDER BY k'),
  );
  expect(arrow.toArray().map((row) => [Number(row.k), Number(row.c)])).toEqual(
    [0, 1, 2].map((k) => [k, ROWS / 3]),
  );
  const page = await server.client.request('POST', '/api/default/_search', {
    headers: { 'content-type': 'application/json', accept: 'text/csv' },
    body: JSON.stringify({
      query: {
        sql: 'SELECT n, text FROM app ORDER BY n',
        start_time: 0,
        end_time: START * 2,
        from: 1,
        size: 2,
      },
    }),
  });
  expect(page.text).toBe('n,text\n1,"line 1, ""quoted"""\n2,"line 2, ""quoted"""\n');
});

test('what cannot be exported is refused before the first byte', async () => {
  const refused = async (format: string, sql: string) => {
    const { status, body } = await exported(format, sql);
    return { status, text: await body.text() };
  };
  expect(await refused('xlsx', 'SELECT 1')).toMatchObject({
    status: 400,
    text: expect.stringContaining('parquet'),
  });
  expect(await refused('csv', 'SELECT nothing FROM app')).toMatchObject({
    status: 400,
    text: expect.stringContaining('20004'),
  });
  expect(await refused('csv', 'EXPLAIN ANALYZE SELECT * FROM app')).toMatchObject({ status: 400 });
  const unknown = await server.client.request('GET', '/api/default/_export/ffff');
  expect(unknown.status).toBe(404);
});

test('a file that fails on the way ends in a cut connection', async () => {
  // Fails in the rows of the oldest part, long after the first bytes.
  const { status, body } = await exported('ndjson', 'SELECT n, text, 1 / n AS one FROM app');
  expect(status).toBe(200);
  await expect(body.text()).rejects.toThrow();
});
