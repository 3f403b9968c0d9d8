/** A store on a real folder, fed by the real ingest and merge code on this thread, that can be closed and opened again. */
import { closeSync, openSync, readdirSync } from 'node:fs';
import { pino } from 'pino';
import type { Piscina } from 'piscina';
import { onTestFinished } from 'vitest';
import { BatchDrainer } from '../../src/ingest/batch.js';
import { allocateRing, BodyEncoding, BodyFormat } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import { CatalogHost } from '../../src/storage/catalog-host.js';
import type { CatalogTask } from '../../src/storage/catalog-task.js';
import { dataLayout } from '../../src/storage/layout.js';
import { MergeScheduler } from '../../src/storage/merge-scheduler.js';
import { mergeSize } from '../../src/storage/merge-size.js';
import type { MergeTask } from '../../src/storage/merge-task.js';
import { Store } from '../../src/storage/store.js';
import type { Stream } from '../../src/storage/stream.js';
import merge from '../../workers/merge.js';
import { readRows } from '../native/encoded.js';
import { temporaryFolder } from './temporary-folder.js';

const SLOTS = 8;

export interface LogLine {
  level: string;
  message: string;
  [field: string]: unknown;
}

export class StoreBench {
  readonly layout;
  store!: Store;
  readonly log: LogLine[] = [];
  private producer!: RingProducer;
  private drainer!: BatchDrainer;

  constructor(folder = temporaryFolder()) {
    this.layout = dataLayout(folder);
    onTestFinished(async () => {
      await this.store?.close();
    });
  }

  /** Starts as the server does. */
  async open(): ReturnType<Store['recover']> {
    const write = (line: string) => this.log.push(JSON.parse(line) as LogLine);
    const formatters = { level: (label: string) => ({ level: label }) };
    const host = new CatalogHost();
    const catalogPool = { run: async (task: CatalogTask) => host.run(task) };
    this.store = new Store(this.layout, pino({ level: 'info', formatters }, { write }), catalogPool);
    const recovered = await this.store.recover();
    await this.store.settled();
    const ring = allocateRing(SLOTS, 4 << 20);
    this.producer = new RingProducer(ring, SLOTS);
    const { sequenceBuffer: sequence, walEpochBuffer: walEpoch, bootId } = this.store;
    this.drainer = new BatchDrainer(
      {
        ring,
        ringSlots: SLOTS,
        sequence,
        walEpoch,
        bootId,
        walDirectory: this.layout.wal,
        journalDirectory: this.layout.journal,
      },
      1,
    );
    return recovered;
  }

  /** Ends without any tidying and starts anew. */
  async reopen(): ReturnType<Store['recover']> {
    await this.store.close();
    return this.open();
  }

  /** Sends records and makes them live, as one batch. */
  ingest(stream: string, records: object[] | string, organization = 'default'): void {
    const body = Buffer.from(typeof records === 'string' ? records : JSON.stringify(records));
    const head = { request: 1, format: BodyFormat.JSON, encoding: BodyEncoding.IDENTITY };
    const slot = this.producer.reserve(
      { ...head, name: Buffer.from(`${organization}\0${stream}`) },
      body.length,
    );
    if (slot === undefined) throw new Error('the ring is full');
    this.producer.write(slot, 0, body);
    this.producer.publish(slot);
    const result = this.drainer.drain();
    if (!result) throw new Error('nothing was drained');
    const { fileName: walFile, fileBytes: walBytes, fileEpoch: walEpoch } = this.drainer.wal;
    this.store.addBatch(result.blocks.length > 0 ? { ...result, walFile, walBytes, walEpoch } : result);
  }

  /** Records with ids, distinct times, and one more field. */
  ingestIds(stream: string, ids: number[]): void {
    this.ingest(
      stream,
      ids.map((id) => ({ _timestamp: 1_700_000_000_000_000 + id, id, message: `message ${id}` })),
    );
  }

  /** Merges every block that is live now, on this thread. */
  async flush(): Promise<void> {
    const pool = { options: { maxThreads: 1 }, run: async (task: MergeTask) => merge(task) };
    const log = pino({ level: 'silent' });
    const piscina = pool as unknown as Piscina;
    const scheduler = new MergeScheduler(
      this.store,
      piscina,
      piscina,
      log,
      { merged: () => {} },
      mergeSize(256 << 20),
    );
    scheduler.start();
    try {
      await scheduler.flush();
    } finally {
      await scheduler.stop();
      await this.store.settled();
    }
  }

  /** No batch is ever under way here. */
  async cutWal(): Promise<void> {
    await this.store.cutWal(async () => {});
    await this.store.settled();
  }

  /** The ids that a query of the stream would see, sorted; it reads every block and every row group. */
  async ids(name: string, organization = 'default'): Promise<number[]> {
    const stream = this.store.find(organization, name);
    if (!stream) return [];
    return (await this.rows(stream)).map(({ id }) => Number(id)).toSorted((a, b) => a - b);
  }

  async rows(stream: Stream): Promise<Record<string, unknown>[]> {
    const rows: Record<string, unknown>[] = [];
    const read = (path: string, offset: number, schema: string) => {
      const fd = openSync(path, 'r');
      try {
        rows.push(...readRows(fd, [offset], schema));
      } finally {
        closeSync(fd);
      }
    };
    for (const block of stream.blocks) read(block.lease.path, block.offset, block.schema);
    for (const { lease } of stream.segments) {
      const { groups } = await this.store.footers.get(lease.path);
      for (const { offset, schema } of groups) read(lease.path, offset, schema);
    }
    return rows;
  }

  walFiles(): string[] {
    return readdirSync(this.layout.wal).toSorted();
  }

  segmentFiles(): string[] {
    return readdirSync(this.layout.segments).toSorted();
  }
}
