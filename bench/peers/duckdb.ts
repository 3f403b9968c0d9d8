/**
 * The same records and questions in DuckDB, in the same run. It reads a local file into a table, without HTTP and without
 * making single batches durable, and its queries are called in process: the ratio flatters it.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Hit } from '../end-to-end/client.js';
import type { Context } from '../end-to-end/context.js';
import type { Dataset } from '../end-to-end/dataset.js';
import { summarise } from '../end-to-end/queries.js';
import { queryCases } from '../end-to-end/query-cases.js';
import { readable } from '../end-to-end/report.js';
import { blockPattern } from '../generator/truth.js';

const warmupRuns = 1;
const columns =
  "{_timestamp: 'BIGINT', level: 'VARCHAR', service: 'VARCHAR', host: 'VARCHAR', pod: 'VARCHAR', trace_id: 'VARCHAR', " +
  "method: 'VARCHAR', path: 'VARCHAR', status: 'BIGINT', response_time: 'DOUBLE', bytes: 'BIGINT', user_id: 'BIGINT', " +
  "message: 'VARCHAR', error: 'STRUCT(kind VARCHAR, retryable BOOLEAN)'}";

const bucket = (us: number) => `(_timestamp // ${us}) * ${us} AS time_bucket`;

/** Where DuckDB's SQL differs from that of the query cases. */
const translations: readonly (readonly [string, string])[] = [
  ["timestamp_bucket('1 hour', timestamp) AS time_bucket", bucket(3600e6)],
  ["timestamp_bucket('1 minute', timestamp) AS time_bucket", bucket(60e6)],
  ["timestamp >= NOW() - INTERVAL '24 hours'", "_timestamp >= epoch_us(now() - INTERVAL '24 hours')"],
  [`re_match(message, '${blockPattern}')`, `regexp_matches(message, '${blockPattern}')`],
];

export async function duckdb(context: Context): Promise<void> {
  const { report, folder, scale, queryMs } = context;
  report.title(`duckdb: the same ${readable(scale.largeRecords)} records and queries, in process`);
  const dataset = folder.dataset(scale.largeRecords);
  const databasePath = join(folder.path, 'peer.duckdb');
  const instance = await DuckDBInstance.create(databasePath);
  const connection = await instance.connect();
  try {
    const seconds = await load(connection, dataset);
    const diskBytes = statSync(databasePath).size;
    report.line(
      `read_json and checkpoint: ${readable(dataset.records / seconds)} records/s; on disk ${readable(diskBytes / 1e6)} MB`,
    );
    const rows = [];
    for (const { name, sql, check } of queryCases(dataset.truth)) {
      const { medianMs, minMs, problem } = await timeQuery(
        connection,
        translate(sql),
        check,
        scale.queryRuns,
      );
      const own = queryMs.get(name);
      rows.push([
        name,
        readable(minMs),
        readable(medianMs),
        own === undefined ? '' : readable(own),
        own === undefined ? '' : `${(own / medianMs).toFixed(2)}x`,
        report.answerVerdict(problem),
      ]);
    }
    report.table(['query', 'min ms', 'median ms', 'Basalt ms', 'Basalt/DuckDB', 'answer'], rows);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function load(connection: DuckDBConnection, dataset: Dataset): Promise<number> {
  const startedMs = performance.now();
  await connection.run(
    `CREATE TABLE logs AS SELECT * FROM read_json('${dataset.path}', format='newline_delimited', columns=${columns})`,
  );
  await connection.run('CHECKPOINT');
  return (performance.now() - startedMs) / 1000;
}

async function timeQuery(
  connection: DuckDBConnection,
  sql: string,
  check: (hits: readonly Hit[]) => string | undefined,
  runs: number,
) {
  const times: number[] = [];
  let problem: string | undefined;
  for (let run = 0; run < warmupRuns + runs; run++) {
    const startedMs = performance.now();
    const result = await connection.runAndReadAll(sql);
    const milliseconds = performance.now() - startedMs;
    if (run >= warmupRuns) times.push(milliseconds);
    problem ??= check(result.getRowObjectsJS().map(withNumbers));
  }
  return { ...summarise(times), problem };
}

function translate(sql: string): string {
  return translations.reduce((text, [from, to]) => text.replace(from, to), sql);
}

/** 64-bit integers come as bigint. */
function withNumbers(row: Readonly<Record<string, unknown>>): Hit {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
  );
}
