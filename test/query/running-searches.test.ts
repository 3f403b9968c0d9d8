/** Searches that run: listed, stopped at once, told why. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { RunningSearches, type SearchInfo } from '../../src/query/running-searches.js';

function info(fields: Partial<SearchInfo> = {}): SearchInfo {
  const range = { startTime: 0, endTime: 1 };
  return {
    traceId: 'a',
    organization: 'o',
    sql: 'SELECT 1',
    ...range,
    searchType: 'ui',
    timeoutSeconds: 0,
    ...fields,
  };
}

const never = () => new Promise<never>(() => {});
const here = new AbortController().signal;

test('a search is listed while it runs, for its organization', async () => {
  const searches = new RunningSearches();
  await searches.run(info(), here, async () => {
    expect(searches.of('o').map((search) => search.info.traceId)).toEqual(['a']);
    expect(searches.of('other')).toEqual([]);
  });
  expect(searches.of('o')).toEqual([]);
});

test('one that is stopped ends at once, though its work goes on', async () => {
  const searches = new RunningSearches();
  const signals: AbortSignal[] = [];
  const run = searches.run(info(), here, ({ signal }) => {
    signals.push(signal);
    return never();
  });
  expect(searches.stop('other', 'a')).toBe(0);
  expect(searches.stop('o', 'b')).toBe(0);
  expect(searches.stop('o', 'a')).toBe(1);
  await expect(run).rejects.toMatchObject({ status: 429, fields: { code: 20009 } });
  expect(signals[0]?.aborted).toBe(true);
  expect(searches.stop('o', 'a')).toBe(0);
});

test('one whose client goes away is stopped', async () => {
  const client = new AbortController();
  const run = new RunningSearches().run(info(), client.signal, never);
  client.abort();
  await expect(run).rejects.toMatchObject({ status: 429 });
  await expect(new RunningSearches().run(info(), client.signal, never)).rejects.toMatchObject({
    status: 429,
  });
});

test('one that outlives its limit is told so', async () => {
  const run = new RunningSearches().run(info({ timeoutSeconds: 0.05 }), here, never);
  await expect(run).rejects.toMatchObject({ status: 408, fields: { code: 20010 } });
});

test('an error of the work stays what it is', async () => {
  const run = new RunningSearches().run(info(), here, () => Promise.reject(new Error('other')));
  await expect(run).rejects.toThrow('other');
});

test('idle comes after the last one', async () => {
  const searches = new RunningSearches();
  await searches.idle();
  let idle = false;
  const run = searches.run(info(), here, () => sleep(30));
  const waited = searches.idle().then(() => {
    idle = true;
  });
  await sleep(5);
  expect(idle).toBe(false);
  await run;
  await waited;
});

test('a limit of years is no limit of nothing', async () => {
  const searches = new RunningSearches();
  await searches.run(info({ timeoutSeconds: 1e9 }), here, () => sleep(20));
});
