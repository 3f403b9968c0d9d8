import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeRecordFile } from '../generator/file.js';
import type { Truth } from '../generator/truth.js';

/** Records in a file, and the right answers to questions about them. */
export interface Dataset {
  readonly path: string;
  readonly records: number;
  readonly truth: Truth;
  /** Bounds of the records' times for searches, microseconds; the end is exclusive. */
  readonly startUs: number;
  readonly endUs: number;
}

/** Half an hour less than a day: the last 24 hours still hold all records while a long run lasts. */
const spanUs = 84_600e6;
const seed = 7;

/** A temporary folder for everything that a run writes. */
export class WorkFolder {
  readonly path: string;
  readonly #datasets = new Map<number, Dataset>();

  constructor(parent: string = tmpdir()) {
    this.path = mkdtempSync(join(parent, 'basalt-bench-'));
  }

  /** So many records that end now. Made once a size. */
  dataset(records: number): Dataset {
    const known = this.#datasets.get(records);
    if (known) return known;
    const path = join(this.path, `records-${records}.ndjson`);
    const startUs = Date.now() * 1000 - spanUs;
    const truth = writeRecordFile({ records, seed, startUs, spanUs }, path);
    const dataset = { path, records, truth, startUs, endUs: truth.lastUs + 1 };
    this.#datasets.set(records, dataset);
    return dataset;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
