/** The sizes of a scale run as passes through one set of records. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkFolder } from '../end-to-end/dataset.js';
import { writeRecordFile } from '../generator/file.js';
import type { Truth } from '../generator/truth.js';

export const batchRecords = 5000;
/** A pass is an hour of logs, on the hour. */
export const passSeconds = 3600;
export const passUs = passSeconds * 1e6;

const gigabyte = 1e9;
const seed = 7;
/** The generator's records, line ends included: the number of records is chosen by it, the real bytes are measured. */
const recordBytesMean = 411;

export interface Source {
  readonly path: string;
  /** In one pass. */
  readonly records: number;
  readonly jsonBytes: number;
  readonly truth: Truth;
  readonly startUs: number;
}

/** One pass of records; the last of `passes` ends with the last whole hour. */
export function makeSource(folder: WorkFolder, gigabytes: number, passes: number): Source {
  const batches = Math.max(1, Math.round((gigabytes * gigabyte) / recordBytesMean / batchRecords));
  const records = batches * batchRecords;
  const path = join(folder.path, 'scale.ndjson');
  const startUs = Math.floor((Date.now() * 1000) / passUs) * passUs - passes * passUs;
  const truth = writeRecordFile({ records, seed, startUs, spanUs: passUs }, path);
  return { path, records, jsonBytes: statSync(path).size, truth, startUs };
}

/** For each size the number of passes, and the size of one. Sizes are rounded to whole passes of at most one gigabyte. */
export function planPasses(gigabytes: readonly number[]): { unit: number; passes: number[] } {
  const unit = Math.min(1, ...gigabytes);
  const passes = [...new Set(gigabytes.map((size) => Math.max(1, Math.round(size / unit))))];
  return { unit, passes: passes.sort((left, right) => left - right) };
}
