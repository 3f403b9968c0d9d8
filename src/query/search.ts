/** `_search` (openobserve API, S1): one statement, answered as a whole. */
import { EXPORTS_REMEMBERED_MAX } from '../config/limits.js';
import type { Store } from '../storage/store.js';
import { checkMadeAnswer } from './answer-limit.js';
import { splitRows } from './encoded-rows.js';
import {
  type AnswerMembers,
  cachedRatio,
  envelope,
  type Figures,
  figuresOf,
  histogramInterval,
  noFigures,
  scanSize,
} from './envelope.js';
import type { QueryResult } from './executor.js';
import { ExportLog } from './export.js';
import { matrix } from './matrix.js';
import { namedStreams } from './plan-context.js';
import { membersOfStatement, notesOfRun, type PreparedSearch, prepareSearch } from './prepare-search.js';
import type { QueryRunner, Statement } from './query-runner.js';
import { type RunningSearch, RunningSearches, type SearchInfo } from './running-searches.js';
import { type SearchBody, searchType } from './search-body.js';
import { SearchHistory } from './search-history.js';
import { textTable } from './text-table.js';
import { uiHistogram } from './ui-histogram.js';

/** Whose search it is. */
export interface SearchContext {
  organization: string;
  traceId: string;
  /** Replace the statement by one that counts its rows by time. */
  isUiHistogram: boolean;
  /** Aborts when the client goes away. */
  clientGone: AbortSignal;
}

export interface AnswerParts {
  figures: Figures;
  members: AnswerMembers;
  hits: Uint8Array[];
}

/** A JSON body in pieces. */
export type SearchAnswer = Uint8Array[];

export interface SearchSettings {
  /** 0: any. */
  maxQueryRangeHours: number;
}

export class SearchService {
  readonly running = new RunningSearches();
  readonly history = new SearchHistory();
  readonly exports = new ExportLog(EXPORTS_REMEMBERED_MAX);

  constructor(
    readonly store: Store,
    readonly runner: QueryRunner,
    readonly settings: SearchSettings,
  ) {}

  /** @throws BasaltError with the API's code */
  async search(context: SearchContext, body: SearchBody): Promise<SearchAnswer> {
    const { figures, members, hits } = await this.answer(context, body);
    return envelope(figures, members, hits);
  }

  /** What `search` answers, not put together yet. @throws BasaltError with the API's code */
  async answer(context: SearchContext, body: SearchBody): Promise<AnswerParts> {
    const prepared = await this.prepare(context, body);
    return this.track(context, body, prepared.statement, async (search) => {
      const started = performance.now();
      const answer = await this.runner.run(prepared.statement, search.signal);
      const figures = figuresOf(answer, performance.now() - started);
      return { value: { ...(await answerOf(context, body, prepared, answer.result)), figures }, figures };
    });
  }

  /** @throws BasaltError 400 for a statement that a histogram was asked of and that cannot have one */
  async prepare({ organization, isUiHistogram }: SearchContext, body: SearchBody): Promise<PreparedSearch> {
    if (body.clear_cache) this.runner.caches.clear();
    body.search_type = searchType(body.search_type);
    const losses = this.lossNotes(organization, body.query.sql);
    const options = { organization, maxRangeHours: this.settings.maxQueryRangeHours, losses };
    if (!isUiHistogram) return prepareSearch(body, { ...options, histogram: undefined });
    // What is wrong with the statement is told of the statement, not of what it is replaced by.
    await this.runner.plan(prepareSearch(body, { ...options, histogram: undefined }).statement);
    const { sql, histogram_interval } = body.query;
    const fieldsOf = (stream: string) => this.store.find(organization, stream)?.schema.keys() ?? [];
    const histogram = uiHistogram(sql, histogram_interval, fieldsOf);
    return prepareSearch(body, { ...options, histogram });
  }

  /** What is to be told of acknowledged rows that are lost of the streams which the statement may name; the answer is partial then. */
  lossNotes(organization: string, sql: string): string[] {
    const { losses } = this.store;
    if (losses.open.length === 0) return [];
    const named = namedStreams(sql, this.store.streamsOf(organization));
    return losses.notes(
      organization,
      named.map(({ name }) => name),
    );
  }

  /** The same as members of an answer. */
  lossMembers(organization: string, sql: string): Pick<AnswerMembers, 'functionErrors' | 'isPartial'> {
    const notes = this.lossNotes(organization, sql);
    return notes.length > 0 ? { functionErrors: notes, isPartial: true } : {};
  }

  /** Runs `work` as a search that is listed while it runs, can be stopped, and is in the history afterwards. */
  async track<T>(
    { organization, traceId, clientGone }: Omit<SearchContext, 'isUiHistogram'>,
    body: Pick<SearchBody, 'timeout' | 'search_type'>,
    statement: Pick<Statement, 'sql' | 'range'>,
    work: (search: RunningSearch) => Promise<{ value: T; figures: Figures }>,
  ): Promise<T> {
    const info: SearchInfo = {
      organization,
      traceId,
      sql: statement.sql,
      ...statement.range,
      searchType: searchType(body.search_type),
      timeoutSeconds: body.timeout,
    };
    const started = performance.now();
    try {
      const { value, figures } = await this.running.run(info, clientGone, work);
      this.remember(info, figures, started);
      return value;
    } catch (error) {
      this.remember(info, noFigures(), started, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  private remember(info: SearchInfo, figures: Figures, startedMs: number, error?: string): void {
    const streams = this.store.streamsOf(info.organization);
    this.history.add({
      org_id: info.organization,
      stream_type: 'logs',
      stream_name: namedStreams(info.sql, streams)
        .map(({ name }) => name)
        .join(),
      start_time: info.startTime,
      end_time: info.endTime,
      sql: info.sql,
      scan_size: scanSize(figures),
      scan_records: figures.rowsScanned,
      took: Math.round(performance.now() - startedMs) / 1000,
      cached_ratio: cachedRatio(figures),
      trace_id: info.traceId,
      _timestamp: Date.now() * 1000,
      event: info.searchType,
      error,
    });
  }
}

/** What is told of a statement that ran. */
export async function answerOf(
  context: Pick<SearchContext, 'traceId'>,
  body: SearchBody,
  prepared: PreparedSearch,
  result: QueryResult,
): Promise<{ members: AnswerMembers; hits: Uint8Array[] }> {
  const { from, size, query_type, track_total_hits } = body.query;
  const interval = histogramInterval(result);
  const output = body.agent_options?.output_format ?? 'json';
  if (output !== 'json' || query_type === 'metrics') checkMadeAnswer(result.pieces);
  const hits =
    output !== 'json' ? [] : query_type === 'metrics' ? await matrix(result.pieces) : result.pieces;
  const total = track_total_hits && !prepared.histogram ? countOf(result) : result.rows;
  const members: AnswerMembers = {
    traceId: context.traceId,
    total: query_type === 'metrics' && output === 'json' ? hits.length : total,
    from,
    size: size > 0 ? size : result.rows,
    columns: query_type === 'table' ? result.columns.map(({ name }) => name) : undefined,
    functionErrors: [
      ...prepared.notes,
      ...notesOfRun(body, prepared, result.rows, interval),
      ...result.leftOut,
    ],
    responseType: query_type === 'table' ? 'table' : query_type === 'metrics' ? 'matrix' : undefined,
    histogramInterval: interval,
    ...membersOfStatement(prepared, result),
  };
  if (output === 'json') return { members, hits };
  const columns = result.columns.map(({ name }) => name);
  const data = await textTable(output, columns, result.pieces);
  return { members: { ...members, format: output, data }, hits };
}

/** The one number of a track_total_hits answer, whatever form its row has. */
function countOf({ pieces }: QueryResult): number {
  const [row = new Uint8Array()] = splitRows(pieces);
  return Number(/(\d+)\D*$/.exec(Buffer.from(row).toString())?.[1] ?? 0);
}
