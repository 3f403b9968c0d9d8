/** Every query at one size, caches of results off: what doing the work costs. */
import type { Client, Hit } from '../end-to-end/client.js';
import type { Context } from '../end-to-end/context.js';
import { queryCases } from '../end-to-end/query-cases.js';
import { readable } from '../end-to-end/report.js';
import type { Truth } from '../generator/truth.js';
import { basaltStatements } from '../peers/basalt-statements.js';
import { difference } from '../peers/compare.js';
import { comparisons, type QueryName, type QueryParameters, queryNames } from '../peers/queries.js';
import type { Stage } from './scale.js';

export interface CaseInputs {
  readonly truth: Truth;
  readonly parameters: QueryParameters;
  readonly startUs: number;
  readonly endUs: number;
}

export interface QueryCost {
  readonly minMs: number;
  /** What the server says that it read, bytes. */
  readonly scannedBytes: number;
}

export interface StageCosts {
  readonly stage: Stage;
  readonly costs: ReadonlyMap<QueryName, QueryCost>;
  readonly answers: ReadonlyMap<QueryName, readonly Hit[]>;
}

const warmupRuns = 1;
const rowsMax = 1000;
/** Answers of counts only, which the generator does not know. */
const countedAlone = new Set<QueryName>(['match_all', 'join']);
/** No more runs of a query after so long. */
const millisecondsMax = 30_000;

export async function measureCosts(
  context: Context,
  client: Client,
  inputs: CaseInputs,
  stage: Stage,
  /** The smallest size, undefined when this is it. */
  first: StageCosts | undefined,
): Promise<StageCosts> {
  const { report, scale } = context;
  const statements = basaltStatements(inputs.parameters);
  const cases = queryCases(inputs.truth, inputs.parameters);
  const checks = new Map(cases.map(({ name, check }) => [name, check]));
  const costs = new Map<QueryName, QueryCost>();
  const answers = new Map<QueryName, readonly Hit[]>();
  const shown: string[] = [];
  for (const name of queryNames) {
    const search = { sql: statements[name], startUs: inputs.startUs, endUs: inputs.endUs, size: rowsMax };
    const untilMs = Date.now() + millisecondsMax;
    let [minMs, scannedBytes] = [Number.POSITIVE_INFINITY, 0];
    let hits: readonly Hit[] = [];
    for (let run = 0; run < warmupRuns + scale.queryRuns; run++) {
      if (run > warmupRuns && Date.now() > untilMs) break;
      const answer = await client.search(search);
      if (run >= warmupRuns) minMs = Math.min(minMs, answer.milliseconds);
      ({ hits, scannedBytes } = answer);
    }
    costs.set(name, { minMs, scannedBytes });
    shown.push(`${name} ${readable(minMs)}`);
    answers.set(name, hits);
    const problem = checks.get(name)?.(hits) ?? unlikeFirst(name, hits, stage, first);
    if (problem !== undefined) report.answer(`${name} at ${stage.size}`, problem);
  }
  report.line(`… ${stage.size}, ms: ${shown.join(', ')}`);
  return { stage, costs, answers };
}

/** What is wrong with an answer that the generator did not count: counts have to grow as the passes do. */
function unlikeFirst(
  name: QueryName,
  hits: readonly Hit[],
  stage: Stage,
  first: StageCosts | undefined,
): string | undefined {
  if (hits.length === 0) return 'no rows';
  const before = first?.answers.get(name);
  if (!first || !before || !countedAlone.has(name)) return undefined;
  const times = stage.passes / first.stage.passes;
  const wanted = before.map((row) => ({ ...row, count: Number(row.count) * times }));
  return difference(comparisons[name], hits, wanted);
}
