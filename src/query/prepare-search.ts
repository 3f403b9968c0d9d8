/** From the body of a search to the statement that is run, and what is to be told of the difference. */
import type { RowFormat } from '../native/index.js';
import { type AnswerMembers, roundInterval } from './envelope.js';
import type { QueryResult } from './executor.js';
import type { Statement } from './query-runner.js';
import { paging, type SearchBody } from './search-body.js';
import { listItems, type StatementParts, statementParts } from './statement-parts.js';
import type { TimeRange } from './time-partitions.js';
import { isHistogramEligible, type UiHistogram } from './ui-histogram.js';

export interface PreparedSearch {
  statement: Statement;
  parts: StatementParts;
  /** For `function_error`. */
  notes: string[];
  /** Rows that were acknowledged are lost of a stream that it names. */
  hasLosses: boolean;
  /** Set when the range was narrowed. */
  newRange: TimeRange | undefined;
  histogram: UiHistogram | undefined;
}

export interface PreparationOptions {
  organization: string;
  /** 0: any. */
  maxRangeHours: number;
  /** Set when the statement is to be replaced. */
  histogram: UiHistogram | undefined;
  /** What is to be told of losses (`src/storage/losses.ts`). */
  losses: string[];
}

export function prepareSearch(body: SearchBody, options: PreparationOptions): PreparedSearch {
  const { query } = body;
  const { organization, maxRangeHours, histogram, losses } = options;
  const asked = { startTime: query.start_time, endTime: query.end_time };
  const newRange = narrowed(asked, maxRangeHours);
  const notes: string[] = [...losses];
  if (newRange) notes.push(rangeNote(maxRangeHours));
  if (query.query_fn) notes.push('query_fn was not applied: this server runs no VRL functions');
  const sql = histogram?.sql ?? query.sql;
  const counts = query.track_total_hits && !histogram;
  const statement: Statement = {
    organization,
    sql: counts ? countingSql(sql) : sql,
    range: newRange ?? asked,
    from: query.from,
    size: counts ? null : paging(query.size).size,
    defaultOrder: !counts,
    histogram: {
      histogramIntervalSeconds: query.histogram_interval
        ? roundInterval(query.histogram_interval)
        : undefined,
      timezone: query.timezone || undefined,
    },
    format: rowFormat(body),
    useCache: body.use_cache,
  };
  return {
    statement,
    parts: statementParts(query.sql),
    notes,
    hasLosses: losses.length > 0,
    newRange,
    histogram,
  };
}

/** What the run of a search adds to its notes. */
export function notesOfRun(
  body: SearchBody,
  { parts }: PreparedSearch,
  rows: number,
  interval: number | undefined,
): string[] {
  const { size, histogram_interval } = body.query;
  const { size: cap, bySql } = paging(size);
  const notes: string[] = [];
  const capped = bySql && parts.clauses.limit === undefined && rows === cap;
  if (capped && body.search_type !== 'ui') notes.push('Warn: results are capped to meet default limit');
  if (interval === undefined) return notes;
  if (histogram_interval > 0 && roundInterval(histogram_interval) !== interval)
    notes.push('histogram_interval was not applied: the statement says how wide its buckets are');
  return notes;
}

export function rangeNote(hours: number): string {
  return `Query duration is modified due to query range restriction of ${hours} hours`;
}

/** @returns the end of the range that is as long as allowed, where the range is longer */
export function narrowed(range: TimeRange, maxRangeHours: number): TimeRange | undefined {
  const longestUs = maxRangeHours * 3_600_000_000;
  if (maxRangeHours === 0 || range.endTime - range.startTime <= longestUs) return undefined;
  return { startTime: range.endTime - longestUs, endTime: range.endTime };
}

/** Members of the answer that follow from the statement. */
export function membersOfStatement(
  prepared: PreparedSearch,
  { leaves }: QueryResult,
): Partial<AnswerMembers> {
  const { parts, newRange, histogram } = prepared;
  return {
    isPartial: newRange !== undefined || prepared.hasLosses,
    newRange,
    orderBy: orderBy(parts, leaves),
    ...(histogram && {
      convertedHistogramQuery: histogram.sql,
      histogramBreakdownField: histogram.breakdownField,
      isHistogramEligible: isHistogramEligible(parts),
      orderBy: [['zo_sql_key', 'desc']],
    }),
  };
}

/** As written; without, newest first where the plan asks its one leaf for the newest rows. */
function orderBy({ clauses }: StatementParts, leaves: QueryResult['leaves']): AnswerMembers['orderBy'] {
  if (clauses.order !== undefined) {
    return listItems(clauses.order).map((item) => {
      const [, column = '', direction] =
        /^([\s\S]*?)(?:\s+(asc|desc))?(?:\s+nulls\s+(?:first|last))?$/i.exec(item) ?? [];
      return [column.replace(/^"(.*)"$/, '$1'), direction?.toLowerCase() === 'desc' ? 'desc' : 'asc'];
    });
  }
  const [output, ...others] = leaves.map(({ request }) => request.output);
  if (others.length > 0 || output?.kind !== 'topTime') return undefined;
  return [['_timestamp', output.descending ? 'desc' : 'asc']];
}

function rowFormat({ query, agent_options }: SearchBody): RowFormat {
  // Tables of text are made of cells.
  if ((agent_options?.output_format ?? 'json') !== 'json') return 'arrays';
  return query.query_type === 'table' ? 'arrays' : 'objects';
}

/** Counts the rows of a statement. The line end closes a comment at its end. */
function countingSql(sql: string): string {
  const statement = sql.replace(/;(?:\s|--[^\n]*(?:\n|$))*$/, '');
  return `SELECT count(*) AS zo_sql_num FROM (${statement}\n) AS counted`;
}
