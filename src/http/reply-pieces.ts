/**
 * Long answers, written as the socket takes them: what waits for a slow reader is one slice beside what is in memory anyway, and between
 * two slices everybody else has a turn.
 */
import { ANSWER_SLICE_BYTES, ANSWER_STALL_SECONDS } from '../config/limits.js';
import type { Exchange, ReplyOptions } from './exchange.js';

/** Resolves when all is written, the client has gone, or it took nothing for so long that it was cut off. */
export async function replyPieces(
  exchange: Exchange,
  pieces: Iterable<string | Uint8Array>,
  options: ReplyOptions,
): Promise<void> {
  const stream = exchange.stream(200, options);
  for (const piece of pieces) {
    for (const slice of slices(piece)) {
      if (exchange.cancelled.signal.aborted) return;
      const timer = setTimeout(() => stream.cut(), ANSWER_STALL_SECONDS * 1000);
      await stream.write(slice);
      clearTimeout(timer);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  stream.end('');
}

function* slices(piece: string | Uint8Array): Generator<string | Uint8Array> {
  if (typeof piece === 'string' || piece.length <= ANSWER_SLICE_BYTES) {
    yield piece;
    return;
  }
  for (let at = 0; at < piece.length; at += ANSWER_SLICE_BYTES)
    yield piece.subarray(at, at + ANSWER_SLICE_BYTES);
}
