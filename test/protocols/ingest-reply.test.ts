/** The ingest answers as the API's and Elasticsearch's clients read them. */
import { expect, test } from 'vitest';
import type { RequestOutcome } from '../../src/ingest/batch-task.js';
import { bulkRuns } from '../../src/protocols/bulk-items.js';
import { bulkPieces } from '../../src/protocols/bulk-reply.js';
import { reply } from '../../src/protocols/ingest-reply.js';
import { BodyFormat } from '../../src/ring/layout.js';

interface Item {
  action: string;
  stream: string;
  id?: string;
  status: number;
  errorType?: string;
  errorReason?: string;
  count?: number;
}

/** As the addon writes them (native/shred/src/bulk_items.rs); texts are short here. */
function encoded(items: Item[]): Uint8Array {
  const text = (value: string) => [Buffer.byteLength(value), ...Buffer.from(value)];
  const bytes = items.flatMap(
    ({ action, stream, id, status, errorType = '', errorReason = '', count = 1 }) => {
      const flags = ['index', 'create', 'update', 'delete'].indexOf(action);
      const run = [];
      for (let left = count; ; left = Math.floor(left / 128)) {
        run.push(left >= 128 ? (left % 128) + 128 : left);
        if (left < 128) break;
      }
      const error = [status & 255, status >> 8, ...text(errorType), ...text(errorReason)];
      return [
        flags + (id === undefined ? 0 : 4) + (status >= 400 ? 8 : 0),
        ...run,
        ...text(stream),
        ...(id === undefined ? [] : text(id)),
        ...(status >= 400 ? error : []),
      ];
    },
  );
  return Uint8Array.from(bytes);
}

function outcome(fields: Partial<RequestOutcome>): RequestOutcome {
  return {
    request: 9,
    format: BodyFormat.JSON,
    stream: 'logs',
    successful: 0,
    failed: 0,
    errors: [],
    warned: 0,
    warnings: [],
    items: new Uint8Array(),
    filterPath: '',
    ...fields,
  };
}

function parsed(fields: Partial<RequestOutcome>, tookMs = 0) {
  const { request, status, body } = reply(outcome(fields), tookMs);
  expect(request).toBe(9);
  return { status, body: JSON.parse(typeof body === 'string' ? body : [...bulkPieces(body)].join('')) };
}

test('_json and _multi: counts of the stream', () => {
  for (const format of [BodyFormat.JSON, BodyFormat.MULTI]) {
    expect(parsed({ format, successful: 3 })).toEqual({
      status: 200,
      body: { code: 200, status: [{ name: 'logs', successful: 3, failed: 0 }] },
    });
  }
});

test('_json: the last error as the API has it, all kept ones beside it', () => {
  const errors = [
    { record: 0, message: 'record 0: bad' },
    { record: 5, message: 'record 5: worse "quoted"' },
  ];
  expect(parsed({ successful: 4, failed: 2, errors }).body).toEqual({
    code: 200,
    status: [{ name: 'logs', successful: 4, failed: 2, error: 'record 5: worse "quoted"', errors }],
  });
});

test('_bulk: one item an action in order, under its own name', () => {
  const items = [
    { action: 'index', stream: 'logs', id: '1', status: 201 },
    { action: 'create', stream: 'other', status: 201 },
    {
      action: 'update',
      stream: 'logs',
      id: '2',
      status: 400,
      errorType: 'illegal',
      errorReason: 'no updates',
    },
  ];
  const { status, body } = parsed(
    { format: BodyFormat.BULK, successful: 2, failed: 1, items: encoded(items) },
    12.6,
  );
  expect(status).toBe(200);
  expect(body).toMatchObject({ took: 13, errors: true });
  expect(body.items.map((item: object) => Object.keys(item))).toEqual([['index'], ['create'], ['update']]);
  expect(body.items[0].index).toMatchObject({
    _index: 'logs',
    _id: '1',
    status: 201,
    result: 'created',
    _shards: { failed: 0 },
  });
  expect(body.items[1].create).toMatchObject({ _index: 'other', status: 201 });
  expect(body.items[2].update).toMatchObject({
    status: 400,
    error: { type: 'illegal', reason: 'no updates' },
  });
  expect(body.items[2].update).not.toHaveProperty('result');
});

test('_bulk without a failure says so', () => {
  const items = [{ action: 'index', stream: 'logs', status: 201 }];
  expect(parsed({ format: BodyFormat.BULK, items: encoded(items) }).body.errors).toBe(false);
  expect(parsed({ format: BodyFormat.BULK }).body).toMatchObject({ errors: false, items: [] });
});

test('a refused body is its own status, 400 when nothing else is said', () => {
  expect(parsed({ rejected: 'not JSON' })).toEqual({ status: 400, body: { code: 400, message: 'not JSON' } });
  expect(parsed({ format: BodyFormat.BULK, rejected: 'too long', rejectedStatus: 413 })).toEqual({
    status: 413,
    body: { code: 413, message: 'too long' },
  });
});

test('the items are read as they were written', () => {
  const items = [
    { action: 'index', stream: 'a', id: '1', status: 201, count: 3 },
    { action: 'create', stream: 'ü', id: undefined, status: 201, count: 1_000_000 },
    { action: 'delete', stream: 'a', id: '', status: 422, errorType: 't', errorReason: 'r', count: 1 },
  ];
  expect([...bulkRuns(encoded(items))]).toEqual(items);
});

test('a long answer comes in pieces of bounded size, whole', () => {
  const items = encoded([
    { action: 'create', stream: 'a', status: 201, count: 200_000 },
    { action: 'create', stream: 'a', status: 400, errorType: 't', errorReason: 'r' },
  ]);
  const { body } = reply(outcome({ format: BodyFormat.BULK, successful: 200_000, failed: 1, items }), 0);
  if (typeof body === 'string') throw new Error('made at once');
  const pieces = [...bulkPieces(body)];
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(70_000);
  const whole = JSON.parse(pieces.join(''));
  expect([whole.items.length, whole.errors, whole.items.at(-1).create.status]).toEqual([200_001, true, 400]);
});

test.each([
  ['took', '{"took":3}'],
  [
    'errors,items.*.error',
    '{"errors":true,"items":[{"create":{"error":{"type":"t","reason":"r","index_uuid":"0","shard":"1","index":"b"}}}]}',
  ],
  ['items.*.status', '{"items":[{"index":{"status":201}},{"create":{"status":400}}]}'],
  ['items.index._id,took', '{"took":3,"items":[{"index":{"_id":"1"}}]}'],
  ['**.type', '{"items":[{"create":{"error":{"type":"t"}}}]}'],
  ['items.**.t*e', '{"items":[{"create":{"error":{"type":"t"}}}]}'],
  ['-items', '{"took":3,"errors":true}'],
  [
    '-took,-items.*._*,-items.*.error.*,-**.result',
    '{"errors":true,"items":[{"index":{"status":201}},{"create":{"status":400}}]}',
  ],
  ['items.*.error,-**.reason,-**.index*,-**.shard', '{"items":[{"create":{"error":{"type":"t"}}}]}'],
  ['nothing', '{}'],
  [' , errors , ', '{"errors":true}'],
])('filter_path=%s', (filterPath, expected) => {
  const items = encoded([
    { action: 'index', stream: 'a', id: '1', status: 201 },
    { action: 'create', stream: 'b', status: 400, errorType: 't', errorReason: 'r' },
  ]);
  const { body } = reply(
    outcome({ format: BodyFormat.BULK, successful: 1, failed: 1, items, filterPath }),
    3,
  );
  expect(body).toBe(expected);
});
