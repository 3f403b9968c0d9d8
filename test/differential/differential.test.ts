/**
 * Random queries over random records, answered by Basalt (from the WAL and from segments) and by DuckDB: the same cells. A run is repeated
 * with `BASALT_SEED`; with BASALT_TEST_LONG=1 there are thousands of queries.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../harness/http.js';
import { chooseSeed, long, Random } from '../harness/random.js';
import { TestServer } from '../harness/server.js';
import { rowsDifference } from './compare.js';
import { makeEvents, makeUsers, type Table, TIME } from './data.js';
import { Reference } from './duckdb.js';
import { QueryMaker, type RandomQuery } from './sql.js';

const seed = chooseSeed();
const USERS = 120;
/** A time that no query asks for. */
const OUTSIDE_US = TIME.end * 2 + 1;
/** Failures told in full. */
const TOLD_MAX = 12;

interface Scale {
  events: number;
  queries: number;
  /** Most records of a body. */
  bodyRecords: number;
  manyRows: boolean;
}

const SCALES: Scale[] = [
  { events: long ? 3000 : 1500, queries: long ? 10_000 : 150, bodyRecords: 400, manyRows: false },
  // Enough for several row groups in a segment, and for several pages in each.
  { events: long ? 400_000 : 150_000, queries: long ? 600 : 30, bodyRecords: 30_000, manyRows: true },
];

/** In bodies of random sizes, so in blocks of random sizes. */
async function send(
  client: Client,
  random: Random,
  { name, records }: Table,
  recordsMax: number,
): Promise<void> {
  for (let at = 0; at < records.length; ) {
    const part = records.slice(at, at + random.int(1, recordsMax));
    const lines = part.map((record) => JSON.stringify(record));
    const reply = random.chance(0.5)
      ? await client.ingest(name, '_json', `[${lines.join(',')}]`)
      : await client.ingest(name, '_multi', lines.join('\n'));
    expect(reply.json).toMatchObject({ status: [{ successful: part.length, failed: 0 }] });
    at += part.length;
  }
}

/** Changes both streams without a change to any answer: merges what is there anew. */
async function addNothing(client: Client): Promise<void> {
  for (const stream of ['events', 'users']) await client.store(stream, [{ _timestamp: OUTSIDE_US }]);
}

describe.each(SCALES)(
  '$queries queries over $events records',
  ({ events, queries: count, bodyRecords, manyRows }) => {
    let server: TestServer;
    let reference: Reference;
    let queries: RandomQuery[];

    beforeAll(async () => {
      const random = new Random(seed + events);
      const tables = [makeEvents(random, events), makeUsers(random, USERS)];
      server = await TestServer.start();
      for (const table of tables) await send(server.client, random, table, bodyRecords);
      reference = await Reference.open(tables);
      const maker = new QueryMaker(random, manyRows);
      queries = Array.from({ length: count }, () => maker.make());
    });
    afterAll(async () => {
      reference?.close();
      await server?.stop();
    });

    /** What DuckDB answers is asked anew for each state: of thousands of queries it would not fit the memory. */
    async function expectedOf(query: RandomQuery): Promise<unknown[][]> {
      return await reference.rows(query.duckdb, query.start, query.end).catch((error: unknown) => {
        throw new Error(`DuckDB refuses ${query.duckdb}: ${error}`);
      });
    }

    /** All queries; what differs, one text a failure. */
    async function differences(useCache: boolean): Promise<string[]> {
      const found: string[] = [];
      for (const query of queries) {
        const expected = await expectedOf(query);
        const reply = await server.client.search(query.basalt, {
          startTime: query.start,
          endTime: query.end,
          size: -999,
          queryType: 'table',
          useCache,
        });
        const problem =
          reply.status === 200
            ? rowsDifference((reply.json as { hits: unknown[][] }).hits, expected, query.ordered)
            : `${reply.status} ${reply.text.slice(0, 600)}${server.logOf(reply.text)}`;
        if (problem) found.push(`${problem}\n    ${query.basalt}\n    in [${query.start}, ${query.end})`);
      }
      return found;
    }

    test.each([
      { state: 'blocks of the WAL', enter: async () => {}, useCache: false },
      { state: 'segments', enter: () => server.client.flush(), useCache: false },
      { state: 'segments, filling the caches', enter: async () => {}, useCache: true },
      { state: 'whole answers kept', enter: async () => {}, useCache: true },
      // Something new in each stream: the answers of scans serve, whole answers do not.
      { state: 'answers of scans kept', enter: () => addNothing(server.client), useCache: true },
      { state: 'answers of scans kept on disk', enter: () => server.restart('SIGTERM'), useCache: true },
    ])(`from $state (BASALT_SEED=${seed})`, async ({ enter, useCache }) => {
      await enter();
      const found = await differences(useCache);
      const told = found.slice(0, TOLD_MAX).join('\n  ');
      if (found.length > 0)
        throw new Error(`${found.length} of ${count} differ (BASALT_SEED=${seed}):\n  ${told}`);
    });
  },
);
