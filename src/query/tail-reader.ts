/**
 * One who follows a tail. Rows go out at once; those for which a slow reader leaves no room are dropped, and it is told how many. While
 * the rows from before are on their way, new ones wait under the same limit. States: waiting → following → closed.
 */
import { TAIL_BUFFER_BYTES, TAIL_MESSAGE_BYTES } from '../config/limits.js';

/** A socket, as far as a tail knows it. */
export interface TailSink {
  /** That the network has not taken yet. */
  readonly bufferedBytes: number;
  send(text: string | Uint8Array): void;
  close(code: number, reason: string): void;
}

/** Whole lines, one a row. */
export interface TailMessage {
  bytes: Uint8Array;
  rows: number;
}

/** Over all readers. */
export interface TailCounts {
  scans: number;
  rows: number;
  dropped: number;
}

const LINE_FEED = 0x0a;

/** Cuts lines into messages of a good size. */
export function* tailMessages(lines: Uint8Array): Generator<TailMessage> {
  let [from, to, rows] = [0, 0, 0];
  for (let end = lines.indexOf(LINE_FEED); end >= 0; end = lines.indexOf(LINE_FEED, to)) {
    to = end + 1;
    rows++;
    if (to - from < TAIL_MESSAGE_BYTES) continue;
    yield { bytes: lines.subarray(from, to), rows };
    from = to;
    rows = 0;
  }
  if (rows > 0) yield { bytes: lines.subarray(from, to), rows };
}

export class TailReader {
  /** Blocks that became live before belong to the rows from before. */
  since = 0;
  private readonly left = new AbortController();
  private waiting: TailMessage[] | undefined;
  private waitingBytes = 0;
  private dropped = 0;
  private roomListener: (() => void) | undefined;

  /** @param waits for rows from before */
  constructor(
    private readonly sink: TailSink,
    private readonly counts: TailCounts,
    waits: boolean,
  ) {
    if (waits) this.waiting = [];
  }

  /** Aborts when the reader leaves. */
  get gone(): AbortSignal {
    return this.left.signal;
  }

  /** New rows. */
  live(message: TailMessage): void {
    if (!this.waiting) this.post(message);
    else if (this.waitingBytes + message.bytes.length > TAIL_BUFFER_BYTES) this.drop(message.rows);
    else {
      this.waiting.push(message);
      this.waitingBytes += message.bytes.length;
    }
  }

  /** Rows from before; resolves when there is room for more. */
  async before(message: TailMessage): Promise<void> {
    this.post(message);
    if (this.sink.bufferedBytes < TAIL_BUFFER_BYTES / 2 || this.gone.aborted) return;
    await new Promise<void>((resolve) => {
      this.roomListener = resolve;
    });
  }

  /** No more rows from before will come. */
  follow(): void {
    const messages = this.waiting ?? [];
    this.waiting = undefined;
    for (const message of messages) this.post(message);
    this.tellDropped();
  }

  /** Rows that it does not get. */
  drop(rows: number): void {
    this.dropped += rows;
    this.counts.dropped += rows;
  }

  /** Something that is no row. */
  tell(notice: object): void {
    if (!this.gone.aborted) this.sink.send(`${JSON.stringify({ _tail: notice })}\n`);
  }

  /** The network has taken what was sent. */
  drained(): void {
    this.tellDropped();
    this.roomListener?.();
    this.roomListener = undefined;
  }

  close(code: number, reason: string): void {
    this.sink.close(code, reason);
  }

  /** The socket is closed. */
  closed(): void {
    this.left.abort();
    this.roomListener?.();
    this.waiting = undefined;
  }

  private post({ bytes, rows }: TailMessage): void {
    if (this.gone.aborted) return;
    const { bufferedBytes } = this.sink;
    // A message that is larger by itself can be sent when nothing else waits.
    if (bufferedBytes > 0 && bufferedBytes + bytes.length > TAIL_BUFFER_BYTES) {
      this.drop(rows);
      return;
    }
    this.tellDropped();
    this.sink.send(bytes);
    this.counts.rows += rows;
  }

  private tellDropped(): void {
    // Among the rows from before, it would be taken for a gap in them.
    if (this.dropped === 0 || this.waiting) return;
    this.tell({ dropped: this.dropped });
    this.dropped = 0;
  }
}
