/**
 * A whole result as one file, made while it is sent: rows in order of time are read part by part of their time range, others as their
 * operators give them out. It takes as much memory as one part, whatever the result has; what waits for a slow reader is one piece.
 */
import { z } from 'zod';
import { EXPORT_PART_ROWS, EXPORT_WRITE_BYTES } from '../config/limits.js';
import { requestError } from '../errors/index.js';
import { bytesByPart } from '../native/held.js';
import type { ExportOptions, TimeOrder } from '../native/index.js';
import { addFigures, type Figures, noFigures } from './envelope.js';
import { narrowed } from './prepare-search.js';
import type { FileSink, Moment, QueryRunner, Statement } from './query-runner.js';
import { runParts } from './run-parts.js';
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

const exportSchema = z.object({
  query: z.object({
    sql: z.string().min(1),
    start_time: microseconds,
    end_time: microseconds,
    from: pagingMembers.from,
    // 0 and -1, which leave the number of rows to the server, would cut a file without a word.
    size: z.number().int().positive().or(z.literal(SIZE_UNLIMITED)).default(SIZE_UNLIMITED),
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

/**
 * Takes the next bytes of the file, each part good until the next one is asked for; resolves when it wants more. `rows`: that the
 * statement has given so far.
 */
export type PartsSink = (parts: Iterable<Uint8Array>, rows: number) => Promise<void>;

export interface Exported {
  rows: number;
  bytes: number;
}

/** @throws BasaltError with the API's code, before the first bytes or in the midst of the file */
export async function exportResult(
  service: SearchService,
  context: SearchContext,
  body: Pick<ExportBody, 'timeout' | 'search_type'>,
  statement: Statement,
  options: ExportOptions,
  sink: PartsSink,
): Promise<Exported> {
  const { maxQueryRangeHours } = service.settings;
  if (narrowed(statement.range, maxQueryRangeHours)) {
    throw requestError(400, `the time range is longer than maxQueryRangeHours, ${maxQueryRangeHours} hours`, {
      code: 20011,
      hint: 'ask for shorter ranges one after the other: a file cannot say that it is not all',
    });
  }
  return service.track(context, body, statement, async ({ signal }) => {
    const exported: Exported = { rows: 0, bytes: 0 };
    const buffer = Buffer.allocUnsafe(EXPORT_WRITE_BYTES);
    const write: FileSink = (bytes, rows) => {
      exported.bytes += bytes.length;
      return sink(bytesByPart(bytes, buffer), rows);
    };
    const figures = await writeFile(service.runner, statement, options, signal, write, exported);
    exported.rows = Math.min(exported.rows, options.rowsMax ?? Number.POSITIVE_INFINITY);
    service.exports.add(context.organization, context.traceId, exported);
    return { value: exported, figures };
  });
}

async function writeFile(
  runner: QueryRunner,
  statement: Statement,
  options: ExportOptions,
  signal: AbortSignal,
  sink: FileSink,
  exported: Exported,
): Promise<Figures> {
  const moment = runner.moment(statement);
  let figures = noFigures();
  try {
    const file = await runner.openFile(statement, moment, options);
    try {
      const ranges = parts(statement, moment, file.order);
      for await (const answer of runParts(runner, statement, moment, ranges, signal, {
        file: file.handle,
        sink: (bytes, rows) => sink(bytes, exported.rows + rows),
      })) {
        exported.rows += answer.result.rows;
        figures = addFigures(figures, answer.figures);
      }
      await sink(await file.finish(), exported.rows);
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
  const lists = snapshots.flatMap(({ pieces }) => pieces);
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
