/** `basalt export` of many rows in every form, read back by others, and of a server that dies half way. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../harness/cli.js';
import { program } from '../harness/paths.js';
import { TestServer } from '../harness/server.js';

const ROWS = 100_000;
const SUM = (ROWS * (ROWS - 1)) / 2;

let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await TestServer.start();
  folder = mkdtempSync(join(tmpdir(), 'basalt-export-'));
  const now = Date.now();
  for (let first = 0; first < ROWS; first += 10_000) {
    const records = Array.from({ length: 10_000 }, (_, index) => ({
      _timestamp: (now - first - index) * 1000,
      n: first + index,
      text: `row "${first + index}", and\nmore`,
      ...(index % 2 === 0 ? { even: true } : {}),
    }));
    await server.client.store('many', records);
    if (first === 50_000) await server.client.flush();
  }
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function exported(file: string, ...args: string[]): Promise<string> {
  const path = join(folder, file);
  const result = await runCli(server, ['export', 'SELECT * FROM many', '--output', path, ...args]);
  expect(result.stderr).toMatch(/^100,000 rows, [\d.]+ [kM]B to /);
  expect(result.code).toBe(0);
  return path;
}

/** Count, sum of n, rows that are even, all by DuckDB. */
async function judge(source: string) {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const sql = `SELECT count(*)::INT, sum(n)::BIGINT, count(even)::INT, count(DISTINCT text)::INT FROM ${source}`;
  const [row] = await (await connection.runAndReadAll(sql)).getRowsJS();
  connection.closeSync();
  return row;
}

const ALL = [ROWS, BigInt(SUM), ROWS / 2, ROWS];

describe('basalt export of 100,000 rows', () => {
  test('as Parquet, read by DuckDB', async () => {
    expect(await judge(`'${await exported('a.parquet')}'`)).toEqual(ALL);
  });

  test('as CSV, read by DuckDB', async () => {
    const path = await exported('a.csv');
    expect(await judge(`read_csv('${path}', header=true)`)).toEqual(ALL);
  });

  test('as NDJSON, by --format', async () => {
    const lines = readFileSync(await exported('a.log', '--format', 'ndjson'), 'utf8').split('\n');
    expect(lines.pop()).toBe('');
    const rows = lines.map((line) => JSON.parse(line) as { n: number; text: string });
    expect(rows.length).toBe(ROWS);
    expect(rows.every(({ n, text }) => text === `row "${n}", and\nmore`)).toBe(true);
    expect(new Set(rows.map(({ n }) => n)).size).toBe(ROWS);
  });

  test('as Arrow', async () => {
    for (const name of ['a.arrow', 'a.arrows']) {
      const bytes = readFileSync(await exported(name));
      expect(bytes.toString('latin1', 0, 6) === 'ARROW1').toBe(name === 'a.arrow');
      const table = tableFromIPC(bytes);
      expect(table.numRows).toBe(ROWS);
      expect(table.schema.fields.map((field) => field.name)).toContain('text');
    }
  });

  test('to standard output', async () => {
    const result = await runCli(server, ['export', 'SELECT n FROM many ORDER BY n LIMIT 3']);
    expect(result.stdout.toString()).toBe('{"n":0}\n{"n":1}\n{"n":2}\n');
    expect(result.stderr).toMatch(/^3 rows, 24 B in /);
  });

  test('what cannot run is told with its place', async () => {
    const result = await runCli(server, ['export', 'SELECT nn FROM many', '--output', join(folder, 'b.csv')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/ {2}SELECT nn FROM many\n {9}\^/);
    expect(existsSync(join(folder, 'b.csv'))).toBe(false);
  });
});

test('a server that dies half way leaves no file and a non-zero code', async () => {
  const victim = await TestServer.start();
  try {
    const record = { text: 'x'.repeat(2000) };
    for (let batch = 0; batch < 8; batch++) {
      await victim.client.store(
        'wide',
        Array.from({ length: 5000 }, (_, n) => ({ ...record, n })),
      );
    }
    const path = join(folder, 'dead.ndjson');
    const child = spawn(process.execPath, [program, 'export', 'SELECT * FROM wide', '--output', path], {
      env: victim.cliEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // Some of it has come, so that the answer has begun; held there, the program cannot finish before the server is gone.
    await expect
      .poll(() => existsSync(`${path}.part`) && readFileSync(`${path}.part`).length > 0, {
        timeout: 20_000,
        interval: 1,
      })
      .toBe(true);
    child.kill('SIGSTOP');
    await victim.kill('SIGKILL');
    child.kill('SIGCONT');
    const [code] = await once(child, 'close');
    expect(stderr).toContain('the export is not complete');
    expect(code).toBe(1);
    expect(readdirSync(folder).filter((name) => name.startsWith('dead'))).toEqual([]);
  } finally {
    await victim.stop();
  }
});
