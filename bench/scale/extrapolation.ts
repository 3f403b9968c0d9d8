/** What costs at some sizes say about others. */
import type { QueryName } from '../peers/queries.js';
import type { StageCosts } from './costs.js';

/** The queries that have to look at every record, so that their cost is that of scanning. */
export const scanQueries: readonly QueryName[] = ['substr', 'regex', 'group2', 'p95'];

/** How much the cost of a gigabyte differs between sizes: the largest over the smallest, less 1. */
export function growthOfCost(costs: readonly StageCosts[], query: QueryName): number {
  const perGigabyte = costs.map(({ stage, costs: of }) => (of.get(query)?.minMs as number) / stage.gigabytes);
  return Math.max(...perGigabyte) / Math.min(...perGigabyte) - 1;
}

/** By the straight line through the smallest and the largest size; with one size, through 0. */
export function extrapolate(
  costs: readonly StageCosts[],
  query: QueryName,
  gigabytes: number,
): { seconds: number; readGigabytes: number } {
  const [first, last] = [costs[0] as StageCosts, costs.at(-1) as StageCosts];
  const at = (stage: StageCosts) => stage.costs.get(query) ?? { minMs: Number.NaN, scannedBytes: Number.NaN };
  const line = (value: (stage: StageCosts) => number) => {
    const through = { x: last.stage.gigabytes, y: value(last) };
    const span = through.x - first.stage.gigabytes;
    const slope = span > 0 ? (through.y - value(first)) / span : through.y / through.x;
    return through.y + slope * (gigabytes - through.x);
  };
  return {
    seconds: line((stage) => at(stage).minMs) / 1000,
    readGigabytes: line((stage) => at(stage).scannedBytes) / 1e9,
  };
}
