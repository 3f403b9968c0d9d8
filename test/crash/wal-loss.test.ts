/**
 * Acknowledged bytes of the write-ahead log that are gone, wherever they lay: the next start tells how many rows of which stream, answers are
 * partial until an operator says that it is known, and what was never acknowledged is not taken for a loss. No row comes twice.
 */
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.js';
import { chooseSeed, Random } from '../harness/random.js';
import { TestServer } from '../harness/server.js';

const seed = chooseSeed();
const BATCHES = 30;
const BATCH_ROWS = 20;
const START_US = 1_700_000_000_000_000;

interface Answer {
  hits: { id: number }[];
  is_partial: boolean;
  function_error?: string[];
}

let server: TestServer;
let stored: number;

beforeEach(async () => {
  server = await TestServer.start({ env: { BASALT_INGEST_WORKERS: '1' } });
  stored = 0;
  await store(BATCHES);
});
afterEach(() => server?.stop());

async function store(batches: number): Promise<void> {
  for (let batch = 0; batch < batches; batch++) {
    const rows = Array.from({ length: BATCH_ROWS }, () => {
      const id = stored++;
      return { _timestamp: START_US + id, id, text: `text ${id}` };
    });
    await server.client.store('logs', rows);
  }
}

function walFiles(): string[] {
  return readdirSync(server.walDirectory)
    .filter((name) => name.endsWith('.wal'))
    .map((name) => join(server.walDirectory, name));
}

function onlyWalFile(): string {
  const [file, ...others] = walFiles();
  if (file === undefined || others.length > 0) throw new Error('not one WAL file');
  return file;
}

/** `used` ends at the last byte that is not zero; a frame may have some more. */
function change(path: string, edit: (bytes: Buffer, used: number) => Buffer): void {
  const bytes = readFileSync(path);
  writeFileSync(path, edit(bytes, bytes.findLastIndex((byte) => byte !== 0) + 1));
}

async function answer(): Promise<Answer> {
  const reply = await server.client.search('SELECT id FROM logs ORDER BY id', { size: -999 });
  expect(reply.status, reply.text).toBe(200);
  return reply.json as unknown as Answer;
}

async function metric(name: string): Promise<number> {
  const { text } = await server.client.request('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

/** Each row at most once. @returns those that are missing */
async function missingIds(): Promise<number[]> {
  const ids = (await answer()).hits.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const found = new Set(ids);
  return Array.from({ length: stored }, (_, id) => id).filter((id) => !found.has(id));
}

const DAMAGE: [string, (path: string) => void][] = [
  [
    'the last byte is flipped',
    (path) =>
      change(path, (bytes, used) => {
        bytes[used - 1] = (bytes[used - 1] as number) ^ 1;
        return bytes;
      }),
  ],
  [
    'the last 4 KB are zeroed',
    (path) => change(path, (bytes, used) => bytes.fill(0, Math.max(0, used - 4096), used)),
  ],
  ['it is cut in half', (path) => change(path, (bytes, used) => bytes.subarray(0, used >> 1))],
  ['it is emptied', (path) => truncateSync(path, 0)],
  ['it is zeroed', (path) => change(path, (bytes) => bytes.fill(0))],
  ['it is filled with other bytes', (path) => change(path, (bytes) => bytes.fill('other'))],
  ['it is deleted', (path) => rmSync(path)],
  ['the whole folder is gone', () => rmSync(server.walDirectory, { recursive: true })],
  [
    'bytes in the middle are zeroed',
    (path) => change(path, (bytes, used) => bytes.fill(0, used >> 2, used >> 1)),
  ],
  [
    'it is deleted with its journal',
    (path) => {
      rmSync(path);
      rmSync(join(server.dataDir, 'journal'), { recursive: true });
    },
  ],
];

describe.each(['kill -9', 'an orderly stop'])('after %s', (end) => {
  test.each(DAMAGE)('%s', async (name, damage) => {
    const withJournal = !name.includes('journal');
    // The catalog hears of a batch within a second, the journal at once.
    if (!withJournal) await new Promise((resolve) => setTimeout(resolve, 1500));
    await server.kill(end === 'kill -9' ? 'SIGKILL' : 'SIGTERM');
    damage(onlyWalFile());

    const verified = await runCli(['verify', server.dataDir], {});
    expect(verified.code, verified.stdout.toString()).toBe(1);
    expect(verified.stdout.toString()).toContain('acknowledged records are lost');

    await server.launch();
    const { hits } = await answer().catch(() => ({ hits: [] }));
    const lost = stored - hits.length;
    expect(lost).toBeGreaterThan(0);
    expect(server.log).toContain(`${lost} rows in ${lost / BATCH_ROWS} batches`);
    expect(await metric('basalt_wal_lost_rows')).toBe(lost);
    const reply = await server.client.search('SELECT count(*) AS id FROM logs');
    expect(reply.json).toMatchObject({ hits: [{ id: hits.length }], is_partial: true });
    expect((reply.json as unknown as Answer).function_error?.join()).toContain(`${lost} rows`);
    if (withJournal) {
      // The time range of what is missing is told, and the columns of a stream without a row are known.
      const ids = await missingIds();
      const loss = ((await server.client.request('GET', '/node/losses')).json as { list: object[] }).list;
      expect(loss).toMatchObject([
        {
          stream: 'logs',
          rows: lost,
          timeMin: START_US + (ids[0] as number),
          timeMax: START_US + (ids.at(-1) as number),
          acknowledgedUs: null,
        },
      ]);
    }

    // It is told again by every start, and counted once.
    await store(2);
    await server.restart();
    expect(await metric('basalt_wal_lost_rows')).toBe(lost);
    expect((await answer()).is_partial).toBe(true);
    await server.client.flush();
    expect((await answer()).is_partial).toBe(true);

    const acknowledged = await server.client.request('POST', '/node/losses/acknowledge');
    expect(acknowledged.json).toEqual({ acknowledged: 1, open: 0 });
    expect(await answer()).toMatchObject({ is_partial: false });
    expect(await answer()).not.toHaveProperty('function_error');
    await server.restart();
    expect(await answer()).toMatchObject({ is_partial: false });
    expect(await metric('basalt_wal_lost_rows')).toBe(0);
    expect(stored - (await answer()).hits.length).toBe(lost);
  });
});

describe('what was never acknowledged is no loss', () => {
  test.each([
    ['garbage behind the end', Buffer.from('garbage'.repeat(500))],
    ['half of a frame', undefined],
  ])('%s', async (_, tail) => {
    await server.kill();
    change(onlyWalFile(), (bytes, used) =>
      Buffer.concat([bytes.subarray(0, used + 16), tail ?? bytes.subarray(32, 300)]),
    );
    await server.launch();
    expect(await missingIds()).toEqual([]);
    expect(await answer()).toMatchObject({ is_partial: false });
    expect(server.log).toContain('dropped the unacknowledged end of a WAL file');
  });
});

test('a flush leaves nothing that could be missed, and a deleted stream takes its losses with it', async () => {
  await server.client.flush();
  await server.kill();
  rmSync(server.walDirectory, { recursive: true });
  rmSync(join(server.dataDir, 'journal'), { recursive: true });
  await server.launch();
  expect(await missingIds()).toEqual([]);
  expect(await answer()).toMatchObject({ is_partial: false });

  await store(3);
  await server.kill();
  for (const file of walFiles()) rmSync(file);
  await server.launch();
  expect(await answer()).toMatchObject({ is_partial: true });
  await server.client.request('DELETE', '/api/default/streams/logs');
  expect(await metric('basalt_wal_losses')).toBe(0);
});

test('an operator may say so while the server is stopped', async () => {
  await server.kill();
  rmSync(onlyWalFile());
  await server.launch();
  await server.kill();
  const { code, stdout } = await runCli(['repair', '--acknowledge', server.dataDir], {});
  expect([code, stdout.toString()]).toEqual([0, expect.stringContaining('1 loss acknowledged')]);
  await server.launch();
  expect(await answer()).toMatchObject({ is_partial: false });
});

describe('a frame counts once', () => {
  const copies: [string, (path: string) => void][] = [
    ['a copy under another name', (path) => copyFileSync(path, join(server.walDirectory, 'copy.wal'))],
    [
      'a copy under the name of another process',
      (path) => copyFileSync(path, join(server.walDirectory, 'feedbeef0000-7-000000.wal')),
    ],
    [
      'its frames again behind its end',
      (path) =>
        change(path, (bytes, used) =>
          Buffer.concat([bytes.subarray(0, used + 16), bytes.subarray(32, used)]),
        ),
    ],
    [
      'the file behind its end',
      (path) =>
        change(path, (bytes, used) => Buffer.concat([bytes.subarray(0, used + 16), bytes.subarray(0, used)])),
    ],
    [
      'another name, in place of its own',
      (path) => {
        copyFileSync(path, join(server.walDirectory, 'renamed.wal'));
        rmSync(path);
      },
    ],
  ];

  test.each(copies)('%s', async (_, copy) => {
    await server.kill();
    copy(onlyWalFile());
    await server.launch();
    expect(await missingIds()).toEqual([]);
    expect(await answer()).toMatchObject({ is_partial: false });
    await server.client.flush();
    await server.restart();
    expect(await missingIds()).toEqual([]);
    await server.client.flush();
    expect(await missingIds()).toEqual([]);
    await server.restart();
    expect(await missingIds()).toEqual([]);
  });

  test('also when its file was merged and is gone, or is merged in part', async () => {
    const kept = join(server.dataDir, 'kept');
    mkdirSync(kept);
    copyFileSync(onlyWalFile(), join(kept, 'a.wal'));
    await server.client.flush();
    await server.kill();
    copyFileSync(join(kept, 'a.wal'), join(server.walDirectory, 'back.wal'));
    await server.launch();
    expect(await missingIds()).toEqual([]);
    expect(readdirSync(join(server.dataDir, 'quarantine'))).toContain('back.wal');
  });

  test('a lost file is made good by its copy, whatever it is called', async () => {
    await server.kill();
    const file = onlyWalFile();
    const bytes = readFileSync(file);
    rmSync(file);
    await server.launch();
    expect((await answer()).hits).toEqual([]);
    await server.kill();
    writeFileSync(join(server.walDirectory, 'from-backup.wal'), bytes);
    await server.launch();
    expect(await missingIds()).toEqual([]);
    await server.client.flush();
    await server.restart();
    expect(await missingIds()).toEqual([]);
  });
});

test(`any byte flipped in the used part of a WAL file is told to the row (BASALT_SEED=${seed})`, async () => {
  const random = new Random(seed);
  await server.kill();
  const file = onlyWalFile();
  const state = [
    file,
    ...readdirSync(join(server.dataDir, 'journal')).map((name) => join(server.dataDir, 'journal', name)),
  ];
  const catalogs = readdirSync(server.dataDir).filter((name) => name.startsWith('catalog.sqlite'));
  const kept = [...state, ...catalogs.map((name) => join(server.dataDir, name))].map(
    (path) => [path, readFileSync(path)] as const,
  );
  for (let round = 0; round < 5; round++) {
    change(file, (bytes, used) => {
      const at = random.int(0, used - 1);
      bytes[at] = (bytes[at] as number) ^ (1 << random.int(0, 7));
      return bytes;
    });
    await server.launch();
    const lost = (await missingIds()).length;
    expect(await metric('basalt_wal_lost_rows')).toBe(lost);
    expect((await answer()).is_partial).toBe(lost > 0);
    await server.kill();
    for (const [path, bytes] of kept) writeFileSync(path, bytes);
  }
});
