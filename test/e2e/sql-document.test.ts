/** The examples of docs/SQL.md: each statement against the records at its top answers what the document says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Json } from '../harness/exact-json.js';
import { root } from '../harness/paths.js';
import { TestServer } from '../harness/server.js';
import { formatRow, rowsEqual } from './cell.js';

const document = readFileSync(join(root, 'docs', 'SQL.md'), 'utf8');
const records = /```json\n(.*?)```/s.exec(document)?.[1] ?? '';
const examples = [...document.matchAll(/```sql\n(.*?)```\n```text\n(.*?)```/gs)].map(
  ([, sql = '', answer = '']) => ({ sql: sql.trim(), answer: answer.trimEnd().split('\n') }),
);
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  const reply = await server.client.request('POST', '/api/default/web/_multi', {
    body: Buffer.from(records),
  });
  expect(reply.status).toBe(200);
});
afterAll(() => server?.stop());

test('every statement has an answer', () => {
  expect(examples.length).toBe(document.split('```sql\n').length - 1);
  expect(examples.length).toBeGreaterThan(25);
});

test.for(examples)('$sql', async ({ sql, answer }) => {
  const reply = await server.client.search(sql, { queryType: 'table' });
  const [, status, code, part] = /^(\d{3}) (\d+) (.*)$/.exec(answer[0] ?? '') ?? [];
  if (status !== undefined) {
    expect(reply.status).toBe(Number(status));
    expect((reply.json as { code: number }).code).toBe(Number(code));
    return expect(reply.text).toContain(part);
  }
  expect(reply.status, reply.text).toBe(200);
  const rows = (reply.json as { hits: Json[][] }).hits.map(formatRow);
  const same =
    rows.length === answer.length && rows.every((row, index) => rowsEqual(row, answer[index] as string));
  expect(same ? answer : rows).toEqual(answer);
});
