import type { Hit } from '../end-to-end/client.js';
import { summarise } from '../end-to-end/queries.js';
import { difference } from './compare.js';
import type { Engine } from './engine.js';
import { comparisons, type QueryName } from './queries.js';

const warmupRuns = 2;
/** A slow engine is asked less often, but timed once at least. */
const millisecondsMax = 60_000;

export interface Timed {
  readonly minMs: number;
  readonly medianMs: number;
  /** The last answer; each timed one agreed with the first. */
  readonly rows: readonly Hit[];
}

/** Asks one question again and again. @throws when an answer differs from the first */
export async function timeEngine(engine: Engine, query: QueryName, runs: number): Promise<Timed> {
  const sql = engine.statements[query];
  const first = (await engine.ask(sql)).rows;
  const times: number[] = [];
  const untilMs = Date.now() + millisecondsMax;
  let rows = first;
  for (let run = 1; run < warmupRuns + runs; run++) {
    if (times.length > 0 && Date.now() > untilMs) break;
    const answer = await engine.ask(sql);
    rows = answer.rows;
    const comparison = comparisons[query];
    const problem = comparison.kind === 'rows' ? difference(comparison, rows, first) : undefined;
    if (problem !== undefined) throw new Error(`${engine.name}, ${query}: run ${run} differs: ${problem}`);
    if (run >= warmupRuns) times.push(answer.milliseconds);
  }
  return { ...summarise(times), rows };
}
