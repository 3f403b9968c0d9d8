/** `basalt ingest` and `basalt query` against the real server: what goes in comes back byte for byte. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../harness/cli.js';
import { root } from '../harness/paths.js';
import { TestServer } from '../harness/server.js';

const sample = (file: string) => join(root, 'test', 'e2e', 'sample', file);

/** Real logs to try, one file a program: `LOGHUB_DIR`, or a folder beside the checkout. Not part of this repository. */
const loghub = process.env.LOGHUB_DIR ?? join(root, '..', 'shared', 'data', 'loghub');
const realFiles = existsSync(loghub) ? readdirSync(loghub).filter((file) => file.endsWith('.log')) : [];

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server?.stop());

/** Lines as bytes, without their line feed. An empty rest behind the last one is none. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  if (start < bytes.length) lines.push(bytes.subarray(start));
  return lines;
}

/** How often each line comes, by its bytes. Order is by arrival time, which lines of a batch share. */
function tally(lines: Iterable<Buffer>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const key = createHash('sha256').update(line).digest('base64');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

async function storedLines(stream: string): Promise<Buffer[]> {
  const rows = await server.client.rows<{ message: string }>(`SELECT message FROM ${stream}`);
  return rows.map(({ message }) => Buffer.from(message, 'utf8'));
}

describe('the sample', () => {
  test('of plain lines comes back byte for byte, from the WAL, a restart and a segment', async () => {
    const lines = linesOf(readFileSync(sample('plain.log')));
    const result = await runCli(server, [
      'ingest',
      '--stream',
      'plain',
      '--format',
      'lines',
      sample('plain.log'),
    ]);
    expect(result.stderr).toBe('');
    expect(result.code).toBe(0);
    expect(result.stdout.toString()).toContain(`${lines.length} records stored, 0 failed`);
    const expected = tally(lines);
    expect(tally(await storedLines('plain'))).toEqual(expected);
    await server.restart();
    expect(tally(await storedLines('plain'))).toEqual(expected);
    await server.client.flush();
    expect(tally(await storedLines('plain'))).toEqual(expected);
  });

  test('of records keeps its fields, from a file, gzip and standard input', async () => {
    const bytes = readFileSync(sample('records.ndjson'));
    const runs = [
      await runCli(server, ['ingest', '--stream', 'records', sample('records.ndjson')]),
      await runCli(server, ['ingest', '--stream', 'records', '-'], bytes),
      await runCli(server, ['ingest', '--stream', 'records', '-'], gzipSync(bytes)),
    ];
    for (const run of runs) expect(run).toMatchObject({ code: 0, stderr: '' });
    const rows = await server.client.rows(
      `SELECT level, message, pid, disk_path, disk_used, tags, ok, count(*) AS n FROM records
       GROUP BY level, message, pid, disk_path, disk_used, tags, ok ORDER BY min(_timestamp)`,
    );
    expect(rows).toEqual([
      { level: 'info', message: 'started', pid: 17, n: 3 },
      { level: 'warn', message: 'disk 91 % full', disk_path: '/var', disk_used: 0.91, n: 3 },
      { level: 'error', message: 'Grüße: ü "quoted"', tags: '["a","b"]', n: 3 },
      { level: 'info', message: 'done', ok: true, n: 3 },
    ]);
  });

  test('with bad lines: they are counted and told with their place, and the exit code is 1', async () => {
    const input = Buffer.from('{"n":1}\n{"n":\n{"n":3,"_timestamp":"never"}\n{"n":4}\n');
    const run = await runCli(server, ['ingest', '--stream', 'partly', '--format', 'ndjson', '-'], input);
    expect(run.code).toBe(1);
    expect(run.stdout.toString()).toContain('2 records stored, 2 failed');
    expect(run.stderr).toContain('standard input:2');
    expect(run.stderr).toContain('standard input:3');
    expect(run.stderr).toContain("Can't parse timestamp");
  });

  test('comes out of `basalt query` in every format', async () => {
    const sql = 'SELECT level, count(*) AS n FROM records GROUP BY level ORDER BY level';
    const json = await runCli(server, ['query', sql, '--format', 'json']);
    expect(json).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(json.stdout.toString())).toEqual([
      { level: 'error', n: 3 },
      { level: 'info', n: 6 },
      { level: 'warn', n: 3 },
    ]);
    const csv = await runCli(server, ['query', sql, '--format', 'csv']);
    expect(csv.stdout.toString().replaceAll('\r\n', '\n')).toBe('level,n\nerror,3\ninfo,6\nwarn,3\n');
    const ndjson = await runCli(server, ['query', sql, '--format', 'ndjson']);
    expect(ndjson.stdout.toString()).toBe(
      '{"level":"error","n":3}\n{"level":"info","n":6}\n{"level":"warn","n":3}\n',
    );
    const table = await runCli(server, ['query', sql]);
    expect(table.stdout.toString()).toMatch(/level.*n[\s\S]*error.*3[\s\S]*info.*6/);
  });

  test('a query that is wrong ends with code 1 and the reason', async () => {
    const run = await runCli(server, ['query', 'SELECT levle FROM records']);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain("unknown field 'levle'");
    expect(run.stderr).toContain('level');
  });
});

describe.skipIf(realFiles.length === 0)('real logs, where LOGHUB_DIR has them', () => {
  test.each(realFiles)('%s comes back byte for byte', async (file) => {
    const bytes = readFileSync(join(loghub, file));
    const lines = linesOf(bytes);
    const stream = file.replace(/\W+/g, '_').toLowerCase();
    const run = await runCli(server, ['ingest', '--stream', stream, '--format', 'lines', join(loghub, file)]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const expected = tally(lines);
    expect(tally(await storedLines(stream))).toEqual(expected);
  });

  test('and are still the same in segments', async () => {
    await server.client.flush();
    for (const file of realFiles) {
      const stream = file.replace(/\W+/g, '_').toLowerCase();
      expect(tally(await storedLines(stream))).toEqual(tally(linesOf(readFileSync(join(loghub, file)))));
    }
  });
});
