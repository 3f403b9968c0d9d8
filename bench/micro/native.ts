/** The native verbs of ingest, merge and scan, called as the workers call them, on one thread. */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SEGMENT_ZSTD_LEVEL, WAL_ZSTD_LEVEL } from '../../src/config/limits.js';
import {
  type IngestGroup,
  ingestBatch,
  mergeBlocks,
  type SegmentFooter,
  scan,
} from '../../src/native/index.js';
import type { ScanRequest } from '../../src/query/scan-request.js';
import { BodyFormat } from '../../src/ring/layout.js';
import { parseSchema } from '../../src/storage/schema.js';
import type { Report } from '../end-to-end/report.js';
import { Output } from '../generator/output.js';
import { RecordGenerator, recordBytesMax } from '../generator/records.js';
import { phrase, type Truth } from '../generator/truth.js';
import { type MicroCase, timeCases } from './timing.js';

const batchRecords = 5000;
const smallBatchRecords = 50;

interface Bodies {
  readonly large: Buffer[];
  readonly small: Buffer[];
  readonly bytes: number;
  readonly truth: Truth;
}

export async function nativeBench(report: Report, seconds: number, batches: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'basalt-micro-'));
  try {
    const bodies = makeBodies(batches);
    await timeCases(report, 'micro: ingest batch', ingestCases(bodies), seconds);
    const merged = new MergedSegment(folder, bodies);
    await timeCases(report, 'micro: merge', [merged.mergeCase()], seconds);
    await timeCases(report, 'micro: scan', scanCases(merged, bodies.truth), seconds);
    merged.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeBodies(batches: number): Bodies {
  const records = batches * batchRecords;
  const spanUs = 3600e6;
  const startUs = Date.UTC(2026, 0, 2) * 1000;
  const generator = new RecordGenerator({ records, seed: 3, startUs, spanUs });
  const out = new Output(recordBytesMax);
  const lines: string[] = [];
  while (!generator.done) {
    out.position = 0;
    generator.write(out);
    lines.push(out.buffer.toString('utf8', 0, out.position - 1));
  }
  const bodyOf = (count: number) => (_: unknown, index: number) =>
    Buffer.from(`[${lines.slice(index * count, (index + 1) * count).join(',')}]`);
  const large = Array.from({ length: batches }, bodyOf(batchRecords));
  const small = Array.from({ length: records / smallBatchRecords }, bodyOf(smallBatchRecords));
  const bytes = large.reduce((sum, body) => sum + body.length, 0);
  return { large, small, bytes, truth: generator.truth.result() };
}

function ingest(bodies: Buffer[], rows: number): IngestGroup[] {
  const words = Int32Array.from(bodies.flatMap(() => [BodyFormat.JSON, 0, 1]));
  const { groups, outcomes } = ingestBatch(
    bodies,
    words,
    ['default', 'logs'],
    Date.now() * 1000,
    WAL_ZSTD_LEVEL,
  );
  const stored = outcomes.reduce((sum, outcome) => sum + outcome.successful - outcome.failed, 0);
  if (stored !== rows || groups.length !== 1)
    throw new Error(`${stored} of ${rows} records in ${groups.length} blocks`);
  return groups;
}

function ingestCases({ large, small }: Bodies): MicroCase[] {
  const smallTogether = small.slice(0, batchRecords / smallBatchRecords);
  const bytesOf = (list: Buffer[]) => list.reduce((sum, body) => sum + body.length, 0);
  const first = large.slice(0, 1);
  const one = small.slice(0, 1);
  return [
    {
      name: 'one body of 5,000',
      rows: batchRecords,
      bytes: bytesOf(first),
      run: () => void ingest(first, batchRecords),
    },
    {
      name: '100 bodies of 50',
      rows: batchRecords,
      bytes: bytesOf(smallTogether),
      run: () => void ingest(smallTogether, batchRecords),
    },
    {
      name: 'one body of 50',
      rows: smallBatchRecords,
      bytes: bytesOf(one),
      run: () => void ingest(one, smallBatchRecords),
    },
  ];
}

/** The blocks of all bodies in one file, and the segment that they merge into in another. */
class MergedSegment {
  readonly #folder: string;
  readonly #blocks: number;
  readonly #offsets: number[] = [];
  readonly #segment: number;
  readonly #rows: number;
  readonly #jsonBytes: number;
  readonly footer: SegmentFooter;

  constructor(folder: string, bodies: Bodies) {
    this.#folder = folder;
    this.#rows = bodies.truth.records;
    this.#jsonBytes = bodies.bytes;
    this.#blocks = openSync(join(folder, 'blocks'), 'w+');
    let offset = 0;
    for (const body of bodies.large) {
      for (const { block } of ingest([body], batchRecords)) {
        this.#offsets.push(offset);
        offset += writeSync(this.#blocks, block, 0, block.length, offset);
      }
    }
    this.#segment = openSync(join(folder, 'segment'), 'w+');
    this.footer = this.#merge(this.#segment);
  }

  get rows(): number {
    return this.#rows;
  }

  mergeCase(): MicroCase {
    const path = join(this.#folder, 'again');
    const run = () => {
      const output = openSync(path, 'w');
      this.#merge(output);
      closeSync(output);
    };
    return { name: `${this.#offsets.length} blocks of 5,000`, rows: this.#rows, bytes: this.#jsonBytes, run };
  }

  scan(request: ScanRequest): { rows: number; rowsMatched: number } {
    const { groups } = this.footer;
    const descriptors = Int32Array.from(groups, () => this.#segment);
    return scan(
      JSON.stringify(request),
      descriptors,
      Float64Array.from(groups, ({ offset }) => offset),
    );
  }

  get bytes(): number {
    return this.footer.fileBytes;
  }

  close(): void {
    closeSync(this.#blocks);
    closeSync(this.#segment);
  }

  #merge(output: number): SegmentFooter {
    const descriptors = Int32Array.from(this.#offsets, () => this.#blocks);
    const footer = mergeBlocks(
      descriptors,
      Float64Array.from(this.#offsets),
      new Uint8Array(this.#offsets.length),
      output,
      Buffer.from('{}'),
      SEGMENT_ZSTD_LEVEL,
      {},
    );
    const rows = footer.groups.reduce((sum, group) => sum + group.rows, 0);
    if (rows !== this.#rows) throw new Error(`${rows} rows after the merge of ${this.#rows}`);
    return footer;
  }
}

function scanCases(segment: MergedSegment, truth: Truth): MicroCase[] {
  const types = new Map(parseSchema(segment.footer.groups[0]?.schema ?? ''));
  const request = (names: string[], rest: Pick<ScanRequest, 'filter' | 'output'>): ScanRequest => ({
    stream: 'logs',
    columns: names.map((name) => ({ name, type: types.get(name) ?? 'string' })),
    time: { min: null, max: null },
    ...rest,
  });
  const countRows = { kind: 'aggregate' as const, groups: [], aggregates: [{ kind: 'countRows' as const }] };
  const isError = { op: 'compare' as const, column: 'level', cmp: '=' as const, value: { string: 'error' } };
  const errors = truth.levels.find(({ level }) => level === 'error')?.count ?? 0;
  const make = (
    name: string,
    wanted: { rows?: number; rowsMatched?: number },
    asked: ScanRequest,
  ): MicroCase => ({
    name,
    rows: segment.rows,
    bytes: segment.bytes,
    run: () => {
      const answer = segment.scan(asked);
      if (wanted.rowsMatched !== undefined && answer.rowsMatched !== wanted.rowsMatched) {
        throw new Error(`${name}: ${answer.rowsMatched} rows matched, ${wanted.rowsMatched} wanted`);
      }
      if (wanted.rows !== undefined && answer.rows !== wanted.rows) {
        throw new Error(`${name}: ${answer.rows} rows, ${wanted.rows} wanted`);
      }
    },
  });
  return [
    make(
      'count level = error',
      { rowsMatched: errors, rows: 1 },
      request(['level'], { filter: isError, output: countRows }),
    ),
    make(
      'group by level, avg',
      { rows: truth.levels.length },
      request(['level', 'response_time'], {
        filter: null,
        output: {
          kind: 'aggregate',
          groups: [{ kind: 'column', column: 'level' }],
          aggregates: [{ kind: 'countRows' }, { kind: 'average', column: 'response_time' }],
        },
      }),
    ),
    make(
      'count message contains',
      { rowsMatched: truth.phraseCount, rows: 1 },
      request(['message'], {
        filter: { op: 'contains', column: 'message', needle: phrase, negated: false, ignoreCase: false },
        output: countRows,
      }),
    ),
    make(
      'newest 100 errors',
      { rows: Math.min(errors, 100) },
      request(['_timestamp', 'level', 'message'], {
        filter: isError,
        output: { kind: 'topTime', project: ['_timestamp', 'message'], descending: true, limit: 100 },
      }),
    ),
  ];
}
