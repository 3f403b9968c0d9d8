/**
 * The front half of ingest, on the main thread: admission, ring space for bodies as they arrive, waking the ingest workers, and
 * handing their replies back. It moves bytes and never looks into them.
 *
 * Life of a body: RING (reserved at its announced length) or HEAP (length unknown, or moved out because it was slow while the ring
 * was full) → PUBLISHED → answered; or ABANDONED from either of the first two.
 */
import type { Piscina } from 'piscina';
import {
  BODY_BYTES_MAX,
  HEAP_BODY_BYTES_MAX,
  LINGER_MS,
  LINGER_REQUESTS,
  SHARED_BATCH_BYTES,
  WAL_BYTES_MAX,
} from '../config/limits.js';
import { type BasaltError, overloaded, requestError } from '../errors/index.js';
import { BodyEncoding } from '../ring/layout.js';
import type { RequestHead, RingProducer } from '../ring/producer.js';
import type { BatchResult, Reply } from './batch-task.js';
import { Expansions } from './expansion.js';

export type BodyHead = Omit<RequestHead, 'request'>;

type BodyState = 'RING' | 'HEAP' | 'PUBLISHED' | 'ABANDONED';

/** Of a request without a connection of its own. */
const NO_SENDER = '';

/** A request body on its way in. */
export interface Body {
  state: BodyState;
  head: RequestHead;
  /** Whose turns it takes where bodies have to wait for theirs: an address. */
  sender: string;
  /** Ring slot while RING. */
  slot: number;
  /** Announced length; undefined for chunked transfer. */
  expectedBytes: number | undefined;
  receivedBytes: number;
  /** The pieces while HEAP. */
  pieces: Uint8Array[];
  respond: (reply: Reply) => void;
  /** Tells the client that the body was given up, when that was not the client's doing. */
  refuse: (error: Error) => void;
}

export interface IngestObserver {
  /** Its blocks become live. @returns of a large one: resolves when they are; no other batch is told before */
  batch(result: BatchResult): Promise<void> | undefined;
  /** The WAL or the addon failed: nothing may be acknowledged any more. */
  fatal(error: unknown): void;
}

export class IngestFrontEnd {
  private readonly waiting = new Map<number, Body>();
  private readonly reserved = new Map<number, Body>();
  private heapBytes = 0;
  private requestCount = 0;
  /** Of the ready queue. */
  private activeTasks = 0;
  /** These, and those of one body each. */
  private running = 0;
  private readonly tasks = new Set<Promise<void>>();
  /** Settles when the batches that have ended so far are told, while that takes turns. */
  private telling: Promise<void> | undefined;
  private wakeScheduled = false;
  /** Requests in a batch lately, as a running mean. */
  private usualRequests = 1;
  private idleListeners: (() => void)[] = [];
  private readonly expansions: Expansions<Body>;
  private stopping = false;

  constructor(
    private readonly ring: RingProducer,
    private readonly pool: Piscina,
    private readonly walBytes: () => number,
    private readonly observer: IngestObserver,
    private readonly heapBytesMax = HEAP_BODY_BYTES_MAX,
    /** Why no record can be taken now: the disk is full. */
    private readonly diskRefusal: () => BasaltError | undefined = () => undefined,
  ) {
    // One worker stays free for all others, where there are two.
    const runningMax = Math.max(1, this.pool.options.maxThreads - 1);
    this.expansions = new Expansions(runningMax, (body) => this.startAlone(body));
  }

  /** Requests that were published and are not answered yet. */
  get pendingRequests(): number {
    return this.waiting.size;
  }

  /** Whether no worker is in a batch and every finished batch has been told: the WAL cannot change until this turn ends. */
  get quiet(): boolean {
    return this.running === 0;
  }

  /** Resolves when every batch that is under way now has ended and was told to the observer. */
  async batchesEnded(): Promise<void> {
    await Promise.all(this.tasks);
  }

  get ringBytes(): number {
    return this.ring.reservedBytes;
  }

  /**
   * Admits a body.
   * @throws BasaltError 413 when it is too long, 503 when there is no room for it, 507 when the disk is full
   */
  begin(
    head: BodyHead,
    expectedBytes: number | undefined,
    respond: Body['respond'],
    refuse: Body['refuse'],
    sender = NO_SENDER,
  ): Body {
    if (expectedBytes !== undefined) this.checkLength(head, expectedBytes);
    const refusal = this.diskRefusal();
    if (refusal) throw refusal;
    if (this.walBytes() > WAL_BYTES_MAX) {
      throw overloaded(
        'the WAL is full: merges have fallen behind',
        'send more slowly; the limit is WAL_BYTES_MAX',
      );
    }
    this.requestCount = (this.requestCount + 1) | 0;
    const body: Body = {
      state: 'HEAP',
      head: { ...head, request: this.requestCount },
      sender,
      slot: -1,
      expectedBytes,
      receivedBytes: 0,
      pieces: [],
      respond,
      refuse,
    };
    if (expectedBytes !== undefined) this.reserve(body, expectedBytes);
    return body;
  }

  /** Takes a piece of the body; the bytes are copied before it returns. @throws BasaltError 413 or 503; the body is abandoned then */
  write(body: Body, bytes: Uint8Array): void {
    const end = body.receivedBytes + bytes.length;
    try {
      this.checkLength(body.head, end);
      if (body.state === 'RING') {
        this.ring.write(body.slot, body.receivedBytes, bytes);
      } else if (body.state === 'HEAP') {
        this.growHeap(bytes.length);
        // A copy, also of a Buffer, whose own `slice` shares memory.
        body.pieces.push(new Uint8Array(bytes));
      }
    } catch (error) {
      this.abandon(body);
      throw error;
    }
    body.receivedBytes = end;
  }

  /** The body is complete: publishes it. @throws BasaltError 503 when a body from the heap finds no room, or the server is stopping */
  end(body: Body): void {
    if (this.stopping) {
      this.abandon(body);
      throw overloaded('the server is stopping', 'retry elsewhere or later');
    }
    if (body.state === 'HEAP') this.moveIntoRing(body);
    if (body.state !== 'RING') return;
    const { head, sender, receivedBytes } = body;
    const alone = head.encoding !== BodyEncoding.IDENTITY && this.expansions.isLarge(sender, receivedBytes);
    this.reserved.delete(body.slot);
    body.state = 'PUBLISHED';
    this.waiting.set(head.request, body);
    if (alone) {
      this.publishAlone(body);
      return;
    }
    this.ring.publish(body.slot);
    this.wake();
  }

  private publishAlone(body: Body): void {
    try {
      this.expansions.add(body.sender, body);
    } catch (error) {
      this.waiting.delete(body.head.request);
      this.ring.abandon(body.slot);
      body.state = 'ABANDONED';
      throw error;
    }
  }

  /** One body is one batch. */
  private startAlone(body: Body): void {
    this.ring.publishAlone(body.slot);
    this.run(body.slot, () => this.expansions.ended());
  }

  private run(slot: number | undefined, ended: () => void): void {
    const task: Promise<void> = this.pool
      .run(slot)
      .then((result: BatchResult | undefined) => {
        ended();
        const told = result && this.tell(result);
        if (this.ring.readyCount > 0) this.startTasks();
        return told;
      })
      .catch((error: unknown) => this.observer.fatal(error))
      .finally(() => {
        this.running--;
        this.tasks.delete(task);
      });
    this.running++;
    this.tasks.add(task);
  }

  /** The client went away. A published body is stored all the same; its answer is dropped. */
  abandon(body: Body): void {
    if (body.state === 'PUBLISHED') {
      body.respond = () => {};
      return;
    }
    if (body.state === 'RING') {
      this.reserved.delete(body.slot);
      this.ring.abandon(body.slot);
    } else if (body.state === 'HEAP') {
      this.dropPieces(body);
    }
    body.state = 'ABANDONED';
  }

  /** Refuses bodies that are not complete yet. Resolves when every published request has been answered. */
  stop(): Promise<void> {
    this.stopping = true;
    return this.idle();
  }

  /** Resolves when every published request has been answered. */
  idle(): Promise<void> {
    if (this.waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }

  private reserve(body: Body, bytes: number): void {
    let slot = this.ring.reserve(body.head, bytes);
    while (slot === undefined && this.moveOldestOut()) slot = this.ring.reserve(body.head, bytes);
    if (slot === undefined) {
      throw overloaded('the ingest ring is full', 'retry after the time given, or raise ringBytes');
    }
    body.slot = slot;
    body.state = 'RING';
    this.reserved.set(slot, body);
  }

  /** Frees the front of the ring when it is held by a body that is still arriving. */
  private moveOldestOut(): boolean {
    const slot = this.ring.oldestReserved();
    const slow = slot === undefined ? undefined : this.reserved.get(slot);
    if (!slow) return false;
    if (this.heapBytes + slow.receivedBytes > this.heapBytesMax) {
      this.abandon(slow);
      slow.refuse(
        overloaded('the body arrived too slowly while the server was full', 'retry after the time given'),
      );
      return true;
    }
    this.growHeap(slow.receivedBytes);
    slow.pieces = [this.ring.read(slow.slot, slow.receivedBytes)];
    this.reserved.delete(slow.slot);
    this.ring.abandon(slow.slot);
    slow.state = 'HEAP';
    return true;
  }

  private moveIntoRing(body: Body): void {
    const { pieces } = body;
    this.dropPieces(body);
    this.reserve(body, body.receivedBytes);
    let at = 0;
    for (const piece of pieces) {
      this.ring.write(body.slot, at, piece);
      at += piece.length;
    }
  }

  private growHeap(bytes: number): void {
    if (this.heapBytes + bytes > this.heapBytesMax) {
      throw overloaded(
        'too many bodies of unknown length are arriving',
        'send Content-Length, or fewer at a time',
      );
    }
    this.heapBytes += bytes;
  }

  private dropPieces(body: Body): void {
    this.heapBytes -= body.pieces.reduce((sum, piece) => sum + piece.length, 0);
    body.pieces = [];
  }

  /** Starts workers once the current turn of the event loop has delivered all it has, so that small requests share a batch. */
  private wake(): void {
    if (this.wakeScheduled) return;
    this.wakeScheduled = true;
    const start = () => {
      this.wakeScheduled = false;
      this.startTasks();
    };
    // With several senders about, the next request is near: a moment's wait halves the syncs. One sender alone never waits.
    if (this.activeTasks === 0 && this.usualRequests > LINGER_REQUESTS) setTimeout(start, LINGER_MS);
    else setImmediate(start);
  }

  private startTasks(): void {
    const { readyCount, readyBytes } = this.ring;
    if (readyCount === 0) return;
    // One worker more for each batch's worth: split further, small requests would cost a sync each instead of sharing one.
    const wanted = Math.min(
      this.pool.options.maxThreads,
      readyCount,
      1 + Math.floor(readyBytes / SHARED_BATCH_BYTES),
    );
    while (this.activeTasks < wanted) {
      this.activeTasks++;
      this.run(undefined, () => this.activeTasks--);
    }
  }

  /** One batch after another, in the order in which they ended. @returns resolves when it was told, if it has to wait */
  private tell(result: BatchResult): Promise<void> | undefined {
    const telling = this.telling
      ? this.telling.then(() => this.observer.batch(result))
      : this.observer.batch(result);
    if (!telling) {
      this.finish(result);
      return undefined;
    }
    const told = telling.then(() => {
      if (this.telling === told) this.telling = undefined;
      this.finish(result);
    });
    this.telling = told;
    return told;
  }

  private finish(result: BatchResult): void {
    this.usualRequests += (result.replies.length - this.usualRequests) / 8;
    for (const reply of result.replies) {
      const body = this.waiting.get(reply.request);
      this.waiting.delete(reply.request);
      if (body && reply.expandedBytes !== undefined)
        this.expansions.learn(body.sender, body.receivedBytes, reply.expandedBytes);
      body?.respond(reply);
    }
    this.ring.reclaim();
    if (this.waiting.size === 0) for (const listener of this.idleListeners.splice(0)) listener();
  }

  /** @throws BasaltError 413 for a body that is over the limit, or that the ring could never hold */
  private checkLength(head: BodyHead, bytes: number): void {
    const limitBytes = Math.min(BODY_BYTES_MAX, this.ring.dataBytes - head.name.length);
    if (bytes <= limitBytes) return;
    throw requestError(413, `body of ${bytes} bytes exceeds the limit of ${limitBytes} bytes`, {
      hint: 'send smaller batches',
    });
  }
}
