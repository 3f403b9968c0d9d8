/**
 * A disk without room: records are refused with 507, everything that needs no room goes on, deletions make room, and the server resumes by
 * itself; a start on a full disk works. On a small file system of its own, which only root may mount; elsewhere it is skipped.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sleep, TestServer } from '../harness/server.js';

const DISK_BYTES = 128 * 1024 * 1024;
const PATIENCE_MS = 20_000;

let disk: string;
let server: TestServer | undefined;

function mount(path: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', path]).status === 0;
}

function canMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'basalt-mount-'));
  const mounted = mount(path);
  if (mounted) spawnSync('umount', [path]);
  else
    console.log(
      'disk-full.test.ts is skipped: no file system can be mounted here (it needs root and CAP_SYS_ADMIN)',
    );
  rmSync(path, { recursive: true });
  return mounted;
}

/** Some 700 KB that nothing compresses much. */
function body(from: number, rows = 700): string {
  const records = Array.from({ length: rows }, (_, index) => ({
    id: from + index,
    text: randomBytes(750).toString('base64'),
  }));
  return JSON.stringify(records);
}

async function send(stream: string, from: number, rows?: number) {
  const { client } = server as TestServer;
  return client.ingest(stream, '_json', body(from, rows));
}

/** Sends until it is refused. @returns rows that were acknowledged */
async function fill(stream: string): Promise<number> {
  for (let stored = 0; stored < 1e6; stored += 700) {
    const reply = await send(stream, stored);
    if (reply.status === 200) continue;
    expect([reply.status, reply.headers.get('retry-after')], reply.text).toEqual([507, '5']);
    expect(reply.text).toContain('the disk is full');
    return stored;
  }
  throw new Error('the disk was never full');
}

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 100) {
    if (waited > PATIENCE_MS) throw new Error(`${what}:\n${server?.log.slice(-3000)}`);
    await sleep(100);
  }
}

describe.skipIf(!canMount())('on a small disk', () => {
  beforeEach(async () => {
    disk = mkdtempSync(join(tmpdir(), 'basalt-disk-'));
    if (!mount(disk)) throw new Error('the disk cannot be mounted');
    server = await TestServer.start({ env: { BASALT_DATA_DIR: join(disk, 'data') } });
  });
  afterEach(async () => {
    await server?.stop();
    spawnSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });

  test('records are refused, queries and deletions go on, and it resumes by itself', async () => {
    const { client } = server as TestServer;
    await client.store('other', [{ n: 1 }]);
    const stored = await fill('big');
    expect(stored).toBeGreaterThan(0);
    expect(await client.number('SELECT count(*) FROM big')).toBe(stored);
    expect(await client.rows('SELECT n FROM other')).toEqual([{ n: 1 }]);
    expect((await client.request('GET', '/metrics')).text).toMatch(/^basalt_disk_full 1$/m);
    expect((await client.request('DELETE', '/api/default/streams/big')).status).toBe(200);
    await eventually('it takes records again', async () => (await send('after', 0, 1)).status === 200);
    await server?.restart();
    expect(await server?.client.number('SELECT count(*) FROM other')).toBe(1);
    expect(await server?.client.number('SELECT count(*) FROM after')).toBe(1);
    expect((await server?.client.request('GET', '/api/default/streams/big/schema'))?.status).toBe(404);
  }, 120_000);

  test('somebody else fills it to the last byte: deletions and a start work, by the reserve', async () => {
    const { client } = server as TestServer;
    for (let part = 0; part < 10; part++) expect((await send('big', part * 700)).status).toBe(200);
    await client.store('other', [{ n: 1 }]);
    const filler = join(disk, 'filler');
    const fillUp = () => {
      const chunk = Buffer.alloc(1 << 20, 1);
      for (let bytes = chunk.length; bytes > 512; bytes >>= 1) {
        while (true) {
          try {
            writeFileSync(filler, chunk.subarray(0, bytes), { flag: 'a' });
          } catch {
            break;
          }
        }
      }
    };
    fillUp();
    await eventually('it refuses', async () => (await send('probe', 0, 1)).status === 507);
    expect(await client.number('SELECT count(*) FROM big')).toBe(7000);
    // Killed, and started while nothing is free.
    await server?.kill();
    fillUp();
    await server?.launch();
    const again = (server as TestServer).client;
    expect(await again.number('SELECT count(*) FROM big')).toBe(7000);
    await eventually('it refuses again', async () => (await send('probe', 1, 1)).status === 507);
    const deleted = await again.request('DELETE', '/api/default/streams/big');
    expect(deleted.status, deleted.text).toBe(200);
    rmSync(filler);
    await eventually('it takes records again', async () => (await send('after', 0, 1)).status === 200);
    await server?.restart();
    expect(await server?.client.number('SELECT count(*) FROM other')).toBe(1);
  }, 120_000);
});
