/**
 * Deletion by query: rows that a condition matches are removed for good. The condition is planned as a query is; what the planner can put
 * wholly into a scan request can be evaluated row by row, which is what a merge that leaves rows out needs. The job is noted in the
 * catalog first, so that a start after a crash finishes it. Then every block of the stream that is in the WAL is merged and every segment
 * that holds a match is written anew, without the rows; each swap is one catalog transaction. At last the WAL files go that still had them.
 */
import type { Logger } from 'pino';
import { BasaltError, requestError } from '../errors/index.js';
import type { PlanAnswer } from '../native/index.js';
import type { RemovalRow } from '../storage/catalog.js';
import type { MergeScheduler } from '../storage/merge-scheduler.js';
import type { Store } from '../storage/store.js';
import type { Stream } from '../storage/stream.js';
import { planContext } from './plan-context.js';
import { insideTime, overlapsTime } from './prune.js';
import type { QueryPool } from './query-pool.js';
import type { QueryTask, TaskFailure } from './query-task.js';
import { requestToPrune, type ScanRequest } from './scan-request.js';

export interface DeletionRequest {
  /** A SQL condition; absent: every row of the time range. */
  where?: string;
  /** Microseconds, half-open. */
  startTime: number | null;
  endTime: number | null;
}

export interface DeletionOptions {
  store: Store;
  merges: MergeScheduler;
  queryPool: QueryPool;
  /** Lets go of WAL files that hold nothing live. */
  cutWal: () => Promise<void>;
  log: Logger;
}

export class DeletionService {
  private readonly running = new Set<Promise<unknown>>();

  constructor(private readonly options: DeletionOptions) {}

  /**
   * Removes the rows that were acknowledged before the call and match. Files that a running query reads go when it ends.
   * @returns how many rows were removed
   * @throws BasaltError 400 when the condition is wrong or is none that can be evaluated row by row, 404 without the stream
   */
  async delete(organization: string, name: string, request: DeletionRequest): Promise<number> {
    const stream = this.options.store.get(organization, name);
    const condition = await this.plan(stream, request);
    return condition === undefined ? 0 : this.track(this.begin(stream, condition));
  }

  /** Finishes what a crash cut off. */
  async resume(removals: RemovalRow[]): Promise<void> {
    if (removals.length === 0) return;
    const { store, log } = this.options;
    const byId = new Map(store.allStreams().map((stream) => [stream.id, stream]));
    for (const removal of removals) {
      const stream = byId.get(removal.stream_id);
      if (!stream) continue;
      const rows = await this.track(this.finish(stream, removal));
      log.info({ stream: stream.name, rows }, 'finished a deletion by query that a crash cut off');
    }
  }

  /** Resolves when none is running. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.running);
  }

  private async track<T>(work: Promise<T>): Promise<T> {
    this.running.add(work);
    try {
      return await work;
    } finally {
      this.running.delete(work);
    }
  }

  /** @returns the scan request, as the planner wrote it; undefined when nothing can match */
  private async plan(
    stream: Stream,
    { where, startTime, endTime }: DeletionRequest,
  ): Promise<string | undefined> {
    const sql = `SELECT count(*) FROM "${stream.name}"${where === undefined ? '' : ` WHERE (${where}\n)`}`;
    // Not as queries see it: what has expired is there until it is dropped, and is to go too.
    const { name, schema, hasUnlisted } = stream;
    const context = planContext([{ name, schema, hasUnlisted }], [name], Date.now() * 1000, {
      startTime,
      endTime,
      from: 0,
      size: null,
      defaultOrder: false,
    });
    const task: QueryTask = { kind: 'plan', sql, context: JSON.stringify(context) };
    const plan = (await this.options.queryPool.run(task)) as PlanAnswer | TaskFailure;
    if ('failure' in plan) {
      const { status, message, fields } = plan.failure;
      throw new BasaltError(status, message, fields);
    }
    const free: QueryTask = { kind: 'freePlan', handle: plan.handle };
    this.options.queryPool.run(free).catch(() => {});
    const [condition, ...others] = plan.leaves;
    if (condition === undefined) return undefined;
    if (others.length > 0 || !countsAll(requestToPrune(condition))) {
      throw requestError(400, 'the condition cannot be evaluated row by row', {
        hint: 'use comparisons, IN, BETWEEN, LIKE, match_all, regular expressions, IS NULL, and AND, OR, NOT of columns and constants',
      });
    }
    return condition.text;
  }

  private async begin(stream: Stream, request: string): Promise<number> {
    const { store, merges } = this.options;
    const release = await merges.hold(stream);
    let removal: RemovalRow;
    try {
      const sequence = store.currentSequence();
      const { id: stream_id, organization, name, createdUs } = stream;
      const key = { id: stream_id, organization, name, createdUs };
      const id = await store.catalog.change('beginRemoval', key, request, sequence);
      removal = { id, stream_id, request, sequence };
    } catch (error) {
      release();
      throw error;
    }
    return this.perform(stream, removal, release);
  }

  private async finish(stream: Stream, removal: RemovalRow): Promise<number> {
    return this.perform(stream, removal, await this.options.merges.hold(stream));
  }

  /** While the stream is held its segments have no row that came after the sequence. */
  private async perform(stream: Stream, removal: RemovalRow, release: () => void): Promise<number> {
    const { store, merges } = this.options;
    let removed = 0;
    try {
      for (let blocks = merges.firstBlocks(stream, removal.sequence); blocks.length > 0; ) {
        const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
        removed += rows - (await merges.rewrite(stream, { blocks, segments: [] }, removal.request));
        blocks = merges.firstBlocks(stream, removal.sequence);
      }
      const request = JSON.parse(removal.request) as ScanRequest;
      for (const segment of stream.segments) {
        if (!overlapsTime(request, segment)) continue;
        if (request.filter === null && insideTime(request, segment)) {
          const dropped = await store.dropSegments(stream, [segment]);
          removed += dropped.reduce((sum, { rows }) => sum + rows, 0);
        } else {
          removed +=
            segment.rows -
            (await merges.rewrite(stream, { blocks: [], segments: [segment] }, removal.request));
        }
      }
      await store.catalog.change('endRemoval', removal.id);
    } finally {
      release();
    }
    // A WAL file may hold the rows for as long as it holds blocks of any stream that are not merged.
    await merges.flush();
    await this.options.cutWal();
    await store.settled();
    return removed;
  }
}

/**
 * Whether the scan does the counting. Then no condition is left to check above it, so its own is the whole one; were it to give
 * rows, even rows without columns, a filter could follow (`random() < 0.5` needs no column).
 */
function countsAll({ output }: ScanRequest): boolean {
  if (output.kind !== 'aggregate' || output.groups.length > 0) return false;
  return output.aggregates.length === 1 && output.aggregates[0]?.kind === 'countRows';
}
