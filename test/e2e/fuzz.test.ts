/**
 * Mutated requests over all routes: whatever is sent, the server lives and nothing is a 500. `BASALT_TEST_LONG=1` sends twenty thousand,
 * `BASALT_SEED` repeats a run.
 */
import { Agent, request as httpRequest } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chooseSeed, long, Random } from '../harness/random.js';
import { TestServer } from '../harness/server.js';
import { type FuzzRequest, fuzzRecords, SEEDS } from './fuzz-seeds.js';

const REQUESTS = long ? 20_000 : 1_500;
const PARALLEL = 4;
const ANSWER_MS = 30_000;

const ODD_NUMBERS = [
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '-9223372036854775809',
  '18446744073709551615',
  '1e308',
  '1e400',
  '-1e30',
  '1e-320',
  '0.1e1',
  '-0',
  '00',
  '0x10',
  'NaN',
  'Infinity',
  '2147483648',
  '-1',
  '-999',
  '4503599627370497.5',
  '170141183460469231731687303715884105728',
  '99999999999999999999999999999999999999.5',
  '253402300800000000',
  '1_000',
];
const ODD_TEXTS = [
  "'",
  '"',
  '`',
  '\\',
  '\u0000',
  '\u0001',
  '\n',
  '\t',
  '\u2028',
  '\ufeff',
  '\ud800',
  '😀',
  'é',
  'ß',
  '—',
  '；',
  '$1',
  '{',
  '}',
  '[',
  ']',
  '(',
  ')',
  '--',
  '/*',
  '*/',
  ';',
  '?',
  '@',
  '#',
  '::',
  '||',
  '->',
  '->>',
  '%',
  '%%%%%%',
  '_',
  '*',
  ',',
  '.',
  '..',
  'NULL',
  'DEFAULT',
  "''",
  "E'\\x'",
  "U&'\\0041'",
  "X'ff'",
  "'%_%_%_%_%_%'",
  "date '9999-12-31'",
  "interval '1 month'",
  "timestamp '2023-11-14T22:13:20'",
  'CAST(NULL AS TEXT)',
  'array[1,2]',
  'ROW(1)',
  '(SELECT 1)',
];
const WORDS = [
  'SELECT',
  'FROM',
  'WHERE',
  'AND',
  'OR',
  'NOT',
  'IN',
  'LIKE',
  'ILIKE',
  'SIMILAR TO',
  'IS NULL',
  'BETWEEN',
  'CASE',
  'END',
  'ORDER BY',
  'GROUP BY',
  'LIMIT',
  'OFFSET',
  'DISTINCT',
  'HAVING',
  'UNION',
  'EXCEPT',
  'INTERSECT',
  'JOIN',
  'LEFT JOIN',
  'LATERAL',
  'OVER ()',
  'ROLLUP(level)',
  'a',
  'b',
  'n',
  'f',
  'ok',
  'big',
  'level',
  'message',
  'tags',
  '_timestamp',
  'count(*)',
  'sum(n)',
  'min(message)',
  'upper(level)',
  'length(n)',
  'abs(level)',
  'to_timestamp(n)',
  'now()',
  'arr_descending(tags)',
  'spath(tags, 0)',
  'TRUE',
  '+',
  '-',
  '*',
  '/',
  '%',
  '=',
  '<',
  '>=',
  '<>',
  '~',
  '~*',
  '||',
  'COLLATE "C"',
  'ESCAPE',
  "AT TIME ZONE 'UTC'",
];
const WILDCARDS = [
  "'%a%b%c%d%e%f%'",
  `'${'%a'.repeat(300)}%'`,
  `'${'_'.repeat(20_000)}'`,
  `'${'%'.repeat(50_000)}'`,
  `'${'%_'.repeat(10_000)}x'`,
  `'${'a*'.repeat(5000)}'`,
];
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'];
const HEADERS: [string, string[]][] = [
  [
    'content-type',
    ['', 'text/plain', 'application/json; charset=latin1', 'application/x-ndjson', 'multipart/form-data'],
  ],
  ['content-encoding', ['gzip', 'zstd', 'br', 'deflate', 'identity', 'x', 'gzip, gzip']],
  [
    'accept',
    [
      'text/csv',
      'application/vnd.apache.parquet',
      'application/x-ndjson',
      '*/*;q=0',
      ',,;',
      'application/vnd.apache.arrow.stream',
    ],
  ],
  ['x-openobserve-trace-id', ['0123456789abcdef0123456789abcdef', 'x', '\u00e9']],
  ['cache-control', ['no-store', 'max-age=0']],
];

let server: TestServer;
const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });

beforeAll(async () => {
  server = await TestServer.start();
  await server.client.store('a', fuzzRecords(200));
  await server.client.store('b', fuzzRecords(20));
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await server?.stop();
});

/** Another statement: tokens left out, doubled, moved, or others in their place. */
function mutateSql(random: Random, sql: string): string {
  const tokens = sql.split(/(\s+|[(),=<>*]|'[^']*')/).filter((token) => token !== '');
  for (let count = random.int(1, 4); count > 0; count--) {
    const at = random.int(0, tokens.length - 1);
    const other = random.pick([ODD_NUMBERS, ODD_TEXTS, WORDS, WILDCARDS, tokens]);
    const isPattern = (tokens[at] ?? '').startsWith("'%") && random.chance(0.5);
    const token = random.pick(isPattern ? WILDCARDS : other);
    if (isPattern) {
      tokens[at] = token;
      continue;
    }
    const kind = random.int(0, 5);
    if (kind === 0) tokens.splice(at, 1);
    else if (kind === 1) tokens.splice(at, 0, ` ${token} `);
    else if (kind === 2) tokens.splice(at, 0, tokens[at] ?? '');
    else if (kind === 3) tokens[at] = mutateText(random, tokens[at] ?? '');
    else tokens[at] = token;
    if (tokens.length === 0) tokens.push(token);
  }
  return tokens.join('');
}

function mutateText(random: Random, text: string): string {
  const at = random.int(0, text.length);
  const piece = random.pick(
    random.pick([ODD_TEXTS, ODD_NUMBERS, [String.fromCharCode(random.int(0, 0xffff))]]),
  );
  const until = random.chance(0.5) ? at : random.int(at, text.length);
  return text.slice(0, at) + piece + text.slice(until);
}

/** Another value in one place of a JSON value. Numbers that JavaScript has not come in by their text, `swap`. */
function mutateJson(random: Random, value: unknown, swap: (text: string) => string): unknown {
  if (typeof value === 'object' && value !== null && random.chance(0.9)) {
    const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
    const keys = Object.keys(copy);
    if (keys.length > 0) {
      const key = random.pick(keys);
      if (random.chance(0.1)) delete copy[key];
      else if (random.chance(0.05)) copy[mutateText(random, key)] = copy[key];
      else
        copy[key] =
          key === 'sql' && typeof copy[key] === 'string'
            ? mutateSql(random, copy[key])
            : mutateJson(random, copy[key], swap);
      return copy;
    }
  }
  if (typeof value === 'string' && random.chance(0.7)) return mutateText(random, value);
  return random.pick([
    null,
    true,
    [],
    {},
    '',
    [[[]]],
    { a: { b: {} } },
    swap(random.pick(ODD_NUMBERS)),
    swap(random.pick(ODD_NUMBERS)),
    random.pick(ODD_TEXTS),
  ]);
}

function mutateBody(random: Random, body: string): string | Buffer {
  if (random.chance(0.85)) {
    try {
      const swaps: string[] = [];
      const swap = (text: string) => `@@${swaps.push(text) - 1}@@`;
      const mutated = JSON.stringify(mutateJson(random, JSON.parse(body), swap));
      return mutated.replace(/"@@(\d+)@@"/g, (_, index) => swaps[Number(index)] ?? '0');
    } catch {
      // Lines: one of them.
      const lines = body.split('\n');
      const at = random.int(0, lines.length - 1);
      lines[at] = mutateText(random, lines[at] ?? '');
      return lines.join('\n');
    }
  }
  const bytes = Buffer.from(body);
  for (let count = random.int(1, 5); count > 0 && bytes.length > 0; count--)
    bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
  return random.chance(0.3) ? bytes.subarray(0, random.int(0, bytes.length)) : bytes;
}

interface Mutated extends Omit<FuzzRequest, 'body'> {
  body: string | Buffer;
}

function mutate(random: Random, seed: FuzzRequest): Mutated {
  const mutated: Mutated = { ...seed, headers: { ...seed.headers } };
  let changes = random.int(1, 2);
  while (changes-- > 0) {
    const kind = seed.body === '' ? random.int(7, 10) : random.int(0, 10);
    if (kind <= 6) mutated.body = mutateBody(random, seed.body);
    else if (kind <= 8) mutated.path = mutatePath(random, mutated.path);
    else if (kind === 9) {
      const [name, values] = random.pick(HEADERS);
      mutated.headers[name] = random.pick(values);
    } else if (random.chance(0.3)) mutated.method = random.pick(METHODS);
    else mutated.path = mutatePath(random, mutated.path);
  }
  return mutated;
}

function mutatePath(random: Random, path: string): string {
  const [before = '', query] = path.split('?');
  const encoded = (text: string) =>
    random.chance(0.8) ? encodeURIComponent(text.replace(/[\ud800-\udfff]/g, '')) : '%zz%';
  if (query !== undefined && random.chance(0.8)) {
    const parameters = query.split('&');
    const at = random.int(0, parameters.length - 1);
    const [name = '', value = ''] = (parameters[at] ?? '').split('=');
    parameters[at] = random.chance(0.2)
      ? encoded(mutateText(random, name))
      : `${name}=${encoded(random.pick([mutateText(random, value), random.pick(ODD_NUMBERS), '']))}`;
    return `${before}?${parameters.join('&')}`;
  }
  const segments = before.split('/');
  const at = random.int(1, segments.length - 1);
  segments[at] = random.pick([
    encoded(mutateText(random, segments[at] ?? '')),
    '',
    'x'.repeat(random.int(1, 400)),
    random.pick(segments),
  ]);
  return segments.join('/') + (query === undefined ? '' : `?${query}`);
}

function send({ method, path, headers, body }: Mutated): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const url = new URL(server.client.url);
    // Elastic clients and curl announce a length; what needs none gets none.
    const length = Buffer.byteLength(body);
    const sent = httpRequest(
      {
        agent,
        host: url.hostname,
        port: url.port,
        method,
        path,
        headers: {
          ...headers,
          authorization: server.client.authorization,
          ...(length > 0 ? { 'content-length': length } : {}),
        },
        timeout: ANSWER_MS,
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        // An export that fails half way is cut.
        response.on('close', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString() }),
        );
        response.on('error', () => {});
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${ANSWER_MS} ms`)));
    sent.on('error', (error: NodeJS.ErrnoException) => {
      // A refused body is not read to its end.
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') resolve({ status: -1, text: '' });
      else reject(error);
    });
    sent.end(body);
  });
}

test(`${REQUESTS} mutated requests`, { timeout: long ? 3_600_000 : 240_000 }, async () => {
  const seed = chooseSeed();
  console.log(`BASALT_SEED=${seed}`);
  const random = new Random(seed);
  const faults: string[] = [];
  let sent = 0;
  const sender = async () => {
    while (sent < REQUESTS) {
      sent++;
      const mutated = mutate(random, random.pick(SEEDS));
      if (/[^\x21-\x7e]/.test(mutated.path)) continue;
      if (Object.values(mutated.headers).some((value) => /[^\x20-\x7e]/.test(value))) continue;
      const told = `${mutated.method} ${mutated.path} ${JSON.stringify(mutated.headers)} ${mutated.body.toString()}`;
      try {
        const { status, text } = await send(mutated);
        if (status === 500 || /"code":\s*(500|10001)\b/.test(text))
          faults.push(`${told}\n  → ${status} ${text.slice(0, 500)}${server.logOf(text)}`);
      } catch (error) {
        faults.push(`${told}\n  → ${String(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, sender));
  expect(server.running, server.log.slice(-2000)).toBe(true);
  expect((await server.client.request('GET', '/healthz')).status).toBe(200);
  expect(faults, faults.join('\n\n')).toEqual([]);
});
