/** How long an answer may be that is put together in memory. */
import {
  ANSWER_BYTES_MAX,
  ANSWER_BYTES_MIN,
  ANSWER_BYTES_RUNNING_MAX,
  MADE_ANSWER_BYTES_MAX,
} from '../config/limits.js';
import { type BasaltError, requestError } from '../errors/index.js';

const EXECUTION = 20008;

/** @param memoryBytes what all queries together may hold */
export function answerBytesMax(memoryBytes: number, running: number): number {
  const all = Math.min(ANSWER_BYTES_RUNNING_MAX, memoryBytes);
  return Math.max(ANSWER_BYTES_MIN, Math.min(ANSWER_BYTES_MAX, memoryBytes / 4, all / Math.max(1, running)));
}

export function answerTooLong(limitBytes: number): BasaltError {
  const megabytes = Math.floor(limitBytes / (1024 * 1024));
  return requestError(400, `the rows of the answer have more than ${megabytes} MB`, {
    code: EXECUTION,
    hint: 'POST /api/{org}/_export gives any number of rows as a file; or ask for fewer by LIMIT or size',
  });
}

/** @throws BasaltError 400 for rows that are too many to make a text or series of them here */
export function checkMadeAnswer(pieces: Uint8Array[]): void {
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (bytes > MADE_ANSWER_BYTES_MAX) throw answerTooLong(MADE_ANSWER_BYTES_MAX);
}
