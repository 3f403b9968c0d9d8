/** The real server with few descriptors: strangers that only hold connections neither end it nor keep out who has credentials. */
import { readdirSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { RawConnection } from '../harness/raw-connection.js';
import { StartError, sleep, TestServer } from '../harness/server.js';

let server: TestServer | undefined;
afterEach(() => server?.stop());

const limited = (descriptors: number) => ({
  wrapper: ['prlimit', `--nofile=${descriptors}:${descriptors}`],
  env: { BASALT_INGEST_WORKERS: '2', BASALT_QUERY_WORKERS: '2' },
});

function descriptorsOf({ pid }: TestServer): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** One that says something, so that the kernel hands it over, and then nothing more. */
async function stranger(url: string, text: string): Promise<RawConnection> {
  const raw = await RawConnection.open(url);
  raw.write(text);
  return raw;
}

test('idle strangers of all kinds leave the store its descriptors', { timeout: 60_000 }, async () => {
  server = await TestServer.start(limited(512));
  const { client } = server;
  const texts = [
    'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
    'POST /api/default/a/_json HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n',
    'POST /api/default/a/_json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
    'GET /',
    '',
  ];
  const strangers: RawConnection[] = [];
  let stored = 0;
  for (let round = 0; round < 10; round++) {
    for (let index = 0; index < 100; index++) {
      const opened = stranger(client.url, texts[index % texts.length] as string).catch(() => undefined);
      const raw = await opened;
      if (raw) strangers.push(raw);
    }
    // Each flush closes WAL files, so that new ones have to be opened.
    const reply = await client.request('POST', '/api/default/a/_json', { body: `[{"round":${round}}]` });
    expect([reply.status, reply.text]).toMatchObject([200, expect.stringContaining('"successful":1')]);
    stored++;
    expect((await client.request('PUT', '/node/flush', {})).status).toBe(200);
    expect(descriptorsOf(server)).toBeLessThan(450);
  }
  const found = await client.request('POST', '/api/default/_search', {
    headers: { 'content-type': 'application/json' },
    body: '{"query":{"sql":"SELECT count(*) AS n FROM a","start_time":1,"end_time":4000000000000000}}',
  });
  expect(found.text).toContain(`{"n":${stored}}`);
  const metrics = await client.request('GET', '/metrics', { anonymous: true });
  expect(metrics.text).toMatch(/basalt_http_connections_refused_total [1-9]/);
  for (const raw of strangers) raw.close();
  await sleep(50);
  expect(server.running).toBe(true);
});

test('too low a limit ends the start with what to set', async () => {
  const refused = limited(128);
  const failed = await TestServer.start(refused).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(StartError);
  expect((failed as StartError).log).toMatch(/the limit of open files is 128; .*LimitNOFILE=65536/);
});
