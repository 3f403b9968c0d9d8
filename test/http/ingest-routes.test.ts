/** The ingest routes with an exchange and a front end that only record. */
import { describe, expect, test } from 'vitest';
import { requestError } from '../../src/errors/index.js';
import type { Exchange, ReplyOptions } from '../../src/http/exchange.js';
import { addIngestRoutes } from '../../src/http/ingest-routes.js';
import { Router } from '../../src/http/router.js';
import type { IngestFrontEnd } from '../../src/ingest/front-end.js';
import { BodyEncoding, BodyFormat } from '../../src/ring/layout.js';

interface Begun {
  head: { format: number; encoding: number; name: Uint8Array };
  bytes: number | undefined;
  respond: (reply: { request: number; status: number; body: string }) => void;
}

function setUp(writeError?: Error) {
  const begun: Begun[] = [];
  const calls: string[] = [];
  const frontEnd = {
    begin: (head: Begun['head'], bytes: number | undefined, respond: Begun['respond']) =>
      begun.push({ head, bytes, respond }),
    write: (_body: unknown, bytes: Uint8Array) => {
      if (writeError) throw writeError;
      calls.push(`write ${Buffer.from(bytes)}`);
    },
    end: () => calls.push('end'),
    abandon: () => calls.push('abandon'),
  };
  const router = new Router();
  addIngestRoutes(router, frontEnd as unknown as IngestFrontEnd);
  const replies: { status: number; body: string; options?: ReplyOptions }[] = [];
  let piece: (bytes: Uint8Array, isLast: boolean) => void = () => {};
  let abort = () => {};
  const post = (path: string, contentEncoding = '', method = 'POST') => {
    const { handler, params } = router.match(method, path);
    const exchange = {
      method,
      path,
      contentEncoding,
      contentLength: 5,
      query: new URLSearchParams(),
      reply: (status: number, body: string, options?: ReplyOptions) =>
        replies.push({ status, body, options }),
      onBody: (listener: typeof piece) => {
        piece = listener;
      },
      onAbort: (listener: () => void) => {
        abort = listener;
      },
    };
    handler(exchange as unknown as Exchange, params);
  };
  const send = (text: string, isLast: boolean) => piece(Buffer.from(text), isLast);
  return { begun, calls, replies, post, send, abort: () => abort() };
}

describe('heads', () => {
  test('of each route', () => {
    const { post, begun } = setUp();
    post('/api/org/My-App/_json', 'gzip');
    post('/api/org/app/_multi', 'identity');
    post('/api/org/_bulk', 'zstd', 'PUT');
    post('/api/org/app/_bulk', 'br');
    post('/_bulk', 'deflate');
    post('/app/_bulk', '', 'PUT');
    const heads = begun.map(({ head, bytes }) => [
      head.format,
      head.encoding,
      Buffer.from(head.name).toString(),
      bytes,
    ]);
    expect(heads).toEqual([
      [BodyFormat.JSON, BodyEncoding.GZIP, 'org\0my_app', 5],
      [BodyFormat.MULTI, BodyEncoding.IDENTITY, 'org\0app', 5],
      [BodyFormat.BULK, BodyEncoding.ZSTD, 'org\0', 5],
      [BodyFormat.BULK, BodyEncoding.BROTLI, 'org\0app', 5],
      [BodyFormat.BULK, BodyEncoding.DEFLATE, 'default\0', 5],
      [BodyFormat.BULK, BodyEncoding.IDENTITY, 'default\0app', 5],
    ]);
  });

  test('that are wrong are refused before anything begins', () => {
    const { post, begun } = setUp();
    const refused = (path: string, status: number, encoding?: string) =>
      expect(() => post(path, encoding), path).toThrow(expect.objectContaining({ status }));
    refused('/api/a%20b/app/_json', 400);
    refused('/api/a%00b/app/_json', 400);
    refused('/api/org/%2A/_json', 400);
    refused(`/api/org/${'x'.repeat(257)}/_json`, 400);
    refused('/api/org/app/_json', 415, 'compress');
    refused('/api/org/app/_json', 415, 'gzip, gzip');
    // Not names of encodings, though every object has members of these names.
    for (const name of ['constructor', '__proto__']) refused('/api/org/app/_json', 415, name);
    expect(begun).toEqual([]);
  });
});

describe('bodies', () => {
  test('go on piece by piece and end once', () => {
    const { post, send, calls } = setUp();
    post('/api/org/app/_json');
    send('ab', false);
    send('', false);
    send('c', true);
    expect(calls).toEqual(['write ab', 'write ', 'write c', 'end']);
  });

  test('of a client that goes away are abandoned', () => {
    const { post, send, calls, abort } = setUp();
    post('/api/org/app/_json');
    send('ab', false);
    abort();
    expect(calls).toEqual(['write ab', 'abandon']);
  });

  test('that the front end refuses are answered at once, and the connection is closed', () => {
    const { post, send, replies } = setUp(requestError(413, 'too long'));
    post('/api/org/app/_json');
    send('ab', false);
    expect(replies).toMatchObject([{ status: 413, options: { close: true } }]);
  });

  test('are answered with what the worker wrote; bulk answers say which product speaks', () => {
    const { post, begun, replies } = setUp();
    post('/api/org/app/_json');
    post('/_bulk');
    for (const { respond } of begun) respond({ request: 1, status: 200, body: '{}' });
    expect(replies.map(({ status, body }) => [status, body])).toEqual([
      [200, '{}'],
      [200, '{}'],
    ]);
    expect(replies.map(({ options }) => options?.headers)).toEqual([
      undefined,
      { 'x-elastic-product': 'Elasticsearch' },
    ]);
  });
});
