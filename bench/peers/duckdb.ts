/** DuckDB in this process: a table in a database file, and a Parquet file that it wrote. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Hit } from '../end-to-end/client.js';
import { duckdbStatements, exactPercentiles, tableColumns } from './duckdb-statements.js';
import type { Answer, Engine, LoadFigures } from './engine.js';
import type { QueryParameters, Statements } from './queries.js';

export class DuckdbPeer {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #databasePath: string;
  readonly #parquetPath: string;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, folder: string) {
    this.#instance = instance;
    this.#connection = connection;
    this.#databasePath = join(folder, 'peer.duckdb');
    this.#parquetPath = join(folder, 'peer.parquet');
  }

  static async open(folder: string): Promise<DuckdbPeer> {
    const instance = await DuckDBInstance.create(join(folder, 'peer.duckdb'));
    return new DuckdbPeer(instance, await instance.connect(), folder);
  }

  /** Reads NDJSON into the table. */
  async loadTable(dataPath: string): Promise<LoadFigures> {
    const startedMs = performance.now();
    await this.#connection.run(
      `CREATE TABLE logs AS SELECT * FROM read_json('${dataPath}', format='newline_delimited', columns=${tableColumns})`,
    );
    await this.#connection.run('CHECKPOINT');
    const seconds = secondsSince(startedMs);
    return {
      how: 'read_json of a local file',
      durable: 'after the checkpoint',
      seconds,
      settledSeconds: seconds,
      diskBytes: statSync(this.#databasePath).size,
      rssPeakBytes: undefined,
    };
  }

  /** Writes the table as Parquet, for queries without a database. */
  async writeParquet(): Promise<LoadFigures> {
    await this.#connection.run(`COPY logs TO '${this.#parquetPath}' (FORMAT parquet, COMPRESSION zstd)`);
    return {
      how: 'copy of the DuckDB table',
      durable: '',
      seconds: undefined,
      settledSeconds: undefined,
      diskBytes: statSync(this.#parquetPath).size,
      rssPeakBytes: undefined,
    };
  }

  async table(parameters: QueryParameters): Promise<Engine> {
    return new DuckdbEngine('DuckDB', duckdbStatements(parameters), await this.#instance.connect());
  }

  async parquet(parameters: QueryParameters): Promise<Engine> {
    const connection = await this.#instance.connect();
    await connection.run('CREATE SCHEMA parquet');
    await connection.run(`CREATE VIEW parquet.logs AS SELECT * FROM read_parquet('${this.#parquetPath}')`);
    await connection.run("SET schema = 'parquet'");
    return new DuckdbEngine('Parquet', duckdbStatements(parameters), connection);
  }

  /** The exact percentiles that the estimates are checked against. */
  async exactPercentiles(): Promise<Hit[]> {
    return rowsOf(this.#connection, exactPercentiles);
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

class DuckdbEngine implements Engine {
  constructor(
    readonly name: string,
    readonly statements: Statements,
    private readonly connection: DuckDBConnection,
  ) {}

  async ask(sql: string): Promise<Answer> {
    const startedMs = performance.now();
    const result = await this.connection.runAndReadAll(sql);
    const milliseconds = performance.now() - startedMs;
    return { rows: result.getRowObjectsJS(), milliseconds };
  }

  async close(): Promise<void> {
    this.connection.closeSync();
  }
}

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<Hit[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJS();
}

function secondsSince(startedMs: number): number {
  return (performance.now() - startedMs) / 1000;
}
