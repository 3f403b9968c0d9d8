/**
 * One ingest batch, from the ring to stable storage: take what is waiting, shred and encode it natively, append the blocks to this
 * worker's WAL file, sync once. Runs on an ingest worker thread; nothing here is shared but the ring and the sequence word.
 */
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import {
  BATCH_BYTES_MAX,
  BATCH_DECOMPRESSED_BYTES_MAX,
  BATCH_REQUESTS_MAX,
  BODY_BYTES_MAX,
  WAL_ZSTD_LEVEL,
} from '../config/limits.js';
import { BasaltError, overloaded } from '../errors/index.js';
import { decompressZstd, type IngestGroup, ingestBatch, REQUEST_WORDS } from '../native/index.js';
import { RingConsumer, type TakenRequest } from '../ring/consumer.js';
import { BodyEncoding } from '../ring/layout.js';
import { encodeFrame } from '../storage/wal-format.js';
import type { DurableBlock, IngestWorkerData, RequestOutcome } from './batch-task.js';
import { FrameJournal } from './frame-journal.js';
import { WalWriter } from './wal-writer.js';

/** What one drain did; `undefined` when the ring was empty. */
export interface DrainResult {
  blocks: DurableBlock[];
  outcomes: RequestOutcome[];
  rawBytes: number;
  encodeMs: number;
  syncMs: number;
  closedWalFile?: string;
  /** Writes of the journal that failed. */
  journalFailures: number;
}

type Origin = Pick<RequestOutcome, 'request' | 'format' | 'stream' | 'filterPath' | 'expandedBytes'>;

const decoder = new TextDecoder();

export class BatchDrainer {
  readonly wal: WalWriter;
  private readonly journal: FrameJournal;
  private readonly consumer: RingConsumer;
  private readonly sequence: BigInt64Array;

  constructor(data: IngestWorkerData, workerId: number) {
    this.consumer = new RingConsumer(data.ring, data.ringSlots);
    this.sequence = new BigInt64Array(data.sequence);
    this.wal = new WalWriter(data.walDirectory, data.bootId, workerId, data.walEpoch);
    this.journal = new FrameJournal(data.journalDirectory);
  }

  /**
   * @param slot of the one request to take; without it, what waits in the ready queue
   * @throws FatalError when the WAL could not be made durable: nothing taken may be acknowledged
   */
  drain(slot?: number): DrainResult | undefined {
    const taken = slot === undefined ? this.take() : [this.consumer.requestIn(slot)];
    if (taken.length === 0) return undefined;
    const started = performance.now();
    const outcomes: RequestOutcome[] = [];
    const groups = this.encode(taken, outcomes);
    const rawBytes = taken.reduce((sum, request) => sum + request.bodyBytes, 0);
    for (const request of taken) this.consumer.done(request);
    const encoded = performance.now();
    const blocks = this.persistOrRefuse(groups, outcomes);
    const synced = performance.now();
    const closedWalFile = this.wal.rotateIfFull();
    if (closedWalFile !== undefined) this.journal.close();
    return {
      blocks,
      outcomes,
      rawBytes,
      encodeMs: encoded - started,
      syncMs: synced - encoded,
      closedWalFile,
      journalFailures: this.journal.takeFailures(),
    };
  }

  private take(): TakenRequest[] {
    const taken: TakenRequest[] = [];
    let bytes = 0;
    while (taken.length < BATCH_REQUESTS_MAX && bytes < BATCH_BYTES_MAX) {
      const request = this.consumer.take();
      if (!request) break;
      taken.push(request);
      bytes += request.bodyBytes;
    }
    return taken;
  }

  private encode(taken: TakenRequest[], outcomes: RequestOutcome[]): IngestGroup[] {
    const names = new NameTable();
    const bodies: Uint8Array[] = [];
    const words: number[] = [];
    let decompressedBytes = 0;
    const accepted: Origin[] = [];
    for (const request of taken) {
      const raw = this.consumer.data.subarray(request.bodyOffset, request.bodyOffset + request.bodyBytes);
      const name = this.consumer.data.slice(request.nameOffset, request.nameOffset + request.nameBytes);
      const [organization = '', stream = '', filterPath = ''] = decoder.decode(name).split('\0');
      const origin: Origin = { request: request.request, format: request.format, stream, filterPath };
      try {
        const body = decompress(raw, request.encoding, decompressedBytes);
        if (body !== raw) {
          decompressedBytes += body.length;
          origin.expandedBytes = body.length;
        }
        bodies.push(body);
      } catch (error) {
        const { status, message } = decompressionProblem(error);
        if (status === 413) origin.expandedBytes = BODY_BYTES_MAX;
        outcomes.push({
          ...origin,
          rejectedStatus: status,
          rejected: message,
          successful: 0,
          failed: 0,
          errors: [],
          warned: 0,
          warnings: [],
          items: new Uint8Array(),
        });
        continue;
      }
      accepted.push(origin);
      words.push(request.format, names.index(organization), names.index(stream));
    }
    if (words.length !== bodies.length * REQUEST_WORDS)
      throw new Error('BUG: request words do not match bodies');
    if (bodies.length === 0) return [];
    const answer = ingestBatch(bodies, Int32Array.from(words), names.list, Date.now() * 1000, WAL_ZSTD_LEVEL);
    answer.outcomes.forEach((outcome, index) => {
      const origin = accepted[index];
      if (!origin) throw new Error('BUG: more outcomes than bodies');
      outcomes.push({
        ...outcome,
        ...origin,
        rejectedStatus: outcome.rejected === undefined ? undefined : outcome.isTooLarge ? 413 : 400,
      });
    });
    return answer.groups;
  }

  /** A disk that is full refuses every request of the batch that had records. */
  private persistOrRefuse(groups: IngestGroup[], outcomes: RequestOutcome[]): DurableBlock[] {
    if (groups.length === 0) return [];
    try {
      return this.persist(groups);
    } catch (error) {
      if (!(error instanceof BasaltError)) throw error;
      for (const outcome of outcomes) {
        if (outcome.rejected !== undefined || outcome.successful === 0) continue;
        Object.assign(outcome, {
          rejectedStatus: error.status,
          rejected: error.message,
          successful: 0,
          failed: 0,
        });
        outcome.errors = [];
      }
      return [];
    }
  }

  private persist(groups: IngestGroup[]): DurableBlock[] {
    const home = this.wal.ready();
    const buffers: Uint8Array[] = [];
    const blocks: DurableBlock[] = [];
    let at = 0;
    for (const group of groups) {
      const sequence = Number(Atomics.add(this.sequence, 0, 1n)) + 1;
      const { organization, stream, rows, timeMin, timeMax, schema, overflow, block } = group;
      const frame = encodeFrame({
        sequence,
        organization,
        stream,
        rows,
        blockBytes: block.length,
        home: { ...home, frame: home.frame + blocks.length },
      });
      buffers.push(frame, block);
      blocks.push({
        organization,
        stream,
        sequence,
        rows,
        timeMin,
        timeMax,
        schema,
        overflow,
        walFile: '',
        offset: at + frame.length,
        blockBytes: block.length,
        header: block.slice(0, group.headerBytes),
      });
      at += frame.length + block.length;
    }
    const offset = this.wal.append(buffers, blocks.length);
    for (const block of blocks) {
      block.offset += offset;
      block.walFile = this.wal.fileName;
    }
    this.journal.add(this.wal.fileName, blocks);
    return blocks;
  }
}

/** Interns strings for one native call. */
class NameTable {
  readonly list: string[] = [];
  private readonly indices = new Map<string, number>();

  index(name: string): number {
    let index = this.indices.get(name);
    if (index === undefined) {
      index = this.list.push(name) - 1;
      this.indices.set(name, index);
    }
    return index;
  }
}

/** @throws what `decompressionProblem` explains */
function decompress(body: Uint8Array, encoding: number, decompressedBytes: number): Uint8Array {
  if (encoding !== BodyEncoding.IDENTITY && decompressedBytes > BATCH_DECOMPRESSED_BYTES_MAX) {
    throw overloaded('too many compressed bodies at once', 'retry after the time given');
  }
  const options = { maxOutputLength: BODY_BYTES_MAX };
  switch (encoding) {
    case BodyEncoding.IDENTITY:
      return body;
    case BodyEncoding.GZIP:
      return gunzipSync(body.slice(), options);
    case BodyEncoding.DEFLATE:
      return inflateSync(body.slice(), options);
    case BodyEncoding.BROTLI:
      return brotliDecompressSync(body.slice(), options);
    case BodyEncoding.ZSTD:
      return decompressZstd(body, BODY_BYTES_MAX);
    default:
      throw new Error(`BUG: body encoding ${encoding}`);
  }
}

function decompressionProblem(error: unknown): { status: number; message: string } {
  if (error instanceof BasaltError && error.status === 503) return { status: 503, message: error.message };
  const code = (error as { code?: string }).code;
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'ERR_BUFFER_TOO_LARGE' || message.includes('limit')) {
    return {
      status: 413,
      message: `decompressed body exceeds the limit of ${BODY_BYTES_MAX} bytes; send smaller batches`,
    };
  }
  return { status: 400, message: `body cannot be decompressed: ${message}` };
}
