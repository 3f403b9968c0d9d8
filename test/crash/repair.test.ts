/**
 * `basalt verify` and `basalt repair` on data directories of the real server: damaged in every part, robbed of their catalog, with files that a
 * crash would have left. After a repair the server starts and has exactly what remains, each row once.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.js';
import { chooseSeed, long, Random } from '../harness/random.js';
import { TestServer } from '../harness/server.js';

const seed = chooseSeed();
const FLIPS = long ? 200 : 7;
/** Each step is a process of its own. */
const TIMEOUT_MS = long ? 60 * 60_000 : 10 * 60_000;
/** More than a row group holds. */
const BIG_ROWS = 70_000;
const START_US = 1_700_000_000_000_000;

interface Row {
  _timestamp: number;
  id: number;
  text: string;
  odd?: boolean;
}

let server: TestServer;
let random: Random;
let nextId: number;
/** What was acknowledged and not deleted, by stream. */
let stored: Map<string, Row[]>;

beforeEach(async () => {
  random = new Random(seed);
  nextId = 0;
  stored = new Map();
  server = await TestServer.start();
});
afterEach(() => server?.stop());

async function store(stream: string, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, index): Row => {
    const id = nextId++;
    return {
      _timestamp: START_US + id * 1000,
      id,
      text: random.text(20),
      ...(index % 7 === 0 ? { odd: id % 2 === 1 } : {}),
    };
  });
  for (let at = 0; at < count; at += 20_000) await server.client.store(stream, rows.slice(at, at + 20_000));
  stored.set(stream, [...(stored.get(stream) ?? []), ...rows]);
}

async function drop(stream: string): Promise<void> {
  const reply = await server.client.request('DELETE', `/api/default/streams/${stream}`);
  expect(reply.status).toBe(200);
  stored.delete(stream);
}

/** Compares every row of every stream with what was stored. @param lost ids that may be gone, and are */
async function expectRows(lost: ReadonlySet<number> = new Set()): Promise<void> {
  const listed = await server.client.request('GET', '/api/default/streams');
  const names = (listed.json as { list: { name: string }[] }).list.map(({ name }) => name);
  expect(names.toSorted()).toEqual([...stored.keys()].toSorted());
  for (const [stream, rows] of stored) {
    const found = await server.client.rows<Row>(
      `SELECT _timestamp, id, text, odd FROM ${stream} ORDER BY id`,
    );
    const expected = rows.filter(({ id }) => !lost.has(id));
    expect(found.length, stream).toBe(expected.length);
    for (const [index, row] of expected.entries()) {
      const same = JSON.stringify(found[index]) === JSON.stringify(row);
      if (!same) expect(found[index]).toEqual(row);
    }
    expect(await server.client.number(`SELECT count(*) FROM ${stream}`)).toBe(expected.length);
  }
}

function basalt(...args: string[]) {
  return runCli(args, { env: { BASALT_DATA_DIR: server.dataDir } });
}

async function verify(...args: string[]): Promise<{ code: number | null; text: string }> {
  const { code, stdout, stderr } = await basalt('verify', ...args);
  return { code, text: stdout.toString() + stderr };
}

async function repair(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await basalt('repair', '--yes', ...args);
  const text = stdout.toString() + stderr;
  expect(code, text).toBe(0);
  return text;
}

/** Repairs, sees that nothing is left to repair, and starts the server. */
async function repairAndStart(): Promise<string> {
  const text = await repair();
  expect((await verify()).text).toContain('no problems');
  expect(await repair()).toContain('nothing to repair');
  await server.launch();
  return text;
}

function filesOf(directory: string, suffix: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(directory, name));
}

function segments(): string[] {
  return filesOf(server.segmentDirectory, '.seg').sort((a, b) => statSync(b).size - statSync(a).size);
}

function largestSegment(): string {
  const [file] = segments();
  if (!file) throw new Error('there is no segment');
  return file;
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] as number) ^ (1 << random.int(0, 7));
  writeFileSync(file, bytes);
}

interface GroupInfo {
  offset: number;
  rows: number;
  blockBytes: number;
}

async function groupsOf(file: string): Promise<GroupInfo[]> {
  const { stdout } = await basalt('inspect', '--json', '--groups', file);
  return (JSON.parse(stdout.toString()) as { groups: GroupInfo[] }).groups;
}

/** Several streams, in segments, compacted ones too, and in the WAL; one deleted, one deleted and there again. */
async function fill(): Promise<void> {
  await store('gone', 50);
  await store('again', 60);
  await server.client.flush();
  for (let round = 0; round < 9; round++) {
    await store('small', 30 + round);
    await server.client.flush();
  }
  await store('big', BIG_ROWS);
  await server.client.flush();
  await store('gone', 20);
  await drop('gone');
  await drop('again');
  await store('again', 25);
  await store('big', 100);
  await store('fresh', 40);
}

function catalogFiles(): string[] {
  return readdirSync(server.dataDir)
    .filter((name) => name.startsWith('catalog.sqlite'))
    .map((name) => join(server.dataDir, name));
}

function removeCatalog(): void {
  for (const file of catalogFiles()) rmSync(file);
}

describe(`on the real server's data (BASALT_SEED=${seed})`, { timeout: TIMEOUT_MS }, () => {
  test('all is well beside a running server and after a crash; a lost catalog is rebuilt without a deleted row', async () => {
    await fill();
    expect(await verify()).toMatchObject({ code: 0, text: expect.stringContaining('no problems') });
    const refused = await basalt('repair');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('in use by a running server');
    await server.kill();
    expect(await verify()).toMatchObject({ code: 0 });
    expect(await repair()).toContain('nothing to repair');
    removeCatalog();
    const found = await verify();
    expect(found).toMatchObject({ code: 1, text: expect.stringContaining('the catalog is not there') });
    expect(found.text).toContain('basalt repair');
    await expect(server.launch()).rejects.toThrow(/catalog was lost/);
    const text = await repairAndStart();
    expect(text).toContain('rebuild the catalog');
    await expectRows();
    // New records go on behind the old ones, and a later loss is mended too.
    await store('small', 10);
    await store('gone', 5);
    await server.client.flush();
    await server.kill();
    removeCatalog();
    await repairAndStart();
    await expectRows();
  });

  test('a dry run changes nothing', async () => {
    await fill();
    await server.kill();
    removeCatalog();
    flip(largestSegment(), 5000);
    const before = treeHash(server.dataDir);
    const { code, stdout } = await basalt('repair', '--dry-run', '--yes');
    expect(code).toBe(0);
    expect(stdout.toString()).toContain('rebuild the catalog');
    expect(treeHash(server.dataDir)).toBe(before);
  });

  test('a damaged catalog, one of an earlier day, and one that tells lies are rebuilt', async () => {
    await fill();
    await server.kill('SIGTERM');
    const backup = readFileSync(join(server.dataDir, 'catalog.sqlite'));
    await server.launch();
    for (let round = 0; round < 9; round++) {
      await store('small', 10);
      await server.client.flush();
    }
    await store('later', 10);
    await drop('fresh');
    await server.kill('SIGTERM');
    const whole = readFileSync(join(server.dataDir, 'catalog.sqlite'));
    const damages: [string, () => void][] = [
      [
        'overwritten',
        () => writeFileSync(join(server.dataDir, 'catalog.sqlite'), whole.fill(0x55, 4096, 12_000)),
      ],
      ['cut off', () => truncateSync(join(server.dataDir, 'catalog.sqlite'), 9000)],
      ['emptied', () => truncateSync(join(server.dataDir, 'catalog.sqlite'), 0)],
      ['of an earlier day', () => writeFileSync(join(server.dataDir, 'catalog.sqlite'), backup)],
    ];
    for (const [name, damage] of damages) {
      damage();
      expect((await verify()).code, name).toBe(1);
      expect(await repair(), name).toContain('rebuild the catalog');
      await server.launch();
      await expectRows();
      await server.kill('SIGTERM');
    }
  });

  test('inputs whose removal had not happened, and WAL files, do not come back', async () => {
    const kept = join(server.dataDir, 'kept');
    mkdirSync(kept);
    const keep = () => {
      for (const path of segments()) {
        const target = join(kept, basename(path));
        if (!existsSync(target)) linkSync(path, target);
      }
    };
    for (let round = 0; round < 9; round++) {
      await store('small', 20);
      keep();
      await server.client.flush();
      keep();
    }
    await waitForCompaction();
    const live = segments().length;
    await server.kill();
    for (const name of readdirSync(kept)) {
      const target = join(server.segmentDirectory, name);
      if (!existsSync(target)) linkSync(join(kept, name), target);
    }
    expect(segments().length).toBeGreaterThan(live);
    removeCatalog();
    await repairAndStart();
    await expectRows();
    expect(segments().length).toBe(live);

    // The WAL file comes back with its frames, which are in a segment.
    await store('other', 30);
    const [wal] = filesOf(server.walDirectory, '.wal').map((path) => readFileSync(path)) as [Buffer];
    const name = filesOf(server.walDirectory, '.wal')[0] as string;
    await server.client.flush();
    await server.kill();
    writeFileSync(name, wal);
    removeCatalog();
    await repairAndStart();
    await expectRows();

    // And if that segment is damaged, it is made again from the WAL: nothing is lost.
    await server.client.flush();
    await server.kill();
    writeFileSync(name, wal);
    const damaged = await segmentOf('other');
    const [{ offset, blockBytes }] = (await groupsOf(damaged)) as [GroupInfo];
    flip(damaged, offset + blockBytes - 1);
    removeCatalog();
    expect(await repairAndStart()).toContain('it is damaged; what it was made from is all there');
    await expectRows();
  });

  test('a bad row group is cut out, and the report tells exactly which rows are lost', async () => {
    await fill();
    await server.client.flush();
    await server.kill();
    const file = largestSegment();
    const groups = await groupsOf(file);
    expect(groups).toHaveLength(2);
    const [first] = groups as [GroupInfo];
    const firstRows = first.rows.toLocaleString('en-US');
    flip(file, first.offset + first.blockBytes - 10);
    const found = await verify();
    expect(found.code).toBe(1);
    expect(found.text).toMatch(new RegExp(`row group 0 \\(${firstRows} rows, .*checksum`));
    expect(found.text).toContain(file);
    const text = await repairAndStart();
    const bigIds = (stored.get('big') as Row[]).map(({ id }) => id);
    const lost = new Set(bigIds.slice(0, first.rows));
    const [from, to] = [Math.min(...lost), Math.max(...lost)].map((id) =>
      new Date((START_US + id * 1000) / 1000).toISOString(),
    );
    expect(text).toContain(`lost: ${firstRows} rows, ${from} to ${to}`);
    await expectRows(lost);
    expect(readdirSync(join(server.dataDir, 'quarantine')).join()).toContain(
      file.slice(file.lastIndexOf('/') + 1),
    );
  });

  test('a bit flipped anywhere in a segment is found, and costs at most its row group', async () => {
    await store('big', BIG_ROWS);
    await server.client.flush();
    await server.kill('SIGTERM');
    const saved = `${server.dataDir}-saved`;
    copyTree(server.dataDir, saved);
    try {
      const name = largestSegment().slice(server.segmentDirectory.length + 1);
      const file = join(server.segmentDirectory, name);
      const groups = await groupsOf(file);
      const bytes = statSync(file).size;
      const [first, second] = groups as [GroupInfo, GroupInfo];
      const special = [
        3,
        40,
        first.offset + first.blockBytes - 1,
        second.offset + 5,
        second.offset + 30,
        bytes - 1,
        bytes - 200,
      ];
      for (let round = 0; round < FLIPS; round++) {
        const at = special[round] ?? random.int(0, bytes - 1);
        const withCatalog = round % 2 === 0;
        flip(file, at);
        if (!withCatalog) removeCatalog();
        expect((await verify()).code, `byte ${at}`).toBe(1);
        const text = await repair();
        const group = groups.findIndex(({ offset, blockBytes }) => at >= offset && at < offset + blockBytes);
        const inFooter = at >= second.offset + second.blockBytes;
        const { code, text: after } = await verify();
        expect([code, after], `byte ${at}`).toEqual([0, expect.stringContaining('no problems')]);
        await server.launch();
        const all = stored.get('big') as Row[];
        if (inFooter && !withCatalog) {
          // Nothing tells any more what stream it was.
          expect(text).toContain('nothing tells its stream any more');
          expect((await server.client.search('SELECT * FROM big')).status).toBe(400);
        } else if (text.includes('lost:')) {
          expect(group, `byte ${at}: ${text}`).toBeGreaterThanOrEqual(0);
          const ids = all.map(({ id }) => id);
          const lost = group === 0 ? ids.slice(0, first.rows) : ids.slice(first.rows);
          expect(text).toContain(`lost: ${lost.length.toLocaleString('en-US')} rows`);
          await expectRows(new Set(lost));
        } else await expectRows();
        await server.kill('SIGTERM');
        rmSync(server.dataDir, { recursive: true });
        copyTree(saved, server.dataDir);
      }
    } finally {
      rmSync(saved, { recursive: true, force: true });
    }
  });

  test('cut and missing files', async () => {
    await fill();
    await server.client.flush();
    await server.kill();
    const file = largestSegment();
    const groups = await groupsOf(file);
    const [first, second] = groups as [GroupInfo, GroupInfo];
    truncateSync(file, second.offset + 1000);
    expect((await verify()).text).toContain(file);
    const text = await repairAndStart();
    const bigIds = (stored.get('big') as Row[]).map(({ id }) => id);
    expect(text).toContain(`lost: ${second.rows.toLocaleString('en-US')} rows`);
    const lost = new Set(bigIds.slice(first.rows, first.rows + second.rows));
    await expectRows(lost);

    await server.kill();
    const gone = await segmentOf('fresh');
    renameSync(gone, join(server.dataDir, 'elsewhere'));
    const found = await verify();
    expect(found.code).toBe(1);
    expect(found.text).toContain('the segment is not there; the catalog says 40 rows');
    await expect(server.launch()).rejects.toThrow(/cannot be opened/);
    expect(await repairAndStart()).toContain('lost: 40 rows');
    for (const { id } of stored.get('fresh') as Row[]) lost.add(id);
    await expectRows(lost);
  });

  test('damage in a WAL file is told, a torn end is none', async () => {
    await store('wal', 300);
    for (let round = 0; round < 5; round++) await store('wal', 100);
    await server.kill();
    const file = walFile();
    const used = readFileSync(file).findLastIndex((byte) => byte !== 0) + 1;
    const whole = readFileSync(file);
    // A frame may end in some zeros.
    writeFileSync(file, Buffer.concat([whole.subarray(0, used + 16), whole.subarray(32, 200)]));
    expect(await verify()).toMatchObject({ code: 0, text: expect.stringContaining('never acknowledged') });
    truncateSync(file, used - 5);
    const cut = await verify();
    expect(cut).toMatchObject({ code: 1, text: expect.stringContaining('acknowledged records are lost') });
    expect(cut.text).not.toContain('never acknowledged');
    writeFileSync(file, whole);
    flip(file, Math.floor(used / 2));
    const found = await verify();
    expect(found).toMatchObject({ code: 1, text: expect.stringContaining('WAL damage') });
    expect(found.text).toContain(file);
    expect(await repair()).toContain('nothing to repair');
  });
});

function walFile(): string {
  const directory = server.walDirectory;
  const files = readdirSync(directory).filter((name) => name.endsWith('.wal'));
  const used = (name: string) => readFileSync(join(directory, name)).findLastIndex((byte) => byte !== 0);
  const [first] = files.sort((a, b) => used(b) - used(a));
  return join(directory, first as string);
}

async function segmentOf(stream: string): Promise<string> {
  for (const file of segments()) {
    const { stdout } = await basalt('inspect', '--json', file);
    const { metadata } = JSON.parse(stdout.toString()) as { metadata: { stream: string } };
    if (metadata.stream === stream) return file;
  }
  throw new Error(`no segment of ${stream}`);
}

async function waitForCompaction(): Promise<void> {
  for (let attempt = 0; segments().length > 3; attempt++) {
    if (attempt === 200) throw new Error('the segments were not compacted');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function copyTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isDirectory()) copyTree(join(from, entry.name), join(to, entry.name));
    else if (!entry.name.includes('.spare')) copyFileSync(join(from, entry.name), join(to, entry.name));
  }
}

/** Of names and contents; the lock is taken by a dry run too. */
function treeHash(directory: string): string {
  const hash = createHash('sha256');
  const add = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) add(path);
      else if (entry.name !== 'lock') hash.update(path).update(readFileSync(path));
    }
  };
  add(directory);
  return hash.digest('hex');
}
