/** One statement over an organization's streams: its plan, its kept answers, its turn, its snapshots. Every search is made of these. */

import { QUERIES_RUNNING_MIN, QUERIES_RUNNING_PER_WORKER, QUERIES_WAITING_MAX } from '../config/limits.js';
import { type QueryBudget, shareOf } from '../config/memory.js';
import { requestError } from '../errors/index.js';
import type { Bytes, ExportOptions, RowFormat, TimeOrder } from '../native/index.js';
import type { StreamSnapshot } from '../storage/snapshot.js';
import type { Store } from '../storage/store.js';
import type { LiveBlock, Stream } from '../storage/stream.js';
import { QueryAdmission } from './admission.js';
import { answerBytesMax } from './answer-limit.js';
import type { QueryCaches } from './caches.js';
import { acquirePlan, type QueryResult, runQuery, runTask } from './executor.js';
import { type HistogramOptions, namedStreams, type PlanOptions, planContext } from './plan-context.js';
import type { QueryPool } from './query-pool.js';
import type { QueryTask } from './query-task.js';
import { requestToPrune, type ScanRequest, type TimeMove } from './scan-request.js';
import type { TimeRange } from './time-partitions.js';

export interface Statement {
  organization: string;
  sql: string;
  /** Microseconds, half-open. */
  range: TimeRange;
  from: number;
  /** Null: all rows. */
  size: number | null;
  /** Newest first where the statement asks for no order. */
  defaultOrder: boolean;
  /** What the request asks of `histogram()`. */
  histogram?: HistogramOptions;
  format: RowFormat;
  useCache: boolean;
}

/** Takes the next bytes of a file, which are good until it resolves: it wants more then. `rows`: of the run so far. */
export type FileSink = (bytes: Bytes, rows: number) => Promise<void>;

/** Where rows go instead of into the result. */
export interface FileOutput {
  file: number;
  sink: FileSink;
}

/** A file of rows that is being made; either finish it or free it. */
export interface OpenFile {
  handle: number;
  order: TimeOrder | undefined;
  finish(): Promise<Uint8Array>;
  free(): void;
}

export interface StatementAnswer {
  result: QueryResult;
  /** The whole answer was kept from an earlier time. */
  kept: boolean;
  waitedMs: number;
  /** For the lists of blocks and segments. */
  fileListMs: number;
}

/** What the planner says of a statement that has not run. */
export interface PlanFacts {
  leaves: ScanRequest[];
  columns: { name: string; type: string }[];
  analyze: boolean;
  order: TimeOrder | undefined;
  histogramSeconds: number | undefined;
}

/** The streams of a statement at one moment, for several runs that must agree. Let go of it once. */
export interface Moment {
  nowUs: number;
  snapshots: StreamSnapshot[];
  /** As of the same turn, so that a plan kept under its key fits these snapshots. */
  resolved: Resolved;
  /** Rows are wanted in the order of the blocks. */
  inOrder: boolean;
  release(): void;
}

const HISTOGRAM = /\bhistogram\b/i;

/**
 * What is planned for the time range of its request: a histogram has as many buckets as fit that, and an explanation shows it. Other plans
 * are made without, so that a dashboard whose range moves on needs no new one.
 */
const PLANNED_FOR_RANGE = /\bhistogram\b|^\W*explain\b/i;

interface Resolved {
  options: PlanOptions;
  streams: { stream: Stream; expiredBefore: number | undefined }[];
  /** Of all streams of the organization. */
  names: Iterable<string>;
  /** What the plan does not bound itself. */
  timeRange: Pick<TimeMove, 'startTime' | 'endTime'>;
  planKey: string;
  answerKey: string;
}

export class QueryRunner {
  readonly admission: QueryAdmission;

  constructor(
    private readonly store: Store,
    private readonly pool: QueryPool,
    readonly caches: QueryCaches,
    private readonly budget: QueryBudget,
  ) {
    const running = pool.options.maxThreads * QUERIES_RUNNING_PER_WORKER;
    this.admission = new QueryAdmission(Math.max(QUERIES_RUNNING_MIN, running), QUERIES_WAITING_MAX);
  }

  /** @throws BasaltError with the API's code */
  async run(statement: Statement, signal: AbortSignal): Promise<StatementAnswer> {
    const started = performance.now();
    const { answers } = this.caches;
    const kept = statement.useCache ? answers?.get(this.resolve(statement).answerKey) : undefined;
    if (kept) return { result: kept, kept: true, waitedMs: 0, fileListMs: 0 };
    return this.admission.run(async () => {
      signal.throwIfAborted();
      const waitedMs = performance.now() - started;
      // Resolved anew: the streams may have changed while it waited for its turn.
      const moment = this.moment(statement);
      const { answerKey } = moment.resolved;
      const fileListMs = performance.now() - started - waitedMs;
      try {
        const result = await this.execute(statement, moment, statement.range, signal, {
          answerBytesMax: answerBytesMax(this.budget.memoryBytes, this.admission.runningCount),
        });
        if (result.repeatable && statement.useCache) answers?.set(answerKey, result);
        return { result, kept: false, waitedMs, fileListMs };
      } finally {
        moment.release();
      }
    });
  }

  /** Runs over a part of the range, as the streams were at `moment`; its rows go to `output`, if given. */
  runPart(
    statement: Statement,
    moment: Moment,
    part: TimeRange,
    signal: AbortSignal,
    output?: FileOutput,
  ): Promise<QueryResult> {
    return this.admission.run(async () => {
      signal.throwIfAborted();
      return this.execute(statement, moment, part, signal, { output });
    });
  }

  /** Begins a file of the rows of the statement. @throws BasaltError 400 for one that has no rows of its own */
  async openFile(statement: Statement, moment: Moment, file: ExportOptions): Promise<OpenFile> {
    const { nowUs, snapshots, resolved } = moment;
    const { planKey, options, names } = resolved;
    const { plans } = this.caches;
    const context = () => planContext(snapshots, names, nowUs, options);
    const lease = await acquirePlan(this.pool, { plans, planKey, nowUs, sql: statement.sql, context });
    try {
      const { handle: plan, analyze, order } = lease.plan;
      if (analyze) throw requestError(400, 'EXPLAIN ANALYZE cannot be exported', { hint: 'ask _search' });
      const handle = await runTask<number>(this.pool, {
        kind: 'openExport',
        plan,
        options: file,
      });
      return {
        handle,
        order,
        finish: () => runTask<Uint8Array>(this.pool, { kind: 'finishExport', file: handle }),
        // Fails only when the pool is being destroyed, and the handle goes with the process then.
        free: () => void this.pool.run({ kind: 'freeExport', handle } satisfies QueryTask).catch(() => {}),
      };
    } finally {
      lease.release();
    }
  }

  moment(statement: Statement): Moment {
    const resolved = this.resolve(statement);
    const snapshots = resolved.streams.map(({ stream, expiredBefore }) =>
      this.store.snapshot(stream, expiredBefore),
    );
    return momentOf(resolved, snapshots, false);
  }

  /** Some blocks of the one stream that the statement names; runs over it give rows in the blocks' order. */
  momentOfBlocks(statement: Statement, stream: Stream, blocks: readonly LiveBlock[]): Moment {
    const resolved = this.resolve(statement, [stream]);
    return momentOf(resolved, [this.store.snapshotOfBlocks(stream, blocks)], true);
  }

  /** @throws BasaltError 400 for a statement that cannot run */
  async plan(statement: Statement): Promise<PlanFacts> {
    const { planKey, options, streams, names } = this.resolve(statement);
    const nowUs = Date.now() * 1000;
    const { plans } = this.caches;
    const described = streams.map(({ stream: { name, schema, hasUnlisted }, expiredBefore }) => ({
      name,
      schema,
      hasUnlisted,
      expiredBefore,
    }));
    const context = () => planContext(described, names, nowUs, options);
    const lease = await acquirePlan(this.pool, { plans, planKey, nowUs, sql: statement.sql, context });
    try {
      const { leaves, schema, analyze, order, histogramSeconds } = lease.plan;
      return {
        leaves: leaves.map(requestToPrune),
        columns: JSON.parse(schema) as PlanFacts['columns'],
        analyze,
        order,
        histogramSeconds,
      };
    } finally {
      lease.release();
    }
  }

  private execute(
    statement: Statement,
    { nowUs, snapshots, resolved, inOrder }: Moment,
    part: TimeRange,
    signal: AbortSignal,
    { output, answerBytesMax = Number.POSITIVE_INFINITY }: { output?: FileOutput; answerBytesMax?: number },
  ): Promise<QueryResult> {
    const { options, names, timeRange, planKey } = resolved;
    const whole = part.startTime === statement.range.startTime && part.endTime === statement.range.endTime;
    const { plans, partials } = this.caches;
    return runQuery(this.pool, {
      sql: statement.sql,
      planKey,
      nowUs,
      timeRange: whole ? timeRange : part,
      context: () => planContext(snapshots, names, nowUs, options),
      format: output?.file ?? statement.format,
      sink: output?.sink,
      inOrder,
      // What is read once would only drive out what is read often.
      usePageCache: output === undefined,
      budget: shareOf(this.budget, this.admission.runningCount),
      answerBytesMax,
      snapshots,
      plans,
      partials: statement.useCache ? partials : undefined,
      signal,
    });
  }

  /** The statement with all that its plan and its answer depend on; of the streams that it may name, unless told which. */
  private resolve(statement: Statement, named?: Stream[]): Resolved {
    const { organization, sql, range, from, size, defaultOrder, format } = statement;
    const all = this.store.streamsOf(organization);
    const streams = (named ?? namedStreams(sql, all)).map((stream) => ({
      stream,
      expiredBefore: this.store.expiredBefore(stream),
    }));
    const { startTime, endTime } = range;
    const noRange = { startTime: null, endTime: null };
    const planned = PLANNED_FOR_RANGE.test(sql);
    // Plans of statements without are shared by requests that ask for one and such as do not.
    const histogram = HISTOGRAM.test(sql) ? statement.histogram : undefined;
    const options: PlanOptions = { ...(planned ? range : noRange), from, size, defaultOrder, ...histogram };
    // The plan has the time from which on rows may be seen in its leaves.
    const schemas = streams.map(
      ({ stream, expiredBefore }) => `${stream.name}:${stream.schemaVersion}:${expiredBefore ?? ''}`,
    );
    const planKey = JSON.stringify([organization, schemas, options, sql]);
    // Versions are told apart even between streams of one name, so a name need not be here.
    const versions = streams.map(({ stream }) => stream.version).join();
    const answerKey = `${versions} ${format} ${startTime} ${endTime} ${planKey}`;
    const names = { [Symbol.iterator]: () => all.keys() };
    return { options, streams, names, timeRange: planned ? noRange : range, planKey, answerKey };
  }
}

function momentOf(resolved: Resolved, snapshots: StreamSnapshot[], inOrder: boolean): Moment {
  return {
    nowUs: Date.now() * 1000,
    snapshots,
    resolved,
    inOrder,
    release: () => {
      for (const snapshot of snapshots) snapshot.release();
    },
  };
}
