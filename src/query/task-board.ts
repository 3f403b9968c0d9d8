/**
 * On which task each worker of a pool is, in shared memory: a worker that is held up in native code cannot tell.
 * Layout, 32-bit words: how many places were taken; then of each place the thread and the ticket of its task, 0 when it has none.
 */
import { threadId } from 'node:worker_threads';

/** A pool that gives workers up takes a place for each new one; the oldest are used again. */
const PLACES = 1024;
const WORDS_PER_PLACE = 2;

export class TaskBoard {
  private readonly words: Int32Array<SharedArrayBuffer>;

  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  static allocate(): TaskBoard {
    return new TaskBoard(
      new SharedArrayBuffer((1 + PLACES * WORDS_PER_PLACE) * Int32Array.BYTES_PER_ELEMENT),
    );
  }

  /** The worker's own place, once in its life. Call on the worker. */
  takePlace(): TaskPlace {
    const place = Atomics.add(this.words, 0, 1) % PLACES;
    const at = 1 + place * WORDS_PER_PLACE;
    Atomics.store(this.words, at, threadId);
    Atomics.store(this.words, at + 1, 0);
    return {
      begin: (ticket) => void Atomics.store(this.words, at + 1, ticket),
      end: () => void Atomics.store(this.words, at + 1, 0),
    };
  }

  *running(): Generator<{ threadId: number; ticket: number }> {
    const places = Math.min(PLACES, Atomics.load(this.words, 0));
    for (let place = 0; place < places; place++) {
      const at = 1 + place * WORDS_PER_PLACE;
      const ticket = Atomics.load(this.words, at + 1);
      if (ticket !== 0) yield { threadId: Atomics.load(this.words, at), ticket };
    }
  }
}

export interface TaskPlace {
  begin(ticket: number): void;
  end(): void;
}
