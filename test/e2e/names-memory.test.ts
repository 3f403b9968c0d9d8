/**
 * Keys that are identifiers: a hundred requests of a thousand records, each record with a key of its own, under the least memory limit in a
 * control group of 1.2 times as much. Ingest, a start that replays all of it, queries, the merge and a star over all names stay within.
 */
import { expect, onTestFinished, test } from 'vitest';
import { MEMORY_LIMIT_BYTES_MIN } from '../../src/config/memory.js';
import { makeMemoryGroup } from '../harness/memory-group.js';
import { TestServer } from '../harness/server.js';

const GROUP_BYTES = Math.floor(MEMORY_LIMIT_BYTES_MIN * 1.2);
const REQUESTS = 100;
const RECORDS = 1000;

test('a hundred thousand names cost what is stored under them', { timeout: 300_000 }, async () => {
  const group = makeMemoryGroup('basalt-names', GROUP_BYTES);
  const server = await TestServer.start({
    wrapper: group?.wrapper,
    env: { BASALT_MEMORY_LIMIT_BYTES: String(MEMORY_LIMIT_BYTES_MIN) },
  });
  onTestFinished(async () => {
    await server.stop();
    group?.remove();
  });
  const isWithin = () => {
    expect(server.running, server.log).toBe(true);
    if (group) expect(group.kills()).toBe(0);
    else expect(server.residentBytes('VmHWM')).toBeLessThan(GROUP_BYTES);
  };
  for (let request = 0; request < REQUESTS; request++) {
    const record = (row: number) => ({ level: 'info', n: row, [`user_${request}_${row}`]: row });
    await server.client.store(
      'ids',
      Array.from({ length: RECORDS }, (_, row) => record(row)),
    );
  }
  const ask = async () => {
    const { client } = server;
    const total = await client.rows('SELECT count(*) AS n, sum(n) AS s, count(level) AS l FROM ids');
    expect(total).toEqual([{ n: 100_000, s: 49_950_000, l: 100_000 }]);
    expect(await client.rows('SELECT n FROM ids WHERE user_0_7 = 7')).toEqual([{ n: 7 }]);
    const last = `user_${REQUESTS - 1}_999`;
    expect(await client.rows(`SELECT n, ${last} + 1 AS v FROM ids WHERE ${last} = 999`)).toEqual([
      { n: 999, v: 1000 },
    ]);
    expect(await client.rows('SELECT * FROM ids LIMIT 10')).toHaveLength(10);
    isWithin();
  };
  await ask();
  await server.restart('SIGKILL');
  await ask();
  await server.client.flush();
  await ask();
  await server.restart('SIGKILL');
  await ask();
});
