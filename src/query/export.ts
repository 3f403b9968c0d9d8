/**
 * A whole result as one file, made while it is sent: rows in order of time are read part by part of their time range, others as their
 * operators give them out. It takes as much memory as one part, whatever the result has; what waits for a slow reader is one piece.
 */
import { z } from 'zod';
import { EXPORT_PART_ROWS } from '../config/limits.js';
import type { ExportFormat, TimeOrder } from '../native/index.js';
import { addFigures, type Figures, figuresOf, noFigures } from './envelope.js';
import type { Moment, QueryRunner, Statement } from './query-runner.js';
import type { SearchContext, SearchService } from './search.js';
import {
  decodeSql,
  microseconds,
  pagingMembers,
  parseBody,
  SIZE_UNLIMITED,
  sharedMembers,
} from './search-body.js';
import { type TimeRange, timePartitions } from './time-partitions.js';

export type { ExportFormat };

const exportSchema = z.object({
  query: z.object({
    sql: z.string().min(1),
    start_time: microseconds,
    end_time: microseconds,
    from: pagingMembers.from,
    size: pagingMembers.size.default(SIZE_UNLIMITED),
  }),
  ...sharedMembers,
});

export type ExportBody = z.infer<typeof exportSchema>;

/** @throws BasaltError 400 when it is not JSON, 422 when a member is missing or of the wrong type */
export function parseExportBody(bytes: Uint8Array): ExportBody {
  const body = parseBody(bytes, exportSchema, 'needed: {"query":{"sql":"…","start_time":µs,"end_time":µs}}');
  body.query.sql = decodeSql(body.query.sql, body.encoding);
  return body;
}

/** Takes the next bytes of the file; resolves when it wants more. */
export type FileSink = (bytes: Uint8Array) => Promise<void>;

export interface Exported {
  rows: number;
  bytes: number;
}

/** @throws BasaltError with the API's code, before the first bytes or in the midst of the file */
export function exportResult(
  service: SearchService,
  context: SearchContext,
  body: Pick<ExportBody, 'timeout' | 'search_type'>,
  statement: Statement,
  format: ExportFormat,
  sink: FileSink,
): Promise<Exported> {
  return service.track(context, body, statement, async ({ signal }) => {
    const exported: Exported = { rows: 0, bytes: 0 };
    const count: FileSink = (bytes) => {
      exported.bytes += bytes.length;
      return sink(bytes);
    };
    const figures = await writeFile(service.runner, statement, format, signal, count, exported);
    service.exports.add(context.organization, context.traceId, exported);
    return { value: exported, figures };
  });
}

async function writeFile(
  runner: QueryRunner,
  statement: Statement,
  format: ExportFormat,
  signal: AbortSignal,
  sink: FileSink,
  exported: Exported,
): Promise<Figures> {
  const moment = runner.moment(statement);
  let figures = noFigures();
  try {
    const file = await runner.openFile(statement, moment, format);
    try {
      for (const part of parts(statement, moment, file.order)) {
        signal.throwIfAborted();
        const started = performance.now();
        const result = await runner.runPart(statement, moment, part, signal, { file: file.handle, sink });
        exported.rows += result.rows;
        const answer = { result, kept: false, waitedMs: 0, fileListMs: 0 };
        figures = addFigures(figures, figuresOf(answer, performance.now() - started));
      }
      await sink(await file.finish());
    } catch (error) {
      file.free();
      throw error;
    }
    return figures;
  } finally {
    moment.release();
  }
}

/** In the order of the rows. */
function parts(
  { range, from, size }: Statement,
  { snapshots }: Moment,
  order: TimeOrder | undefined,
): TimeRange[] {
  // Rows are skipped and counted once, not in each part.
  if (!order || order.limit !== undefined || from > 0 || size !== null) return [range];
  const lists = snapshots.flatMap(({ blocks, segments }) => [...blocks, ...segments]);
  const sizes = { firstRows: EXPORT_PART_ROWS, growth: 1, rowsMax: EXPORT_PART_ROWS };
  const newestFirst = timePartitions(lists, range, { ...sizes, countMax: Number.POSITIVE_INFINITY });
  return order.descending ? newestFirst : newestFirst.reverse();
}

/** How many rows the last exports had, for clients that want to know whether they got all of one. */
export class ExportLog {
  private readonly entries = new Map<string, Exported>();

  constructor(private readonly entriesMax: number) {}

  add(organization: string, traceId: string, exported: Exported): void {
    this.entries.set(`${organization} ${traceId}`, exported);
    const [oldest] = this.entries.keys();
    if (this.entries.size > this.entriesMax && oldest !== undefined) this.entries.delete(oldest);
  }

  /** Of one that is complete. */
  get(organization: string, traceId: string): Exported | undefined {
    return this.entries.get(`${organization} ${traceId}`);
  }
}
