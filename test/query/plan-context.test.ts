import { expect, test } from 'vitest';
import { namedStreams, planContext } from '../../src/query/plan-context.js';
import { makeStream, snapshotOf } from './streams.js';

const options = { startTime: 1, endTime: 2, from: 3, size: 4, defaultOrder: true };

function streams(...names: string[]) {
  return names.map((name) => makeStream([], [], name));
}

test('takes the streams that the statement may name, however they are written', () => {
  const all = new Map(
    streams('logs', 'app:web', 'other', 'log', 'level').map((stream) => [stream.name, stream]),
  );
  const named = (sql: string) => namedStreams(sql, all).map(({ name }) => name);
  expect(named('SELECT * FROM logs')).toEqual(['logs']);
  expect(named('select*from LOGS where x=1')).toEqual(['logs']);
  expect(named('SELECT * FROM "logs" JOIN(SELECT 1 FROM"app:web")t ON true')).toEqual(['logs', 'app:web']);
  expect(named('SELECT l.level FROM logs AS l')).toEqual(['logs', 'level']);
  expect(named('WITH a AS (SELECT 1 FROM other) SELECT * FROM a')).toEqual(['other']);
  expect(named('SELECT 1 FROM catalogs')).toEqual([]);
});

test('carries the options, all names for suggestions, and the schema with the columns that match_all searches', () => {
  const [logs, other] = streams('logs', 'other');
  logs?.addSchema('_timestamp:int64,body:int64,log:json,message:string,status:int64');
  if (!logs || !other) throw new Error('BUG: two streams were made');
  const context = planContext([snapshotOf(logs)], [logs.name, other.name], 9, options);
  expect(context).toEqual({
    ...options,
    nowUs: 9,
    streamNames: ['logs', 'other'],
    streams: [
      {
        name: 'logs',
        columns: [
          { name: '_timestamp', type: 'int64' },
          { name: 'body', type: 'int64' },
          { name: 'log', type: 'json' },
          { name: 'message', type: 'string' },
          { name: 'status', type: 'int64' },
        ],
        startTime: null,
        unlisted: false,
        fullTextColumns: ['log', 'message'],
      },
    ],
  });
});

test('suggestions are bounded', () => {
  const many = streams(...Array.from({ length: 1500 }, (_, index) => `s${index}`));
  const names = many.map(({ name }) => name);
  expect(planContext([], names, 9, options).streamNames).toEqual(names.slice(0, 1000));
});
