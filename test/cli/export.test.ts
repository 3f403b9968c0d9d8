/** `basalt export` against servers that break off, refuse, or miscount. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type FakeServer, startFakeServer } from './fake-server.js';
import { runCli } from './run-cli.js';

let server: FakeServer | undefined;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'basalt-export-'));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const ROWS = '{"a":1}\n{"a":2}\n';

const whole: Answer = ({ path }, response) => {
  if (path.includes('_export?')) response.end(ROWS);
  else response.end(JSON.stringify({ rows: 2, bytes: ROWS.length }));
};

async function exportWith(answer: Answer, args: string[]) {
  server = await startFakeServer(answer);
  return runCli(['export', 'SELECT 1', ...args, '--url', server.url, '--password', 'p'], { cwd: folder });
}

describe('basalt export', () => {
  test('writes the file and tells rows and bytes, by which name it asked', async () => {
    const result = await exportWith(whole, ['--output', 'rows.jsonl', '--org', 'o', '--from', '2026-01-01']);
    expect(result).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^2 rows, 16 B to rows.jsonl in \d/),
    });
    expect(result.stdout.toString()).toBe('');
    expect(readFileSync(join(folder, 'rows.jsonl'), 'utf8')).toBe(ROWS);
    expect(readdirSync(folder)).toEqual(['rows.jsonl']);
    const [asked, counted] = server?.requests ?? [];
    expect(asked?.path).toBe('/api/o/_export?format=ndjson');
    expect(JSON.parse(asked?.body.toString() ?? '').query).toEqual({
      sql: 'SELECT 1',
      start_time: Date.UTC(2026, 0, 1) * 1000,
      end_time: Number.MAX_SAFE_INTEGER,
    });
    expect(counted?.path).toMatch(/^\/api\/o\/_export\/[0-9a-f]{32}$/);
  });

  test('goes to standard output, and does without the count where the server has none', async () => {
    const result = await exportWith(
      ({ path }, response) => {
        if (path.includes('_export?')) response.end('a\r\n1\r\n');
        else response.writeHead(404).end('{"message":"forgotten"}');
      },
      ['--format', 'csv'],
    );
    expect(result.code).toBe(0);
    expect(result.stdout.toString()).toBe('a\r\n1\r\n');
    expect(result.stderr).toMatch(/^6 B in \d/);
  });

  test('a cut connection is a failure, and what was there before stays', async () => {
    writeFileSync(join(folder, 'rows.ndjson'), 'earlier\n');
    const result = await exportWith(
      (_request, response) => {
        response.write(ROWS, () => setTimeout(() => response.destroy(), 50));
      },
      ['--output', 'rows.ndjson'],
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('the export is not complete: the connection was cut after 16 B');
    expect(readdirSync(folder)).toEqual(['rows.ndjson']);
    expect(readFileSync(join(folder, 'rows.ndjson'), 'utf8')).toBe('earlier\n');
  });

  test('so is a file of another length than the server tells', async () => {
    const result = await exportWith(
      ({ path }, response) => {
        if (path.includes('_export?')) response.end(ROWS);
        else response.end('{"rows":3,"bytes":24}');
      },
      ['--output', 'rows.ndjson'],
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('16 of 24 bytes came');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a refusal shows the place in the SQL and leaves no file', async () => {
    const error = { message: 'Search SQL not valid', line: 1, column: 8 };
    const result = await exportWith(
      (_request, response) => {
        response.writeHead(400).end(JSON.stringify(error));
      },
      ['--output', 'rows.parquet'],
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toBe('error: Search SQL not valid\n  SELECT 1\n         ^\n');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('asks for the form that the name means, and for what the options say', async () => {
    const asked = async (...args: string[]) => {
      await server?.close();
      await exportWith(whole, args);
      return server?.requests[0]?.path.replace('/api/default/_export?', '');
    };
    expect(await asked('-o', 'a.arrow')).toBe('format=arrow');
    expect(await asked('-o', 'a.feather')).toBe('format=arrow');
    expect(await asked('-o', 'a.arrows')).toBe('format=arrows');
    expect(await asked('-o', 'a.parquet', '--compression', 'snappy', '--timestamp-type', 'timestamp')).toBe(
      'format=parquet&compression=snappy&timestamp_type=timestamp',
    );
    expect(await asked('--nulls', '--schema')).toBe('format=ndjson&nulls=true&schema=true');
  });

  test('names what it cannot do', async () => {
    const noFormat = await exportWith(whole, ['--output', 'rows']);
    expect([noFormat.code, noFormat.stderr]).toEqual([1, expect.stringContaining('tells no format')]);
    const noFolder = await runCli(['export', 'SELECT 1', '--output', join(folder, 'no', 'a.csv')], {});
    expect(noFolder.code).toBe(1);
    expect(existsSync(join(folder, 'no'))).toBe(false);
  });
});
