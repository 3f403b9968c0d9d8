/** Records as blocks and files, made by the addon itself. */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { onTestFinished } from 'vitest';
import { answerBytes } from '../../src/native/held.js';
import { type IngestGroup, ingestBatch, scan } from '../../src/native/index.js';
import { BodyFormat } from '../../src/ring/layout.js';

/** JSON text of records; a string is taken as JSON already, for numbers that JavaScript cannot hold. */
export type Records = object[] | string;

/** Encodes records of one stream into one block. */
export function encodeRecords(records: Records, stream = 'logs', organization = 'default'): IngestGroup {
  const body = Buffer.from(typeof records === 'string' ? records : JSON.stringify(records));
  const words = Int32Array.of(BodyFormat.JSON, 0, 1);
  const { groups, outcomes } = ingestBatch([body], words, [organization, stream], Date.now() * 1000, 1);
  const [group] = groups;
  if (!group || outcomes[0]?.failed !== 0)
    throw new Error(`the records were refused: ${JSON.stringify(outcomes)}`);
  return group;
}

/** Writes `bytes` to a file in `folder` and opens it for reading until the test ends. */
export function openFile(folder: string, name: string, bytes: Uint8Array): { path: string; fd: number } {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  const fd = openSync(path, 'r');
  onTestFinished(() => closeSync(fd));
  return { path, fd };
}

/** `name:type` list as the request spells columns. */
export function columnsOf(schema: string): { name: string; type: string }[] {
  return schema.split(',').map((column) => {
    const colon = column.lastIndexOf(':');
    return { name: column.slice(0, colon), type: column.slice(colon + 1) };
  });
}

/** All rows of the blocks at `offsets` of `fd`, as objects without the null members. */
export function readRows(fd: number, offsets: number[], schema: string): Record<string, unknown>[] {
  const columns = columnsOf(schema);
  const output = { kind: 'rows', project: columns.map(({ name }) => name), limit: null };
  const request = { stream: 'logs', columns, time: { min: null, max: null }, filter: null, output };
  const fds = Int32Array.from(offsets, () => fd);
  const answer = scan(JSON.stringify(request), fds, Float64Array.from(offsets));
  const rows = tableFromIPC(answerBytes(answer.ipc))
    .toArray()
    .map((row) => row.toJSON() as Record<string, unknown>);
  return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)));
}
