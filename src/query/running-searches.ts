/**
 * The searches that are running or waiting, by trace id, so that they can be listed and stopped. A search ends in the same turn in which
 * it is stopped: its caller is answered at once, and the workers stop at the next page or slice of what they do.
 */
import { QUERY_TIMEOUT_SECONDS_DEFAULT } from '../config/limits.js';
import { BasaltError, requestError } from '../errors/index.js';

export interface SearchInfo {
  traceId: string;
  organization: string;
  sql: string;
  startTime: number;
  endTime: number;
  searchType: string;
  /** Seconds; 0: the limit of the server. */
  timeoutSeconds: number;
}

/** setTimeout takes no more. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class RunningSearch {
  readonly startedMs = Date.now();
  private readonly controller = new AbortController();
  private readonly seconds: number;
  private readonly timer: NodeJS.Timeout;
  private timedOut = false;
  private stoppedBy: BasaltError | undefined;
  private readonly onClientGone = () => this.stop();

  constructor(
    readonly info: SearchInfo,
    private readonly clientGone: AbortSignal,
  ) {
    this.seconds = info.timeoutSeconds || QUERY_TIMEOUT_SECONDS_DEFAULT;
    const onTimeout = () => {
      this.timedOut = true;
      this.stop();
    };
    this.timer = setTimeout(onTimeout, Math.min(this.seconds * 1000, TIMER_MS_MAX));
    if (clientGone.aborted) this.stop();
    else clientGone.addEventListener('abort', this.onClientGone);
  }

  /** Aborts when it is stopped, in whichever way. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** @param reason what its caller is told, in place of that it was cancelled */
  stop(reason?: BasaltError): void {
    this.stoppedBy ??= reason;
    this.controller.abort();
  }

  /** Lets go of the timer and the client: both may outlive it by far. */
  end(): void {
    clearTimeout(this.timer);
    this.clientGone.removeEventListener('abort', this.onClientGone);
  }

  /** What to tell instead of an error that came of being stopped. */
  explain(error: unknown): unknown {
    if (this.timedOut) {
      return requestError(408, `the query was stopped after its limit of ${this.seconds} s`, {
        code: 20010,
        hint: 'narrow the time range, add a filter, or raise "timeout"',
      });
    }
    if (this.stoppedBy) return this.stoppedBy;
    if (this.signal.aborted) return new BasaltError(429, 'the query was cancelled', { code: 20009 });
    return error;
  }
}

export class RunningSearches {
  private readonly searches = new Set<RunningSearch>();
  private idleListeners: (() => void)[] = [];

  /**
   * Runs `work` as a search that can be listed and stopped.
   * @throws BasaltError 408 or 429 when it was stopped, at once and not only when `work` ends
   */
  async run<T>(
    info: SearchInfo,
    clientGone: AbortSignal,
    work: (search: RunningSearch) => Promise<T>,
  ): Promise<T> {
    const search = new RunningSearch(info, clientGone);
    this.searches.add(search);
    try {
      return await Promise.race([work(search), stopOf(search.signal)]);
    } catch (error) {
      throw search.explain(error);
    } finally {
      search.end();
      this.searches.delete(search);
      if (this.searches.size === 0) for (const listener of this.idleListeners.splice(0)) listener();
    }
  }

  of(organization: string): RunningSearch[] {
    return [...this.searches].filter(({ info }) => info.organization === organization);
  }

  /** @returns how many there were with this id */
  stop(organization: string, traceId: string): number {
    const found = this.of(organization).filter(({ info }) => info.traceId === traceId);
    for (const search of found) search.stop();
    return found.length;
  }

  /** Ends every search with this error. */
  stopAll(reason: BasaltError): void {
    for (const search of this.searches) search.stop(reason);
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    if (this.searches.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }
}

/** Never resolves; fails when the search is stopped. */
function stopOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
