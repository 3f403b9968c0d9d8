/**
 * Runs one query: plan on a query worker (or have the plan already), prune here, dispatch morsels to the query workers under a byte credit
 * per leaf, feed their answers to the residual plan, collect encoded rows. Answers of morsels over segments are kept (partial-cache.ts).
 * State of a query: planned → scanning → done | failed | cancelled; the handles are given back in all of them.
 */
import type { QueryBudget } from '../config/memory.js';
import { BasaltError } from '../errors/index.js';
import {
  type Bytes,
  cancelQuery,
  closeQuery,
  freeHeld,
  type Ipc,
  openQuery,
  type PlanAnswer,
  type RequestText,
  type RowFormat,
  type ScanAnswer,
} from '../native/index.js';
import type { StreamSnapshot } from '../storage/snapshot.js';
import { answerTooLong } from './answer-limit.js';
import { Gathering, groupsRows, type Release, selectsGroups } from './combine.js';
import { explainAnalyze, explainedRows } from './explain.js';
import { Leaf, type Morsel } from './leaf.js';
import type { Partial, PartialCache } from './partial-cache.js';
import type { PlanCache, PlanLease } from './plan-cache.js';
import type { PlanContext } from './plan-context.js';
import { overlapsTime } from './prune.js';
import type { QueryPool } from './query-pool.js';
import type { FeedResult, FeedTask, QueryTask, TaskFailure } from './query-task.js';
import { moveTime, requestToPrune, type ScanRequest, type TimeMove } from './scan-request.js';
import { Together } from './together.js';

export interface QueryResult {
  /** Encoded rows, to be joined without separator; none where they went to a sink. */
  pieces: Uint8Array[];
  rows: number;
  columns: { name: string; type: string }[];
  /** Whether the same statement over the same data always has this answer. */
  repeatable: boolean;
  planMs: number;
  scanMs: number;
  scans: ScanTotals;
  leaves: Leaf[];
  /** The width of the first `histogram()` of the statement. */
  histogramSeconds: number | undefined;
  /** What was left out since it is not of the type that the statement asks for, in words. */
  leftOut: string[];
}

/** Over all leaves of a query. Rows that a cached answer stands for are not scanned. */
export interface ScanTotals {
  rowsScanned: number;
  rowsCached: number;
  rowsMatched: number;
  pagesRead: number;
  pagesCached: number;
  pagesSkipped: number;
  /** Of the skipped pages: those that a zone map, a dictionary or an index ruled out. */
  skippedByZoneMap: number;
  skippedByDictionary: number;
  skippedByIndex: number;
  bytesRead: number;
  morsels: number;
  morselsCached: number;
  /** Busy time of all query workers with morsels, milliseconds. */
  workerMs: number;
}

export interface QueryInput {
  sql: string;
  /** What the plan depends on, but for the clock. */
  planKey: string;
  /** The moment of the query, microseconds. */
  nowUs: number;
  /** Only rows within are read: where the plan was made without them, these are the bounds of the request. */
  timeRange: Pick<TimeMove, 'startTime' | 'endTime'>;
  /** Made when there is no plan yet. */
  context: () => PlanContext;
  /** Of the rows; a number is an export that they go to. */
  format: RowFormat | number;
  /**
   * Takes the bytes of an export as they come, each good until it resolves. The query waits for it, and holds no more than one piece.
   * `rows`: of the result so far.
   */
  sink?: (bytes: Bytes, rows: number) => void | Promise<void>;
  /** Rows come in the order of the snapshot's blocks, where the statement asks for no other: one piece is scanned after the other. */
  inOrder: boolean;
  /** Whether the pages that it reads are kept for other queries. */
  usePageCache: boolean;
  budget: QueryBudget;
  /** Of encoded rows that are kept for the result. */
  answerBytesMax: number;
  /** The streams that the context describes, held by the caller until the query has ended. */
  snapshots: StreamSnapshot[];
  plans: PlanCache;
  /** Undefined: nothing is taken from a cache of answers nor put there. */
  partials: PartialCache | undefined;
  signal: AbortSignal;
}

/** Feed the run once this much has gathered, or when there is nothing else to wait for. */
const FEED_BYTES = 4 * 1024 * 1024;

export async function runQuery(pool: QueryPool, input: QueryInput): Promise<QueryResult> {
  return new QueryExecution(pool, input).run();
}

class QueryExecution {
  private leaves: Leaf[] = [];
  private plan: PlanLease | undefined;
  private runHandle: number | undefined;
  /** By which native work is cancelled. */
  private readonly query = openQuery();
  private rejectCancelled: (reason: unknown) => void = () => {};
  /** Rejects when the query is cancelled. */
  private readonly cancelled = new Promise<never>((_, reject) => {
    this.rejectCancelled = reject;
  });
  private readonly cancel = () => {
    this.stop();
    this.rejectCancelled(this.input.signal.reason);
  };
  private readonly pieces: Uint8Array[] = [];
  private pieceBytes = 0;
  private rows = 0;
  private leftOut: string[] = [];
  private readonly totals: ScanTotals = {
    rowsScanned: 0,
    rowsCached: 0,
    rowsMatched: 0,
    pagesRead: 0,
    pagesCached: 0,
    pagesSkipped: 0,
    skippedByZoneMap: 0,
    skippedByDictionary: 0,
    skippedByIndex: 0,
    bytesRead: 0,
    morsels: 0,
    morselsCached: 0,
    workerMs: 0,
  };
  /** Morsels on query workers. */
  private readonly scans = new Set<Promise<void>>();
  private answers: { leaf: number; ipc: Ipc }[] = [];
  /** Answers in the addon that are not in the run yet, and rows that are not sent. */
  private readonly held = new Set<number>();
  private answerBytes = 0;
  private countsFed = false;
  /** Of scans that failed, whenever that was: an answer without their rows would be wrong. */
  private readonly scanErrors: unknown[] = [];
  private readonly finishedLeaves = new Set<number>();
  /** Of the leaves that group rows. */
  private readonly gatherings = new Map<Leaf, Gathering>();
  /** Of those, where kept answers are to be combined into one. */
  private readonly togethers = new Map<Leaf, Together>();

  constructor(
    private readonly pool: QueryPool,
    private readonly input: QueryInput,
  ) {
    const { signal } = input;
    // Nobody may be waiting when it comes.
    this.cancelled.catch(() => {});
    if (signal.aborted) this.cancel();
    else signal.addEventListener('abort', this.cancel);
  }

  async run(): Promise<QueryResult> {
    const started = performance.now();
    const { format } = this.input;
    try {
      const lease = await acquirePlan(this.pool, this.input);
      const plan = lease.plan;
      this.plan = lease;
      const planned = performance.now();
      const leaves = plan.leaves.map((text, index) => this.openLeaf(text, index, plan.deferred[index]));
      this.leaves = await Promise.all(leaves);
      await this.scan(plan.handle);
      const result: QueryResult = {
        pieces: this.pieces,
        rows: this.rows,
        columns: JSON.parse(plan.schema) as QueryResult['columns'],
        repeatable: plan.stability === 'fixed' && !plan.analyze,
        planMs: planned - started,
        scanMs: performance.now() - planned,
        scans: this.totals,
        leaves: this.leaves,
        histogramSeconds: plan.histogramSeconds,
        leftOut: this.leftOut,
      };
      if (!plan.analyze) return result;
      const operators = await this.task<string>({ kind: 'explain', run: this.runHandle as number });
      if (typeof format === 'number') throw new Error('BUG: an explanation is no export');
      return { ...result, ...explainedRows(explainAnalyze(result, operators), format) };
    } finally {
      // The signal may outlive many queries.
      this.input.signal.removeEventListener('abort', this.cancel);
      // Whatever else is under way when one part fails has nobody to answer to.
      this.stop();
      await Promise.allSettled(this.scans);
      closeQuery(this.query);
      freeHeld([...this.held]);
      // Fails only when the pool is being destroyed, and the handle goes with the process then.
      if (this.runHandle !== undefined)
        this.pool.run({ kind: 'freeRun', handle: this.runHandle } satisfies QueryTask).catch(() => {});
      this.plan?.release();
    }
  }

  private async openLeaf(planned: RequestText, index: number, deferred?: boolean): Promise<Leaf> {
    const { text, request } = this.inTime(index, planned);
    const snapshot = this.snapshotOf(request);
    if (!deferred) await loadFooters(snapshot, request);
    const keepsAnswers = this.input.partials !== undefined;
    const { groupingRunGroups, gatheredBytes } = this.input.budget;
    const leaf = new Leaf(index, text, snapshot, keepsAnswers, groupingRunGroups, deferred, request);
    if (groupsRows(request)) {
      const gathering = new Gathering(this.pool.options.maxThreads, gatheredBytes, selectsGroups(request));
      this.gatherings.set(leaf, gathering);
      if (!deferred) this.takeTogether(leaf);
    }
    return leaf;
  }

  /** Takes the answer of all kept pieces of a leaf that has begun, or sees to it that there is one next time. */
  private takeTogether(leaf: Leaf): void {
    const { partials } = this.input;
    const together = partials && Together.of(leaf);
    if (!together) return;
    const kept = partials.get(together.key);
    if (!kept) {
      this.togethers.set(leaf, together);
      return;
    }
    leaf.takeKeptPieces(together.pieces);
    this.countMorsel(kept, false);
    this.gather(leaf, kept);
  }

  /** The planner's request of a leaf as it is meant now, in the time range of this query: its text, and what to rule out blocks by. */
  private inTime(leaf: number, { text, outline }: RequestText): { text: string; request: ScanRequest } {
    const { plan, plannedUs } = this.plan as PlanLease;
    const shift = (bound: number) =>
      plan.clock?.follows[2 * leaf + bound] ? this.input.nowUs - plannedUs : 0;
    const move = { shiftUs: [shift(0), shift(1)] as [number, number], ...this.input.timeRange };
    const moved = { text: moveTime(text, move), outline: outline && moveTime(outline, move) };
    return { text: moved.text, request: requestToPrune(moved) };
  }

  private snapshotOf({ stream }: ScanRequest): StreamSnapshot {
    const snapshot = this.input.snapshots.find((each) => each.name === stream);
    if (!snapshot) throw new Error(`BUG: the plan reads ${stream}, which it was not told of`);
    return snapshot;
  }

  /** Alternates between keeping the scan workers busy and feeding the run, until the run is done. */
  private async scan(plan: number): Promise<void> {
    for (;;) {
      this.input.signal.throwIfAborted();
      this.dispatch();
      if (this.scans.size > 0) await Promise.race([...this.scans, this.cancelled]);
      if (this.scanErrors.length > 0) throw this.scanErrors[0];
      if (this.scans.size > 0 && this.answerBytes < FEED_BYTES && !this.outOfCredit()) continue;
      const fed = this.answers.length;
      const finishedBefore = this.finishedLeaves.size;
      const feed = await this.advance(plan);
      if (this.scanErrors.length > 0) throw this.scanErrors[0];
      if (feed.done) return;
      if (feed.runnable) continue;
      const asked = feed.requests.length > 0;
      const idle =
        !asked && this.scans.size === 0 && fed === 0 && this.finishedLeaves.size === finishedBefore;
      if (idle && this.leaves.every((leaf) => leaf.done))
        throw new Error('BUG: the residual plan waits for nothing');
    }
  }

  /** Whether a leaf with work left must wait for the run to consume what it has. */
  private outOfCredit(): boolean {
    return this.leaves.some(
      (leaf) => !leaf.exhausted && leaf.queuedBytes >= this.input.budget.leafCreditBytes,
    );
  }

  private async advance(plan: number): Promise<FeedResult> {
    const counts = this.takeCounts();
    const answers = this.answers.splice(0);
    this.answerBytes = 0;
    const finished = this.leaves
      .filter((leaf) => leaf.done && !this.finishedLeaves.has(leaf.index))
      .map((leaf) => leaf.index);
    for (const leaf of finished) this.finishedLeaves.add(leaf);
    const feed = await this.task<FeedResult>({
      kind: 'feed',
      query: this.query,
      plan,
      run: this.runHandle,
      memoryBytes: this.input.budget.memoryBytes,
      answers,
      counts,
      finished,
      format: this.input.format,
    });
    this.runHandle = feed.run;
    this.own(feed.bytes);
    // The run has them now, and freed them.
    for (const { ipc } of answers) if ('held' in ipc) this.held.delete(ipc.held);
    const begun = feed.requests.map(({ leaf, request }) => ({ leaf, ...this.inTime(leaf, request) }));
    for (const { request } of begun) await loadFooters(this.snapshotOf(request), request);
    for (const leaf of this.leaves) {
      leaf.queuedBytes = feed.queuedBytes[leaf.index] ?? 0;
      leaf.satisfied ||= feed.satisfied[leaf.index] ?? false;
    }
    for (const { leaf, text, request } of begun) {
      const started = this.leaves[leaf] as Leaf;
      started.begin(text, request);
      if (groupsRows(request)) this.takeTogether(started);
      this.finishedLeaves.delete(leaf);
    }
    this.rows += feed.rows;
    this.leftOut = feed.leftOut;
    if (feed.bytes.length > 0) await this.give(feed.bytes);
    return feed;
  }

  /** Gives encoded rows to the sink, or keeps them for the result. */
  private async give(bytes: Bytes): Promise<void> {
    const { sink } = this.input;
    if (sink) {
      await Promise.race([sink(bytes, this.rows), this.cancelled]);
      this.free([bytes]);
    } else {
      if ('held' in bytes) throw new Error('BUG: rows of an export without a sink');
      this.pieceBytes += bytes.length;
      const { answerBytesMax } = this.input;
      if (this.pieceBytes > answerBytesMax) throw answerTooLong(answerBytesMax);
      this.pieces.push(bytes);
    }
  }

  /** Rows of blocks that need no scan; told once. */
  private takeCounts(): FeedTask['counts'] {
    if (this.countsFed) return [];
    this.countsFed = true;
    const counted = this.leaves.filter((leaf) => leaf.countedRows > 0);
    return counted.map((leaf) => ({ leaf: leaf.index, rows: leaf.countedRows }));
  }

  private dispatch(): void {
    const workers = this.input.inOrder ? 1 : this.pool.options.maxThreads;
    for (const leaf of this.leaves) {
      while (this.scans.size < workers && leaf.queuedBytes < this.input.budget.leafCreditBytes) {
        const morsel = leaf.takeMorsel(workers);
        if (!morsel) break;
        const kept = morsel.cacheKey && this.input.partials?.get(morsel.cacheKey);
        if (kept) this.accept(leaf, morsel, kept, false);
        else this.track(this.scanMorsel(leaf, morsel));
      }
    }
  }

  private track(work: Promise<void>): void {
    const scan = work
      .catch((error: unknown) => void this.scanErrors.push(error))
      .finally(() => this.scans.delete(scan));
    this.scans.add(scan);
  }

  private async scanMorsel(leaf: Leaf, morsel: Morsel): Promise<void> {
    const { partials } = this.input;
    const { cacheKey } = morsel;
    try {
      if (cacheKey === undefined || !partials) {
        this.accept(leaf, morsel, await this.scanParts(morsel), true);
        return;
      }
      const { partial, fresh } = await partials.find(cacheKey, () => this.scanParts(morsel));
      this.accept(leaf, morsel, partial, fresh);
    } catch (error) {
      leaf.answer(morsel, 0);
      throw error;
    }
  }

  private async scanParts({ request, parts, rows, firstPage }: Morsel): Promise<Partial> {
    const started = performance.now();
    const { query } = this;
    const { usePageCache, budget } = this.input;
    const bytesMax = budget.scanBytes;
    const places = parts.map(({ path, fileId, offset, arrival }) => ({ path, fileId, offset, arrival }));
    const answer = await this.task<ScanAnswer>({
      kind: 'scan',
      query,
      usePageCache,
      request,
      parts: places,
      firstPage,
      bytesMax,
    });
    const { totals } = this;
    totals.rowsScanned += answer.rowsScanned;
    totals.rowsMatched += answer.rowsMatched;
    totals.pagesRead += answer.pagesRead;
    totals.pagesCached += answer.pagesCached;
    totals.pagesSkipped += answer.pagesSkipped;
    totals.skippedByZoneMap += answer.skippedByZoneMap;
    totals.skippedByDictionary += answer.skippedByDictionary;
    totals.skippedByIndex += answer.skippedByIndex;
    totals.bytesRead += answer.bytesRead;
    totals.workerMs += performance.now() - started;
    this.own(answer.ipc);
    return { ipc: answer.ipc, rows: answer.rows, rowsCovered: rows, resume: answer.resume };
  }

  private accept(leaf: Leaf, morsel: Morsel, answer: Partial, fresh: boolean): void {
    if (answer.resume) leaf.putBack(morsel, answer.resume);
    this.countMorsel(answer, fresh);
    if (!this.gatherings.has(leaf)) {
      this.keep(leaf, answer.ipc);
      leaf.answer(morsel, answer.rows);
      return;
    }
    const together = morsel.cacheKey === undefined ? undefined : this.togethers.get(leaf);
    if (!together) {
      this.gather(leaf, answer);
      return;
    }
    // Answers that are too large to be whole are not worth keeping as one.
    const release = answer.resume ? together.giveUp(answer) : together.add(answer);
    if (release) {
      this.togethers.delete(leaf);
      leaf.running++;
      if (release.kind === 'combine') this.track(this.combineTogether(leaf, together, release.answers));
      else this.gather(leaf, ...release.answers);
    }
    leaf.running--;
  }

  private countMorsel({ rowsCovered }: Partial, fresh: boolean): void {
    this.totals.morsels++;
    if (fresh) return;
    this.totals.morselsCached++;
    this.totals.rowsCached += rowsCovered;
  }

  /** Answers to what was one running morsel of a leaf that groups rows. */
  private gather(leaf: Leaf, ...answers: Partial[]): void {
    const gathering = this.gatherings.get(leaf) as Gathering;
    for (const [index, { ipc, rows }] of answers.entries()) {
      const last = index === answers.length - 1 && leaf.exhausted && leaf.running === 1;
      this.release(leaf, gathering.add(ipc, rows, last));
    }
    leaf.running--;
  }

  /** Combines the answers of all kept pieces into one, and keeps that. */
  private async combineTogether(leaf: Leaf, { key, pieces }: Together, answers: Partial[]): Promise<void> {
    try {
      const { partial } = await (this.input.partials as PartialCache).find(key, async () => {
        const { ipc, rows } = await this.task<ScanAnswer>({
          kind: 'combine',
          query: this.query,
          request: leaf.text,
          answers: answers.map((answer) => answer.ipc),
          share: 0,
          shares: 1,
          complete: false,
        });
        this.own(ipc);
        return { ipc, rows, rowsCovered: pieces.rows };
      });
      this.free(answers.map((answer) => answer.ipc));
      this.gather(leaf, partial);
    } catch (error) {
      leaf.running--;
      throw error;
    }
  }

  private own(bytes: Bytes): void {
    if ('held' in bytes) this.held.add(bytes.held);
  }

  /** Lets go of answers that others were made of, and of rows that are sent. */
  private free(all: Bytes[]): void {
    const gone = all.flatMap((bytes) => ('held' in bytes ? [bytes.held] : []));
    for (const handle of gone) this.held.delete(handle);
    if (gone.length > 0) freeHeld(gone);
  }

  /** Keeps an answer for the run. */
  private keep(leaf: Leaf, ipc: Ipc): void {
    this.answers.push({ leaf: leaf.index, ipc });
    this.answerBytes += ipc.length;
    leaf.queuedBytes += ipc.length;
  }

  private release(leaf: Leaf, release: Release | undefined): void {
    if (release?.kind === 'feed') for (const ipc of release.answers) this.keep(leaf, ipc);
    if (release?.kind === 'combine') {
      leaf.running++;
      this.track(this.combine(leaf, release));
    }
  }

  private async combine(
    leaf: Leaf,
    { answers, shares, complete }: Release & { kind: 'combine' },
  ): Promise<void> {
    const { query } = this;
    const request = leaf.text;
    const combining = Array.from({ length: shares }, (_, share) =>
      this.task<ScanAnswer>({ kind: 'combine', query, request, answers, share, shares, complete }),
    );
    let combined: ScanAnswer[];
    try {
      combined = await Promise.all(combining);
    } finally {
      // In the same turn as what follows: a leaf without work is told to be finished.
      leaf.running--;
    }
    for (const { ipc } of combined) this.own(ipc);
    this.free(answers);
    if (complete) {
      for (const { ipc } of combined) this.keep(leaf, ipc);
      return;
    }
    const ipcs = combined.map(({ ipc }) => ipc);
    const rows = combined.reduce((sum, answer) => sum + answer.rows, 0);
    const gathering = this.gatherings.get(leaf);
    this.release(leaf, gathering?.addCombined(ipcs, rows));
    if (leaf.done) this.release(leaf, gathering?.finish());
  }

  private stop(): void {
    cancelQuery(this.query);
    this.pool.stopped(this.query);
  }

  private task<Result>(task: QueryTask): Promise<Result> {
    return runTask<Result>(this.pool, task);
  }
}

/** A plan that is good at the moment of the query, kept or made. */
export async function acquirePlan(
  pool: QueryPool,
  {
    plans,
    planKey,
    nowUs,
    sql,
    context,
  }: Pick<QueryInput, 'plans' | 'planKey' | 'nowUs' | 'sql' | 'context'>,
): Promise<PlanLease> {
  const kept = plans.acquire(planKey, nowUs);
  if (kept) return kept;
  // A statement that never comes again need not be planned for later moments too.
  const described: PlanContext = { ...context(), followClock: plans.isKnown(planKey) };
  const made = await runTask<PlanAnswer>(pool, { kind: 'plan', sql, context: JSON.stringify(described) });
  return plans.add(planKey, made, nowUs);
}

/** @throws BasaltError as the worker said it */
export async function runTask<Result>(pool: QueryPool, task: QueryTask): Promise<Result> {
  const result = (await pool.run(task)) as Result | TaskFailure;
  if (result !== null && typeof result === 'object' && 'failure' in result) {
    const { status, message, fields } = result.failure;
    throw new BasaltError(status, message, fields);
  }
  return result as Result;
}

/** So that a leaf may begin this request. */
async function loadFooters(snapshot: StreamSnapshot, request: ScanRequest): Promise<void> {
  await snapshot.load((segment) => overlapsTime(request, segment));
}
