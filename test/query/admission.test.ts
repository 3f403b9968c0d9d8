import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { QueryAdmission } from '../../src/query/admission.js';

/** Work that ends when told to. */
function job(log: string[], name: string) {
  let finish = () => {};
  let fail = (_error: Error) => {};
  const work = () =>
    new Promise<string>((resolve, reject) => {
      log.push(`start ${name}`);
      finish = () => resolve(name);
      fail = reject;
    });
  return { work, finish: () => finish(), fail: (error: Error) => fail(error) };
}

test('so many run, so many wait in order, the next is refused with Retry-After', async () => {
  const admission = new QueryAdmission(2, 2);
  const log: string[] = [];
  const jobs = ['a', 'b', 'c', 'd'].map((name) => job(log, name));
  const results = jobs.map(({ work }) => admission.run(work));
  expect([admission.runningCount, admission.waitingCount]).toEqual([2, 2]);
  await expect(admission.run(async () => 'e')).rejects.toMatchObject({
    status: 503,
    fields: { retryAfterSeconds: 1 },
  });
  expect(log).toEqual(['start a', 'start b']);
  jobs[1]?.finish();
  expect(await results[1]).toBe('b');
  await turn();
  expect(log).toEqual(['start a', 'start b', 'start c']);
  expect([admission.runningCount, admission.waitingCount]).toEqual([2, 1]);
  for (const index of [0, 2]) jobs[index]?.finish();
  await turn();
  jobs[3]?.finish();
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
  expect([admission.runningCount, admission.waitingCount]).toEqual([0, 0]);
});

test('work that fails, or throws at once, gives its place back', async () => {
  const admission = new QueryAdmission(1, 8);
  const failing = job([], 'x');
  const failed = admission.run(failing.work);
  const throwing = admission.run(() => {
    throw new Error('at once');
  });
  const last = admission.run(async () => 'ran');
  failing.fail(new Error('later'));
  await expect(failed).rejects.toThrow('later');
  await expect(throwing).rejects.toThrow('at once');
  expect(await last).toBe('ran');
  expect(admission.runningCount).toBe(0);
});

test('nobody slips in between the one who leaves and the next in line', async () => {
  const admission = new QueryAdmission(1, 8);
  const order: number[] = [];
  let most = 0;
  const work = (index: number) => async () => {
    most = Math.max(most, admission.runningCount);
    order.push(index);
    await turn();
    if (index < 4) void admission.run(work(index + 100)).catch(() => {});
  };
  for (let index = 0; index < 8; index++) void admission.run(work(index)).catch(() => {});
  await admission.idle();
  expect(most).toBe(1);
  expect(order.slice(0, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(order).toHaveLength(12);
});

test('idle resolves at once, or with the last that runs or waits', async () => {
  const admission = new QueryAdmission(1, 1);
  await admission.idle();
  const [first, second] = [job([], 'a'), job([], 'b')];
  const results = [admission.run(first.work), admission.run(second.work)];
  let idle = false;
  const waited = admission.idle().then(() => {
    idle = true;
  });
  first.finish();
  await results[0];
  await turn();
  expect(idle).toBe(false);
  second.finish();
  await waited;
  expect(idle).toBe(true);
});
