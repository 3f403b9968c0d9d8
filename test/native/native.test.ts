/** The native boundary, verb by verb: good input, cut or damaged input, misuse. Nothing may crash; every failure is an error with a text. */
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as zstd from 'zstd-napi';
import { BasaltError } from '../../src/errors/index.js';
import { answerBytes, bytesByPart } from '../../src/native/held.js';
import * as native from '../../src/native/index.js';
import type { PlanContext } from '../../src/query/plan-context.js';
import { BodyFormat } from '../../src/ring/layout.js';
import { columnsOf, encodeRecords, openFile, readRows } from './encoded.js';

const T = 1_700_000_000_000_000;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'basalt-native-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function ingest(body: Uint8Array | string, format: number = BodyFormat.JSON, stream = 'logs') {
  return native.ingestBatch([Buffer.from(body)], Int32Array.of(format, 0, 1), ['org', stream], T, 1);
}

/** A file of one block. */
function blockFile(records: object[] | string) {
  const group = encodeRecords(records);
  return { group, ...openFile(temporaryFolder(), 'block', group.block) };
}

function request(schema: string, output: object, fields: object = {}): string {
  return JSON.stringify({
    stream: 'logs',
    columns: columnsOf(schema),
    time: { min: null, max: null },
    filter: null,
    output,
    ...fields,
  });
}

function scanOne(fd: number, text: string) {
  return native.scan(text, Int32Array.of(fd), Float64Array.of(0));
}

test('abi: the versions that this build needs', () => {
  expect(native.abi()).toMatchObject({
    abi: native.ABI_VERSION,
    blockFormat: 1,
    segmentFormat: 2,
    cpuFeatures: expect.any(Array),
  });
});

describe('ingestBatch', () => {
  test('one group a stream over all bodies, one outcome a body', () => {
    const bodies = ['{"a":1}', '[{"a":2},{"a":"x"}]', '{"a":3}'].map((text) => Buffer.from(text));
    const words = Int32Array.of(0, 0, 1, 0, 0, 1, 0, 0, 2);
    const { groups, outcomes } = native.ingestBatch(bodies, words, ['org', 'logs', 'other'], T, 1);
    expect(groups.map(({ organization, stream, rows }) => [organization, stream, rows])).toEqual([
      ['org', 'logs', 3],
      ['org', 'other', 1],
    ]);
    expect(outcomes.map(({ successful, failed }) => [successful, failed])).toEqual([
      [1, 0],
      [2, 0],
      [1, 0],
    ]);
    expect(groups[0]?.schema).toBe('_timestamp:int64,a:textnumber');
    expect(groups[0]).toMatchObject({ timeMin: T, timeMax: T });
  });

  test('a body of nothing, or cut anywhere, is refused with a reason or stored whole, never half', () => {
    expect(ingest('')).toMatchObject({
      groups: [],
      outcomes: [{ rejected: expect.stringContaining('empty'), successful: 0 }],
    });
    const body = Buffer.from(
      '[{"_timestamp":1700000000000000,"text":"ü\\u00e9\\n","list":[1,{"x":null}],"n":-1.5e3},{"b":true}]',
    );
    for (let length = 0; length < body.length; length++) {
      const { groups, outcomes } = ingest(body.subarray(0, length));
      expect(groups, `cut at ${length}`).toEqual([]);
      expect(outcomes[0]?.rejected, `cut at ${length}`).toBeTypeOf('string');
    }
    expect(ingest(body).outcomes).toMatchObject([{ successful: 2 }]);
  });

  test('a bad line of NDJSON fails alone, with its number', () => {
    const { groups, outcomes } = ingest('{"a":1}\n{"a":\n[3]\n{"a":2}\n', BodyFormat.MULTI);
    expect(groups[0]?.rows).toBe(2);
    expect(outcomes[0]).toMatchObject({ successful: 2, failed: 2 });
    expect(outcomes[0]?.errors.map(({ record }) => record)).toEqual([1, 2]);
  });

  test('any bytes, in any format, give outcomes and never crash', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .string({ unit: 'grapheme', maxLength: 60 })
        .map((text) => Buffer.from(`{"index":{}}\n{"${text}":${text}}\n`)),
    );
    fc.assert(
      fc.property(bytes, fc.constantFrom(0, 1, 2), (body, format) => {
        const { groups, outcomes } = ingest(body, format);
        expect(outcomes).toHaveLength(1);
        const stored = groups.reduce((sum, { rows }) => sum + rows, 0);
        expect(stored).toBe(outcomes[0]?.successful);
      }),
      { numRuns: 1000 },
    );
  });

  test('reads bodies in shared memory, and leaves them as they are', () => {
    const text = '{"a":"shared"}';
    const body = new Uint8Array(new SharedArrayBuffer(text.length));
    body.set(Buffer.from(text));
    expect(native.ingestBatch([body], Int32Array.of(0, 0, 1), ['org', 'logs'], T, 1).outcomes).toMatchObject([
      { successful: 1 },
    ]);
    expect(Buffer.from(body).toString()).toBe(text);
  });

  test('misuse is an error: word counts, formats and names that do not fit', () => {
    const body = [Buffer.from('{"a":1}')];
    for (const words of [[], [0, 0], [0, 0, 1, 0], [3, 0, 1], [-1, 0, 1], [0, 0, 2], [0, 2, 0], [0, -1, 0]]) {
      expect(
        () => native.ingestBatch(body, Int32Array.from(words), ['org', 'logs'], T, 1),
        String(words),
      ).toThrow(BasaltError);
    }
    expect(native.ingestBatch([], new Int32Array(), [], T, 1)).toEqual({ groups: [], outcomes: [] });
  });
});

describe('verifyBlock', () => {
  test('sums a block up, at any offset', () => {
    const group = encodeRecords([
      { _timestamp: T + 5, a: 1 },
      { _timestamp: T, b: 'x' },
    ]);
    const { fd } = openFile(
      temporaryFolder(),
      'x',
      Buffer.concat([Buffer.alloc(777), group.block, Buffer.alloc(9)]),
    );
    expect(native.verifyBlock(fd, 777)).toEqual({
      rows: 2,
      blockBytes: group.block.length,
      headerBytes: group.headerBytes,
      timeMin: T,
      timeMax: T + 5,
      schema: group.schema,
      overflow: '',
    });
  });

  test('refuses every cut and every flipped byte, with the place', () => {
    const records = Array.from({ length: 20 }, (_, n) => ({
      _timestamp: T + n,
      n,
      text: `line ${n}`,
      odd: n % 2 === 1,
    }));
    const { block } = encodeRecords(records);
    const folder = temporaryFolder();
    const path = join(folder, 'x');
    writeFileSync(path, block);
    const fd = openSync(path, 'r');
    const fails = (bytes: Uint8Array, what: string) => {
      writeFileSync(path, bytes);
      expect(() => native.verifyBlock(fd, 0), what).toThrow(BasaltError);
    };
    for (let length = 0; length < block.length; length += 1 + (length >> 4))
      fails(block.subarray(0, length), `cut at ${length}`);
    for (let at = 0; at < block.length; at++) {
      const flipped = Uint8Array.from(block);
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      fails(flipped, `flip at ${at} of ${block.length}`);
    }
  });

  test('misuse is an error: a closed descriptor, an offset outside', () => {
    const { fd } = blockFile([{ a: 1 }]);
    for (const [file, offset] of [
      [fd, 1e6],
      [fd, 3],
      [999_999, 0],
    ] as const) {
      expect(() => native.verifyBlock(file, offset), `${file} ${offset}`).toThrow(BasaltError);
    }
  });
});

describe('scan', () => {
  const records = Array.from({ length: 10 }, (_, n) => ({
    _timestamp: T + n,
    n,
    level: n % 3 === 0 ? 'error' : 'info',
  }));

  test('rows: filter, time range, projection and limit', () => {
    const { fd, group } = blockFile(records);
    const filter = { op: 'compare', column: 'level', cmp: '=', value: { string: 'error' } };
    const output = { kind: 'rows', project: ['n'], limit: null };
    const answer = scanOne(fd, request(group.schema, output, { filter, time: { min: T + 1, max: T + 9 } }));
    expect(
      tableFromIPC(answerBytes(answer.ipc))
        .toArray()
        .map((row) => Number(row.n)),
    ).toEqual([3, 6]);
    expect(answer).toMatchObject({ rows: 2, rowsMatched: 2 });
    expect(scanOne(fd, request(group.schema, { ...output, limit: 4 })).rows).toBe(4);
  });

  test('top by time, newest first', () => {
    const { fd, group } = blockFile(records);
    const output = { kind: 'topTime', project: ['n'], descending: true, limit: 3 };
    const answer = scanOne(fd, request(group.schema, output));
    expect(
      tableFromIPC(answerBytes(answer.ipc))
        .toArray()
        .map((row) => Number(row.n))
        .toSorted(),
    ).toEqual([7, 8, 9]);
  });

  test('aggregate over several blocks at once', () => {
    const group = encodeRecords(records);
    const { fd } = openFile(temporaryFolder(), 'x', Buffer.concat([group.block, group.block]));
    const output = {
      kind: 'aggregate',
      groups: [{ kind: 'column', column: 'level' }],
      aggregates: [{ kind: 'countRows' }, { kind: 'sum', column: 'n' }],
    };
    const offsets = Float64Array.of(0, group.block.length);
    const answer = native.scan(request(group.schema, output), Int32Array.of(fd, fd), offsets);
    const rows = tableFromIPC(answerBytes(answer.ipc))
      .toArray()
      .map((row) => [String(row.group0), Number(row.agg0_count), Number(row.agg1_sum)]);
    expect(rows.toSorted()).toEqual([
      ['error', 8, 36],
      ['info', 12, 54],
    ]);
  });

  test('a column that the block does not have is null; one of an older type is cast', () => {
    const { fd } = blockFile([{ _timestamp: T, n: 5 }]);
    const answer = scanOne(
      fd,
      request('absent:string,n:string', { kind: 'rows', project: ['absent', 'n'], limit: null }),
    );
    expect(
      tableFromIPC(answerBytes(answer.ipc))
        .toArray()
        .map((row) => row.toJSON()),
    ).toEqual([{ absent: null, n: '5' }]);
  });

  test('no blocks: an answer without rows', () => {
    const text = request('n:int64', { kind: 'rows', project: ['n'], limit: null });
    expect(native.scan(text, new Int32Array(), new Float64Array()).rows).toBe(0);
  });

  test('a damaged block is an error, not an answer', () => {
    const group = encodeRecords(records);
    const folder = temporaryFolder();
    const text = request(group.schema, { kind: 'rows', project: ['n', 'level'], limit: null });
    const whole = answerBytes(scanOne(openFile(folder, 'whole', group.block).fd, text).ipc);
    let refused = 0;
    for (let at = 0; at < group.block.length; at += 7) {
      const damaged = Uint8Array.from(group.block);
      damaged[at] = (damaged[at] as number) ^ 0x40;
      const { fd } = openFile(folder, 'damaged', damaged);
      try {
        // Bytes of a column that is not read may be damaged without anybody noticing.
        expect(Buffer.compare(answerBytes(scanOne(fd, text).ipc), whole), `flip at ${at}`).toBe(0);
      } catch (error) {
        expect(error, `flip at ${at}: ${error}`).toBeInstanceOf(BasaltError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(10);
  });

  test('misuse is an error: text that is no request, unequal lists, bad descriptors', () => {
    const { fd, group } = blockFile(records);
    const good = request(group.schema, { kind: 'rows', project: ['n'], limit: null });
    for (const text of [
      '',
      '{}',
      'null',
      good.slice(0, -1),
      good.replace('rows', 'cells'),
      good.replace('"stream"', '"streams"'),
    ]) {
      expect(() => scanOne(fd, text), text).toThrow(BasaltError);
    }
    expect(() => scanOne(999_999, good)).toThrow(BasaltError);
    expect(() => native.scan(good, Int32Array.of(fd), Float64Array.of(1e9))).toThrow(BasaltError);
    expect(() => native.scan(good, Int32Array.of(fd, fd), Float64Array.of(0))).toThrow(BasaltError);
  });

  test('misuse is an error: columns that the request does not list', () => {
    const { fd } = blockFile(records);
    const output = { kind: 'rows', project: ['level'], limit: null };
    expect(() => scanOne(fd, request('n:int64', output))).toThrow(BasaltError);
    const filter = { op: 'compare', column: 'n', cmp: '=', value: { string: 'x' } };
    expect(() => scanOne(fd, request('n:int64', { ...output, project: ['n'] }, { filter }))).toThrow(
      BasaltError,
    );
  });
});

describe('mergeBlocks and readFooter', () => {
  function merged(groups: native.IngestGroup[], metadata = 'about it') {
    const folder = temporaryFolder();
    const input = openFile(folder, 'input', Buffer.concat(groups.map(({ block }) => block)));
    const offsets = Float64Array.from(groups, (_, index) =>
      groups.slice(0, index).reduce((sum, { block }) => sum + block.length, 0),
    );
    const path = join(folder, 'segment');
    const output = openSync(path, 'w+');
    const footer = native.mergeBlocks(
      Int32Array.from(groups, () => input.fd),
      offsets,
      new Uint8Array(groups.length),
      output,
      Buffer.from(metadata),
      3,
      {},
    );
    return { footer, path, fd: openSync(path, 'r'), folder };
  }

  test('every row once, sorted by time, with the footer that reading finds', () => {
    const groups = [3, 1, 2].map((batch) =>
      encodeRecords(
        Array.from({ length: 4 }, (_, n) => ({
          _timestamp: T + n * 10 + batch,
          id: batch * 10 + n,
          [`only${batch}`]: 'x',
        })),
      ),
    );
    const { footer, path, fd } = merged(groups);
    expect(native.readFooter(fd, readFileSync(path).length)).toEqual(footer);
    expect(Buffer.from(footer.metadata).toString()).toBe('about it');
    expect(footer.groups).toMatchObject([{ rows: 12, timeMin: T + 1, timeMax: T + 33 }]);
    const [group] = footer.groups;
    expect(group?.schema).toBe('_timestamp:int64,id:int64,only1:string,only2:string,only3:string');
    expect(native.verifyBlock(fd, group?.offset ?? 0)).toMatchObject({ rows: 12, schema: group?.schema });
    expect(footer.headers.length).toBe(group?.headerBytes);
    const rows = readRows(fd, [group?.offset ?? 0], group?.schema ?? '');
    const times = rows.map(({ _timestamp }) => Number(_timestamp));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(rows.map(({ id }) => Number(id)).toSorted((a, b) => a - b)).toEqual([
      10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33,
    ]);
  });

  test('rows of one time keep their order of arrival', () => {
    const groups = [0, 1, 2].map((batch) =>
      encodeRecords([
        { _timestamp: T, id: batch * 2 },
        { _timestamp: T, id: batch * 2 + 1 },
      ]),
    );
    const { footer, fd } = merged(groups);
    const rows = readRows(fd, [footer.groups[0]?.offset ?? 0], 'id:int64');
    expect(rows.map(({ id }) => Number(id))).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('more rows than a row group holds become several groups', () => {
    const body = `[${Array.from({ length: 70_000 }, (_, n) => `{"_timestamp":${T + n},"id":${n}}`).join()}]`;
    const { footer, fd } = merged([encodeRecords(body)]);
    expect(footer.groups.map(({ rows }) => rows)).toEqual([35_000, 35_000]);
    expect(footer.groups.reduce((sum, { headerBytes }) => sum + headerBytes, 0)).toBe(footer.headers.length);
    expect(Number(readRows(fd, [footer.groups[1]?.offset ?? 0], 'id:int64')[0]?.id)).toBe(35_000);
  });

  test('readFooter refuses every cut, every flip in the footer, and a wrong size', () => {
    const { path, folder } = merged([encodeRecords([{ _timestamp: T, a: 1 }])]);
    const bytes = readFileSync(path);
    const whole = native.readFooter(openFile(folder, 'whole', bytes).fd, bytes.length);
    for (let length = 0; length < bytes.length; length++) {
      const { fd } = openFile(folder, 'cut', bytes.subarray(0, length));
      expect(() => native.readFooter(fd, length), `cut at ${length}`).toThrow(BasaltError);
    }
    const footerAt = (whole.groups[0]?.offset ?? 0) + (whole.groups[0]?.bytes ?? 0);
    for (let at = footerAt; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      const { fd } = openFile(folder, 'flipped', flipped);
      expect(() => native.readFooter(fd, flipped.length), `flip at ${at - footerAt} of the footer`).toThrow(
        BasaltError,
      );
    }
    for (const size of [0, 10, bytes.length - 1, bytes.length + 1]) {
      expect(() => native.readFooter(openFile(folder, 'size', bytes).fd, size), `size ${size}`).toThrow(
        BasaltError,
      );
    }
  });

  test('mergeBlocks refuses damaged input, and misuse', () => {
    const group = encodeRecords([{ _timestamp: T, text: 'x'.repeat(100), n: 1 }]);
    const folder = temporaryFolder();
    const output = openSync(join(folder, 'out'), 'w');
    const good = openFile(folder, 'good', group.block);
    for (let at = 0; at < group.block.length; at++) {
      const flipped = Uint8Array.from(group.block);
      flipped[at] = (flipped[at] as number) ^ 1;
      const { fd } = openFile(folder, 'flipped', flipped);
      expect(
        () =>
          native.mergeBlocks(
            Int32Array.of(fd),
            Float64Array.of(0),
            Uint8Array.of(0),
            output,
            new Uint8Array(),
            3,
            {},
          ),
        `flip at ${at}`,
      ).toThrow(BasaltError);
    }
    const misuses: [number[], number[], number][] = [
      [[good.fd, good.fd], [0], output],
      [[good.fd], [1e9], output],
      [[999_999], [0], output],
      [[good.fd], [0], 999_999],
      [[good.fd], [0], good.fd],
    ];
    for (const [fds, offsets, out] of misuses) {
      expect(
        () =>
          native.mergeBlocks(
            Int32Array.from(fds),
            Float64Array.from(offsets),
            new Uint8Array(offsets.length),
            out,
            new Uint8Array(),
            3,
            {},
          ),
        JSON.stringify([fds, offsets, out]),
      ).toThrow(BasaltError);
    }
  });
});

describe('plans and runs', () => {
  const schema = '_timestamp:int64,level:string,n:int64';

  function context(fields: Partial<PlanContext> = {}): string {
    const columns = columnsOf(schema);
    const defaults = { nowUs: T, startTime: null, endTime: null, from: 0, size: null, defaultOrder: false };
    return JSON.stringify({
      streams: [{ name: 'logs', columns, fullTextColumns: [] }],
      streamNames: ['logs'],
      ...defaults,
      ...fields,
    });
  }

  function leafText(plan: native.PlanAnswer): string {
    return (plan.leaves[0] as native.RequestText).text;
  }

  test('a request with a long list of values has an outline to prune by', () => {
    const statement = (count: number) =>
      `SELECT n FROM logs WHERE n IN (${Array.from({ length: count }, (_, n) => n * 3 + 7).join()})`;
    const short = native.plan(statement(1000), context());
    expect(short.leaves[0]?.outline).toBeUndefined();
    const long = native.plan(statement(2000), context());
    const [leaf] = long.leaves;
    const request = JSON.parse(leaf?.text as string);
    const outline = JSON.parse(leaf?.outline as string);
    expect(request.filter.values).toHaveLength(2000);
    const bound = (cmp: string, int64: number) => ({ op: 'compare', column: 'n', cmp, value: { int64 } });
    expect(outline).toEqual({ ...request, filter: { op: 'and', args: [bound('>=', 7), bound('<=', 6004)] } });
    for (const { handle } of [short, long]) native.freePlan(handle);
  });

  /** Runs a statement over one block, without pruning. */
  function query(sql: string, fd: number, format: native.RowFormat = 'objects'): string {
    const plan = native.plan(sql, context());
    const run = native.startRun(plan.handle, 64 << 20);
    plan.leaves.forEach((leaf, index) => {
      native.pushRun(run, index, answerBytes(scanOne(fd, leaf.text).ipc));
      native.finishLeaf(run, index);
    });
    let text = '';
    for (let done = false; !done; ) {
      done = native.advanceRun(run).done;
      const { bytes, rows } = native.takeRows(run, format);
      if (rows > 0) text += (text && format !== 'csv' ? ',' : '') + Buffer.from(bytes).toString();
    }
    native.freeRun(run);
    native.freePlan(plan.handle);
    return text;
  }

  test('a statement over a block', () => {
    const { fd } = blockFile(
      Array.from({ length: 10 }, (_, n) => ({ _timestamp: T + n, n, level: n % 3 === 0 ? 'error' : 'info' })),
    );
    const sql = 'SELECT level, count(*) AS c, max(n) AS m FROM logs GROUP BY level ORDER BY c DESC';
    expect(JSON.parse(`[${query(sql, fd)}]`)).toEqual([
      { level: 'info', c: 6, m: 8 },
      { level: 'error', c: 4, m: 9 },
    ]);
    expect(JSON.parse(`[${query(sql, fd, 'arrays')}]`)).toEqual([
      ['info', 6, 8],
      ['error', 4, 9],
    ]);
  });

  test('the leaf of a count says that only the number matters, and takes it as a number', () => {
    const plan = native.plan('SELECT count(*) AS c FROM logs', context());
    expect(plan.leaves).toHaveLength(1);
    const run = native.startRun(plan.handle, 1 << 20);
    native.pushCount(run, 0, 12_345);
    native.finishLeaf(run, 0);
    expect(native.advanceRun(run).done).toBe(true);
    expect(JSON.parse(Buffer.from(native.takeRows(run, 'objects').bytes).toString())).toEqual({ c: 12_345 });
    native.freeRun(run);
    native.freePlan(plan.handle);
  });

  test('one plan serves several runs, and may be freed while they go on', () => {
    const plan = native.plan('SELECT count(*) AS c FROM logs', context());
    const runs = [1, 2].map(() => native.startRun(plan.handle, 1 << 20));
    native.freePlan(plan.handle);
    runs.forEach((run, index) => {
      native.pushCount(run, 0, index);
      native.finishLeaf(run, 0);
      native.advanceRun(run);
      expect(Buffer.from(native.takeRows(run, 'arrays').bytes).toString()).toBe(`[${index}]`);
      native.freeRun(run);
    });
  });

  test('errors of a statement carry the API`s code and help', () => {
    const error = (sql: string, fields?: Partial<PlanContext>) => {
      try {
        native.freePlan(native.plan(sql, context(fields)).handle);
      } catch (caught) {
        expect(caught).toBeInstanceOf(BasaltError);
        return caught as BasaltError;
      }
      throw new Error(`${sql} was planned`);
    };
    expect(error('SELEC 1')).toMatchObject({ status: 400 });
    const column = error('SELECT levle FROM logs');
    expect(column.fields.suggestions).toContain('level');
    expect(error('SELECT * FROM lgos').fields.suggestions).toContain('logs');
    for (const sql of [
      '',
      ';',
      'DROP TABLE logs',
      'INSERT INTO logs VALUES (1)',
      "COPY logs TO '/tmp/x'",
      'CREATE TABLE x (a INT)',
      'SET x = 1',
    ]) {
      expect(error(sql), sql).toMatchObject({ status: 400 });
    }
  });

  test('deeply nested statements are refused or planned, and end nothing', () => {
    const depth = 20_000;
    for (const sql of [
      `SELECT ${'('.repeat(depth)}1${')'.repeat(depth)}`,
      `SELECT ${'-'.repeat(0)}${'NOT '.repeat(depth)}true`,
      `SELECT 1${' + 1'.repeat(depth)}`,
    ]) {
      try {
        native.freePlan(native.plan(sql, context()).handle);
      } catch (error) {
        expect(error).toBeInstanceOf(BasaltError);
      }
    }
  });

  test('explainRun tells the operators of a run', () => {
    const plan = native.plan("SELECT n FROM logs WHERE level = 'x'", context());
    const run = native.startRun(plan.handle, 1 << 20);
    expect(native.explainRun(run)).toMatch(/logs|level/);
    native.freeRun(run);
    native.freePlan(plan.handle);
  });

  test('a plan tells what its answer depends on', () => {
    const stabilityOf = (sql: string) => {
      const { handle, stability, analyze } = native.plan(sql, context());
      native.freePlan(handle);
      return `${stability} ${analyze}`;
    };
    expect(stabilityOf('SELECT upper(level) AS l FROM logs')).toBe('fixed false');
    expect(stabilityOf("SELECT n FROM logs WHERE timestamp > NOW() - INTERVAL '1 hour'")).toBe('clock false');
    expect(stabilityOf('SELECT n FROM logs WHERE n IN (SELECT CAST(random() * 9 AS BIGINT) FROM logs)')).toBe(
      'chance false',
    );
    expect(stabilityOf('EXPLAIN ANALYZE SELECT n FROM logs')).toBe('fixed true');
    const clockOf = (sql: string, followClock = true) => {
      const { handle, clock } = native.plan(sql, JSON.stringify({ ...JSON.parse(context()), followClock }));
      native.freePlan(handle);
      return clock;
    };
    const hour = "timestamp > NOW() - INTERVAL '1 hour'";
    expect(clockOf(`SELECT n FROM logs WHERE ${hour}`)).toEqual({
      lifetimeUs: 317_123_457,
      follows: [true, false],
    });
    expect(clockOf(`SELECT n FROM logs WHERE ${hour}`, false)).toBeUndefined();
    expect(clockOf(`SELECT n FROM logs WHERE n = 1 OR ${hour}`) ?? undefined).toBeUndefined();
  });

  test('misuse is an error: handles that are free or never were, leaves that do not exist, bytes that are no answer', () => {
    const plan = native.plan('SELECT n FROM logs', context());
    const run = native.startRun(plan.handle, 1 << 20);
    for (const bad of [0, 4_000_000_000]) {
      expect(() => native.explainRun(bad)).toThrow(BasaltError);
      expect(() => native.startRun(bad, 1 << 20)).toThrow(BasaltError);
      expect(() => native.advanceRun(bad)).toThrow(BasaltError);
      expect(() => native.takeRows(bad, 'objects')).toThrow(BasaltError);
      expect(() => native.pushRun(bad, 0, new Uint8Array())).toThrow(BasaltError);
      expect(() => native.freeRun(bad)).not.toThrow();
      expect(() => native.freePlan(bad)).not.toThrow();
    }
    expect(() => native.pushRun(run, 7, new Uint8Array())).toThrow(BasaltError);
    expect(() => native.pushRun(run, 0, Buffer.from('not an Arrow stream, but long enough'))).toThrow(
      BasaltError,
    );
    expect(() => native.pushCount(run, 0, 5)).toThrow(BasaltError);
    expect(() => native.takeRows(run, 'xml' as native.RowFormat)).toThrow(BasaltError);
    native.freeRun(run);
    native.freeRun(run);
    native.freePlan(plan.handle);
    expect(() => native.advanceRun(run)).toThrow(BasaltError);
    expect(() => native.plan('SELECT 1', 'not JSON')).toThrow(BasaltError);
  });

  test('an answer of another shape is an error, not a wrong result', () => {
    const { fd } = blockFile([{ _timestamp: T, n: 1, level: 'x' }]);
    const plan = native.plan('SELECT n FROM logs', context());
    const run = native.startRun(plan.handle, 1 << 20);
    const other = answerBytes(
      scanOne(fd, request(schema, { kind: 'rows', project: ['level'], limit: null })).ipc,
    );
    expect(() => native.pushRun(run, 0, other)).toThrow(BasaltError);
    native.freeRun(run);
    native.freePlan(plan.handle);
  });

  test('a run that needs more memory than it may have fails with an error', () => {
    const records = Array.from({ length: 20_000 }, (_, n) => ({
      _timestamp: T + n,
      n,
      level: `level ${n} ${'x'.repeat(50)}`,
    }));
    const { fd } = blockFile(records);
    const plan = native.plan('SELECT level, n FROM logs ORDER BY level', context());
    const run = native.startRun(plan.handle, 100_000);
    const feed = () => {
      native.pushRun(run, 0, answerBytes(scanOne(fd, leafText(plan)).ipc));
      native.finishLeaf(run, 0);
      while (!native.advanceRun(run).done) native.takeRows(run, 'objects');
    };
    expect(feed).toThrow(BasaltError);
    native.freeRun(run);
    native.freePlan(plan.handle);
  });

  test('a run is charged for its bytes once, however large one answer is', () => {
    const text = 'y'.repeat(90);
    const body = Array.from({ length: 300_000 }, (_, n) => `{"_timestamp":${T + n},"level":"${text}${n}"}`);
    const { fd } = blockFile(`[${body.join()}]`);
    for (const sql of ['SELECT level FROM logs', 'SELECT level FROM logs ORDER BY level']) {
      const plan = native.plan(sql, context());
      const run = native.startRun(plan.handle, 532 << 20);
      const { ipc } = scanOne(fd, leafText(plan));
      expect(ipc.length).toBeLessThan(32 << 20);
      native.pushRun(run, 0, answerBytes(ipc));
      native.finishLeaf(run, 0);
      let rows = 0;
      for (let done = false; !done; rows += native.takeRows(run, 'objects').rows)
        done = native.advanceRun(run).done;
      expect(rows, sql).toBe(300_000);
      native.freeRun(run);
      native.freePlan(plan.handle);
    }
  });

  test('a large part of an export stays in the addon, and is read from there part by part', () => {
    const records = Array.from({ length: 10_000 }, (_, n) => ({ _timestamp: T + n, n }));
    const { fd } = blockFile(records);
    const plan = native.plan('SELECT n FROM logs ORDER BY n', context());
    const run = native.startRun(plan.handle, 64 << 20);
    const file = native.openExport(plan.handle, JSON.stringify({ format: 'ndjson' }));
    native.pushRun(run, 0, answerBytes(scanOne(fd, leafText(plan)).ipc));
    native.finishLeaf(run, 0);
    while (!native.advanceRun(run).done);
    const { bytes, rows } = native.takeExport(run, file);
    const expected = records.map(({ n }) => `{"n":${n}}\n`).join('');
    expect(bytes).toEqual({ held: expect.any(Number), length: expected.length });
    expect(rows).toBe(records.length);
    const buffer = Buffer.alloc(1000);
    const parts = Array.from(bytesByPart(bytes, buffer), (part) => Buffer.from(part).toString());
    expect(parts.join('')).toBe(expected);
    expect(parts).toHaveLength(Math.ceil(expected.length / buffer.length));
    const rest = native.takeExport(run, file).bytes;
    expect(Buffer.concat([...bytesByPart(rest, buffer)])).toHaveLength(0);
    native.freeHeld([(bytes as native.Held).held]);
    expect(() => [...bytesByPart(bytes, buffer)]).toThrow(/no answer/);
    expect(native.finishExport(file)).toHaveLength(0);
    native.freeRun(run);
    native.freePlan(plan.handle);
  });
});

describe('decompressZstd', () => {
  const text = Buffer.from('abc'.repeat(1000));

  test('of one frame, of several, of none', () => {
    const frame = zstd.compress(text);
    expect(Buffer.from(native.decompressZstd(frame, 3000)).equals(text)).toBe(true);
    expect(native.decompressZstd(Buffer.concat([frame, frame]), 6000)).toHaveLength(6000);
    expect(native.decompressZstd(zstd.compress(Buffer.alloc(0)), 10)).toHaveLength(0);
  });

  test('refuses what would pass the limit, what is cut, and what is none', () => {
    const frame = zstd.compress(text);
    expect(() => native.decompressZstd(frame, 2999)).toThrow(/limit/);
    for (let length = 1; length < frame.length; length++) {
      expect(() => native.decompressZstd(frame.subarray(0, length), 3000), `cut at ${length}`).toThrow(
        BasaltError,
      );
    }
    expect(() => native.decompressZstd(Buffer.from('plain text'), 3000)).toThrow(BasaltError);
  });
});

test('addThreadNice concerns the calling thread alone, and adds to what it has', async () => {
  const before = getPriority();
  const code = `
    const { readFileSync, readdirSync } = require('node:fs');
    const { parentPort, workerData } = require('node:worker_threads');
    const nices = () => readdirSync('/proc/self/task').map((id) => Number(readFileSync('/proc/self/task/' + id + '/stat', 'utf8').split(') ')[1].split(' ')[16]));
    const count = (value) => nices().filter((nice) => nice === value).length;
    const nice = ${before} + 7;
    const earlier = count(nice);
    require(workerData).addThreadNice(4);
    require(workerData).addThreadNice(3);
    parentPort.postMessage(count(nice) - earlier);`;
  const addon = join(
    import.meta.dirname,
    '..',
    '..',
    'native',
    'dist',
    `basalt.${process.platform}-${process.arch}-gnu.node`,
  );
  const worker = new Worker(code, { eval: true, workerData: addon });
  expect(await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))).toBe(
    1,
  );
  expect(getPriority()).toBe(before);
  expect(() => native.addThreadNice(0)).not.toThrow();
});
