import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { answerBytes } from '../../src/native/held.js';
import type { DiskCache } from '../../src/query/disk-cache.js';
import { type Partial, PartialCache } from '../../src/query/partial-cache.js';

const MB = 1 << 20;

function partial(bytes: number, fill = 1): Partial {
  return { ipc: new Uint8Array(bytes).fill(fill), rows: bytes, rowsCovered: bytes * 10 };
}

/** The disk as far as the cache can tell. */
class FakeDisk {
  readonly files = new Map<string, Partial>();
  broken = false;
  has(key: string) {
    return this.files.has(key);
  }
  async load(key: string) {
    return this.broken ? undefined : this.files.get(key);
  }
  store(key: string, value: Partial) {
    this.files.set(key, value);
  }
  get asDisk() {
    return this as unknown as DiskCache;
  }
}

describe('in memory', () => {
  test('an answer is found once, and the same again', async () => {
    const cache = new PartialCache(MB, 60, undefined);
    let scans = 0;
    const scan = async () => partial(100 + scans++);
    expect(cache.get('k')).toBeUndefined();
    expect(await cache.find('k', scan)).toMatchObject({ fresh: true, partial: { rows: 100 } });
    expect(cache.get('k')).toMatchObject({ rows: 100, rowsCovered: 1000 });
    expect(scans).toBe(1);
    expect(cache.memoryCounts).toEqual({ hits: 1, misses: 1 });
  });

  test('a large answer lies in shared memory with the same bytes', async () => {
    const cache = new PartialCache(16 * MB, 60, undefined);
    const answer = partial(100_000, 7);
    await cache.find('k', async () => answer);
    const kept = cache.get('k') as Partial;
    expect(answerBytes(kept.ipc).buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(Buffer.compare(answerBytes(kept.ipc), answerBytes(answer.ipc))).toBe(0);
  });

  test('bytes are bounded, the least recently used goes first, one answer never takes it all', async () => {
    const cache = new PartialCache(MB, 60, undefined);
    for (let index = 0; index < 100; index++) await cache.find(`k${index}`, async () => partial(20_000));
    expect(cache.bytes).toBeLessThanOrEqual(MB);
    expect(cache.get('k99')).toBeDefined();
    expect(cache.get('k0')).toBeUndefined();
    await cache.find('large', async () => partial(MB / 2));
    expect(cache.get('large')).toBeUndefined();
    expect(cache.get('k99')).toBeDefined();
  });

  test('what is too old is not answered', async () => {
    const cache = new PartialCache(MB, 0.02, undefined);
    await cache.find('k', async () => partial(10));
    await sleep(40);
    expect(cache.get('k')).toBeUndefined();
  });

  test('a failed scan is told to whoever began it; who waited for it tries again, since a cancelled query is no reason for another to fail', async () => {
    const cache = new PartialCache(MB, 60, undefined);
    let tries = 0;
    const scan = async () => {
      await sleep(2);
      if (tries++ === 0) throw new Error('damaged');
      return partial(5);
    };
    const both = await Promise.allSettled([cache.find('k', scan), cache.find('k', scan)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(await cache.find('k', scan)).toMatchObject({ fresh: true });
  });
});

describe('behind it on disk', () => {
  const slow = (answer: Partial) => async () => {
    await sleep(10);
    return answer;
  };

  test('answers that took time are kept, and found by the next process', async () => {
    const disk = new FakeDisk();
    await new PartialCache(MB, 60, disk.asDisk).find('slow', slow(partial(10)));
    await new PartialCache(MB, 60, disk.asDisk).find('quick', async () => partial(10));
    expect([...disk.files.keys()]).toEqual(['slow']);
    const next = new PartialCache(MB, 60, disk.asDisk);
    const refuse = () => Promise.reject(new Error('scanned'));
    expect(await next.find('slow', refuse)).toMatchObject({ fresh: false, partial: { rows: 10 } });
    expect(next.get('slow')).toBeDefined();
  });

  test('a file that cannot be read means a scan', async () => {
    const disk = new FakeDisk();
    disk.files.set('k', partial(1));
    disk.broken = true;
    const found = await new PartialCache(MB, 60, disk.asDisk).find('k', slow(partial(9)));
    expect(found).toMatchObject({ fresh: true, partial: { rows: 9 } });
  });
});
