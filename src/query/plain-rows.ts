/**
 * Whether a statement can be answered part by part of its time: its plan does nothing but pick rows of one stream, newest first. The
 * planner is asked to explain the statement, and the tree that it gives is read line by line: only steps that are listed here may be in it.
 */
import type { PlanFacts } from './query-runner.js';

export interface PlainRows {
  stream: string;
  /** The most rows that are wanted; infinite: all. */
  limit: number;
}

const NEWEST_FIRST =
  /^SortExec: (?:TopK\(fetch=(\d+)\), )?expr=\[_timestamp@\d+ DESC(?: NULLS LAST)?\], preserve_partitioning=\[false\]$/;
/** A step below the sort that renames columns must leave the event time what it is. */
const KEEPS_TIME = /_timestamp@\d+ as _timestamp\b/;

/** Whether it is worth explaining: anything else is surely not plain. */
export function mayBePlain({ leaves, analyze }: PlanFacts): boolean {
  const [leaf, ...others] = leaves;
  if (!leaf || others.length > 0 || analyze) return false;
  const { output } = leaf;
  return output.kind === 'topTime' ? output.descending : output.kind === 'rows' && output.limit === null;
}

/** @param tree the lines of the explanation, from the top */
export function plainRows({ leaves }: PlanFacts, tree: string[]): PlainRows | undefined {
  const stream = leaves[0]?.stream;
  let limit: number | undefined;
  for (const [index, text] of tree.entries()) {
    const step = text.trim();
    const sort = NEWEST_FIRST.exec(step);
    if (sort && limit === undefined) limit = Number(sort[1] ?? Number.POSITIVE_INFINITY);
    else if (step.startsWith('ProjectionExec: ')) {
      if (limit !== undefined && !KEEPS_TIME.test(step)) return undefined;
    } else if (step.startsWith('Scan: ')) {
      return index === tree.length - 1 && stream !== undefined && limit !== undefined
        ? { stream, limit }
        : undefined;
    } else if (!step.startsWith('FilterExec: ') || limit === undefined) return undefined;
  }
  return undefined;
}
