/** Long work that the main thread does in steps, so that nobody waits for it longer than one. */

/** Of encoded rows in one step: a millisecond or two. */
export const TURN_BYTES = 64 * 1024;

/** One step of anything else. */
const STEP_MS = 4;

/** Resolves after everybody else had a turn. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Tells long work when its step is over: `if (pace.isOver) await pace.next();`. */
export class Pace {
  private sinceMs = performance.now();

  get isOver(): boolean {
    return performance.now() - this.sinceMs > STEP_MS;
  }

  async next(): Promise<void> {
    await othersTurn();
    this.sinceMs = performance.now();
  }
}

/** Sorts a copy, in steps; equal items may change places. `compare` must not change its mind meanwhile. */
export async function sortInTurns<T>(items: readonly T[], compare: (a: T, b: T) => number): Promise<T[]> {
  const pace = new Pace();
  const runs: T[][] = [];
  for (let at = 0; at < items.length; at += SORT_RUN) {
    runs.push(items.slice(at, at + SORT_RUN).sort(compare));
    if (pace.isOver) await pace.next();
  }
  while (runs.length > 1) {
    const [first, second] = runs.splice(0, 2) as [T[], T[]];
    runs.push(await mergeRuns(first, second, compare, pace));
  }
  return runs[0] ?? [];
}

const SORT_RUN = 1024;

async function mergeRuns<T>(
  left: T[],
  right: T[],
  compare: (a: T, b: T) => number,
  pace: Pace,
): Promise<T[]> {
  const merged: T[] = [];
  let [l, r] = [0, 0];
  while (l < left.length && r < right.length) {
    if (compare(left[l] as T, right[r] as T) <= 0) merged.push(left[l++] as T);
    else merged.push(right[r++] as T);
    if (merged.length % SORT_RUN === 0 && pace.isOver) await pace.next();
  }
  for (; l < left.length; l++) merged.push(left[l] as T);
  for (; r < right.length; r++) merged.push(right[r] as T);
  return merged;
}
