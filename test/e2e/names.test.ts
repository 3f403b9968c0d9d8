/**
 * Records of many and of wide names: each field can be asked for by its name, wherever it lies, with the same answer in every state; and the
 * process takes memory by what is stored, not by rows times names.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestServer } from '../harness/server.js';

/** Milliseconds: the whole suite may run beside this. */
const TIMEOUT = 240_000;

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

const rows = async (sql: string) => (await server.client.rows(sql, { timeoutMs: 60_000 })).map(Object.values);

/** A record of so many fields, named with the prefix and their number, which is their value; then the others. */
function wide(prefix: string, fields: number, others: object): object {
  const name = (number: number) => `${prefix}${String(number).padStart(5, '0')}`;
  return { ...Object.fromEntries(Array.from({ length: fields }, (_, i) => [name(i), i])), ...others };
}

/** Answers of each statement in the four states that rows go through. */
async function inAllStates(expected: [sql: string, rows: unknown[][]][]): Promise<void> {
  const ask = async (state: string) => {
    for (const [sql, right] of expected) expect(await rows(sql), `${state}: ${sql}`).toEqual(right);
  };
  await ask('fresh');
  await server.restart('SIGKILL');
  await ask('replayed');
  await server.client.flush();
  await ask('flushed');
  await server.restart('SIGKILL');
  await ask('reopened');
}

describe.sequential('names', () => {
  test('fields of a wide record are found by name, and others lose none of theirs', {
    timeout: TIMEOUT,
  }, async () => {
    const { client } = server;
    await client.store('w', [
      wide('f', 3000, {
        id: 1,
        level: 'error',
        message: 'disk quota exceeded',
        ratio: 0.5,
        ok: true,
        list: [1, 2],
      }),
      ...Array.from({ length: 50 }, (_, i) => ({ id: 10 + i, level: 'info', message: 'disk fine' })),
    ]);
    await client.store('w', [wide('g', 2000, { id: 2, level: 'warn', message: 7, ratio: 2, nul: null })]);
    await client.store('w', [{ id: 3, f02999: -1, level: 'info', message: 'späť' }]);
    await inAllStates([
      [
        'SELECT count(*) AS n, count(id) AS i, count(level) AS l, count(message) AS m FROM w',
        [[53, 53, 53, 53]],
      ],
      [
        'SELECT id, level, message, ratio FROM w WHERE id < 10 ORDER BY id',
        [
          [1, 'error', 'disk quota exceeded', 0.5],
          [2, 'warn', '7', 2],
          [3, 'info', 'späť'],
        ],
      ],
      ['SELECT id FROM w WHERE id = 2', [[2]]],
      ["SELECT id FROM w WHERE level = 'error'", [[1]]],
      ["SELECT id FROM w WHERE message LIKE '%quota%'", [[1]]],
      ["SELECT count(*) AS n FROM w WHERE match_all('disk')", [[51]]],
      [
        'SELECT level, count(*) AS n, max(f02999) AS top FROM w GROUP BY level ORDER BY level',
        [
          ['error', 1, 2999],
          ['info', 51, -1],
          ['warn', 1],
        ],
      ],
      [
        'SELECT f02999, id FROM w WHERE f02999 IS NOT NULL ORDER BY f02999',
        [
          [-1, 3],
          [2999, 1],
        ],
      ],
      ['SELECT count(*) AS n FROM w WHERE f02999 IS NULL', [[51]]],
      ['SELECT sum(f00001 + f02998) AS s, count(g01999) AS n FROM w', [[2999, 1]]],
      ["SELECT json_get_int(_all, 'f02998') AS v FROM w WHERE f00001 = 1", [[2998]]],
      ['SELECT ok, list FROM w WHERE ok', [[true, '[1,2]']]],
    ]);
    expect((await server.client.search('SELECT f03000 FROM w')).status).toBe(400);
    const values = await server.client.request(
      'GET',
      '/api/default/w/_values?fields=level&start_time=1&end_time=4000000000000000',
    );
    expect(values.text).toContain('error');
    const exported = await server.client.request('POST', '/api/default/_export?format=ndjson', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query: {
          sql: 'SELECT id, f02998 FROM w WHERE id = 1',
          start_time: 0,
          end_time: 4_102_444_800_000_000,
        },
      }),
    });
    expect(exported.text.trim()).toBe('{"id":1,"f02998":2998}');
  });

  test('blocks with the column and blocks with it in overflow are merged', { timeout: TIMEOUT }, async () => {
    const { client } = server;
    const expected = new Map<string, number>();
    for (let round = 0; round < 9; round++) {
      const label = `round ${round % 3}`;
      const records = [wide(`r${round}_`, 1100, { label }), { label: `plain ${round % 2}` }];
      for (const { label } of records as { label: string }[])
        expected.set(label, (expected.get(label) ?? 0) + 1);
      await client.store('mix', round % 2 === 0 ? records : records.reverse());
      await client.flush();
    }
    const right = [...expected].sort(([a], [b]) => (a < b ? -1 : 1));
    await inAllStates([
      ['SELECT label, count(*) AS n FROM mix GROUP BY label ORDER BY label', right],
      ["SELECT count(*) AS n FROM mix WHERE label >= 'round'", [[9]]],
      ['SELECT sum(r8_01099) AS s, count(*) AS n FROM mix', [[1099, 18]]],
    ]);
  });

  test('rows are deleted by a field in overflow', { timeout: TIMEOUT }, async () => {
    const { client } = server;
    const levels = ['error', 'info', 'error'];
    for (const [i, level] of levels.entries())
      await client.store('del', [wide(`d${i}_`, 1200, { n: i, level })]);
    await client.store('del', [
      { n: 3, level: 'error' },
      { n: 4, level: 'info' },
    ]);
    const body = JSON.stringify({ where: "level = 'error'", start_time: 1, end_time: 4_102_444_800_000_000 });
    const found = await client.number("SELECT count(*) AS n FROM del WHERE level = 'error'");
    expect(found).toBe(3);
    const reply = await client.request('POST', '/api/default/del/_delete_by_query', { body });
    expect(reply.status, reply.text).toBe(200);
    await inAllStates([['SELECT n FROM del ORDER BY n', [[1], [4]]]]);
  });

  test('1,200 names over the records of one request are columns', { timeout: TIMEOUT }, async () => {
    const records = Array.from({ length: 800 }, (_, i) => {
      const service = `svc${i % 80}`;
      const round = Math.floor(i / 80);
      const fields = Array.from({ length: 15 }, (_, f) => [`${service}_f${f}`, round]);
      return { service, ...Object.fromEntries(fields), message: `round ${round} done`, level: 'info' };
    });
    await server.client.store('services', records);
    await inAllStates([
      ['SELECT count(*) AS n, count(message) AS m, count(svc3_f1) AS f FROM services', [[800, 800, 10]]],
      ["SELECT count(*) AS n FROM services WHERE svc79_f14 = 5 AND match_all('round')", [[1]]],
      ['SELECT service, count(*) AS n FROM services WHERE svc75_f0 >= 0 GROUP BY service', [['svc75', 10]]],
    ]);
    expect((await server.client.search('SELECT _all FROM services')).status).toBe(400);
  });

  test('letters of all scripts are kept in names', { timeout: TIMEOUT }, async () => {
    await server.client.store('scripts', [
      {
        id: 1,
        状态: '失败',
        级别: '高',
        größe: 5,
        gröÖe: 6,
        gr__e: 7,
        ГОРОД: 'Ufa',
        город: 'Perm',
        'a😀': 1,
        'a😁': 2,
      },
    ]);
    await inAllStates([
      ['SELECT 状态, "级别", größe, gr__e FROM scripts', [['失败', '高', 5, 7]]],
      ['SELECT GRöSSE AS x FROM (SELECT größe AS grösse FROM scripts)', [[5]]],
      ['SELECT "gröÖe", ГОРОД, город FROM scripts WHERE 状态 = \'失败\'', [[6, 'Ufa', 'Perm']]],
      ['SELECT "a😀" + 1 AS x, "a😁" AS y FROM scripts', [[2, 2]]],
    ]);
  });

  test('more names than a stream lists are found all the same', { timeout: TIMEOUT }, async () => {
    const { client } = server;
    for (let request = 0; request < 24; request++) {
      const record = (row: number) => ({ n: row, [`user_${request}_${row}`]: row });
      await client.store(
        'ids',
        Array.from({ length: 1000 }, (_, row) => record(row)),
      );
    }
    await client.store('ids', [{ late: 'x', message: 'late words' }]);
    await inAllStates([
      ['SELECT count(*) AS n, count(user_0_7) AS a FROM ids', [[24_001, 1]]],
      ['SELECT n FROM ids WHERE user_0_999 = 999', [[999]]],
      ["SELECT n FROM ids WHERE user_23_999 = '999'", [[999]]],
      ["SELECT count(*) AS n FROM ids WHERE late = 'x' AND match_all('words')", [[1]]],
    ]);
    // Dense columns of these names would be 24,000 times 20,000 values.
    expect(server.residentBytes('VmHWM')).toBeLessThan(2 ** 30);
  });
});
