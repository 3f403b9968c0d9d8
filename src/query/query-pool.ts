/**
 * The pool of query workers, with a watch over it. A worker looks at the flag of its query every few milliseconds, and a plan ends in time;
 * one that does neither is held up in native code, which nothing can interrupt. Such a worker is given up: its task fails, a fresh worker
 * takes its place at once, and its thread ends when its call returns.
 *
 * Of a task: WAITING → RUNNING → ended, or RUNNING → OVERDUE (given up). Of a worker: in the pool → given up → gone.
 */
import { Piscina } from 'piscina';
import { PLAN_TASK_MS_MAX, STOPPED_TASK_MS_MAX, WORKERS_GIVEN_UP_MAX_PER_WORKER } from '../config/limits.js';
import { BasaltError, overloaded } from '../errors/index.js';
import type { QueryTask, QueryWorkerData } from './query-task.js';
import { TaskBoard } from './task-board.js';

const LOOK_MS = 250;

interface Watched {
  kind: QueryTask['kind'];
  query: number | undefined;
  controller: AbortController;
  runningSinceMs: number | undefined;
  stoppedMs: number | undefined;
  overdue: boolean;
}

export interface QueryPoolOptions {
  filename: string;
  threads: number;
  idleTimeoutMs: number;
  workerData: Omit<QueryWorkerData, 'board'>;
  /** A worker was given up. */
  onGivenUp: (kind: QueryTask['kind'], runningMs: number) => void;
}

export class QueryPool extends Piscina {
  private readonly watched = new Map<number, Watched>();
  private readonly board: TaskBoard;
  private readonly onGivenUp: QueryPoolOptions['onGivenUp'];
  private readonly watch: NodeJS.Timeout;
  private lastTicket = 0;
  private givenUpCount = 0;
  private heldCount = 0;

  constructor({ filename, threads, idleTimeoutMs, workerData, onGivenUp }: QueryPoolOptions) {
    const board = TaskBoard.allocate();
    super({
      filename,
      minThreads: threads,
      maxThreads: threads,
      idleTimeout: idleTimeoutMs,
      // A worker that waits in Atomics.wait never turns its event loop, and native buffers are only given back there: memory would grow.
      atomics: 'disabled',
      workerData: { ...workerData, board: board.buffer } satisfies QueryWorkerData,
    });
    this.board = board;
    this.onGivenUp = onGivenUp;
    this.watch = setInterval(() => this.look(), LOOK_MS).unref();
  }

  /** Workers that were given up so far. */
  get givenUp(): number {
    return this.givenUpCount;
  }

  /** Threads of workers that were given up and whose native call has not returned yet. */
  get held(): number {
    return this.heldCount;
  }

  /** Why no more queries should come, if so: each thread that is held up takes a core and memory until it returns. */
  get trouble(): string | undefined {
    const heldMax = this.options.maxThreads * WORKERS_GIVEN_UP_MAX_PER_WORKER;
    return this.heldCount < heldMax
      ? undefined
      : `${this.heldCount} query workers are held up in calls that do not end: restart the server`;
  }

  /** @throws BasaltError 400 when its planning does not end, 503 when its worker was given up */
  override async run(task: QueryTask): Promise<unknown> {
    // 32 bits, and never 0, which is none.
    this.lastTicket = (this.lastTicket + 1) | 0 || 1;
    const ticket = this.lastTicket;
    const watched: Watched = {
      kind: task.kind,
      query: 'query' in task ? task.query : undefined,
      controller: new AbortController(),
      runningSinceMs: undefined,
      stoppedMs: undefined,
      overdue: false,
    };
    this.watched.set(ticket, watched);
    try {
      return await super.run({ ...task, ticket }, { signal: watched.controller.signal });
    } catch (error) {
      if (!watched.overdue) throw error;
      throw watched.kind === 'plan'
        ? new BasaltError(400, 'Search SQL not valid: planning it does not end: write it in simpler parts', {
            code: 20001,
          })
        : overloaded('the query was stopped, and its worker with it', 'ask for less at a time');
    } finally {
      this.watched.delete(ticket);
    }
  }

  /** The query has been stopped: its tasks are to end soon. */
  stopped(query: number): void {
    const now = performance.now();
    for (const watched of this.watched.values()) {
      if (watched.query === query) watched.stoppedMs ??= now;
    }
  }

  override async destroy(): Promise<void> {
    clearInterval(this.watch);
    await super.destroy();
  }

  private look(): void {
    if (this.watched.size === 0) return;
    const now = performance.now();
    for (const { threadId, ticket } of this.board.running()) {
      const watched = this.watched.get(ticket);
      if (!watched || watched.overdue) continue;
      watched.runningSinceMs ??= now;
      const runningMs = now - watched.runningSinceMs;
      const isLate = watched.kind === 'plan' && runningMs > PLAN_TASK_MS_MAX;
      const sinceStopMs = watched.stoppedMs === undefined ? 0 : now - watched.stoppedMs;
      if (isLate || Math.min(sinceStopMs, runningMs) > STOPPED_TASK_MS_MAX)
        this.giveUp(watched, threadId, runningMs);
    }
  }

  private giveUp(watched: Watched, threadId: number, runningMs: number): void {
    watched.overdue = true;
    this.givenUpCount++;
    const worker = this.threads.find((thread) => thread.threadId === threadId);
    if (worker) {
      this.heldCount++;
      worker.once('exit', () => this.heldCount--);
    }
    this.onGivenUp(watched.kind, runningMs);
    watched.controller.abort();
  }
}
