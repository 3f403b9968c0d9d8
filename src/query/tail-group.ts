/**
 * All who follow one stream with one filter: new blocks are scanned once for all of them, one scan at a time, in the order in which
 * they came; what comes meanwhile is one further scan. The files of blocks that wait are held.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { TAIL_PAUSE_MS, TAIL_PENDING_BYTES, TAIL_RETRY_MS } from '../config/limits.js';
import { BasaltError } from '../errors/index.js';
import type { LiveBlock, Stream } from '../storage/stream.js';
import type { QueryRunner } from './query-runner.js';
import { writeLines } from './tail-lines.js';
import { type TailCounts, type TailReader, tailMessages } from './tail-reader.js';
import { lacksColumn, liveStatement, type TailRequest } from './tail-statement.js';

/** Blocks of one stream that the same readers wait for. */
interface Chunk {
  stream: Stream;
  blocks: LiveBlock[];
  generation: number;
}

export class TailGroup {
  private readonly readers = new Set<TailReader>();
  private readonly chunks: Chunk[] = [];
  private pendingBytes = 0;
  /** Raised with every reader that joins: it gets what comes from then on. */
  private generation = 0;
  private readonly left = new AbortController();
  private running: Promise<void> | undefined;
  /** Of the schema with which the filter could not be planned. */
  private refusedVersion = 0;

  constructor(
    readonly request: TailRequest,
    private readonly runner: QueryRunner,
    private readonly counts: TailCounts,
    private readonly log: Logger,
  ) {}

  get size(): number {
    return this.readers.size;
  }

  join(reader: TailReader): void {
    reader.since = ++this.generation;
    this.readers.add(reader);
  }

  /** After the last one nothing is scanned any more. */
  leave(reader: TailReader): void {
    this.readers.delete(reader);
    if (this.readers.size > 0) return;
    this.left.abort();
    for (const { blocks } of this.chunks.splice(0)) release(blocks);
  }

  /** A block that became live in this turn. */
  add(stream: Stream, block: LiveBlock): void {
    block.lease.acquire();
    this.pendingBytes += block.blockBytes;
    const last = this.chunks.at(-1);
    if (last?.stream === stream && last.generation === this.generation) last.blocks.push(block);
    else this.chunks.push({ stream, blocks: [block], generation: this.generation });
    this.passOver();
    this.running ??= this.run();
  }

  close(code: number, reason: string): void {
    for (const reader of [...this.readers]) reader.close(code, reason);
  }

  /** Resolves when no scan is running. */
  async idle(): Promise<void> {
    await this.running;
  }

  /** Lets go of the oldest blocks that wait, if there are too many. */
  private passOver(): void {
    while (this.pendingBytes > TAIL_PENDING_BYTES) {
      const [oldest] = this.chunks;
      const block = oldest?.blocks.shift();
      if (!oldest || !block) return;
      if (oldest.blocks.length === 0) this.chunks.shift();
      this.pendingBytes -= block.blockBytes;
      release([block]);
      for (const reader of this.readersOf(oldest)) reader.drop(block.rows);
    }
  }

  private async run(): Promise<void> {
    // What else becomes live in this turn belongs to the same scan.
    await Promise.resolve();
    for (let chunk = this.chunks.shift(); chunk; chunk = this.chunks.shift()) {
      for (const { blockBytes } of chunk.blocks) this.pendingBytes -= blockBytes;
      try {
        await this.scan(chunk);
      } finally {
        release(chunk.blocks);
      }
      await this.pause(TAIL_PAUSE_MS);
    }
    this.running = undefined;
  }

  private async scan(chunk: Chunk): Promise<void> {
    const { stream } = chunk;
    if (stream.schemaVersion === this.refusedVersion) return;
    const { schemaVersion } = stream;
    chunk.blocks.sort((a, b) => a.sequence - b.sequence);
    for (let delivered = false; !this.left.signal.aborted; ) {
      try {
        this.counts.scans++;
        await this.read(chunk, (lines) => {
          delivered = true;
          this.deliver(chunk, lines);
        });
        return;
      } catch (error) {
        if (this.left.signal.aborted) return;
        const busy = error instanceof BasaltError && error.status === 503 && !delivered;
        if (!busy) return this.failed(chunk, error, schemaVersion);
        await this.pause(TAIL_RETRY_MS);
      }
    }
  }

  private async read({ stream, blocks }: Chunk, deliver: (lines: Uint8Array) => void): Promise<void> {
    const statement = liveStatement(this.request);
    const moment = this.runner.momentOfBlocks(statement, stream, blocks);
    try {
      await writeLines(this.runner, statement, moment, this.left.signal, async (lines) => deliver(lines));
    } finally {
      moment.release();
    }
  }

  private deliver(chunk: Chunk, lines: Uint8Array): void {
    const readers = this.readersOf(chunk);
    for (const message of tailMessages(lines)) for (const reader of readers) reader.live(message);
  }

  private failed(chunk: Chunk, error: unknown, schemaVersion: number): void {
    const refused = error instanceof BasaltError && error.status < 500;
    if (refused) this.refusedVersion = schemaVersion;
    if (refused && lacksColumn(error)) return;
    const { stream, filter } = this.request;
    if (!refused) this.log.error({ stream, filter, error: String(error) }, 'a scan for a live tail failed');
    const message = refused ? error.message : 'new rows could not be read';
    for (const reader of this.readersOf(chunk)) reader.tell({ error: message });
  }

  private readersOf({ generation }: Chunk): TailReader[] {
    return [...this.readers].filter(({ since }) => since <= generation);
  }

  private async pause(ms: number): Promise<void> {
    // Cut short when the last reader leaves.
    await sleep(ms, undefined, { signal: this.left.signal }).catch(() => {});
  }
}

function release(blocks: readonly LiveBlock[]): void {
  for (const { lease } of blocks) lease.release();
}
