/**
 * kill -9 at random moments of load, flushes and merges: after each, the server starts again by itself, and has every acknowledged
 * record once and no other. 30 rounds with BASALT_TEST_LONG=1; a run is repeated with BASALT_SEED.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Comparison, Ledger } from '../harness/ledger.js';
import { chooseSeed, long, Random } from '../harness/random.js';
import { sleep, TestServer } from '../harness/server.js';

const ROUNDS = long ? 30 : 5;
const seed = chooseSeed();

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server?.stop());

/** What runs beside the load when the process dies. */
type Disturbance = 'none' | 'flushes' | 'other streams';
const DISTURBANCES: readonly Disturbance[] = ['flushes', 'none', 'other streams'];

async function disturb(kind: Disturbance, round: number): Promise<void> {
  const { client } = server;
  try {
    for (let turn = 0; kind !== 'none'; turn++) {
      if (kind === 'flushes') await client.flush();
      else {
        await client.store(`other_${round}_${turn % 5}`, [{ round, turn }]);
        if (turn % 20 === 19)
          await client.request('DELETE', `/api/default/streams/other_${round}_${turn % 5}`);
      }
    }
  } catch {
    // The server is gone, which is the point.
  }
}

test(`${ROUNDS} rounds (BASALT_SEED=${seed})`, async () => {
  const random = new Random(seed);
  const ledger = new Ledger(seed, 'ledger');
  const startMs: number[] = [];
  const bad: (Comparison & { round: number; kind: Disturbance })[] = [];
  let result: Comparison | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const kind = DISTURBANCES[round % DISTURBANCES.length] as Disturbance;
    const load = ledger.send(server.client, { connections: random.pick([1, 4, 16]) });
    const disturbed = disturb(kind, round);
    await sleep(random.int(20, 900));
    await server.kill('SIGKILL');
    await Promise.all([load.finished, disturbed]);
    const started = performance.now();
    await server.launch();
    startMs.push(Math.round(performance.now() - started));
    result = await ledger.compare(server.client);
    if (result.lost + result.duplicated + result.invented > 0) bad.push({ round, kind, ...result });
  }
  const summary = { rounds: ROUNDS, seed, ...result, slowestStartMs: Math.max(...startMs) };
  console.log(JSON.stringify(summary));
  expect(bad).toEqual([]);
  expect(result?.acked).toBeGreaterThan(ROUNDS * 10);
});

test(`killed while it starts, again and again (BASALT_SEED=${seed})`, async () => {
  const random = new Random(seed + 1);
  const ledger = new Ledger(seed + 1, 'restarted');
  const load = ledger.send(server.client, { connections: 4 });
  await sleep(400);
  await server.kill('SIGKILL');
  await load.finished;
  for (let attempt = 0; attempt < (long ? 40 : 6); attempt++) {
    const launched = server.launch().catch(() => undefined);
    await sleep(random.int(30, 700));
    await server.kill('SIGKILL');
    await launched;
  }
  await server.launch();
  const result = await ledger.compare(server.client);
  expect(result.acked).toBeGreaterThan(0);
  expect(result).toMatchObject({ lost: 0, duplicated: 0, invented: 0 });
});
