/**
 * `_search_stream` (openobserve API, S2): the answer as events. A statement that picks rows of one stream, newest first, is answered part
 * by part of its time range, newest part first, until it has the rows it wants; any other in one part. The parts read one moment of the
 * stream, so they are together what one search answers. The next event is made when the one before was taken.
 */
import {
  STREAM_FRAME_BYTES,
  STREAM_PART_GROWTH,
  STREAM_PART_ROWS,
  STREAM_PART_ROWS_MAX,
  STREAM_PARTS_MAX,
} from '../config/limits.js';
import { rowChunks } from './encoded-rows.js';
import { addFigures, envelope, type Figures, figuresOf, noFigures } from './envelope.js';
import type { QueryResult } from './executor.js';
import type { PreparedSearch } from './prepare-search.js';
import type { QueryRunner, Statement } from './query-runner.js';
import { runParts } from './run-parts.js';
import { answerOf, type SearchContext, type SearchService } from './search.js';
import type { SearchBody } from './search-body.js';
import { type EventSink, hitsEvent, metadataEvent, progressEvent } from './stream-events.js';
import { type PartitionSizes, type TimeRange, timePartitions } from './time-partitions.js';

/** A statement that is valid, ready to be streamed. */
export interface StreamSearch {
  prepared: PreparedSearch;
  plain: PlainRows | undefined;
}

/** Everything that can be said against the request, before the first event. @throws BasaltError with the API's code */
export async function beginStream(
  service: SearchService,
  context: SearchContext,
  body: SearchBody,
): Promise<StreamSearch> {
  const prepared = await service.prepare(context, body);
  return { prepared, plain: await plainness(service.runner, prepared.statement) };
}

/** A statement that picks rows of one stream, newest first. */
export interface PlainRows {
  stream: string;
  /** The most rows that are wanted; infinite: all. */
  limit: number;
}

/** @returns undefined when the statement has to be answered as a whole */
export async function plainness(runner: QueryRunner, statement: Statement): Promise<PlainRows | undefined> {
  const { leaves, order } = await runner.plan(statement);
  const [leaf, ...others] = leaves;
  if (!leaf || others.length > 0 || !order?.descending) return undefined;
  // Rows are skipped once, not in each part.
  if (order.limit === undefined && statement.from > 0) return undefined;
  return { stream: leaf.stream, limit: order.limit ?? statement.size ?? Number.POSITIVE_INFINITY };
}

export function streamSearch(
  service: SearchService,
  context: SearchContext,
  body: SearchBody,
  { prepared, plain }: StreamSearch,
  sink: EventSink,
  /** Of the statement among several of one request. */
  queryIndex?: number,
): Promise<void> {
  return service.track(context, body, prepared.statement, async (search) => {
    const events = new SearchEvents(context, body, { prepared, plain }, sink, queryIndex);
    const figures =
      plain && inParts(body)
        ? await runInParts(service.runner, prepared.statement, plain, search.signal, events)
        : await runWhole(service.runner, prepared.statement, search.signal, events);
    return { value: undefined, figures };
  });
}

/** Series, tables of text and counts are made of all rows. */
function inParts({ query, agent_options }: SearchBody): boolean {
  return query.query_type !== 'metrics' && (agent_options?.output_format ?? 'json') === 'json';
}

async function runWhole(
  runner: QueryRunner,
  statement: Statement,
  signal: AbortSignal,
  events: SearchEvents,
): Promise<Figures> {
  const started = performance.now();
  const answer = await runner.run(statement, signal);
  const figures = figuresOf(answer, performance.now() - started);
  await events.part(answer.result, figures, statement.range, Number.POSITIVE_INFINITY);
  await events.progress(100);
  return figures;
}

async function runInParts(
  runner: QueryRunner,
  statement: Statement,
  { stream, limit }: PlainRows,
  signal: AbortSignal,
  events: SearchEvents,
): Promise<Figures> {
  const moment = runner.moment(statement);
  let total = noFigures();
  try {
    const snapshot = moment.snapshots.find(({ name }) => name === stream);
    const parts = timePartitions(snapshot?.pieces ?? [], statement.range, partSizes(limit));
    let wanted = limit;
    let done = 0;
    for await (const { part, result, figures } of runParts(runner, statement, moment, parts, signal)) {
      total = addFigures(total, figures);
      await events.part(result, figures, part, wanted);
      wanted -= Math.min(wanted, result.rows);
      done++;
      const last = wanted === 0 || done === parts.length;
      await events.progress(last ? 100 : Math.floor((done / parts.length) * 100));
      if (last) break;
    }
    return total;
  } finally {
    moment.release();
  }
}

/** An answer of few rows may look far for them at a time; one of many is held part by part, so its parts stay small. */
export function partSizes(limit: number): PartitionSizes {
  const firstRows = STREAM_PART_ROWS;
  if (limit > firstRows)
    return { firstRows, growth: 1, rowsMax: firstRows, countMax: Number.POSITIVE_INFINITY };
  return {
    firstRows,
    growth: STREAM_PART_GROWTH,
    rowsMax: STREAM_PART_ROWS_MAX,
    countMax: STREAM_PARTS_MAX,
  };
}

class SearchEvents {
  constructor(
    private readonly context: SearchContext,
    private readonly body: SearchBody,
    private readonly search: StreamSearch,
    private readonly sink: EventSink,
    private readonly queryIndex: number | undefined,
  ) {}

  /** Metadata and hits of one part of the time; at most `rowsMax` hits. */
  async part(result: QueryResult, figures: Figures, range: TimeRange, rowsMax: number): Promise<void> {
    const { prepared, plain } = this.search;
    const { members, hits } = await answerOf(this.context, this.body, prepared, result);
    if (plain) {
      members.orderBy = [['_timestamp', 'desc']];
      // Here the LIMIT of a statement is told as the size.
      if (Number.isFinite(plain.limit)) members.size = plain.limit;
    }
    const total = Math.min(members.total, rowsMax);
    const response = envelope(figures, { ...members, total, queryIndex: this.queryIndex }, []);
    await this.sink(metadataEvent(response, range));
    let left = rowsMax;
    let frames = 0;
    for (const piece of hits) {
      for (const chunk of rowChunks(piece, STREAM_FRAME_BYTES, left)) {
        left -= chunk.rows;
        frames++;
        await this.sink(hitsEvent(chunk.bytes));
      }
      if (left === 0) break;
    }
    if (frames === 0) await this.sink(hitsEvent());
  }

  progress(percent: number): Promise<void> {
    return this.sink(progressEvent(percent));
  }
}
