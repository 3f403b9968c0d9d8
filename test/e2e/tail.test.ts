/** `_tail` on the real server: what comes, once and in order; filters, refusals, limits, slow readers. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TAIL_BUFFER_BYTES, TAILS_MAX } from '../../src/config/limits.js';
import { sleep, TestServer } from '../harness/server.js';
import { TailClient, type TailOptions, TailRefused } from '../harness/tail.js';

let server: TestServer;
const open: TailClient[] = [];

beforeAll(async () => {
  server = await TestServer.start();
});
afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  await eventually(() => metric('basalt_tails')).toBe(0);
});
afterAll(() => server.stop());

async function tail(stream: string, options?: TailOptions): Promise<TailClient> {
  const client = await TailClient.open(server, stream, options);
  open.push(client);
  return client;
}

/** The machine may have other things to do. */
function eventually<T>(read: () => T) {
  return expect.poll(read, { timeout: 20_000 });
}

async function metric(name: string): Promise<number> {
  const { text } = await server.client.request('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

describe('rows', () => {
  test('come once each, in the order of their arrival, whatever their times', async () => {
    const follower = await tail('order');
    const now = Date.now() * 1000;
    for (let first = 0; first < 2000; first += 50) {
      const records = numbers(first, first + 50).map((n) => ({
        n,
        _timestamp: now - n * 1000,
        text: 'a\nb "c"',
      }));
      await server.client.store('order', records);
    }
    await eventually(() => follower.rows.length).toBe(2000);
    await sleep(200);
    expect(follower.values('n')).toEqual(numbers(0, 2000));
    expect(follower.rows[7]).toEqual({ _timestamp: now - 7000, n: 7, text: 'a\nb "c"' });
    expect(follower.notices).toEqual([]);
  });

  test('of large batches come in order too, through merges', async () => {
    const follower = await tail('large');
    for (let first = 0; first < 200_000; first += 50_000) {
      await server.client.store(
        'large',
        numbers(first, first + 50_000).map((n) => ({ n })),
      );
      await server.client.flush();
    }
    await eventually(() => follower.rows.length).toBe(200_000);
    expect(follower.values('n')).toEqual(numbers(0, 200_000));
  });

  test('begin with the newest that are there, and miss or repeat none', async () => {
    await server.client.store(
      'before',
      numbers(0, 500).map((n) => ({ n, _timestamp: (1_700_000_000_000 + n) * 1000 })),
    );
    let sent = 500;
    let stop = false;
    const sending = (async () => {
      for (; !stop; sent++)
        await server.client.store('before', [{ n: sent, _timestamp: (1_700_000_000_000 + sent) * 1000 }]);
    })();
    const followers: TailClient[] = [];
    for (let round = 0; round < 5; round++) {
      followers.push(await tail('before', { from: 100 }));
      await sleep(30);
    }
    stop = true;
    await sending;
    for (const follower of followers) {
      await eventually(() => follower.values('n').at(-1)).toBe(sent - 1);
      const first = follower.values('n')[0] as number;
      expect(first).toBeGreaterThanOrEqual(400);
      expect(follower.values('n')).toEqual(numbers(first, sent));
    }
  });

  test('from before that have one time come in the order of their arrival, before and after a merge', async () => {
    const at = (n: number) => ({ n, _timestamp: 1_700_000_000_000_000 });
    await server.client.store('ties', numbers(0, 5).map(at));
    await server.client.store('ties', numbers(5, 8).map(at));
    for (let round = 0; round < 2; round++) {
      const some = await tail('ties', { from: 4 });
      const all = await tail('ties', { from: 100, filter: 'n > 0' });
      await eventually(() => [some.values('n'), all.values('n')]).toEqual([numbers(4, 8), numbers(1, 8)]);
      await server.client.flush();
    }
  });

  test('of a stream that does not exist yet, and of one that was deleted and came again', async () => {
    const follower = await tail('later', { filter: "kind = 'b'", from: 10 });
    await server.client.store('later', [{ n: 1 }]);
    await server.client.store('later', [
      { n: 2, kind: 'a' },
      { n: 3, kind: 'b' },
    ]);
    await eventually(() => follower.values('n')).toEqual([3]);
    await server.client.request('DELETE', '/api/default/streams/later');
    await server.client.store('later', [{ n: 4, kind: 'b' }]);
    await eventually(() => follower.values('n')).toEqual([3, 4]);
  });

  test('have columns that are new, and none of other streams and organizations', async () => {
    await server.client.store('grows', [{ n: 0 }]);
    const follower = await tail('grows', { filter: 'n > 0' });
    await server.client.store('other', [{ n: 5 }]);
    await server.client.request('POST', '/api/elsewhere/grows/_json', { body: '[{"n":6}]' });
    await server.client.store('grows', [{ n: 1, fresh: true }]);
    await server.client.store('grows', [{ n: 'two' }]);
    await server.client.store('grows', [{ n: 3, again: 1.5 }]);
    await eventually(() => follower.rows.length).toBeGreaterThanOrEqual(2);
    expect(follower.rows[0]).toMatchObject({ fresh: true });
    await eventually(() => follower.rows.at(-1)).toMatchObject({ again: 1.5 });
  });
});

describe('filters', () => {
  test('are SQL conditions', async () => {
    await server.client.store('filtered', [{ level: 'info', message: 'x' }]);
    const follower = await tail('filtered', { filter: "level = 'error' OR match_all('refused') -- both" });
    await server.client.store('filtered', [
      { n: 1, level: 'info', message: 'fine' },
      { n: 2, level: 'error', message: 'bad' },
      { n: 3, level: 'info', message: 'card was refused' },
    ]);
    await eventually(() => follower.values('n')).toEqual([2, 3]);
  });

  test('that are the same are one scan, however many follow', async () => {
    await server.client.store('shared', [{ n: 0 }]);
    const before = await metric('basalt_tail_scans_total');
    const followers = await Promise.all(numbers(0, 20).map(() => tail('shared', { filter: 'n > 0' })));
    expect(await metric('basalt_tail_filters')).toBe(1);
    const different = await tail('shared', { filter: 'n > 1' });
    for (let n = 1; n <= 3; n++) {
      await server.client.store('shared', [{ n }]);
      await eventually(() => followers.every((each) => each.rows.length === n)).toBe(true);
    }
    await eventually(() => different.values('n')).toEqual([2, 3]);
    for (const follower of followers) expect(follower.values('n')).toEqual([1, 2, 3]);
    expect((await metric('basalt_tail_scans_total')) - before).toBe(6);
  });

  test.each([
    ['level = = 1', 20001, { line: 1 }],
    ['levle = 1', 20004, { line: 1, column: 1 }],
    ['n IN (SELECT n FROM wrong)', 20001, {}],
    ['1 = 1) UNION ALL SELECT * FROM wrong WHERE (1 = 1', 20001, {}],
  ])('%s is refused at the door', async (filter, code, place) => {
    await server.client.store('wrong', [{ n: 1, level: 2 }]);
    const refused = await tail('wrong', { filter }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TailRefused);
    const { status, text } = refused as TailRefused;
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ code, ...place });
  });
});

describe('at the door', () => {
  test('credentials, a good organization and number of rows, and a WebSocket are needed', async () => {
    const statusOf = (options: TailOptions) =>
      tail('door', options).then(
        () => 101,
        (error: TailRefused) => error.status,
      );
    expect(await statusOf({ anonymous: true })).toBe(401);
    expect(await statusOf({ organization: 'a.b' })).toBe(400);
    expect(await statusOf({ from: '-1' })).toBe(400);
    expect(await statusOf({ from: 1e6 })).toBe(400);
    expect(await statusOf({ filter: 'a = = 1' })).toBe(400);
    const plain = await server.client.request('GET', '/api/default/door/_tail');
    expect(plain.status).toBe(426);
  });

  test('other routes do not mind a client that asks for a WebSocket', async () => {
    const headers = { 'sec-websocket-key': Buffer.alloc(16).toString('base64') };
    const reply = await server.client.request('GET', '/api/default/streams', { headers });
    expect(reply.status).toBe(200);
  });

  test(`no more than ${TAILS_MAX}, and room again when some leave`, async () => {
    const followers = await Promise.all(
      numbers(0, TAILS_MAX).map((n) => tail('crowd', { filter: `n > ${n % 4}` })),
    );
    const refused = (await tail('crowd').catch((error: unknown) => error)) as TailRefused;
    expect(refused.status).toBe(503);
    await server.client.store('crowd', [{ n: 9 }]);
    await eventually(() => followers.every(({ rows }) => rows.length === 1)).toBe(true);
    followers[0]?.close();
    await eventually(() => metric('basalt_tails')).toBe(TAILS_MAX - 1);
    await tail('crowd');
  });
});

test('a slow reader holds no more than its buffer, is told what it missed, and disturbs nobody', async () => {
  const slow = await tail('flood');
  const quick = await tail('flood');
  slow.socket.pause();
  const text = 'x'.repeat(1000);
  const before = server.residentBytes();
  const rows = 60_000;
  for (let first = 0; first < rows; first += 2000) {
    await server.client.store(
      'flood',
      numbers(first, first + 2000).map((n) => ({ n, text: `${text}${n}` })),
    );
    // The quick one is only as quick as this process lets it be.
    await eventually(() => quick.rows.length + dropsOf(quick) >= first).toBe(true);
  }
  await eventually(() => quick.rows.length + dropsOf(quick)).toBe(rows);
  expect(dropsOf(quick)).toBe(0);
  expect(server.residentBytes() - before).toBeLessThan(40 * TAIL_BUFFER_BYTES);
  slow.socket.resume();
  await eventually(() => slow.rows.length + dropsOf(slow)).toBe(rows);
  expect(dropsOf(slow)).toBeGreaterThan(0);
  // What it got is in order, and it goes on.
  const got = slow.values('n') as number[];
  expect(got).toEqual([...new Set(got)].sort((a, b) => a - b));
  await server.client.store('flood', [{ n: rows }]);
  await eventually(() => slow.values('n').at(-1)).toBe(rows);
});

function dropsOf({ notices }: TailClient): number {
  return notices.reduce((sum, { dropped }) => sum + Number(dropped ?? 0), 0);
}

test('a server that stops says so and does not wait for tails', async () => {
  const stopping = await TestServer.start();
  try {
    const follower = await TailClient.open(stopping, 'stop');
    await stopping.client.store('stop', [{ n: 1 }]);
    await eventually(() => follower.values('n')).toEqual([1]);
    expect(await stopping.kill('SIGTERM')).toMatchObject({ code: 0 });
    await eventually(() => follower.closeCode).toBe(1001);
  } finally {
    await stopping.stop();
  }
});
