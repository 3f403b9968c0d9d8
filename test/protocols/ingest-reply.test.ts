/** The ingest answers as the API's and Elasticsearch's clients read them. */
import { expect, test } from 'vitest';
import type { RequestOutcome } from '../../src/ingest/batch-task.js';
import { reply } from '../../src/protocols/ingest-reply.js';
import { BodyFormat } from '../../src/ring/layout.js';

function outcome(fields: Partial<RequestOutcome>): RequestOutcome {
  return {
    request: 9,
    format: BodyFormat.JSON,
    stream: 'logs',
    successful: 0,
    failed: 0,
    errors: [],
    items: [],
    ...fields,
  };
}

function parsed(fields: Partial<RequestOutcome>, tookMs = 0) {
  const { request, status, body } = reply(outcome(fields), tookMs);
  expect(request).toBe(9);
  return { status, body: JSON.parse(body) };
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
  const { status, body } = parsed({ format: BodyFormat.BULK, successful: 2, failed: 1, items }, 12.6);
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
  expect(parsed({ format: BodyFormat.BULK, items }).body.errors).toBe(false);
  expect(parsed({ format: BodyFormat.BULK }).body).toMatchObject({ errors: false, items: [] });
});

test('a refused body is its own status, 400 when nothing else is said', () => {
  expect(parsed({ rejected: 'not JSON' })).toEqual({ status: 400, body: { code: 400, message: 'not JSON' } });
  expect(parsed({ format: BodyFormat.BULK, rejected: 'too long', rejectedStatus: 413 })).toEqual({
    status: 413,
    body: { code: 413, message: 'too long' },
  });
});
