/** The same tables in DuckDB. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Cell, Column, Table } from './data.js';

export class Reference {
  private constructor(private readonly connection: DuckDBConnection) {}

  static async open(tables: Table[]): Promise<Reference> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: '1',
      order_by_non_integer_literal: 'true',
    });
    const reference = new Reference(await instance.connect());
    for (const table of tables) await reference.load(table);
    return reference;
  }

  /** Rows of a query over the records in [start, end). */
  async rows(sql: string, start: number, end: number): Promise<unknown[][]> {
    for (const table of ['events', 'users']) {
      await this.connection.run(
        `CREATE OR REPLACE VIEW ${table} AS SELECT * FROM all_${table} WHERE _timestamp >= ${start} AND _timestamp < ${end}`,
      );
    }
    const reader = await this.connection.runAndReadAll(sql);
    return reader.getRowsJS();
  }

  close(): void {
    this.connection.closeSync();
  }

  private async load({ name, columns, rows }: Table): Promise<void> {
    const list = columns.map((column) => `${column.name} ${column.type}`).join(', ');
    await this.connection.run(`CREATE TABLE all_${name} (${list})`);
    const appender = await this.connection.createAppender(`all_${name}`);
    for (const row of rows) {
      for (const [index, column] of columns.entries()) append(appender, column, row[index] as Cell);
      appender.endRow();
    }
    appender.closeSync();
  }
}

type Appender = Awaited<ReturnType<DuckDBConnection['createAppender']>>;

function append(appender: Appender, { type }: Column, value: Cell): void {
  if (value === null) appender.appendNull();
  else if (type === 'BIGINT') appender.appendBigInt(BigInt(value));
  else if (type === 'DOUBLE') appender.appendDouble(value as number);
  else if (type === 'BOOLEAN') appender.appendBoolean(value as boolean);
  else appender.appendVarchar(value as string);
}
