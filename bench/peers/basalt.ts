/** Basalt as an engine among its peers: the real server in its own process, over HTTP with JSON. */
import { performance } from 'node:perf_hooks';
import { type Cache, Client } from '../end-to-end/client.js';
import { send } from '../end-to-end/send.js';
import { ServerProcess } from '../end-to-end/server.js';
import { sizesByKind } from '../end-to-end/storage.js';
import { basaltStatements } from './basalt-statements.js';
import type { PeerData } from './data.js';
import type { Answer, Engine, LoadFigures } from './engine.js';
import type { Statements } from './queries.js';

const rowsMax = 1000;

export class BasaltServer {
  readonly #server: ServerProcess;
  readonly #client: Client;
  readonly #data: PeerData;

  private constructor(server: ServerProcess, data: PeerData) {
    this.#server = server;
    this.#client = new Client(server);
    this.#data = data;
  }

  static async start(folder: string, data: PeerData): Promise<BasaltServer> {
    return new BasaltServer(await ServerProcess.start({ folder }), data);
  }

  async load(): Promise<LoadFigures> {
    const sent = await send(this.#server, this.#data, { batchRecords: 5000, connections: 4 });
    const startedMs = performance.now();
    await this.#client.flush();
    const flushSeconds = (performance.now() - startedMs) / 1000;
    const sizes = [...sizesByKind(this.#server.dataDirectory).values()];
    return {
      how: 'HTTP, 4 connections, 5,000 records a request',
      durable: 'yes (fdatasync)',
      seconds: sent.seconds,
      settledSeconds: sent.seconds + flushSeconds,
      diskBytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
      rssPeakBytes: sent.server?.rssPeakBytes,
    };
  }

  /** The same server, asked with or without its result caches. */
  engine(cache: Cache): Engine {
    const name = cache === 'on' ? 'Basalt cached' : 'Basalt';
    return new BasaltEngine(name, basaltStatements(this.#data.parameters), this.#client, this.#data, cache);
  }

  async close(): Promise<void> {
    this.#client.close();
    await this.#server.stop();
  }
}

class BasaltEngine implements Engine {
  constructor(
    readonly name: string,
    readonly statements: Statements,
    private readonly client: Client,
    private readonly data: PeerData,
    private readonly cache: Cache,
  ) {}

  async ask(sql: string): Promise<Answer> {
    const { startUs, endUs } = this.data;
    const { hits, milliseconds } = await this.client.search(
      { sql, startUs, endUs, size: rowsMax },
      this.cache,
    );
    return { rows: hits, milliseconds };
  }

  /** The server is ended by its owner. */
  async close(): Promise<void> {}
}
