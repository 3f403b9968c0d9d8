import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type FakeServer, startFakeServer, storeAll } from './fake-server.js';
import { runCli } from './run-cli.js';

let folder: string;
let server: FakeServer | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'basalt-cli-'));
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function serve(answer: Answer): Promise<FakeServer> {
  server = await startFakeServer(answer);
  return server;
}

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function ingest(fake: FakeServer, args: string[], stdin?: Buffer | string) {
  const connection = ['--url', fake.url, '--user', 'me@example.com', '--password', 'päss'];
  return runCli(['ingest', '--stream', 's', ...connection, ...args], { stdin, cwd: folder });
}

function linesOf(fake: FakeServer): string[] {
  return fake.requests.flatMap(({ body }) => body.toString('utf8').trimEnd().split('\n'));
}

describe('basalt ingest', () => {
  test('decides per line, keeps bytes, and sends credentials to the organization and stream', async () => {
    const fake = await serve(storeAll);
    const json = '{ "n" : 1.0,  "text":"é\\u0000" }';
    const path = file('mixed.log', `${json}\nplain "line"\t\\ with é\r\n\n{"broken": \n[1,2]\nlast`);
    const result = await ingest(fake, ['--org', 'my org', path]);
    expect(result.code).toBe(0);
    expect(linesOf(fake)).toEqual([
      json,
      JSON.stringify({ message: 'plain "line"\t\\ with é\r' }),
      JSON.stringify({ message: '{"broken": ' }),
      JSON.stringify({ message: '[1,2]' }),
      JSON.stringify({ message: 'last' }),
    ]);
    expect(fake.requests[0]?.path).toBe('/api/my%20org/s/_multi');
    const credentials = Buffer.from('me@example.com:päss').toString('base64');
    expect(fake.requests[0]?.authorization).toBe(`Basic ${credentials}`);
    expect(result.stdout.toString()).toMatch(/^5 records stored, 0 failed, .* MB in .* records\/s\)\n$/);
  });

  test('--format lines wraps JSON too and keeps blank lines; --strip-cr takes carriage returns off', async () => {
    const fake = await serve(storeAll);
    await ingest(fake, ['--format', 'lines', '--strip-cr', '-'], '{"a":1}\r\n\r\nx');
    expect(linesOf(fake).map((line) => JSON.parse(line))).toEqual([
      { message: '{"a":1}' },
      { message: '' },
      { message: 'x' },
    ]);
  });

  test('--format ndjson sends bad lines as they are and reports the server’s reasons with file and line', async () => {
    const fake = await serve((_request, response) => {
      const errors = [{ record: 1, message: 'record 1: expected a value' }];
      const status = [{ name: 's', successful: 2, failed: 1, error: 'record 1: expected a value', errors }];
      response.end(JSON.stringify({ code: 200, status }));
    });
    const path = file('a.ndjson', '{"a":1}\n\n{bad\n{"a":2}\n');
    const result = await ingest(fake, ['--format', 'ndjson', path]);
    expect(linesOf(fake)).toEqual(['{"a":1}', '{bad', '{"a":2}']);
    expect(result.code).toBe(1);
    expect(result.stderr).toBe(`${path}:3: expected a value\n`);
    expect(result.stdout.toString()).toContain('2 records stored, 1 failed');
  });

  test('undoes gzip in files and on standard input', async () => {
    const fake = await serve(storeAll);
    const path = file('a.log.gz', gzipSync('one\ntwo\n'));
    const result = await ingest(fake, [path, '-'], gzipSync('three'));
    expect(result.code).toBe(0);
    expect(linesOf(fake).map((line) => JSON.parse(line).message)).toEqual(['one', 'two', 'three']);
  });

  test('damaged gzip stops with the file’s name', async () => {
    const fake = await serve(storeAll);
    const packed = gzipSync('some text '.repeat(1000));
    const path = file('cut.gz', packed.subarray(0, packed.length - 9));
    const result = await ingest(fake, [path]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`${path}: unexpected end of file`);
  });

  test('refuses invalid UTF-8 with file and line, having sent what came before', async () => {
    const fake = await serve(storeAll);
    const path = file('latin1.log', Buffer.from('good\nna\u00efve\nlater\n', 'latin1'));
    const result = await ingest(fake, [path]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`${path}:2: the line is not valid UTF-8`);
    expect(result.stderr).toContain('--encoding latin1');
    expect(linesOf(fake)).toEqual(['{"message":"good"}']);
    const second = await ingest(fake, ['--encoding', 'latin1', path]);
    expect(second.code).toBe(0);
    expect(JSON.parse(linesOf(fake)[2] ?? '')).toEqual({ message: 'na\u00efve' });
  });

  test('cuts batches at 20,000 records and at 4 MB, and nothing is lost or repeated', async () => {
    const fake = await serve(storeAll);
    const many = Array.from({ length: 45_000 }, (_, index) => `line ${index}`);
    const wide = Array.from({ length: 5 }, (_, index) => `${index}${'x'.repeat(1_500_000)}`);
    const path = file('big.log', [...many, ...wide].join('\n'));
    const result = await ingest(fake, ['--parallel', '4', path]);
    expect(result.code).toBe(0);
    expect(result.stdout.toString()).toContain('45,005 records stored');
    const messages = linesOf(fake).map((line) => JSON.parse(line).message as string);
    expect(messages.toSorted()).toEqual([...many, ...wide].toSorted());
    const sizes = fake.requests.map(({ body }) => body.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(fake.requests.length).toBeGreaterThanOrEqual(5);
  });

  test('a line over 16 MiB fails alone', async () => {
    const fake = await serve(storeAll);
    const path = file('long.log', `a\n${'y'.repeat(17 * 1024 * 1024)}\nb\n`);
    const result = await ingest(fake, [path]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`${path}:2: the line is longer than`);
    expect(linesOf(fake).map((line) => JSON.parse(line).message)).toEqual(['a', 'b']);
  });

  test('waits out 503 and sends the same batch again', async () => {
    const fake = await serve((request, response, index, incoming) => {
      if (index >= 2) return storeAll(request, response, index, incoming);
      response.writeHead(503, { 'retry-after': '0' }).end('{"code":503,"message":"full"}');
    });
    const result = await ingest(fake, ['-'], 'a\nb\n');
    expect(result.code).toBe(0);
    expect(fake.requests).toHaveLength(3);
    expect(fake.requests[2]?.body).toEqual(fake.requests[0]?.body);
    expect(result.stdout.toString()).toContain('2 records stored, 0 failed');
  });

  test('repeats after a lost connection and says that records may be there twice', async () => {
    const fake = await serve((request, response, index, incoming) => {
      if (index === 0) incoming.socket.destroy();
      else storeAll(request, response, index, incoming);
    });
    const result = await ingest(fake, ['-'], 'a\n');
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('may be stored twice');
  });

  test('wrong credentials end the run with the server’s words', async () => {
    const fake = await serve((_request, response) => {
      response.writeHead(401).end('{"code":401,"message":"Unauthorized Access","hint":"wrong password"}');
    });
    const result = await ingest(fake, ['-'], 'a\n');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('error: Unauthorized Access\nhint: wrong password');
    expect(result.stdout.toString()).toContain('0 records stored');
  });

  test('a refused batch counts all its records', async () => {
    const fake = await serve((_request, response) => {
      response.writeHead(413).end('{"code":413,"message":"too large"}');
    });
    const result = await ingest(fake, ['-'], 'a\nb\nc\n');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('standard input:1 and the 2 records after it: too large');
    expect(result.stdout.toString()).toContain('0 records stored, 3 failed');
  });

  test('names a missing file before anything is sent', async () => {
    const fake = await serve(storeAll);
    const good = file('good.log', 'a\n');
    const result = await ingest(fake, [good, join(folder, 'absent.log')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('absent.log: no such file');
    expect(fake.requests).toHaveLength(0);
  });

  test('takes arrays and records over several lines as records, of files and standard input, packed or not', async () => {
    const fake = await serve(storeAll);
    const records = [{ n: 1, text: 'a\nb' }, { n: 2, inner: { list: [1, { deep: true }] } }, { n: 3 }];
    const pretty = file('pretty.json', JSON.stringify(records, null, 2));
    const mark = Buffer.from([0xef, 0xbb, 0xbf]);
    const oneByOne = gzipSync(
      Buffer.concat([mark, Buffer.from(records.map((each) => JSON.stringify(each, null, 1)).join('\n'))]),
    );
    const result = await ingest(fake, [pretty, '-'], oneByOne);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(linesOf(fake).map((line) => JSON.parse(line))).toEqual([...records, ...records]);
  });

  test('a document that is not whole stores what is, and says where to go on', async () => {
    const fake = await serve(storeAll);
    const path = file('cut.json', '[\n{"n":1},\n{"n":2},\n{"n":');
    const result = await ingest(fake, [path]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(
      `${path}:4: the input ends within this record; nothing from it on was sent`,
    );
    expect(result.stderr).toContain('--from-line 4 goes on there');
    expect(linesOf(fake)).toEqual(['{"n":1}', '{"n":2}']);
    writeFileSync(path, '[\n{"n":1},\n{"n":2},\n{"n":3}]');
    const second = await ingest(fake, ['--from-line', '4', path]);
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(linesOf(fake).at(-1)).toBe('{"n":3}');
  });

  test('--time-field takes the event time from a field and tells of records without it', async () => {
    const fake = await serve(storeAll);
    const path = file('timed.ndjson', '{"at":1700000000123456789}\n{"n":2}\ntext\n');
    const result = await ingest(fake, ['--time-field', 'at', path]);
    expect(result.code).toBe(0);
    expect(linesOf(fake)).toEqual([
      '{"at":1700000000123456789,"_timestamp":1700000000123456789}',
      '{"n":2}',
      '{"message":"text"}',
    ]);
    expect(result.stderr).toBe(
      `2 records without 'at', which have the time of arrival, first at ${path}:2\n`,
    );
    const texts = await ingest(fake, ['--time-field', 'at', '--format', 'lines', path]);
    expect([texts.code, texts.stderr]).toEqual([1, expect.stringContaining('--time-field is for JSON')]);
  });

  test('--on-bad-bytes replaces or leaves out, and says so; --from-line goes on after what failed', async () => {
    const fake = await serve(storeAll);
    const path = file('bad.log', Buffer.from('good\nna\u00efve\n{"k":"\u00ef"}\nlast\n', 'latin1'));
    const replaced = await ingest(fake, ['--on-bad-bytes', 'replace', path]);
    expect(replaced.code).toBe(0);
    expect(linesOf(fake).map((line) => JSON.parse(line))).toEqual([
      { message: 'good' },
      { message: 'na\ufffdve' },
      { k: '\ufffd' },
      { message: 'last' },
    ]);
    expect(replaced.stderr).toContain(
      `2 records with bytes that are not UTF-8, which were replaced by U+FFFD, first at ${path}:2`,
    );
    const skipped = await ingest(fake, ['--on-bad-bytes', 'skip', path]);
    expect(skipped.code).toBe(0);
    expect(skipped.stdout.toString()).toContain('2 records stored');
    expect(skipped.stderr).toContain(`2 records left out that are not valid UTF-8, first at ${path}:2`);
    const failed = await ingest(fake, [path]);
    expect(failed.stderr).toContain('--from-line 2 goes on there');
    const rest = await ingest(fake, ['--from-line', '4', path]);
    expect(rest.code).toBe(0);
    expect(rest.stdout.toString()).toContain('1 records stored');
  });

  test('a server that refuses half way: the place to go on from is told', async () => {
    const fake = await serve((request, response, index, incoming) => {
      if (index === 0) return storeAll(request, response, index, incoming);
      response.writeHead(401).end('{"code":401,"message":"Unauthorized Access"}');
    });
    const path = file('many.log', Array.from({ length: 50_000 }, (_, n) => `line ${n}`).join('\n'));
    const result = await ingest(fake, ['--parallel', '1', path]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`not stored: ${path}:20001`);
    expect(result.stderr).toContain('--from-line 20001 goes on there');
  });

  test('says what is no text, before anything of it is sent', async () => {
    const fake = await serve(storeAll);
    const tar = Buffer.concat([Buffer.alloc(257), Buffer.from('ustar'), Buffer.alloc(300)]);
    const files: [string, Buffer, RegExp][] = [
      ['a.parquet', Buffer.from('PAR1\x15\x04\x15'), /is a Parquet file: it is not understood[\s\S]*NDJSON/],
      ['a.arrow', Buffer.from('ARROW1\0\0'), /is an Arrow file/],
      ['a.arrows', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x10, 0, 0, 0]), /is an Arrow stream/],
      ['a.zip', Buffer.from('PK\x03\x04\x14\0'), /is a ZIP archive[\s\S]*unzip -p/],
      ['a.zst', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 4]), /compressed by zstd[\s\S]*zstd -dc/],
      ['a.xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), /compressed by xz/],
      ['a.bz2', Buffer.from('BZh91AY&SY\0\x01', 'latin1'), /compressed by bzip2/],
      ['a.tar', tar, /is a tar archive/],
      ['a.gz', gzipSync(tar), /is a tar archive/],
      ['bom.txt', Buffer.from('\ufeffline\n', 'utf16le'), /is UTF-16 \(UTF-16LE\)[\s\S]*iconv/],
      ['plain16.txt', Buffer.from('a line of text\n', 'utf16le'), /is UTF-16/],
      ['big16.txt', Buffer.from('a line of text\n', 'utf16le').swap16(), /UTF-16BE/],
    ];
    for (const [name, bytes, told] of files) {
      const result = await ingest(fake, [file(name, bytes)]);
      expect([name, result.code, result.stderr]).toEqual([name, 1, expect.stringMatching(told)]);
    }
    expect(fake.requests).toHaveLength(0);
    const words = await ingest(fake, [file('words.log', 'BZhang logged in\nORC is a word\n')]);
    expect(words).toMatchObject({ code: 0, stderr: '' });
  });

  test('the server, user, password and organization may come from the environment', async () => {
    const fake = await serve(storeAll);
    const env = { BASALT_URL: fake.url, BASALT_USER: 'u', BASALT_PASSWORD: 'p', BASALT_ORG: 'other' };
    const result = await runCli(['ingest', '--stream', 's', '-'], { stdin: 'a', env, cwd: folder });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(fake.requests[0]).toMatchObject({
      path: '/api/other/s/_multi',
      authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
    });
  });

  test('takes the password from the data directory', async () => {
    const fake = await serve(storeAll);
    file('root-password', 'secret\n');
    const args = ['ingest', '--stream', 's', '--url', fake.url, '-'];
    const result = await runCli(args, { stdin: 'a', env: { BASALT_DATA_DIR: folder }, cwd: folder });
    expect(result.code).toBe(0);
    const credentials = Buffer.from('root@example.com:secret').toString('base64');
    expect(fake.requests[0]?.authorization).toBe(`Basic ${credentials}`);
    const empty = await runCli(args, {
      stdin: 'a',
      env: { BASALT_DATA_DIR: join(folder, 'none') },
      cwd: folder,
    });
    expect(empty.code).toBe(1);
    expect(empty.stderr).toContain('no password');
  });
});
