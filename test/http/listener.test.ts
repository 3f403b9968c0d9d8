/** The adapter of the HTTP library over real sockets: bodies, answers, aborts, ports. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FatalError, overloaded, requestError } from '../../src/errors/index.js';
import { Connections } from '../../src/http/connections.js';
import type { Exchange } from '../../src/http/exchange.js';
import { type Listener, listen } from '../../src/http/listener.js';
import { onBug, replyError } from '../../src/http/reply-error.js';

const connections = new Connections({ total: 100, strangers: 50, byAddress: 80 });
let listener: Listener;
let handle: (exchange: Exchange) => void;
let answered: number[] = [];
const bugs: unknown[] = [];

beforeAll(async () => {
  onBug((error) => bugs.push(error));
  listener = await listen(
    '127.0.0.1',
    0,
    connections,
    (exchange) => handle(exchange),
    (_exchange, status) => answered.push(status),
  );
});
beforeEach(() => {
  answered = [];
});
afterAll(() => {
  listener.stopAccepting();
  listener.close();
});

function fetchPath(path: string, init?: RequestInit) {
  return fetch(`http://127.0.0.1:${listener.port}${path}`, init);
}

describe('requests', () => {
  test('carry method, path, query and headers', async () => {
    let seen: unknown;
    handle = (exchange) => {
      const { method, path, query, authorization, contentEncoding, contentLength } = exchange;
      seen = { method, path, x: query.get('x'), authorization, contentEncoding, contentLength };
      exchange.collectBody(10, () => exchange.reply(200, ''));
    };
    const headers = { authorization: 'Basic abc', 'content-encoding': 'GZIP' };
    await fetchPath('/a%20b/c?x=1%202', { method: 'PUT', body: 'hello', headers });
    expect(seen).toEqual({
      method: 'PUT',
      path: '/a%20b/c',
      x: '1 2',
      authorization: 'Basic abc',
      contentEncoding: 'gzip',
      contentLength: 5,
    });
  });

  test('a chunked body has no announced length and arrives whole', async () => {
    let length: number | undefined = -1;
    handle = (exchange) => {
      length = exchange.contentLength;
      exchange.collectBody(1 << 20, (body) => exchange.reply(200, body ?? 'too long'));
    };
    const upload = request({ port: listener.port, method: 'POST', path: '/' });
    upload.write('first,');
    await sleep(20);
    upload.end('second');
    const [response] = await once(upload, 'response');
    expect((await response.toArray()).join('')).toBe('first,second');
    expect(length).toBeUndefined();
  });

  test('a large body arrives as it was sent, and one past the limit is reported once', async () => {
    const sent = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251));
    handle = (exchange) =>
      exchange.collectBody(sent.length, (body) => exchange.reply(200, body ?? 'too long'));
    const back = Buffer.from(await (await fetchPath('/', { method: 'POST', body: sent })).arrayBuffer());
    expect(back.equals(sent)).toBe(true);
    let calls = 0;
    handle = (exchange) =>
      exchange.collectBody(sent.length - 1, (body) => {
        calls++;
        exchange.reply(413, body ?? 'too long');
      });
    expect((await fetchPath('/', { method: 'POST', body: sent })).status).toBe(413);
    expect(calls).toBe(1);
  });

  test('headers longer than the library takes by default', async () => {
    handle = (exchange) => exchange.reply(200, String(exchange.authorization.length));
    const response = await fetchPath('/', { headers: { authorization: 'x'.repeat(20_000) } });
    expect(await response.text()).toBe('20000');
  });
});

describe('answers', () => {
  test('only the first one counts', async () => {
    handle = (exchange) => {
      exchange.reply(
        200,
        ['{"a":', '1}'].map((text) => Buffer.from(text)),
        { headers: { 'x-id': '7' } },
      );
      exchange.reply(500, 'late');
    };
    const response = await fetchPath('/');
    expect([response.status, response.headers.get('x-id'), await response.text()]).toEqual([
      200,
      '7',
      '{"a":1}',
    ]);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(answered).toEqual([200]);
  });

  test('HEAD has no body', async () => {
    handle = (exchange) => exchange.reply(200, 'body');
    const response = await fetchPath('/', { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test('errors have the API`s form; what is no BasaltError is a 500 that tells nothing but a trace id', async () => {
    handle = (exchange) => {
      if (exchange.path === '/401') replyError(exchange, requestError(401, 'Unauthorized Access'));
      else if (exchange.path === '/503') replyError(exchange, overloaded('full', 'later'));
      else replyError(exchange, new Error('secret detail'));
    };
    const unauthorized = await fetchPath('/401');
    expect([unauthorized.status, unauthorized.headers.get('www-authenticate')]).toEqual([
      401,
      'Basic realm="basalt"',
    ]);
    const full = await fetchPath('/503');
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await full.json()).toMatchObject({
      code: 503,
      message: 'full',
      hint: 'later',
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    const bug = await fetchPath('/bug');
    const text = await bug.text();
    expect([bug.status, JSON.parse(text).code]).toEqual([500, 10001]);
    expect(text).not.toContain('secret');
    expect(bugs).toMatchObject([{ message: 'secret detail' }]);
  });
});

test('a client that goes away aborts the exchange once, and an answer after that does nothing', async () => {
  let aborts = 0;
  let open: Exchange | undefined;
  handle = (exchange) => {
    open = exchange;
    exchange.onAbort(() => aborts++);
    exchange.onBody(() => {});
  };
  const socket = connect(listener.port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart');
  await expect.poll(() => open).toBeDefined();
  socket.destroy();
  await expect.poll(() => aborts).toBe(1);
  expect([open?.open, open?.cancelled.signal.aborted]).toEqual([false, true]);
  open?.reply(200, 'too late');
  expect(answered).toEqual([]);
});

test('an address that cannot be had is a FatalError that names it', async () => {
  const nothing = () => {};
  await expect(listen('127.0.0.1', listener.port, connections, nothing, nothing)).rejects.toThrow(FatalError);
  await expect(listen('127.0.0.1', listener.port, connections, nothing, nothing)).rejects.toThrow(
    `127.0.0.1:${listener.port}`,
  );
  await expect(listen('203.0.113.1', 0, connections, nothing, nothing)).rejects.toThrow(FatalError);
});

describe('answers in pieces', () => {
  const PIECE = Buffer.alloc(1 << 20, 'x');

  test('arrive whole and in order, and are counted once', async () => {
    handle = (exchange) => {
      const stream = exchange.stream(200, { contentType: 'text/event-stream' });
      void (async () => {
        for (const text of ['a', 'b', 'c']) await stream.write(text);
        stream.end('d');
        stream.end('e');
        await stream.write('f');
      })();
    };
    const response = await fetchPath('/');
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(await response.text()).toBe('abcd');
    expect(answered).toEqual([200]);
  });

  test('wait for a reader that is slow', async () => {
    let written = 0;
    handle = (exchange) => {
      const stream = exchange.stream(200, {});
      void (async () => {
        for (; written < 200; written++) await stream.write(PIECE);
        stream.end('');
      })();
    };
    const upload = request({ port: listener.port, path: '/' });
    upload.end();
    const [response] = await once(upload, 'response');
    await sleep(300);
    const whilePaused = written;
    await sleep(200);
    // What the sockets of both sides hold, and no more.
    expect(written).toBe(whilePaused);
    expect(written).toBeLessThan(50);
    let bytes = 0;
    for await (const piece of response) bytes += piece.length;
    expect(bytes).toBe(200 * PIECE.length);
  });

  test('end for a reader that is gone', async () => {
    let ended: () => void;
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    let aborted = false;
    handle = (exchange) => {
      const stream = exchange.stream(200, {});
      void (async () => {
        while (!exchange.cancelled.signal.aborted) await stream.write(PIECE);
        aborted = true;
        await stream.write(PIECE);
        stream.end('');
        ended();
      })();
    };
    const upload = request({ port: listener.port, path: '/' });
    upload.on('error', () => {});
    upload.end();
    await once(upload, 'response');
    upload.destroy();
    await end;
    expect(aborted).toBe(true);
    expect(answered).toEqual([]);
  });
});
