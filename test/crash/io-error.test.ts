/**
 * A disk that refuses: every fdatasync in turn fails with EIO (injected by strace). Nothing may be acknowledged after it; the process ends
 * with code 74 and says why, or refuses to start; and the next start has every acknowledged record.
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

/** Which call fails. Each thread counts its own: the main thread syncs the catalog, an ingest worker its file and then each batch. */
const CALLS = long ? Array.from({ length: 20 }, (_, index) => index + 1) : [1, 2, 3, 5, 9];

/** Seconds since the epoch at which strace made the call fail. */
function injectedAt(trace: string): number | undefined {
  const line = existsSync(trace) ? readFileSync(trace, 'utf8').match(/^.*\(INJECTED\).*$/m)?.[0] : undefined;
  const time = line && /(\d{10}\.\d+)/.exec(line)?.[1];
  return time === undefined ? undefined : Number(time);
}

const REQUESTS = 120;
/** Clocks of the trace and of the client are the same; their texts are rounded. */
const ROUNDING_MS = 2;

describe.skipIf(!canTrace())('with strace (not usable here: skipped)', () => {
  test.each(CALLS)(`fdatasync number %i fails (BASALT_SEED=${seed})`, async (call) => {
    const server = TestServer.prepare();
    const trace = join(server.dataDir, 'trace');
    const ledger = new Ledger(seed + call, 'ledger');
    try {
      const inject = `inject=fdatasync,fsync:error=EIO:when=${call}`;
      const wrapper = [
        'strace',
        '-D',
        '-f',
        '-ttt',
        '-o',
        trace,
        '--seccomp-bpf',
        '-e',
        'trace=fdatasync,fsync',
        '-e',
        inject,
      ];
      let startError: unknown;
      await server.launch({ wrapper }).catch((error: unknown) => {
        startError = error;
      });
      if (startError === undefined) {
        // One connection: the request under way is the one whose sync fails.
        const load = ledger.send(server.client, { connections: 1, requestsMax: REQUESTS });
        await load.finished;
        const failedAt = injectedAt(trace);
        expect(failedAt, 'the call was made').toBeDefined();
        const exit = await server.exit(10_000);
        expect(exit).toEqual({ code: FATAL_EXIT_CODE, signal: null });
        expect(server.log).toMatch(/EIO|I\/O error/i);
        expect(ledger.lastAckMs).toBeLessThanOrEqual((failedAt as number) * 1000 + ROUNDING_MS);
      } else {
        expect(startError).toBeInstanceOf(StartError);
        expect((startError as StartError).exit?.code, 'it ends by itself').toBeGreaterThan(0);
        expect(server.log).toMatch(/EIO|I\/O error/i);
      }
      await server.launch({});
      expect(await ledger.compare(server.client)).toMatchObject({ lost: 0, duplicated: 0, invented: 0 });
      await server.client.store('ledger_after', [{ n: 1 }]);
    } finally {
      await server.stop();
    }
  });
});
