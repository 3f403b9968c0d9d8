/** The unmodified Elasticsearch client sends to Basalt. */
import { Client } from '@elastic/elasticsearch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../harness/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server?.stop());

function client(path: string): Client {
  return new Client({
    node: server.client.url + path,
    auth: { username: server.user, password: server.password },
    maxRetries: 0,
  });
}

test.each(['', '/api/default'])('helpers.bulk stores through %s/', async (path) => {
  const elastic = client(path);
  const index = `es_${path.length}`;
  const documents = Array.from({ length: 2500 }, (_, n) => ({
    '@timestamp': new Date(1_700_000_000_000 + n).toISOString(),
    n,
    message: `document ${n}`,
    nested: { level: n % 2 === 0 ? 'info' : 'error' },
  }));
  const result = await elastic.helpers.bulk({
    datasource: documents,
    flushBytes: 50_000,
    concurrency: 3,
    onDocument: () => ({ create: { _index: index } }),
  });
  expect(result).toMatchObject({ total: 2500, successful: 2500, failed: 0, retry: 0, aborted: false });
  const rows = await server.client.rows(
    `SELECT nested_level AS l, count(*) AS c, sum(n) AS s, min(_timestamp) AS t FROM ${index} GROUP BY nested_level ORDER BY l`,
  );
  expect(rows).toEqual([
    { l: 'error', c: 1250, s: 1_562_500, t: 1_700_000_000_001_000 },
    { l: 'info', c: 1250, s: 1_561_250, t: 1_700_000_000_000_000 },
  ]);
  await elastic.close();
});

test('helpers.bulk is told which documents fail', async () => {
  const elastic = client('');
  const dropped: unknown[] = [];
  const result = await elastic.helpers.bulk<{ _timestamp: string; n: number }>({
    datasource: [
      { _timestamp: '2024-01-01T00:00:00Z', n: 1 },
      { _timestamp: 'never', n: 2 },
      { _timestamp: '2024-01-01T00:00:00Z', n: 3 },
    ],
    onDocument: () => ({ index: { _index: 'es_partly' } }),
    onDrop: ({ document, status, error }) => {
      dropped.push({ n: document.n, status, type: error?.type });
    },
  });
  expect(result).toMatchObject({ total: 3, successful: 2, failed: 1 });
  expect(dropped).toEqual([{ n: 2, status: 422, type: 'timestamp_parsing_failed' }]);
  expect(await server.client.number('SELECT sum(n) FROM es_partly')).toBe(4);
  await elastic.close();
});

test('info and ping answer', async () => {
  const elastic = client('');
  expect((await elastic.info()).tagline).toBe('You Know, for Search');
  expect(await elastic.ping()).toBe(true);
  await elastic.close();
});

test('a compressing client stores too', async () => {
  const elastic = new Client({
    node: server.client.url,
    auth: { username: server.user, password: server.password },
    compression: true,
    maxRetries: 0,
  });
  const answer = await elastic.bulk({
    index: 'es_compressed',
    operations: [{ index: {} }, { n: 1 }, { index: { _id: 'x' } }, { n: 2 }],
  });
  expect(answer.errors).toBe(false);
  expect(answer.items.map((item) => item.index?.status)).toEqual([201, 201]);
  expect(await server.client.number('SELECT sum(n) FROM es_compressed')).toBe(3);
  await elastic.close();
});
