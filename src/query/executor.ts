/**
 * Runs one query: plan on a query worker, prune here, dispatch morsels to the query workers under a byte credit per leaf, feed their
 * answers to the residual plan, collect encoded rows. State of a query: planned → scanning → done | failed | cancelled; the handles are
 * given back in all of them.
 */
import type { Piscina } from 'piscina';
import { LEAF_CREDIT_BYTES, QUERY_MEMORY_BYTES_MAX } from '../config/limits.js';
import { BasaltError } from '../errors/index.js';
import type { RowFormat, ScanAnswer } from '../native/index.js';
import type { StreamSnapshot } from '../storage/snapshot.js';
import { Leaf, type Morsel } from './leaf.js';
import type { PlanContext } from './plan-context.js';
import type { FeedResult, FeedTask, PlanResult, QueryTask, TaskFailure } from './query-task.js';

export interface QueryResult {
  /** Encoded rows, to be joined without separator. */
  pieces: Uint8Array[];
  rows: number;
  columns: { name: string; type: string }[];
  planMs: number;
  scanMs: number;
  /** Of the scans. */
  rowsScanned: number;
  bytesRead: number;
  blocks: number;
  blocksPruned: number;
}

export interface QueryInput {
  sql: string;
  context: PlanContext;
  format: RowFormat;
  /** The streams that the context describes, held by the caller until the query has ended. */
  snapshots: StreamSnapshot[];
  signal: AbortSignal;
}

/** Feed the run once this much has gathered, or when there is nothing else to wait for. */
const FEED_BYTES = 4 * 1024 * 1024;

export async function runQuery(pool: Piscina, input: QueryInput): Promise<QueryResult> {
  return new QueryExecution(pool, input).run();
}

class QueryExecution {
  private leaves: Leaf[] = [];
  private readonly pieces: Uint8Array[] = [];
  private rows = 0;
  private rowsScanned = 0;
  private bytesRead = 0;
  /** Morsels on query workers. */
  private readonly scans = new Set<Promise<void>>();
  private answers: { leaf: number; ipc: Uint8Array }[] = [];
  private answerBytes = 0;
  private countsFed = false;
  /** Of scans that failed, whenever that was: an answer without their rows would be wrong. */
  private readonly scanErrors: unknown[] = [];
  private readonly finishedLeaves = new Set<number>();

  constructor(
    private readonly pool: Piscina,
    private readonly input: QueryInput,
  ) {}

  async run(): Promise<QueryResult> {
    const started = performance.now();
    const { sql, context } = this.input;
    const plan = await this.task<PlanResult>({
      kind: 'plan',
      sql,
      context: JSON.stringify(context),
      memoryBytes: QUERY_MEMORY_BYTES_MAX,
    });
    const planned = performance.now();
    try {
      this.leaves = plan.leaves.map((text, index) => this.openLeaf(text, index));
      await this.scan(plan.run);
    } finally {
      await Promise.allSettled(this.scans);
      // Fails only when the pool is being destroyed, and the handles go with the process then.
      this.pool.run({ kind: 'free', plan: plan.handle, run: plan.run } satisfies QueryTask).catch(() => {});
    }
    const stats = this.leaves.map((leaf) => leaf.stats);
    return {
      pieces: this.pieces,
      rows: this.rows,
      columns: JSON.parse(plan.schema) as QueryResult['columns'],
      planMs: planned - started,
      scanMs: performance.now() - planned,
      rowsScanned: this.rowsScanned + this.leaves.reduce((sum, leaf) => sum + leaf.countedRows, 0),
      bytesRead: this.bytesRead,
      blocks: stats.reduce((sum, leaf) => sum + leaf.blocks, 0),
      blocksPruned: stats.reduce((sum, leaf) => sum + leaf.prunedByTime + leaf.prunedByZoneMap, 0),
    };
  }

  private openLeaf(text: string, index: number): Leaf {
    const name = (JSON.parse(text) as { stream: string }).stream;
    const snapshot = this.input.snapshots.find((each) => each.name === name);
    if (!snapshot) throw new Error(`BUG: the plan reads ${name}, which it was not told of`);
    return new Leaf(index, text, snapshot);
  }

  /** Alternates between keeping the scan workers busy and feeding the run, until the run is done. */
  private async scan(run: number): Promise<void> {
    for (;;) {
      this.input.signal.throwIfAborted();
      this.dispatch();
      if (this.scans.size > 0) await Promise.race(this.scans);
      if (this.scanErrors.length > 0) throw this.scanErrors[0];
      if (this.scans.size > 0 && this.answerBytes < FEED_BYTES && !this.outOfCredit()) continue;
      const fed = this.answers.length;
      const finishedBefore = this.finishedLeaves.size;
      const feed = await this.advance(run);
      if (this.scanErrors.length > 0) throw this.scanErrors[0];
      if (feed.done) return;
      if (feed.runnable) continue;
      const idle = this.scans.size === 0 && fed === 0 && this.finishedLeaves.size === finishedBefore;
      if (idle && this.leaves.every((leaf) => leaf.done))
        throw new Error('BUG: the residual plan waits for nothing');
    }
  }

  /** Whether a leaf with work left must wait for the run to consume what it has. */
  private outOfCredit(): boolean {
    return this.leaves.some((leaf) => !leaf.exhausted && leaf.queuedBytes >= LEAF_CREDIT_BYTES);
  }

  private async advance(run: number): Promise<FeedResult> {
    const counts = this.takeCounts();
    const answers = this.answers.splice(0);
    this.answerBytes = 0;
    const finished = this.leaves
      .filter((leaf) => leaf.done && !this.finishedLeaves.has(leaf.index))
      .map((leaf) => leaf.index);
    for (const leaf of finished) this.finishedLeaves.add(leaf);
    const feed = await this.task<FeedResult>({
      kind: 'feed',
      run,
      answers,
      counts,
      finished,
      format: this.input.format,
    });
    for (const leaf of this.leaves) {
      leaf.queuedBytes = feed.queuedBytes[leaf.index] ?? 0;
      leaf.satisfied ||= feed.satisfied[leaf.index] ?? false;
    }
    if (feed.rows > 0) {
      this.pieces.push(feed.bytes);
      this.rows += feed.rows;
    }
    return feed;
  }

  /** Rows of blocks that need no scan; told once. */
  private takeCounts(): FeedTask['counts'] {
    if (this.countsFed) return [];
    this.countsFed = true;
    const counted = this.leaves.filter((leaf) => leaf.countedRows > 0);
    return counted.map((leaf) => ({ leaf: leaf.index, rows: leaf.countedRows }));
  }

  private dispatch(): void {
    const workers = this.pool.options.maxThreads;
    for (const leaf of this.leaves) {
      while (this.scans.size < workers && leaf.queuedBytes < LEAF_CREDIT_BYTES) {
        const morsel = leaf.takeMorsel(workers);
        if (!morsel) break;
        const scan = this.scanMorsel(leaf, morsel)
          .catch((error: unknown) => void this.scanErrors.push(error))
          .finally(() => this.scans.delete(scan));
        this.scans.add(scan);
      }
    }
  }

  private async scanMorsel(leaf: Leaf, morsel: Morsel): Promise<void> {
    const parts = morsel.parts.map(({ path, fileId, offset }) => ({ path, fileId, offset }));
    let rows = 0;
    try {
      const answer = await this.task<ScanAnswer>({ kind: 'scan', request: leaf.text, parts });
      rows = answer.rows;
      this.rowsScanned += answer.rowsScanned;
      this.bytesRead += answer.bytesRead;
      this.answers.push({ leaf: leaf.index, ipc: answer.ipc });
      this.answerBytes += answer.ipc.length;
      leaf.queuedBytes += answer.ipc.length;
    } finally {
      leaf.answer(morsel, rows);
    }
  }

  private async task<Result>(task: QueryTask): Promise<Result> {
    const result = (await this.pool.run(task)) as Result | TaskFailure;
    if (result !== null && typeof result === 'object' && 'failure' in result) {
      const { status, message, fields } = result.failure;
      throw new BasaltError(status, message, fields);
    }
    return result as Result;
  }
}
