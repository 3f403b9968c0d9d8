/** Exported files by other readers: types, choices of the form, and files that failed half way, which no reader may take for whole. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestServer } from '../harness/server.js';

const START = 1_700_000_000_000_000;
const ROWS = 70_000;
const ROWS_DEFAULT = 1000;
let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await TestServer.start();
  folder = mkdtempSync(join(tmpdir(), 'basalt-readers-'));
  const records = Array.from({ length: ROWS }, (_, n) => ({ _timestamp: START + n, n, text: `line ${n}` }));
  await server.client.ingest('app', '_multi', records.map((each) => JSON.stringify(each)).join('\n'));
  await server.client.ingest(
    'odd',
    '_json',
    // As text: JavaScript would write 1e20 as a whole number.
    `[{"_timestamp":${START},"k":1,"s":"","f":1e20,"j":"{\\"a\\":[1,\\"x\\"]}"},
      {"_timestamp":${START + 1},"k":2,"s":" blank","f":1e-7,"j":"{\\"a\\":\\"text\\"}"},
      {"_timestamp":${START + 2},"k":3,"s":"\\\\N","f":1e300,"j":"{\\"a\\":2.5}"},
      {"_timestamp":${START + 3},"k":4,"s":"null","f":0.5,"j":"{\\"a\\":null}"},
      {"_timestamp":${START + 4},"k":5}]`,
  );
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Reply {
  status: number;
  headers: IncomingMessage['headers'];
  /** What came, though it may not be all. */
  bytes: Buffer;
  isWhole: boolean;
}

async function post(
  path: string,
  sql: string,
  headers: Record<string, string> = {},
  members = {},
): Promise<Reply> {
  const { client } = server;
  const sent = request(`${client.url}/api/default/${path}`, {
    method: 'POST',
    headers: { authorization: client.authorization, 'content-type': 'application/json', ...headers },
  });
  sent.end(JSON.stringify({ query: { sql, start_time: 0, end_time: START * 2, ...members } }));
  const [reply] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  reply.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  await new Promise((resolve) => reply.once('close', resolve));
  const { statusCode = 0, complete } = reply;
  return { status: statusCode, headers: reply.headers, bytes: Buffer.concat(chunks), isWhole: complete };
}

async function exported(parameters: string, sql: string): Promise<Reply> {
  const reply = await post(`_export?${parameters}`, sql);
  expect([reply.status, reply.isWhole], reply.bytes.toString('utf8', 0, 300)).toEqual([200, true]);
  return reply;
}

async function text(parameters: string, sql: string): Promise<string> {
  return (await exported(parameters, sql)).bytes.toString('utf8');
}

async function duckdb(sql: string): Promise<unknown[][]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowsJson() as unknown[][];
  } finally {
    connection.closeSync();
  }
}

function kept(name: string, bytes: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** An expression, the type in which DuckDB reads it from Parquet, the one that Arrow has, and its text. */
const TYPES: [string, string, string, string | null][] = [
  ["json_get(j, 'a')", 'VARCHAR', 'Utf8', '[1,"x"]'],
  ["array_agg(json_get(j, 'a'))", 'VARCHAR', 'Utf8', '["[1,\\"x\\"]","text",2.5,null,null]'],
  ["md5('a')", 'VARCHAR', 'Utf8', '0cc175b9c0f1b6a831c399e269772661'],
  ["sha256('a')", 'VARCHAR', 'Utf8', 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
  ["INTERVAL '1 hour'", 'VARCHAR', 'Utf8', '1 hours'],
  ['NULL', 'VARCHAR', 'Utf8', null],
  ["arrow_cast('a', 'Dictionary(Int32, Utf8)')", 'VARCHAR', 'Utf8', 'a'],
  ["arrow_cast('a', 'LargeUtf8')", 'VARCHAR', 'Utf8', 'a'],
  ["arrow_cast('a', 'Utf8View')", 'VARCHAR', 'Utf8', 'a'],
  ["TIME '01:02:03'", 'VARCHAR', 'Utf8', '01:02:03'],
  ["named_struct('a', 1)", 'VARCHAR', 'Utf8', '{"a":1}'],
  ['make_array([1], [2])', 'VARCHAR', 'Utf8', '[[1],[2]]'],
  ["map(['k'], [1])", 'VARCHAR', 'Utf8', '{"k":1}'],
  ["arrow_cast(18446744073709551615, 'UInt64')", 'UBIGINT', 'Uint64', '18446744073709551615'],
  ['1.25::decimal(5, 2)', 'DECIMAL(5,2)', 'Decimal[5e+2]', '1.25'],
  ["DATE '2026-03-05'", 'DATE', 'Date32<DAY>', '2026-03-05'],
  ["arrow_cast(7, 'Int8')", 'TINYINT', 'Int8', '7'],
  ['1.5::real', 'FLOAT', 'Float32', '1.5'],
  ['true', 'BOOLEAN', 'Bool', 'true'],
  ["string_to_array('a,b', ',')", 'VARCHAR[]', 'List<Utf8>', '[a, b]'],
  [
    "arrow_cast('2026-03-05T00:00:00', 'Timestamp(Microsecond, Some(\"+02:00\"))')",
    'TIMESTAMP WITH TIME ZONE',
    'Timestamp<MICROSECOND, UTC>',
    '2026-03-04 22:00:00+00',
  ],
];

describe('columns of every type', () => {
  test.each(TYPES)('%s', async (expression, inDuckdb, inArrow, value) => {
    const aggregates = expression.startsWith('array_agg');
    const sql = `SELECT ${expression} AS x FROM ${aggregates ? '(SELECT * FROM odd ORDER BY k)' : 'odd ORDER BY k LIMIT 1'}`;
    const path = kept('type.parquet', (await exported('format=parquet', sql)).bytes);
    expect(await duckdb(`SET TimeZone = 'UTC'; SELECT typeof(x), x::VARCHAR FROM '${path}'`)).toEqual([
      [inDuckdb, value],
    ]);
    for (const format of ['arrow', 'arrows']) {
      const table = tableFromIPC((await exported(`format=${format}`, sql)).bytes);
      expect(String(table.schema.fields[0]?.type)).toBe(inArrow);
      if (inArrow === 'Utf8') expect(table.getChildAt(0)?.get(0)).toBe(value);
    }
  });
});

describe('choices', () => {
  test.each(['zstd', 'snappy', 'gzip', 'none'])('Parquet compressed by %s', async (codec) => {
    const { bytes, headers } = await exported(
      `format=parquet&compression=${codec}`,
      'SELECT n, text FROM app',
    );
    expect(headers['content-type']).toBe('application/vnd.apache.parquet');
    const path = kept(`${codec}.parquet`, bytes);
    const name = codec === 'none' ? 'UNCOMPRESSED' : codec.toUpperCase();
    expect(await duckdb(`SELECT DISTINCT compression FROM parquet_metadata('${path}')`)).toEqual([[name]]);
    expect(await duckdb(`SELECT count(*), count(DISTINCT text), sum(n) FROM '${path}'`)).toEqual([
      [String(ROWS), String(ROWS), String((ROWS * (ROWS - 1)) / 2)],
    ]);
    // Distinct values have no dictionary.
    const pages = `SELECT path_in_schema FROM parquet_metadata('${path}') WHERE encodings LIKE '%DICTIONARY%'`;
    expect(await duckdb(pages)).toEqual([]);
  });

  test('arrow is the file form, arrows the stream', async () => {
    const file = await exported('format=arrow', 'SELECT n FROM app LIMIT 3');
    expect(file.headers['content-type']).toBe('application/vnd.apache.arrow.file');
    expect(file.bytes.toString('latin1', 0, 6) + file.bytes.toString('latin1', file.bytes.length - 6)).toBe(
      'ARROW1ARROW1',
    );
    const stream = await exported('format=arrows', 'SELECT n FROM app LIMIT 3');
    expect(stream.headers['content-type']).toBe('application/vnd.apache.arrow.stream');
    expect(stream.bytes.readInt32LE(0)).toBe(-1);
    for (const { bytes } of [file, stream]) expect(tableFromIPC(bytes).numRows).toBe(3);
  });

  test('_timestamp as a moment', async () => {
    const sql = 'SELECT _timestamp, k FROM odd WHERE k = 2';
    const parquet = kept(
      'time.parquet',
      (await exported('format=parquet&timestamp_type=timestamp', sql)).bytes,
    );
    expect(await duckdb(`SELECT typeof(_timestamp), epoch_us(_timestamp) FROM '${parquet}'`)).toEqual([
      ['TIMESTAMP WITH TIME ZONE', String(START + 1)],
    ]);
    expect(await text('format=csv&timestamp_type=timestamp', sql)).toBe(
      '_timestamp,k\n2023-11-14T22:13:20.000001Z,2\n',
    );
    expect(await text('format=csv&timestamp_type=int64', sql)).toBe(`_timestamp,k\n${START + 1},2\n`);
  });

  test('CSV tells null from the empty text, and readers give back what was there', async () => {
    const csv = await text('format=csv', 'SELECT k, s, f FROM odd ORDER BY k');
    expect(csv).toBe(
      'k,s,f\n1,"",100000000000000000000.0\n2," blank",0.0000001\n3,"\\N",1e300\n4,"null",0.5\n5,,\n',
    );
    const path = kept('odd.csv', Buffer.from(csv));
    expect(
      await duckdb(`SELECT s, f FROM read_csv('${path}', header=true, allow_quoted_nulls=false) ORDER BY k`),
    ).toEqual([
      ['', 1e20],
      [' blank', 1e-7],
      ['\\N', 1e300],
      ['null', 0.5],
      [null, null],
    ]);
    const values = await text('format=csv', "SELECT k, json_get(j, 'a') AS a FROM odd ORDER BY k");
    expect(values).toBe('k,a\n1,"[1,""x""]"\n2,text\n3,2.5\n4,\n5,\n');
  });

  test('NDJSON with all fields, and with its columns first', async () => {
    const sql = 'SELECT k, s, f FROM odd WHERE k > 3 ORDER BY k';
    expect(await text('nulls=true&schema=true', sql)).toBe(
      '{"_schema":[{"name":"k","type":"int64"},{"name":"s","type":"text"},{"name":"f","type":"float64"}]}\n' +
        '{"k":4,"s":"null","f":0.5}\n{"k":5,"s":null,"f":null}\n',
    );
    expect(await text('format=ndjson', sql)).toBe('{"k":4,"s":"null","f":0.5}\n{"k":5}\n');
    expect(await text('schema=true', 'SELECT k FROM odd WHERE k > 9')).toBe(
      '{"_schema":[{"name":"k","type":"int64"}]}\n',
    );
  });

  test('what is not known or does not fit is refused', async () => {
    for (const [parameters, told] of [
      ['format=xlsx', 'one of arrow, arrows, csv, ndjson, parquet'],
      ['format=parquet&compression=lzma', 'one of zstd, snappy, gzip, none'],
      ['format=csv&compression=zstd', "'compression' is for parquet, and the file is to be csv"],
      ['format=csv&nulls=true', "'nulls' is for ndjson"],
      ['format=ndjson&nulls=yes', 'one of true, false'],
      ['format=csv&timestamp_type=date', 'one of int64, timestamp'],
      ['format=parquet&compresion=snappy', "did you mean 'compression'?"],
    ] as const) {
      const { status, bytes } = await post(`_export?${parameters}`, 'SELECT 1');
      expect([parameters, status, bytes.toString()]).toEqual([
        parameters,
        400,
        expect.stringContaining(told),
      ]);
    }
  });
});

describe('a search answered as a file says whether the page has all rows', () => {
  const header = async (sql: string, members = {}, accept = 'text/csv') => {
    const { status, headers, bytes } = await post('_search', sql, { accept }, members);
    expect(status).toBe(200);
    return [headers['x-basalt-truncated'], bytes.toString().trimEnd().split('\n').length];
  };

  test('where the default size cuts it, or the one that is asked for', async () => {
    expect(await header('SELECT n FROM app')).toEqual(['true', ROWS_DEFAULT + 1]);
    expect(await header('SELECT n FROM app', {}, 'application/x-ndjson')).toEqual(['true', ROWS_DEFAULT]);
    expect(await header('SELECT n FROM app WHERE n < 1000')).toEqual([undefined, ROWS_DEFAULT + 1]);
    expect(await header('SELECT n FROM app WHERE n < 1001')).toEqual(['true', ROWS_DEFAULT + 1]);
    expect(await header('SELECT n FROM app WHERE n < 11', { size: 10 })).toEqual(['true', 11]);
    expect(await header('SELECT n FROM app WHERE n < 11', { size: 10, from: 1 })).toEqual([undefined, 11]);
    expect(await header('SELECT n FROM app WHERE n < 2000', { size: -999 })).toEqual([undefined, 2001]);
    expect(await header('SELECT n FROM app LIMIT 1500')).toEqual([undefined, 1501]);
    expect(await header('SELECT n % 1500 AS k, count(*) FROM app GROUP BY k')).toEqual([
      'true',
      ROWS_DEFAULT + 1,
    ]);
  });
});

describe('a file that fails half way is whole to no reader', () => {
  // Fails in the rows of the oldest part, long after the first bytes.
  const SQL = 'SELECT n, text, 1 / n AS one FROM app';

  const failed = async (format: string): Promise<Buffer> => {
    const { status, isWhole, bytes } = await post(`_export?format=${format}`, SQL);
    expect([status, isWhole]).toEqual([200, false]);
    expect(bytes.length).toBeGreaterThan(100_000);
    return bytes;
  };

  test.each(['arrow', 'arrows'])('%s', async (format) => {
    const bytes = await failed(format);
    expect(() => tableFromIPC(bytes).toArray()).toThrow();
  });

  test('an Arrow stream ends inside a message', async () => {
    const bytes = await failed('arrows');
    let at = 0;
    while (at + 8 <= bytes.length) {
      expect(bytes.readInt32LE(at)).toBe(-1);
      const metadataBytes = bytes.readInt32LE(at + 4);
      const bodyBytes = bodyLength(bytes.subarray(at + 8, at + 8 + metadataBytes));
      at += 8 + metadataBytes + bodyBytes;
    }
    expect(at).toBeGreaterThan(bytes.length);
  });

  test('ndjson', async () => {
    const lines = (await failed('ndjson')).toString().split('\n');
    const last = lines.pop() ?? '';
    for (const line of lines) JSON.parse(line);
    expect(last).toMatch(/^\{"_error":"the export failed and is not complete: /);
    expect(() => JSON.parse(last)).toThrow();
  });

  test('csv', async () => {
    const bytes = await failed('csv');
    const last = bytes.toString().split('\n').at(-1);
    expect(last).toMatch(/^"the export failed and is not complete: [^"]*$/);
    const path = kept('failed.csv', bytes);
    await expect(duckdb(`SELECT count(*) FROM read_csv('${path}')`)).rejects.toThrow();
  });

  test('parquet, of which nothing is sent before the first row group is whole', async () => {
    const { status, bytes } = await post('_export?format=parquet', SQL);
    expect([status, JSON.parse(bytes.toString())]).toEqual([400, expect.objectContaining({ code: 20008 })]);
  });
});

/** `bodyLength` of a Message of Arrow's IPC format, a flatbuffer: its fourth field. */
function bodyLength(metadata: Buffer): number {
  const table = metadata.readInt32LE(0);
  const fields = table - metadata.readInt32LE(table);
  const offset = metadata.readUInt16LE(fields) > 10 ? metadata.readUInt16LE(fields + 10) : 0;
  return offset === 0 ? 0 : Number(metadata.readBigInt64LE(table + offset));
}
