/** The server against clients that are slow, rude or in trouble. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compress as zstdCompress } from 'zstd-napi';
import { BODY_BYTES_MAX, SEARCH_BODY_BYTES_MAX } from '../../src/config/limits.js';
import { RawConnection } from '../harness/raw-connection.js';
import { sleep, TestServer } from '../harness/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server?.stop());

function head(path: string, headers: Record<string, string | number>): string {
  const credentials = Buffer.from(`${server.user}:${server.password}`).toString('base64');
  const all = { host: 'localhost', authorization: `Basic ${credentials}`, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

const count = (stream: string) => server.client.number(`SELECT count(*) FROM ${stream}`);

describe('bodies', () => {
  test('of more than the limit are refused by their announced length, before they are sent', async () => {
    const connection = await RawConnection.open(server.client.url);
    connection.write(head('/api/default/too_large/_json', { 'content-length': BODY_BYTES_MAX + 1 }));
    const answer = await connection.until(/\r\n\r\n\{.*\}/);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":413');
    connection.close();
  });

  test('of more than the limit are refused when their length shows only as they arrive', async () => {
    const connection = await RawConnection.open(server.client.url);
    connection.write(head('/api/default/too_large/_json', { 'transfer-encoding': 'chunked' }));
    const piece = Buffer.alloc(1 << 20, ' ');
    for (
      let sent = 0;
      sent <= BODY_BYTES_MAX && !connection.closed && connection.text === '';
      sent += piece.length
    ) {
      connection.write(`${piece.length.toString(16)}\r\n`);
      connection.write(piece);
      connection.write('\r\n');
      await sleep(1);
    }
    expect(await connection.until(/\r\n\r\n\{.*\}/)).toMatch(/^HTTP\/1\.1 413 /);
    connection.close();
  });

  test.each([
    { encoding: 'gzip', compress: gzipSync },
    { encoding: 'zstd', compress: (body: Buffer) => zstdCompress(body) },
  ])('that are $encoding bombs are refused without taking their memory', async ({ encoding, compress }) => {
    const before = server.residentBytes('VmHWM');
    const bomb = compress(Buffer.alloc(BODY_BYTES_MAX * 4, ' '));
    expect(bomb.length).toBeLessThan(BODY_BYTES_MAX / 50);
    const reply = await server.client.request('POST', '/api/default/bomb/_json', {
      headers: { 'content-encoding': encoding },
      body: bomb,
    });
    expect(reply.status).toBe(413);
    expect(reply.json).toMatchObject({ code: 413 });
    expect(server.residentBytes('VmHWM') - before).toBeLessThan(BODY_BYTES_MAX * 4);
  });

  test('of searches have a limit of their own', async () => {
    const sql = `SELECT 1 -- ${'x'.repeat(SEARCH_BODY_BYTES_MAX)}`;
    expect((await server.client.search(sql)).status).toBe(413);
  });

  test('without a Content-Length are taken in chunks of any size', async () => {
    const text = Array.from({ length: 100 }, (_, n) => `{"n":${n},"text":"ümläut"}\n`).join('');
    const bytes = Buffer.from(text);
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (let at = 0; at < bytes.length; at += 37) controller.enqueue(bytes.subarray(at, at + 37));
        controller.close();
      },
    });
    const reply = await server.client.request('POST', '/api/default/chunked/_multi', { body });
    expect(reply.json).toMatchObject({ status: [{ successful: 100, failed: 0 }] });
    expect(await server.client.number('SELECT sum(n) FROM chunked')).toBe(4950);
    expect(await server.client.number("SELECT count(*) FROM chunked WHERE text = 'ümläut'")).toBe(100);
  });

  test('with CR LF line ends are taken as lines', async () => {
    const reply = await server.client.ingest('crlf', '_multi', '{"n":1}\r\n{"n":2}\r\n\r\n{"n":3}\r\n');
    expect(reply.json).toMatchObject({ status: [{ successful: 3, failed: 0 }] });
    expect(await count('crlf')).toBe(3);
  });

  test('with bytes that are no UTF-8: their lines fail alone', async () => {
    const bad = Buffer.concat([Buffer.from('{"n":1,"s":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')]);
    const body = Buffer.concat([Buffer.from('{"n":0}\n'), bad, Buffer.from('{"n":2}\n')]);
    const reply = await server.client.ingest('utf8', '_multi', body);
    expect(reply.json).toMatchObject({ status: [{ successful: 2, failed: 1 }] });
    expect(reply.text).toContain('line 2 is not valid UTF-8');
    expect(
      (await server.client.ingest('utf8', '_json', Buffer.concat([Buffer.from('['), bad, Buffer.from(']')])))
        .status,
    ).toBe(400);
    expect(await count('utf8')).toBe(2);
  });
});

describe('connections', () => {
  test('that send slowly stall nobody else', async () => {
    const slow = await Promise.all(Array.from({ length: 20 }, () => RawConnection.open(server.client.url)));
    for (const connection of slow) {
      connection.write(head('/api/default/slow/_json', { 'content-length': 4 << 20 }));
      connection.write('[{"n":1},');
    }
    const started = performance.now();
    for (let n = 0; n < 20; n++) {
      await server.client.store('quick', [{ n }]);
      for (const connection of slow) connection.write(' ');
    }
    expect(performance.now() - started).toBeLessThan(5000);
    expect(await count('quick')).toBe(20);
    for (const connection of slow) connection.close();
  });

  test('that go slowly get their answer in the end', async () => {
    const body = '[{"slowly":1},{"slowly":2}]';
    const connection = await RawConnection.open(server.client.url);
    connection.write(head('/api/default/slowly/_json', { 'content-length': body.length }));
    for (const character of body) {
      connection.write(character);
      await sleep(10);
    }
    expect(await connection.until(/"successful":2/)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await count('slowly')).toBe(2);
    connection.close();
  });

  test('that break off in the middle of a body leave nothing behind', async () => {
    await server.client.store('broken', [{ n: 0 }]);
    const kinds: Record<string, string>[] = [
      { 'content-length': '1000' },
      { 'transfer-encoding': 'chunked' },
    ];
    for (const headers of kinds) {
      for (let round = 0; round < 20; round++) {
        const connection = await RawConnection.open(server.client.url);
        connection.write(head('/api/default/broken/_json', headers));
        connection.write('content-length' in headers ? '[{"n":1}' : '9\r\n[{"n":1}]\r\n');
        if (round % 2 === 0) await sleep(3);
        connection.reset();
      }
    }
    await server.client.store('broken', [{ n: 2 }]);
    expect(await server.client.rows('SELECT n FROM broken ORDER BY n')).toEqual([{ n: 0 }, { n: 2 }]);
    const metrics = (await server.client.request('GET', '/metrics')).text;
    // Space of the last body is given back when the next one comes.
    expect(metrics).toMatch(/^basalt_ring_bytes \d{1,2}$/m);
    expect(metrics).toMatch(/^basalt_ingest_pending_requests 0$/m);
  });

  test('that pipeline requests are served one at a time or closed, and nothing is stored twice', async () => {
    const connection = await RawConnection.open(server.client.url);
    const bodies = [1, 2, 3].map((n) => `[{"n":${n}}]`);
    const requests = bodies.map(
      (body) => head('/api/default/pipelined/_json', { 'content-length': body.length }) + body,
    );
    connection.write(requests.join(''));
    const answer = await connection.until(/(successful":1[\s\S]*){3}/, 1000);
    connection.close();
    const answered = answer.match(/"successful":1/g)?.length ?? 0;
    await server.client.store('pipelined', [{ n: 4 }]);
    const rows = await server.client.rows<{ n: number }>('SELECT n FROM pipelined ORDER BY n');
    const stored = rows.map(({ n }) => n);
    expect(new Set(stored).size).toBe(stored.length);
    expect(stored.length - 1).toBeGreaterThanOrEqual(answered);
  });

  test('that close after a query was sent cancel it', async () => {
    await server.client.store(
      'cancelled',
      Array.from({ length: 2000 }, (_, n) => ({ n })),
    );
    const sql = 'SELECT count(*) FROM cancelled a, cancelled b, cancelled c';
    await expect(server.client.search(sql, { timeoutMs: 300 })).rejects.toThrow();
    const deadline = Date.now() + 5000;
    let running = 1;
    while (running > 0 && Date.now() < deadline) {
      const { text } = await server.client.request('GET', '/metrics');
      running = Number(/^basalt_queries_running (\d+)$/m.exec(text)?.[1]);
      await sleep(20);
    }
    expect(running).toBe(0);
  });

  test('that ask long questions leave room for short ones', async () => {
    const sql = 'SELECT count(*) FROM cancelled a, cancelled b, cancelled c';
    const asking = Array.from({ length: 4 }, () =>
      server.client.search(sql, { timeoutMs: 4000 }).catch(() => undefined),
    );
    await sleep(200);
    const started = performance.now();
    for (let n = 0; n < 5; n++) expect(await count('cancelled')).toBe(2000);
    expect(performance.now() - started).toBeLessThan(15_000);
    await Promise.all(asking);
  });

  test('of which a query outlives its time limit are told', async () => {
    const sql = 'SELECT count(*) FROM cancelled a, cancelled b, cancelled c';
    const reply = await server.client.request('POST', '/api/default/_search', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: { sql, start_time: 0, end_time: 4e15 }, timeout: 1 }),
    });
    expect(reply.status).toBe(408);
    expect(reply.json).toMatchObject({ code: 20010 });
  });
});

describe('requests', () => {
  test('that are not HTTP are answered or closed, and hurt nobody', async () => {
    const texts = [
      '\0\0\0\0',
      'GET\r\n\r\n',
      `GET / HTTP/1.1\r\nhost: x\r\n${'a'.repeat(100_000)}`,
      'POST / HTTP/9.9\r\n\r\n',
    ];
    for (const text of texts) {
      const connection = await RawConnection.open(server.client.url);
      connection.write(text);
      await connection.until(/HTTP/, 300);
      connection.close();
    }
    expect((await server.client.request('GET', '/healthz')).status).toBe(200);
  });

  test('with both a length and chunks, or two lengths, are refused', async () => {
    const headers: Record<string, string>[] = [
      { 'content-length': '5', 'transfer-encoding': 'chunked' },
      { 'content-length': '5, 6' },
      { 'content-length': '-1' },
      { 'content-length': '1e3' },
    ];
    for (const header of headers) {
      const connection = await RawConnection.open(server.client.url);
      connection.write(`${head('/api/default/smuggled/_json', header)}0\r\n\r\n[{"n":1}]`);
      const answer = await connection.until(/HTTP\/1\.1 \d+/, 1000);
      expect(answer).not.toMatch(/HTTP\/1\.1 2/);
      connection.close();
    }
    expect((await server.client.search('SELECT * FROM smuggled')).json).toMatchObject({ code: 20002 });
  });

  test('of HEAD are answered as GET, without a body', async () => {
    for (const path of ['/', '/healthz', '/api/default/streams']) {
      const reply = await server.client.request('GET', path);
      const connection = await RawConnection.open(server.client.url);
      connection.write(head(path, {}).replace('POST', 'HEAD'));
      const answer = await connection.until(/\r\n\r\n/);
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(answer.toLowerCase()).toContain(`content-length: ${Buffer.byteLength(reply.text)}\r\n`);
      expect(answer).toMatch(/\r\n\r\n$/);
      connection.close();
    }
  });

  test('that expect 100-continue are served', async () => {
    const body = '[{"n":1}]';
    const connection = await RawConnection.open(server.client.url);
    connection.write(
      head('/api/default/expecting/_json', { 'content-length': body.length, expect: '100-continue' }),
    );
    await connection.until(/100 Continue/i, 500);
    connection.write(body);
    expect(await connection.until(/"successful":1/, 3000)).toContain('"successful":1');
    connection.close();
  });
});
