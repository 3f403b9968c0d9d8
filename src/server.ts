/**
 * The server process: recovers the store, starts the worker pools, listens, and drains on SIGTERM.
 */
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';
import { type Logger, pino } from 'pino';
import { Piscina } from 'piscina';
import { descriptorLimit, divideDescriptors } from './config/descriptors.js';
import { type Config, parseAddress } from './config/index.js';
import { RING_SLOTS, WAL_FILE_BYTES_MAX, WAL_IDLE_MS } from './config/limits.js';
import { FATAL_EXIT_CODE, FatalError, overloaded } from './errors/index.js';
import { Authenticator, rootPassword } from './http/auth.js';
import { Connections } from './http/connections.js';
import type { Exchange } from './http/exchange.js';
import { addExportRoutes } from './http/export-routes.js';
import { addFunctionRoutes } from './http/function-routes.js';
import { addIngestRoutes } from './http/ingest-routes.js';
import { type Listener, listen } from './http/listener.js';
import { addNodeRoutes, type ServerState } from './http/node-routes.js';
import { onBug, replyError } from './http/reply-error.js';
import { Router } from './http/router.js';
import { addRunningRoutes } from './http/running-routes.js';
import { addSearchRoutes } from './http/search-routes.js';
import { addStreamListRoutes } from './http/stream-list-routes.js';
import { addStreamRoutes } from './http/stream-routes.js';
import { addTailRoutes } from './http/tail-routes.js';
import { addValuesRoutes } from './http/values-routes.js';
import type { IngestWorkerData } from './ingest/batch-task.js';
import { IngestFrontEnd } from './ingest/front-end.js';
import { Metrics } from './metrics/index.js';
import { endProcess, limitStreams } from './native/index.js';
import { QueryCaches } from './query/caches.js';
import { DeletionService } from './query/deletion.js';
import { PageCache } from './query/page-cache.js';
import { QueryPool } from './query/query-pool.js';
import { QueryRunner } from './query/query-runner.js';
import { GONE_FILES_CHANNEL } from './query/query-task.js';
import { keepFreedMemory, limitQueries, queryUse } from './query/resources.js';
import { SearchService } from './query/search.js';
import { TailService } from './query/tail.js';
import { allocateRing } from './ring/layout.js';
import { RingProducer } from './ring/producer.js';
import type { RemovalRow } from './storage/catalog.js';
import { Collector } from './storage/collector.js';
import { dataLayout } from './storage/layout.js';
import type { Loss } from './storage/losses.js';
import { MergeScheduler } from './storage/merge-scheduler.js';
import { mergeSize } from './storage/merge-size.js';
import type { MergeWorkerData } from './storage/merge-task.js';
import { Store } from './storage/store.js';
import { WalSpares } from './storage/wal-spares.js';

/** Clients that wait for answers get so long. */
const DRAIN_ANSWERS_MS = 1500;

/** A batch that is being synced is waited for: its sender would not know whether to send again. */
const DRAIN_TIMEOUT_MS = 30_000;
const POOL_IDLE_MS = 30_000;

const workersDirectory = join(dirname(fileURLToPath(import.meta.url)), '..', 'workers');

/** Resolves with the promise, or after so long. */
async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  await Promise.race([promise, new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))]);
}

/** With fewer `minThreads`, threads are started when they are needed, and end when they were idle for a while. */
function pool(worker: string, threads: number, workerData?: unknown, minThreads = threads): Piscina {
  return new Piscina({
    filename: join(workersDirectory, `${worker}.js`),
    minThreads,
    idleTimeout: POOL_IDLE_MS,
    maxThreads: threads,
    // A worker that waits in Atomics.wait never turns its event loop, and native buffers are only given back there: memory would grow.
    atomics: 'disabled',
    workerData,
  });
}

class Server {
  private state: ServerState = 'STARTING';
  private readonly metrics = new Metrics();
  private readonly router = new Router();
  private readonly routeOf = new WeakMap<Exchange, string>();
  private readonly ingestPool: Piscina;
  private readonly queryPool: QueryPool;
  private readonly pageCache: PageCache | undefined;
  private readonly mergePool: Piscina;
  private readonly urgentMergePool: Piscina;
  private readonly ingest: IngestFrontEnd;
  private readonly merges: MergeScheduler;
  private readonly caches: QueryCaches;
  private readonly search: SearchService;
  private readonly tails: TailService;
  private readonly authenticator: Authenticator;
  private readonly spares: WalSpares;
  private readonly deletions: DeletionService;
  private readonly collector: Collector;
  private lastBatchMs = Date.now();
  private walHeld = true;
  private readonly goneFiles = new BroadcastChannel(GONE_FILES_CHANNEL);
  private readonly connections: Connections;
  private listener: Listener | undefined;

  constructor(
    private readonly config: Config,
    private readonly log: Logger,
    private readonly store: Store,
  ) {
    const { password, generated } = rootPassword(config, this.store.layout.rootPassword);
    if (generated) announcePassword(config.rootUserEmail, password, this.store.layout.rootPassword, log);
    this.observeClock();
    this.authenticator = new Authenticator(config.rootUserEmail, password);
    this.store.onFatal = (error) => this.fatal(error);
    this.store.onFileGone = (path) => this.goneFiles.postMessage(path);
    this.goneFiles.unref();
    const ring = allocateRing(RING_SLOTS, config.memory.ringBytes);
    const ingestData: IngestWorkerData = {
      ring,
      ringSlots: RING_SLOTS,
      sequence: this.store.sequenceBuffer,
      walEpoch: this.store.walEpochBuffer,
      walDirectory: this.store.layout.wal,
      journalDirectory: this.store.layout.journal,
      bootId: this.store.bootId,
    };
    this.spares = new WalSpares(
      this.store.layout.wal,
      this.store.bootId,
      config.ingestWorkers,
      (error) => log.warn(`no WAL file can be prepared: ${String(error)}`),
      () => !this.store.space.full,
    );
    this.observeSpace();
    this.ingestPool = pool('ingest', config.ingestWorkers, ingestData);
    const { pageCacheBytes, resultCacheBytes, heapBodyBytes, query } = config.memory;
    const descriptors = divideDescriptors(descriptorLimit(), config);
    this.connections = new Connections(descriptors.connections);
    if (pageCacheBytes > 0) this.pageCache = new PageCache(pageCacheBytes, config.pageCacheTtlSeconds);
    this.queryPool = new QueryPool({
      filename: join(workersDirectory, 'query.js'),
      threads: config.queryWorkers,
      idleTimeoutMs: POOL_IDLE_MS,
      workerData: { pageCache: this.pageCache?.share, filesMax: descriptors.dataFilesByWorker },
      onGivenUp: (kind, runningMs) =>
        log.error(
          { kind, runningMs: Math.round(runningMs) },
          'a query worker does not answer: a fresh one takes its place',
        ),
    });
    const mergeThreads = config.ingestWorkers;
    this.mergePool = pool('merge', mergeThreads, { nice: 10 } satisfies MergeWorkerData, 1);
    // As many as ingest has, so that it cannot outrun them for ever: both get their share of the cores.
    this.urgentMergePool = pool('merge', mergeThreads, { nice: 0 } satisfies MergeWorkerData, 0);
    this.merges = new MergeScheduler(
      this.store,
      this.mergePool,
      this.urgentMergePool,
      log,
      this.metrics,
      mergeSize(config.memory.mergeBytes),
    );
    keepFreedMemory(config.memory.freedMemoryMs);
    limitStreams(config.memory.streamsMax);
    limitQueries(query.memoryBytes, this.store.layout.spill, config.spillBytes);
    this.caches = new QueryCaches(this.queryPool, this.store.layout.cache, { ...config, resultCacheBytes });
    const runner = new QueryRunner(this.store, this.queryPool, this.caches, query);
    this.search = new SearchService(this.store, runner, { maxQueryRangeHours: config.maxQueryRangeHours });
    this.tails = new TailService(this.store, runner, log);
    this.ingest = new IngestFrontEnd(
      new RingProducer(ring, RING_SLOTS),
      this.ingestPool,
      () => this.store.walFiles.bytes,
      {
        batch: (result) => {
          this.lastBatchMs = Date.now();
          this.walHeld = true;
          const live = this.store.addBatch(result);
          if (result.openedWalFile) this.spares.refill();
          this.metrics.batch(result);
          return live;
        },
        fatal: (error) => this.fatal(error),
      },
      heapBodyBytes,
      () => this.store.space.refusal(),
    );
    this.deletions = new DeletionService({
      store: this.store,
      merges: this.merges,
      queryPool: this.queryPool,
      cutWal: () => this.cutWal(),
      log,
    });
    this.collector = new Collector(this.store, log, this.metrics, {
      intervalMs: config.collectionIntervalSeconds * 1000,
      thresholdBytes: config.collectionThresholdBytes,
    });
    this.collector.onIdle(() => this.letGoOfIdleWal());
    this.addGauges();
    this.addCacheMetrics();
    this.addTailMetrics();
    addNodeRoutes(this.router, {
      state: () => this.state,
      trouble: () => this.queryPool.trouble,
      metrics: this.metrics,
      losses: this.store.losses,
      flush: () => this.flush(),
    });
    addFunctionRoutes(this.router);
    addSearchRoutes(this.router, this.search);
    addExportRoutes(this.router, this.search);
    addRunningRoutes(this.router, this.search);
    addValuesRoutes(this.router, this.search);
    addStreamListRoutes(this.router, this.store);
    addTailRoutes(this.router, this.tails);
    addStreamRoutes(this.router, this.store, this.deletions);
    addIngestRoutes(this.router, this.ingest);
    onBug((error, traceId) =>
      log.error({ traceId, error: error instanceof Error ? error.stack : error }, 'internal error'),
    );
  }

  /** @param removals deletions by query that a crash cut off */
  async start(removals: RemovalRow[]): Promise<void> {
    // They take hold of their streams in this turn, before any merge does.
    this.deletions.resume(removals).catch((error: unknown) => {
      this.log.error(
        { error: String(error) },
        'a deletion by query could not be finished; the next start tries again',
      );
    });
    this.merges.start();
    this.collector.start();
    this.store.space.start();
    this.spares.refill();
    this.caches
      .open()
      .catch((error: unknown) => this.log.warn(`the disk cache cannot be read: ${String(error)}`));
    const { host, port } = parseAddress(this.config.httpAddr);
    this.listener = await listen(
      host,
      port,
      this.connections,
      (exchange) => this.handle(exchange),
      (exchange, status) => {
        const route = this.routeOf.get(exchange) ?? 'none';
        this.metrics.answered(route, status, performance.now() - exchange.startedMs);
      },
    );
    this.state = 'READY';
    this.log.info(`listening on http://${host.includes(':') ? `[${host}]` : host}:${this.listener.port}`);
  }

  /** Answers what was taken on, makes nothing new, gives everything back. */
  async drain(): Promise<void> {
    if (this.state === 'DRAINING') return;
    this.state = 'DRAINING';
    this.log.info({ pendingRequests: this.ingest.pendingRequests }, 'draining');
    setTimeout(
      () => this.fatal(new Error(`draining took over ${DRAIN_TIMEOUT_MS} ms`)),
      DRAIN_TIMEOUT_MS,
    ).unref();
    const answersEndMs = performance.now() + DRAIN_ANSWERS_MS;
    this.listener?.stopAccepting();
    this.spares.stop();
    this.caches.close();
    this.merges.abandon();
    await this.ingest.stop();
    // After the last rows that were acknowledged; what is being read of them is not waited for.
    await this.tails.stop();
    await within(this.search.running.idle(), answersEndMs - performance.now());
    this.search.running.stopAll(overloaded('the server is stopping', 'retry elsewhere or later'));
    void this.collector.stop();
    await this.search.running.idle();
    // Merges and deletions under way are abandoned: what they read stays as it is, and the next start removes what they wrote.
    await this.store.close();
    this.listener?.close();
    this.log.info('stopped');
  }

  /** Everything acknowledged so far into segments. When nothing else is being written, the disk holds little else afterwards. */
  private async flush(): Promise<void> {
    await this.merges.flush();
    await this.cutWal();
    if (this.ingest.quiet) await this.spares.drop();
    await this.store.settled();
    await this.store.catalog.change('shrink');
  }

  private cutWal(): Promise<void> {
    return this.store.cutWal(() => this.ingest.batchesEnded());
  }

  /** @returns bytes of disk that are free again */
  private async letGoOfIdleWal(): Promise<number> {
    if (!this.walHeld || !this.ingest.quiet || Date.now() - this.lastBatchMs < WAL_IDLE_MS) return 0;
    this.walHeld = false;
    await this.cutWal();
    return (await this.spares.drop()) * WAL_FILE_BYTES_MAX;
  }

  private handle(exchange: Exchange): void {
    try {
      const match = this.match(exchange);
      this.routeOf.set(exchange, match.pattern);
      if (this.state === 'DRAINING' && !match.open)
        throw overloaded('the server is stopping', 'retry elsewhere or later');
      match.handler(exchange, match.params);
    } catch (error) {
      replyError(exchange, error, exchange.method !== 'GET' && exchange.method !== 'HEAD');
    }
  }

  /** Credentials come before routes: without them, nothing tells which routes exist. */
  private match(exchange: Exchange) {
    try {
      const match = this.router.match(exchange.method, exchange.path);
      if (!match.open) this.authenticator.check(exchange.authorization);
      if (!match.open) exchange.connection?.known();
      return match;
    } catch (error) {
      this.authenticator.check(exchange.authorization);
      throw error;
    }
  }

  private observeSpace(): void {
    const { space, losses } = this.store;
    // What can be made anew makes room for what cannot.
    space.onFull = () => {
      void this.spares.drop();
      this.caches.disk?.clear();
    };
    this.metrics.gauge(
      'basalt_disk_free_bytes',
      'Room on the disk of the data directory',
      () => space.freeBytes,
    );
    this.metrics.gauge('basalt_disk_full', '1 while records are refused for want of room', () =>
      Number(space.full),
    );
    const open = (count: (loss: Loss) => number) => () =>
      losses.open.reduce((sum, loss) => sum + count(loss), 0);
    this.metrics.gauge(
      'basalt_wal_losses',
      'Losses of acknowledged records that no operator has acknowledged',
      open(() => 1),
    );
    this.metrics.gauge(
      'basalt_wal_lost_batches',
      'Batches of them',
      open(({ frames }) => frames),
    );
    this.metrics.gauge(
      'basalt_wal_lost_rows',
      'Rows of them, as far as they are known',
      open(({ rows }) => rows),
    );
  }

  private observeClock(): void {
    const { clock } = this.store;
    clock.observer = {
      held: (seconds) =>
        this.log.warn(
          { seconds },
          'the wall clock jumped: nothing goes by age until it stands where it should, or has stood there for 6 hours',
        ),
      released: () => this.log.info('the wall clock is trusted again: retention goes on'),
    };
    this.metrics.gauge(
      'basalt_clock_jump_seconds',
      'By how much the wall clock is ahead of what retention believes, which waits then',
      () => clock.jumpSeconds,
    );
  }

  private addGauges(): void {
    const { metrics, store, ingest } = this;
    const { connections } = this;
    const { queryPool } = this;
    metrics.total(
      'basalt_query_workers_given_up_total',
      'Query workers that did not answer and were replaced',
      () => queryPool.givenUp,
    );
    metrics.gauge(
      'basalt_query_workers_held_up',
      'Given-up query workers whose call has not returned yet',
      () => queryPool.held,
    );
    metrics.gauge('basalt_http_connections', 'Connections that are open', () => connections.count);
    metrics.gauge(
      'basalt_http_strangers',
      'Of them, those that have shown no credentials',
      () => connections.strangers.size,
    );
    metrics.total(
      'basalt_http_connections_refused_total',
      'Connections refused, or closed to make room for others',
      () => connections.refusedCount,
    );
    metrics.gauge('basalt_ring_bytes', 'Bytes reserved in the ingest ring', () => ingest.ringBytes);
    metrics.gauge(
      'basalt_ingest_pending_requests',
      'Requests not yet answered',
      () => ingest.pendingRequests,
    );
    metrics.gauge('basalt_wal_bytes', 'Bytes of WAL files', () => store.walFiles.bytes);
    metrics.gauge('basalt_wal_files', 'WAL files', () => store.walFiles.count);
    metrics.gauge('basalt_streams', 'Streams', () => store.streamCount);
    metrics.gauge('basalt_rows', 'Rows stored', () => store.totals.rows);
    metrics.gauge('basalt_segments', 'Segments', () => store.totals.segments);
    metrics.gauge('basalt_unmerged_rows', 'Rows served from the WAL', () => store.totals.blockRows);
    metrics.gauge('basalt_unmerged_blocks', 'Blocks served from the WAL', () => store.totals.blocks);
    metrics.gauge('basalt_footer_cache_bytes', 'Segment footers in memory', () => store.footers.bytes);
    metrics.gauge('basalt_footer_cache_hits', 'Footers found in memory', () => store.footers.hits);
    metrics.gauge('basalt_footer_cache_misses', 'Footers read from their files', () => store.footers.misses);
    metrics.gauge(
      'basalt_unremoved_files',
      'Files that are not needed and could not be removed',
      () => store.disposals.failedCount,
    );
    if (this.pageCache) this.addPageCacheMetrics(this.pageCache);
    metrics.gauge('basalt_query_memory_bytes', 'Memory that runs hold', () => queryUse().memoryBytes);
    metrics.gauge('basalt_query_spilled_bytes', 'Bytes of spill files', () => queryUse().spilledBytes);
    const { admission } = this.search.runner;
    metrics.gauge('basalt_queries_running', 'Queries running', () => admission.runningCount);
    metrics.gauge('basalt_queries_waiting', 'Queries waiting', () => admission.waitingCount);
  }

  private addCacheMetrics(): void {
    const { metrics, caches } = this;
    const kinds = {
      answer: { counts: caches.answers?.counts, bytes: () => caches.answers?.bytes },
      scan: { counts: caches.partials?.memoryCounts, bytes: () => caches.partials?.bytes },
      disk: { counts: caches.disk?.counts, bytes: () => caches.disk?.bytes },
    };
    for (const [kind, { counts, bytes }] of Object.entries(kinds)) {
      metrics.gauge(`basalt_${kind}_cache_hits`, 'Answers taken from the cache', () => counts?.hits ?? 0);
      metrics.gauge(`basalt_${kind}_cache_misses`, 'Answers not found in it', () => counts?.misses ?? 0);
      metrics.gauge(`basalt_${kind}_cache_bytes`, 'Bytes held', () => bytes() ?? 0);
    }
    metrics.gauge(
      'basalt_disk_cache_failures',
      'Files of it not read or written',
      () => caches.disk?.failures ?? 0,
    );
    metrics.gauge('basalt_plans_kept', 'Plans kept for repeated statements', () => caches.plans.count);
  }

  private addTailMetrics(): void {
    const { metrics, tails } = this;
    metrics.gauge('basalt_tails', 'Live tails that are open', () => tails.readerCount);
    metrics.gauge('basalt_tail_filters', 'Different streams and filters among them', () => tails.groupCount);
    const { counts } = tails;
    metrics.total('basalt_tail_scans_total', 'Scans of new blocks for tails', () => counts.scans);
    metrics.total('basalt_tail_rows_total', 'Rows sent to tails', () => counts.rows);
    metrics.total('basalt_tail_dropped_rows_total', 'Rows that slow tails did not get', () => counts.dropped);
  }

  private addPageCacheMetrics(cache: PageCache): void {
    const { metrics } = this;
    metrics.total('basalt_page_cache_hits_total', 'Pages found in the cache', () => cache.counters().hits);
    metrics.total('basalt_page_cache_misses_total', 'Pages not found in it', () => cache.counters().misses);
    metrics.total('basalt_page_cache_evictions_total', 'Pages that went for others or by age', () => {
      return cache.counters().evictions;
    });
    metrics.gauge('basalt_page_cache_bytes', 'Bytes of cached pages', () => cache.counters().bytes);
    metrics.gauge('basalt_page_cache_hit_ratio', 'Share of pages that were found since the start', () => {
      const { hits, misses } = cache.counters();
      return hits / Math.max(1, hits + misses);
    });
  }

  private fatal(error: unknown): void {
    const text =
      error instanceof FatalError ? error.message : error instanceof Error ? error.stack : undefined;
    this.log.fatal(text ?? String(error));
    endProcess(FATAL_EXIT_CODE);
  }
}

/** Once, where a person looks on. A log is kept and read by others: it is told where the password is. */
function announcePassword(user: string, password: string, file: string, log: Logger): void {
  if (process.stderr.isTTY)
    process.stderr.write(`root user ${user}, password ${password} (kept in ${file})\n`);
  else log.warn(`a password for the root user ${user} was made: its owner can read it in ${file}`);
}

/** Serves until SIGTERM or SIGINT has been handled. @throws FatalError, BasaltError when it cannot start */
export async function serve(config: Config): Promise<void> {
  // Whatever is made in the data directory is for its owner alone, also what libraries make.
  process.umask(0o077);
  // Synchronous: the last words before an exit must not be lost.
  const log = pino({ level: config.logLevel }, pino.destination({ dest: 2, sync: true }));
  const catalogPool = pool('catalog', 1);
  const { retentionDays: days, retentionBytes: bytes, memory } = config;
  const layout = dataLayout(config.dataDir);
  const store = new Store(layout, log, catalogPool, { days, bytes }, memory.footerCacheBytes);
  // Its threads are made for files to read, and end by themselves: one that is ended while it still loads takes the process with it.
  const readers = pool('recovery', availableParallelism(), undefined, 0);
  const { removals } = await store.recover((path) => readers.run(path));
  const server = new Server(config, log, store);
  await server.start(removals);
  await new Promise<void>((resolve, reject) => {
    const stop = () => server.drain().then(resolve, reject);
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  });
  // A worker that is in a merge would be waited for by an ordinary exit.
  endProcess(0);
}
