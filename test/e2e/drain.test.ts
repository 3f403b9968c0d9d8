/** SIGTERM under load: what was acknowledged is there after the next start, once; and the process ends by itself. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Ledger } from '../harness/ledger.js';
import { chooseSeed } from '../harness/random.js';
import { sleep, TestServer } from '../harness/server.js';

const seed = chooseSeed();
let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server?.stop());

test.each(['SIGTERM', 'SIGINT'] as const)(
  `%s under load loses nothing (BASALT_SEED=${seed})`,
  async (signal) => {
    const ledger = new Ledger(seed, `drained_${signal.toLowerCase()}`);
    const load = ledger.send(server.client, { connections: 8 });
    await sleep(700);
    const exit = await server.kill(signal);
    await load.finished;
    expect(exit).toEqual({ code: 0, signal: null });
    expect(server.log).toContain('stopped');
    await server.launch();
    const result = await ledger.compare(server.client);
    expect(result.acked).toBeGreaterThan(0);
    expect(result).toMatchObject({ lost: 0, duplicated: 0, invented: 0 });
    // Nothing was cut off: whatever the server took, it answered.
    expect(result.found).toBe(result.acked);
  },
);

test('while it drains, new requests are refused with 503 or not taken at all', async () => {
  const { client } = server;
  await client.store('last', [{ n: 1 }]);
  const exited = server.kill('SIGTERM');
  const replies = [];
  for (let attempt = 0; attempt < 20; attempt++) {
    const reply = await client.ingest('last', '_json', '[{"n":2}]').catch(() => undefined);
    if (reply) replies.push(reply);
  }
  expect(await exited).toEqual({ code: 0, signal: null });
  const late = replies.filter((reply) => reply.status !== 200);
  for (const reply of late) {
    expect(reply.status).toBe(503);
    expect(reply.headers.get('retry-after')).not.toBeNull();
  }
  const stored = replies.length - late.length;
  await server.launch();
  expect(await server.client.number('SELECT count(*) FROM last')).toBe(1 + stored);
});

test('a search that goes on and a merge under way are not waited for', async () => {
  const { client } = server;
  for (let part = 0; part < 12; part++) {
    const rows = Array.from({ length: 20_000 }, (_, index) => ({
      id: part * 20_000 + index,
      text: `row ${index} of ${part}`,
    }));
    await client.store('long', rows);
  }
  const slow = client.search('SELECT count(*) AS n FROM long a, long b WHERE a.id * b.id % 7 = 3', {
    size: 10,
  });
  await sleep(500);
  const flush = client.request('PUT', '/node/flush').catch(() => undefined);
  await sleep(50);
  const exit = await server.kill('SIGTERM');
  expect(exit).toEqual({ code: 0, signal: null });
  expect(server.log).toContain('stopped');
  const answer = await slow.catch(() => undefined);
  if (answer) {
    expect(answer.status, answer.text).toBe(503);
    expect(answer.text).toContain('the server is stopping');
  }
  expect([undefined, 200, 503]).toContain((await flush)?.status);
  await server.launch();
  expect(await server.client.number('SELECT count(*) FROM long')).toBe(240_000);
});
