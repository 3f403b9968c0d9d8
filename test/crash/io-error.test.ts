/**
 * A disk that refuses: calls fail with EIO or ENOSPC (injected by strace). After a failed sync, or a write that failed otherwise than for want of
 * room, nothing may be acknowledged; the process ends with code 74 and says why, or refuses to start; and the next start has every
 * acknowledged record. A full disk refuses one batch. A merge that fails only has to be repeated.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FATAL_EXIT_CODE } from '../../src/errors/index.js';
import { Ledger } from '../harness/ledger.js';
import { chooseSeed, long } from '../harness/random.js';
import { StartError, TestServer } from '../harness/server.js';

const seed = chooseSeed();

/** Whether strace is installed and may trace here. */
function canTrace(): boolean {
  return spawnSync('strace', ['-f', '-e', 'trace=none', 'true']).status === 0;
}

interface Fault {
  /** System call: ingest workers write by pwritev and sync by fdatasync, the catalog syncs by fsync. */
  call: string;
  error: 'EIO' | 'ENOSPC';
  /** Which call of a thread fails, and all after it with `+`. */
  when: string;
}

const FAULTS: Fault[] = [
  { call: 'fdatasync', error: 'EIO', when: '1' },
  { call: 'fdatasync', error: 'EIO', when: '2' },
  { call: 'fdatasync', error: 'EIO', when: '7' },
  { call: 'fsync', error: 'EIO', when: '1' },
  { call: 'fsync', error: 'EIO', when: '4' },
];
if (long) {
  for (let when = 3; when <= 40; when++) FAULTS.push({ call: 'fdatasync', error: 'EIO', when: `${when}+` });
  for (let when = 1; when <= 20; when++) FAULTS.push({ call: 'pwritev', error: 'EIO', when: `${when}` });
  for (let when = 2; when <= 4; when++) FAULTS.push({ call: 'fsync', error: 'EIO', when: `${when}+` });
}

const REQUESTS = 200;
/** Clocks of the trace and of the client are the same; their texts are rounded. */
const ROUNDING_MS = 2;

function tracer(trace: string, { call, error, when }: Fault): string[] {
  const inject = `inject=${call}:error=${error}:when=${when}`;
  return ['strace', '-D', '-f', '-ttt', '-o', trace, '--seccomp-bpf', '-e', `trace=${call}`, '-e', inject];
}

/** When strace first made a call fail, milliseconds since the epoch. */
function injectedAtMs(trace: string): number | undefined {
  const line = existsSync(trace) ? readFileSync(trace, 'utf8').match(/^.*\(INJECTED\).*$/m)?.[0] : undefined;
  const seconds = line && /(\d{10}\.\d+)/.exec(line)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** Merges are what the catalog commits, and syncs. */
async function flushUntilGone(server: TestServer): Promise<void> {
  for (let turn = 0; server.running && turn < REQUESTS; turn++) {
    await server.client
      .store('flushed', [{ turn }])
      .then(() => server.client.flush())
      .catch(() => undefined);
  }
}

/** A server that was used before, so that its catalog exists. */
async function usedServer(): Promise<TestServer> {
  const server = await TestServer.start();
  await server.client.store('before', [{ n: 1 }]);
  await server.kill('SIGTERM');
  return server;
}

describe.skipIf(!canTrace())('with strace, where it is installed and may trace', () => {
  test.each(FAULTS)(`$call number $when fails with $error (BASALT_SEED=${seed})`, async (fault) => {
    const server = await usedServer();
    const trace = join(server.dataDir, 'trace');
    const ledger = new Ledger(seed, 'ledger');
    try {
      const startError = await server.launch({ wrapper: tracer(trace, fault) }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (startError === undefined) {
        // One connection: the request under way is the one whose call fails.
        const load = ledger.send(server.client, { connections: 1, requestsMax: REQUESTS });
        if (fault.call === 'fsync') await flushUntilGone(server);
        await load.finished;
        const failedAtMs = injectedAtMs(trace);
        expect(failedAtMs, 'the call was made').toBeDefined();
        expect(await server.exit(10_000)).toEqual({ code: FATAL_EXIT_CODE, signal: null });
        // A catalog that cannot be synced ends the process too, but no request waits for it.
        if (fault.call !== 'fsync')
          expect(ledger.lastAckMs).toBeLessThanOrEqual((failedAtMs as number) + ROUNDING_MS);
      } else {
        expect(startError).toBeInstanceOf(StartError);
        expect((startError as StartError).exit?.code, 'it ends by itself').toBe(FATAL_EXIT_CODE);
      }
      expect(server.log).toMatch(fault.error === 'EIO' ? /EIO|I\/O error/i : /ENOSPC|no space/i);
      await server.launch({});
      expect(await ledger.compare(server.client)).toMatchObject({ lost: 0, duplicated: 0, invented: 0 });
      expect(await server.client.number('SELECT count(*) FROM before')).toBe(1);
      await server.client.store('after', [{ n: 1 }]);
    } finally {
      await server.stop();
    }
  });

  test('a full disk refuses a batch with 507 and its reason, and the next one is taken', async () => {
    const server = await usedServer();
    try {
      const fault: Fault = { call: 'pwritev', error: 'ENOSPC', when: '3+4' };
      await server.launch({ wrapper: tracer(join(server.dataDir, 'trace'), fault) });
      const stored: number[] = [];
      for (let id = 0; id < 40; id++) {
        const reply = await server.client.ingest('nearly', '_json', JSON.stringify([{ id }]));
        if (reply.status === 200) {
          stored.push(id);
          continue;
        }
        expect(reply.text).toContain('the disk is full: nothing of this request was stored');
        expect([reply.status, reply.headers.get('retry-after')]).toEqual([507, '5']);
      }
      expect(stored.length).toBeGreaterThan(10);
      expect(stored.length).toBeLessThan(40);
      const ids = async () =>
        (await server.client.rows<{ id: number }>('SELECT id FROM nearly ORDER BY id')).map(({ id }) => id);
      expect(await ids()).toEqual(stored);
      await server.restart('SIGKILL', {});
      expect(await ids()).toEqual(stored);
      expect(server.log).not.toContain('lost');
    } finally {
      await server.stop();
    }
  });

  test('a merge that fails is told, and costs nothing', async () => {
    const server = await usedServer();
    const fault: Fault = { call: 'rename', error: 'EIO', when: '1+' };
    try {
      await server.launch({ wrapper: tracer(join(server.dataDir, 'trace'), fault) });
      await server.client.store('merged', [{ n: 1 }, { n: 2 }]);
      const reply = await server.client.request('PUT', '/node/flush');
      expect(reply.status).toBe(500);
      expect(server.log).toContain('merge failed');
      expect(await server.client.number('SELECT sum(n) FROM merged')).toBe(3);
      await server.client.store('merged', [{ n: 3 }]);
      expect(await server.client.number('SELECT sum(n) FROM merged')).toBe(6);
      await server.restart('SIGKILL', {});
      expect(await server.client.number('SELECT sum(n) FROM merged')).toBe(6);
    } finally {
      await server.stop();
    }
  });
});
