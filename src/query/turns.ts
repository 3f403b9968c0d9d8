/** Work on long answers that the main thread does in steps, so that nobody waits for it longer than one. */

/** Of encoded rows in one step: a millisecond or two. */
export const TURN_BYTES = 64 * 1024;

/** Resolves after everybody else had a turn. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
