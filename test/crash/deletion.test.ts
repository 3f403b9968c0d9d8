/**
 * Deletion by query takes the bytes, not only the rows: afterwards no file of the data directory has them, also when the process died in
 * the middle of it and the next start had to finish it. All other rows stay, once each.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chooseSeed, long, Random } from '../harness/random.js';
import { sleep, TestServer } from '../harness/server.js';

const seed = chooseSeed();
const ROUNDS = long ? 25 : 4;
const SEGMENTS = 10;
const ROWS = 400;

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server?.stop());

/** Files of the data directory that hold the text. */
function filesWith(text: string, folder = server.dataDir): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return filesWith(text, path);
    return readFileSync(path).includes(text) ? [path] : [];
  });
}

/** The least text of each block it is in, so that the block's bounds show it as it is. */
function secretOf(random: Random): string {
  return `!${Array.from({ length: 24 }, () => random.pick([...'abcdefghijklmnopqrstuvwxyz'])).join('')}`;
}

interface Row {
  id: number;
  note: string;
}

/** Rows in segments and, at last, in the WAL; some of each hold the secret. */
async function fill(random: Random, secret: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let part = 0; part <= SEGMENTS; part++) {
    const batch = Array.from({ length: ROWS }, (_, index) => ({
      id: part * ROWS + index,
      note: random.chance(0.1) ? `${secret} ${index}` : `note ${random.text(30)}`,
    }));
    rows.push(...batch);
    await server.client.store('logs', batch);
    // Its blocks lie in the same WAL files, and are not merged when the deletion comes.
    await server.client.store('other', [{ part }]);
    if (part < SEGMENTS) await server.client.flush();
  }
  return rows;
}

function deletion(where: string) {
  return server.client.request('POST', '/api/default/logs/_delete_by_query', {
    body: JSON.stringify({ where }),
  });
}

async function expectRows(expected: Row[]): Promise<void> {
  const found = await server.client.rows<Row>('SELECT id, note FROM logs ORDER BY id');
  expect(found).toEqual(expected);
  expect(await server.client.number('SELECT count(*) FROM logs')).toBe(expected.length);
  expect(await server.client.number('SELECT count(*) FROM other')).toBe(SEGMENTS + 1);
}

test(`after the answer no file holds what was deleted (BASALT_SEED=${seed})`, async () => {
  const random = new Random(seed);
  const secret = secretOf(random);
  const rows = await fill(random, secret);
  const before = filesWith(secret);
  expect(before.some((path) => path.includes('/wal/'))).toBe(true);
  expect(before.filter((path) => path.includes('/segments/')).length).toBeGreaterThan(0);

  const reply = await deletion(`note LIKE '${secret}%'`);
  const kept = rows.filter(({ note }) => !note.startsWith(secret));
  expect(reply.json).toMatchObject({ deleted: rows.length - kept.length, failures: [] });
  expect(filesWith(secret)).toEqual([]);
  await expectRows(kept);
  await server.restart();
  await expectRows(kept);
  expect(filesWith(secret)).toEqual([]);
  expect((await deletion(`note LIKE '${secret}%'`)).json).toMatchObject({ deleted: 0 });
});

test('a time range alone, the rows of one segment, or all of them', async () => {
  const time = (id: number) => 1_700_000_000_000_000 + id;
  const send = (ids: number[]) =>
    server.client.store(
      'logs',
      ids.map((id) => ({ _timestamp: time(id), id })),
    );
  await send([1, 2, 3]);
  await server.client.flush();
  await send([4, 5, 6]);
  const range = { start_time: time(2), end_time: time(5) };
  const ask = (body: object) =>
    server.client.request('POST', '/api/default/logs/_delete_by_query', { body: JSON.stringify(body) });
  const ids = async () =>
    (await server.client.rows<Row>('SELECT id FROM logs ORDER BY id')).map(({ id }) => id);
  expect((await ask({ ...range, where: 'id <> 3' })).json).toMatchObject({ deleted: 2 });
  expect(await ids()).toEqual([1, 3, 5, 6]);
  expect((await ask(range)).json).toMatchObject({ deleted: 1 });
  expect(await ids()).toEqual([1, 5, 6]);
  expect((await ask({ where: 'false' })).json).toMatchObject({ deleted: 0 });
  expect((await ask({ where: 'true' })).json).toMatchObject({ deleted: 3 });
  expect(await ids()).toEqual([]);
  await send([7]);
  expect(await ids()).toEqual([7]);
});

test('what cannot be evaluated row by row, or is wrong, is refused and removes nothing', async () => {
  await server.client.store('logs', [{ id: 1, note: 'x' }]);
  const refused: [string, number][] = [
    ['id IN (SELECT max(id) FROM logs)', 400],
    ['id = 1) OR (SELECT true', 400],
    ['true) GROUP BY (note', 400],
    ['no_such_column = 1', 400],
    ['id = ', 400],
    ['random() < 2', 400],
  ];
  for (const [where, status] of refused) expect((await deletion(where)).status, where).toBe(status);
  const none = await server.client.request('POST', '/api/default/logs/_delete_by_query', { body: '{}' });
  expect(none.status).toBe(400);
  const unknown = await server.client.request('POST', '/api/default/nothing/_delete_by_query', {
    body: '{"where":"true"}',
  });
  expect(unknown.status).toBe(404);
  expect(await server.client.number('SELECT count(*) FROM logs')).toBe(1);
});

test(`killed in the middle of it, ${ROUNDS} rounds (BASALT_SEED=${seed})`, async () => {
  const random = new Random(seed);
  let finishedByStart = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const secret = secretOf(random);
    const rows = await fill(random, secret);
    const kept = rows.filter(({ note }) => !note.startsWith(secret));
    const asked = deletion(`note LIKE '${secret}%'`).catch(() => undefined);
    await sleep(random.int(10, 250));
    await server.kill('SIGKILL');
    const answer = await asked;
    const catalog = new Database(join(server.dataDir, 'catalog.sqlite'));
    const pending = (catalog.prepare('SELECT count(*) AS n FROM removals').get() as { n: number }).n;
    catalog.close();
    await server.launch();
    if (pending > 0) {
      finishedByStart++;
      for (let waited = 0; !server.log.includes('finished a deletion by query'); waited += 20) {
        expect(waited, server.log).toBeLessThan(20_000);
        await sleep(20);
      }
    } else if (!answer) {
      // It was not begun, or its rows are gone and only WAL files were left to clear.
      await deletion(`note LIKE '${secret}%'`);
    }
    await expectRows(kept);
    await server.client.flush();
    expect(filesWith(secret), `round ${round}`).toEqual([]);
    for (const stream of ['logs', 'other'])
      await server.client.request('DELETE', `/api/default/streams/${stream}`);
  }
  console.log(JSON.stringify({ rounds: ROUNDS, seed, finishedByStart }));
});
