/** RFC 9112, section 6 and 7, as a table: what each request is answered over a real connection, and whether the connection goes on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Connections } from '../../src/http/connections.js';
import { type Listener, listen } from '../../src/http/listener.js';
import { RawConnection } from '../harness/raw-connection.js';

let listener: Listener;
const paths: string[] = [];

beforeAll(async () => {
  const connections = new Connections({ total: 200, strangers: 200, byAddress: 200 });
  listener = await listen(
    '127.0.0.1',
    0,
    connections,
    (exchange) => {
      paths.push(exchange.path);
      exchange.collectBody(1000, (body) => {
        // As ingest does: not in the turn in which the body ends.
        setTimeout(() => exchange.reply(200, `<${Buffer.from(body ?? []).toString()}>`), 5);
      });
    },
    () => {},
  );
});
afterAll(() => {
  listener.stopAccepting();
  listener.close();
});

interface Case {
  rule: string;
  /** Fields besides Host, one a line. */
  fields?: string[];
  body?: string;
  /** Status line and body that the answer must match. */
  answer: RegExp;
  requestLine?: string;
  host?: string[];
  /** Nothing else is read on this connection. */
  closes?: boolean;
}

const OK_HELLO = /^HTTP\/1\.1 200 [\s\S]*<hello>$/;
const CHUNKED = ['Transfer-Encoding: chunked'];

const TAKEN: Case[] = [
  { rule: '6.3: a length', fields: ['Content-Length: 5'], body: 'hello', answer: OK_HELLO },
  { rule: '6.3: neither is no body', answer: /200 [\s\S]*<>$/ },
  {
    rule: '6.2: zeros in front are digits too',
    fields: ['Content-Length: 005'],
    body: 'hello',
    answer: OK_HELLO,
  },
  { rule: '6.2: blanks around a value', fields: ['Content-Length: \t 5 '], body: 'hello', answer: OK_HELLO },
  { rule: '7.1: chunks', fields: CHUNKED, body: '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n', answer: OK_HELLO },
  {
    rule: '7: names of codings in any case',
    fields: ['transfer-ENCODING: CHunked'],
    body: '5\r\nhello\r\n0\r\n\r\n',
    answer: OK_HELLO,
  },
  {
    rule: '7.1: hexadecimal sizes',
    fields: CHUNKED,
    body: '000A\r\nhellohello\r\n0\r\n\r\n',
    answer: /<hellohello>$/,
  },
  { rule: '7.1.1: an extension', fields: CHUNKED, body: '5;name\r\nhello\r\n0\r\n\r\n', answer: OK_HELLO },
  {
    rule: '7.1.1: with a value',
    fields: CHUNKED,
    body: '5;a=1;b="x y"\r\nhello\r\n0;last\r\n\r\n',
    answer: OK_HELLO,
  },
  {
    rule: '7.1.2: trailers',
    fields: [...CHUNKED, 'Trailer: X-Sum'],
    body: '5\r\nhello\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n',
    answer: OK_HELLO,
  },
  {
    rule: '3.2.2: a whole URL',
    requestLine: 'POST http://host/abs HTTP/1.1',
    fields: ['Content-Length: 5'],
    body: 'hello',
    answer: OK_HELLO,
  },
  {
    rule: 'HTTP/1.0, without Host',
    requestLine: 'POST /a HTTP/1.0',
    host: [],
    fields: ['Content-Length: 5'],
    body: 'hello',
    answer: OK_HELLO,
    closes: true,
  },
];

const BAD_REQUEST = /^HTTP\/1\.1 400 /;

const REFUSED: Case[] = [
  {
    rule: '6.3: both',
    fields: ['Content-Length: 5', ...CHUNKED],
    body: '5\r\nhello\r\n0\r\n\r\n',
    answer: BAD_REQUEST,
  },
  {
    rule: '6.3: both, the other way round',
    fields: [...CHUNKED, 'Content-Length: 5'],
    body: '5\r\nhello\r\n0\r\n\r\n',
    answer: BAD_REQUEST,
  },
  {
    rule: '6.3: two lengths',
    fields: ['Content-Length: 5', 'Content-Length: 6'],
    body: 'hello',
    answer: BAD_REQUEST,
  },
  {
    rule: '6.3: the same length twice',
    fields: ['Content-Length: 5', 'Content-Length: 5'],
    body: 'hello',
    answer: BAD_REQUEST,
  },
  { rule: '6.3: a list of lengths', fields: ['Content-Length: 5, 5'], body: 'hello', answer: BAD_REQUEST },
  ...['+5', '-5', '0x5', '5 5', '5.0', '1e1', '"5"', '', '99999999999999999999'].map((length) => ({
    rule: `6.2: Content-Length: ${length || '(empty)'}`,
    fields: [`Content-Length: ${length}`],
    body: 'hello',
    answer: BAD_REQUEST,
  })),
  {
    rule: '6.1: chunked is not last',
    fields: ['Transfer-Encoding: chunked, identity'],
    body: '5\r\nhello\r\n0\r\n\r\n',
    answer: BAD_REQUEST,
  },
  {
    rule: '6.1: chunked twice',
    fields: ['Transfer-Encoding: chunked, chunked'],
    body: '5\r\nhello\r\n0\r\n\r\n',
    answer: BAD_REQUEST,
  },
  {
    rule: '6.1: chunked twice, in two fields',
    fields: [...CHUNKED, ...CHUNKED],
    body: '5\r\nhello\r\n0\r\n\r\n',
    answer: BAD_REQUEST,
  },
  {
    rule: '6.1: another coding alone',
    fields: ['Transfer-Encoding: identity'],
    body: 'hello',
    answer: BAD_REQUEST,
  },
  {
    rule: '6.1: an unknown coding',
    fields: ['Transfer-Encoding: gzip, chunked'],
    body: '5\r\nhello\r\n0\r\n\r\n',
    answer: /^HTTP\/1\.1 (400|501) /,
  },
  {
    rule: '6.1: something like chunked',
    fields: ['Transfer-Encoding: xchunked'],
    body: '5\r\nhello\r\n0\r\n\r\n',
    answer: BAD_REQUEST,
  },
  {
    rule: '6.1: chunked has no parameters',
    fields: ['Transfer-Encoding: chunked;q=1'],
    body: '5\r\nhello\r\n0\r\n\r\n',
    answer: BAD_REQUEST,
  },
  { rule: '6.1: an empty coding', fields: ['Transfer-Encoding:'], body: 'hello', answer: BAD_REQUEST },
  {
    rule: '6.1: HTTP/1.0 has no codings',
    requestLine: 'POST /a HTTP/1.0',
    fields: CHUNKED,
    body: '5\r\nhello\r\n0\r\n\r\n',
    answer: /^HTTP\/1\.1 (400|505) /,
  },
  ...['0x5', '+5', '-5', '5 ', ' 5', 'g', '5,', '', '5\t', '5\x0b', '10000000000000000'].map((size) => ({
    rule: `7.1: a chunk of size ${JSON.stringify(size)}`,
    fields: CHUNKED,
    body: `${size}\r\nhello\r\n0\r\n\r\n`,
    answer: BAD_REQUEST,
  })),
  {
    rule: '7.1: a chunk longer than its size',
    fields: CHUNKED,
    body: '4\r\nhello\r\n0\r\n\r\n',
    answer: BAD_REQUEST,
  },
  {
    rule: '7.1: no line end behind a chunk',
    fields: CHUNKED,
    body: '5\r\nhello0\r\n\r\n',
    answer: BAD_REQUEST,
  },
  {
    rule: '2.2: a bare line feed behind a size',
    fields: CHUNKED,
    body: '5\nhello\r\n0\r\n\r\n',
    answer: BAD_REQUEST,
  },
  {
    rule: '2.2: a bare line feed behind a chunk',
    fields: CHUNKED,
    body: '5\r\nhello\n0\r\n\r\n',
    answer: BAD_REQUEST,
  },
  {
    rule: '5.1: a blank before the colon',
    fields: ['Content-Length : 5'],
    body: 'hello',
    answer: BAD_REQUEST,
  },
  {
    rule: '5.2: a folded line',
    fields: ['X-A: 1', ' folded', 'Content-Length: 5'],
    body: 'hello',
    answer: BAD_REQUEST,
  },
  { rule: '5.1: no name', fields: [': 1', 'Content-Length: 5'], body: 'hello', answer: BAD_REQUEST },
  { rule: '3.2: no Host', host: [], fields: ['Content-Length: 5'], body: 'hello', answer: BAD_REQUEST },
  {
    rule: '3.2: two Hosts',
    host: ['Host: a', 'Host: b'],
    fields: ['Content-Length: 5'],
    body: 'hello',
    answer: BAD_REQUEST,
  },
];

const NEXT = 'GET /next HTTP/1.1\r\nHost: x\r\n\r\n';

function requestOf({
  requestLine = 'POST /a HTTP/1.1',
  host = ['Host: x'],
  fields = [],
  body = '',
}: Case): string {
  return `${[requestLine, ...host, ...fields].join('\r\n')}\r\n\r\n${body}`;
}

/** Waits for the end of the connection, which may be an answer without one: then it goes on. */
async function ended(raw: RawConnection): Promise<void> {
  await raw.until(/(?!)/, 3000);
}

/** What came after so many characters, once the answer is whole. */
async function answerAfter(raw: RawConnection, seen: number): Promise<string> {
  return (await raw.until(new RegExp(`^[\\s\\S]{${seen}}[\\s\\S]*<[^<>]*>$`), 3000)).slice(seen);
}

describe.each([
  ['alone', []],
  ['after another request', [NEXT]],
  ['in two pieces', ['']],
] as const)('%s', (_name, before) => {
  const twoPieces = before[0] === '';
  /** A connection that has been used, or not. */
  async function connection(): Promise<RawConnection> {
    const raw = await RawConnection.open(`http://127.0.0.1:${listener.port}`);
    if (before[0]) {
      raw.write(before[0]);
      expect(await raw.until(/<>$/)).toMatch(/<>$/);
    }
    return raw;
  }

  async function send(raw: RawConnection, request: string): Promise<void> {
    if (!twoPieces) return raw.write(request);
    raw.write(request.slice(0, 20));
    await new Promise((resolve) => setTimeout(resolve, 20));
    raw.write(request.slice(20));
  }

  // Extensions and trailers are understood where a connection begins with them.
  const taken = before[0] ? TAKEN.filter(({ rule }) => !/7\.1\.|3\.2\.2|1\.0/.test(rule)) : TAKEN;
  test.each(taken)('$rule: taken', async (each) => {
    const raw = await connection();
    const seen = raw.text.length;
    await send(raw, requestOf(each));
    expect(await answerAfter(raw, seen)).toMatch(each.answer);
    raw.close();
  });

  // Of a chunked body that is not a connection's first, the library tells nothing: its rule is the next test.
  const refused = before[0] ? REFUSED.filter(({ rule }) => !/^(7\.1|2\.2)|no name/.test(rule)) : REFUSED;
  test.each(refused)('$rule: refused, and the connection closed', async (each) => {
    const raw = await connection();
    const seen = raw.text.length;
    await send(raw, requestOf(each));
    await ended(raw);
    expect(raw.closed).toBe(true);
    expect(raw.text.slice(seen)).toMatch(each.answer);
  });

  test.each([
    ...REFUSED,
    ...TAKEN.filter(({ fields }) => before[0] && fields?.some((field) => /chunked/i.test(field))),
  ])('$rule: what comes behind it in the same bytes is not taken for a request', async (each) => {
    const raw = await connection();
    paths.length = 0;
    await send(raw, requestOf(each) + NEXT);
    await ended(raw);
    raw.write(NEXT);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(paths.filter((path) => path === '/next')).toEqual([]);
    expect(raw.closed).toBe(true);
  });
});

test('requests one behind the other on a connection that begins with a chunked body', async () => {
  const raw = await RawConnection.open(`http://127.0.0.1:${listener.port}`);
  for (const text of ['one', 'two', 'three']) {
    raw.write(
      `POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${text.length}\r\n${text}\r\n0\r\n\r\n`,
    );
    expect(await raw.until(new RegExp(`<${text}>`))).toContain(`<${text}>`);
  }
  raw.close();
});

test('a client that asks before it sends is told to go on', async () => {
  const raw = await RawConnection.open(`http://127.0.0.1:${listener.port}`);
  raw.write('POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
  expect(await raw.until(/100 Continue/)).toContain('100 Continue');
  raw.write('hello');
  expect(await raw.until(/<hello>/)).toMatch(/<hello>$/);
  raw.close();
});
