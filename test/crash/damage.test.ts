/**
 * Bytes that changed on disk. A start works, or is refused with a message that names the file and the next step; a query gives the right
 * answer, or an error. What is damaged never looks like data.
 */
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FATAL_EXIT_CODE } from '../../src/errors/index.js';
import { chooseSeed, long, Random } from '../harness/random.js';
import { StartError, TestServer } from '../harness/server.js';

const seed = chooseSeed();
const FLIPS = long ? 100 : 6;
const BATCHES = 20;
const BATCH_RECORDS = 50;

interface Row {
  id: number;
  level: string;
  text: string;
  value: number;
}

let server: TestServer;
let rows: Row[];

beforeEach(async () => {
  server = await TestServer.start();
  const random = new Random(seed);
  rows = Array.from({ length: BATCHES * BATCH_RECORDS }, (_, id) => ({
    id,
    level: random.pick(['info', 'warn', 'error']),
    text: random.text(40),
    value: random.int(-1e9, 1e9) / 64,
  }));
  for (let at = 0; at < rows.length; at += BATCH_RECORDS) {
    await server.client.store('damaged', rows.slice(at, at + BATCH_RECORDS));
  }
});
afterEach(() => server?.stop());

function filesIn(directory: string, suffix: string): string[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(suffix))
    .map((file) => join(directory, file));
}

/** Bytes up to the last that is not zero: WAL files are prepared with zeros. */
function usedBytes(file: string): number {
  return readFileSync(file).findLastIndex((byte) => byte !== 0) + 1;
}

function onlyFile(directory: string, suffix: string): string {
  const files = filesIn(directory, suffix);
  // The WAL has a file a worker; the one with rows in the middle is the largest.
  const sized = files.map((file) => ({ file, size: usedBytes(file) })).sort((a, b) => b.size - a.size);
  if (!sized[0]) throw new Error(`${directory} has no ${suffix}`);
  return sized[0].file;
}

function flip(file: string, at: number, bit: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] as number) ^ (1 << bit);
  writeFileSync(file, bytes);
}

/** Every row that is given back must be one that was stored, as it was stored, once. @returns the ids that are missing */
async function missingAfterCheck(): Promise<number[]> {
  const found = await server.client.rows<Row>('SELECT id, level, text, value FROM damaged ORDER BY id');
  const seen = new Set<number>();
  for (const row of found) {
    expect(row).toEqual(rows[row.id]);
    expect(seen.has(row.id), `row ${row.id} comes once`).toBe(false);
    seen.add(row.id);
  }
  expect(await server.client.number('SELECT count(*) FROM damaged')).toBe(seen.size);
  return rows.filter(({ id }) => !seen.has(id)).map(({ id }) => id);
}

test(`a flipped bit in the middle of a WAL file costs at most its own batch (BASALT_SEED=${seed})`, async () => {
  await server.kill();
  const file = onlyFile(server.walDirectory, '.wal');
  const whole = readFileSync(file);
  const random = new Random(seed);
  for (let round = 0; round < FLIPS; round++) {
    const at = random.int(Math.floor(usedBytes(file) / 4), Math.floor(usedBytes(file) / 2));
    flip(file, at, random.int(0, 7));
    await server.launch();
    const missing = await missingAfterCheck();
    // A bit that nothing depends on costs no row; any other takes away whole batches, and is reported.
    expect(missing.length % BATCH_RECORDS).toBe(0);
    expect(missing.length).toBeLessThanOrEqual(BATCH_RECORDS);
    if (missing.length > 0) {
      expect(server.log).toMatch(/WAL file \S+ is damaged/);
      expect(server.log).toContain(file.slice(file.lastIndexOf('/') + 1));
    }
    await server.kill();
    writeFileSync(file, whole);
  }
});

test('a damaged WAL file is kept when its rows have become segments', async () => {
  await server.kill();
  const file = onlyFile(server.walDirectory, '.wal');
  flip(file, Math.floor(usedBytes(file) / 3), 3);
  await server.launch();
  const missing = await missingAfterCheck();
  await server.client.flush();
  expect(await missingAfterCheck()).toEqual(missing);
  await server.restart();
  expect(await missingAfterCheck()).toEqual(missing);
  const kept = readdirSync(join(server.dataDir, 'quarantine'));
  expect(kept).toContain(file.slice(file.lastIndexOf('/') + 1));
});

test('a WAL file that ends in the middle of a batch is cut there, and what was acknowledged of it is told', async () => {
  await server.kill();
  const file = onlyFile(server.walDirectory, '.wal');
  const bytes = usedBytes(file);
  let missingBefore = 0;
  for (const cut of [bytes - 1, bytes - 100, Math.floor(bytes / 2)]) {
    truncateSync(file, cut);
    await server.launch();
    const missing = await missingAfterCheck();
    expect(missing.length).toBeGreaterThan(0);
    expect(missing.length % BATCH_RECORDS).toBe(0);
    // What is lost already is told no second time, and its bytes are nobody's.
    const more = missing.length - missingBefore;
    expect(server.log).toContain(
      more > 0 ? `default/damaged: ${more} rows in` : 'dropped the unacknowledged end of a WAL file',
    );
    missingBefore = missing.length;
    await server.kill();
  }
});

test(`a flipped bit in a segment gives an error or the right answer, never a wrong one (BASALT_SEED=${seed})`, async () => {
  await server.client.flush();
  await server.kill();
  const file = onlyFile(server.segmentDirectory, '.seg');
  const whole = readFileSync(file);
  const random = new Random(seed);
  const outcomes = { refused: 0, failed: 0, right: 0 };
  for (let round = 0; round < FLIPS; round++) {
    flip(file, random.int(0, whole.length - 1), random.int(0, 7));
    const refused = await server.launch().catch((error: unknown) => error);
    if (refused) {
      expect(refused).toBeInstanceOf(StartError);
      expect((refused as StartError).exit?.code).toBe(FATAL_EXIT_CODE);
      expect(server.log).toContain(file);
      expect(server.log).toContain('Restore the file from a backup');
      outcomes.refused++;
    } else {
      outcomes[await segmentAnswer()]++;
      await server.kill();
    }
    writeFileSync(file, whole);
  }
  console.log(JSON.stringify({ seed, flips: FLIPS, ...outcomes }));
  await server.launch();
  expect(await missingAfterCheck()).toEqual([]);
});

/** Asks in several ways; each must be answered rightly or with an error that names the damage. */
async function segmentAnswer(): Promise<'failed' | 'right'> {
  const sum = rows.reduce((total, row) => total + row.id, 0);
  const errors = rows.filter(({ level }) => level === 'error').length;
  const questions: [string, unknown][] = [
    ['SELECT id, level, text, value FROM damaged ORDER BY id', rows],
    ['SELECT sum(id) AS n FROM damaged', [{ n: sum }]],
    ["SELECT count(*) AS n FROM damaged WHERE level = 'error'", [{ n: errors }]],
    ['SELECT count(*) AS n FROM damaged', [{ n: rows.length }]],
  ];
  let failed = false;
  for (const [sql, expected] of questions) {
    const reply = await server.client.search(sql, { size: -999 });
    if (reply.status === 200) {
      expect((reply.json as { hits: unknown }).hits).toEqual(expected);
    } else {
      expect(reply.status).toBe(500);
      expect(reply.text).toMatch(/checksum|damaged|corrupt/i);
      failed = true;
    }
  }
  return failed ? 'failed' : 'right';
}

test('a segment that is gone is told at the start', async () => {
  await server.client.flush();
  await server.kill();
  const file = onlyFile(server.segmentDirectory, '.seg');
  rmSync(file);
  const error = await server.launch().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StartError);
  expect((error as StartError).exit?.code).toBe(FATAL_EXIT_CODE);
  expect(server.log).toContain(file);
});

test('leftovers of a merge that did not finish are removed', async () => {
  await server.client.flush();
  await server.kill();
  const leftovers = [
    join(server.segmentDirectory, '1-feedbeef-000000.seg'),
    join(server.segmentDirectory, '1-feedbeef-000001.seg.tmp'),
  ];
  for (const file of leftovers) writeFileSync(file, 'half a segment');
  await server.launch();
  expect(await missingAfterCheck()).toEqual([]);
  for (const file of leftovers)
    expect(readdirSync(server.segmentDirectory)).not.toContain(file.slice(file.lastIndexOf('/') + 1));
});
