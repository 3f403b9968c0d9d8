import type { SendResult } from '../load/result.js';
import { Client } from './client.js';
import type { Dataset, WorkFolder } from './dataset.js';
import type { Report } from './report.js';
import { send } from './send.js';
import { ServerProcess } from './server.js';

/** How much a run does. */
export interface Scale {
  /** Of the large ingest, and so of storage and queries. */
  readonly largeRecords: number;
  readonly smallRecords: number;
  readonly workerRecords: number;
  /** Records offered while latency is measured, and the rate. */
  readonly latencyRecords: number;
  readonly latencyRate: number;
  /** Records sent before the clock of the small and the latency bench starts. */
  readonly warmupRecords: number;
  /** Timed runs of each query, after two that are not timed. */
  readonly queryRuns: number;
  /** Seconds for each case of the micro benches, and the 5,000-record bodies that they use. */
  readonly microSeconds: number;
  readonly microBatches: number;
  /** Offered while merges run, at `latencyRate`. */
  readonly mergeLatencyRecords: number;
  /** JSON on the server when the scale run measures, in 10^9 bytes, ascending. */
  readonly gigabytes: readonly number[];
  /** Seconds that each load of queries lasts, and the numbers of clients. */
  readonly loadSeconds: number;
  readonly clients: readonly number[];
}

/** What the caller may say about a run. */
export interface Settings {
  /** NDJSON for the peers bench instead of the generator's. */
  readonly dataPath: string | undefined;
  /** A Python that has chdb; without it the bench makes one. */
  readonly python: string | undefined;
  /** False keeps the run from installing packages. */
  readonly mayInstall: boolean;
  /** scale: false has every scan decode its pages, so that what it costs does not depend on what fits the cache. */
  readonly pageCache: boolean;
}

export const fullScale: Scale = {
  largeRecords: 5_000_000,
  smallRecords: 2_000_000,
  workerRecords: 1_000_000,
  latencyRecords: 1_000_000,
  latencyRate: 50_000,
  warmupRecords: 50_000,
  queryRuns: 7,
  microSeconds: 2,
  microBatches: 40,
  mergeLatencyRecords: 3_000_000,
  gigabytes: [1, 10, 40],
  loadSeconds: 8,
  clients: [1, 2, 4, 8, 16, 32, 64],
};

export const tinyScale: Scale = {
  largeRecords: 20_000,
  smallRecords: 10_000,
  workerRecords: 10_000,
  latencyRecords: 10_000,
  latencyRate: 20_000,
  warmupRecords: 1_000,
  queryRuns: 2,
  microSeconds: 0.05,
  microBatches: 2,
  mergeLatencyRecords: 10_000,
  gigabytes: [0.002, 0.004, 0.008],
  loadSeconds: 0.2,
  clients: [1, 4],
};

/** A server that holds the large data set, and how that went in. */
export interface LoadedServer {
  readonly server: ServerProcess;
  readonly client: Client;
  readonly dataset: Dataset;
  readonly ingest: SendResult;
}

/** What the benches of one run share. */
export class Context {
  #loaded: LoadedServer | undefined;

  constructor(
    readonly report: Report,
    readonly folder: WorkFolder,
    readonly scale: Scale,
    readonly settings: Settings,
  ) {}

  /** Targets of storage and queries are for the full number of records only. */
  get fullSize(): boolean {
    return this.scale.largeRecords >= fullScale.largeRecords;
  }

  /** The server with the large data set; it is started and loaded the first time. */
  async loaded(): Promise<LoadedServer> {
    if (this.#loaded) return this.#loaded;
    const dataset = this.folder.dataset(this.scale.largeRecords);
    const server = await ServerProcess.start({ folder: this.folder.path });
    try {
      const ingest = await send(server, dataset, { batchRecords: 5000, connections: 4 });
      this.#loaded = { server, client: new Client(server), dataset, ingest };
      return this.#loaded;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#loaded?.client.close();
    await this.#loaded?.server.stop();
    this.#loaded = undefined;
  }
}

/** Runs `work` with a fresh server and ends the server afterwards, whatever happens. */
export async function withServer<T>(
  context: Context,
  environment: Readonly<Record<string, string>>,
  work: (server: ServerProcess, client: Client) => Promise<T>,
): Promise<T> {
  const server = await ServerProcess.start({ folder: context.folder.path, environment });
  const client = new Client(server);
  try {
    return await work(server, client);
  } finally {
    client.close();
    await server.stop();
  }
}
