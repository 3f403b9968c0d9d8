/**
 * The scan request as the planner writes it: a mirror of native/scan/src/request.rs. Read here only to prune; what goes to the scan is
 * the planner's own JSON text, since 64-bit integers do not survive JSON.parse exactly.
 */
import type { RequestText } from '../native/index.js';
import type { ColumnType } from '../storage/schema.js';

/** A float is the text of one, which both sides read to the same bits. */
export type Literal = { int64: number } | { float64: string } | { bool: boolean } | { string: string };

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

export type Filter =
  | { op: 'and' | 'or'; args: Filter[] }
  | { op: 'compare'; column: string; cmp: Comparison; value: Literal }
  | { op: 'in'; column: string; values: Literal[]; negated: boolean }
  | { op: 'like' | 'regex'; column: string; pattern: string; negated: boolean; ignoreCase: boolean }
  | { op: 'contains'; column: string; needle: string; negated: boolean; ignoreCase: boolean }
  | { op: 'isNull'; column: string; negated: boolean }
  | { op: 'constant'; value: boolean };

export type Group =
  | { kind: 'column'; column: string }
  | { kind: 'bucket'; column: string; width: number; origin: number };

export type Aggregate =
  | { kind: 'countRows' }
  | { kind: 'count' | 'sum' | 'min' | 'max' | 'average' | 'sketch'; column: string }
  | { kind: 'function'; name: string; arguments: Argument[]; distinct: boolean };

export type Argument =
  | { kind: 'column'; column: string; cast: ColumnType | null }
  | { kind: 'constant'; value: Literal };

/** The groups that come first by a column of the answer; only a complete combination of answers leaves out others. */
export interface Top {
  column: number;
  descending: boolean;
  nullsFirst: boolean;
  limit: number;
}

export type Output =
  | { kind: 'rows'; project: string[]; limit: number | null }
  | { kind: 'topTime'; project: string[]; descending: boolean; limit: number }
  | { kind: 'aggregate'; groups: Group[]; aggregates: Aggregate[]; top?: Top };

export interface ScanRequest {
  stream: string;
  columns: { name: string; type: ColumnType }[];
  /** Microseconds; `min` inclusive, `max` exclusive. */
  time: { min: number | null; max: number | null };
  filter: Filter | null;
  output: Output;
}

/** Whether the answer depends on nothing but how many rows there are. */
export function countsRowsOnly({ filter, output }: ScanRequest): boolean {
  if (filter !== null) return false;
  if (output.kind === 'rows') return output.project.length === 0 && output.limit === null;
  if (output.kind !== 'aggregate' || output.groups.length > 0) return false;
  return output.aggregates.every((aggregate) => aggregate.kind === 'countRows');
}

/** The request, or one that lets more rows pass: enough to rule out blocks by. */
export function requestToPrune({ text, outline }: RequestText): ScanRequest {
  return JSON.parse(outline ?? text) as ScanRequest;
}

/** As the planner writes it. Inside a JSON string its quotes would be escaped, so it is found nowhere else. */
const TIME_MEMBER = /"time":\{"min":(null|-?\d+),"max":(null|-?\d+)\}/;

/** The planner's text with another range of time, microseconds. */
export function replaceTime(text: string, { min, max }: ScanRequest['time']): string {
  return text.replace(TIME_MEMBER, `"time":{"min":${min},"max":${max}}`);
}

/** How the range of a request's time differs from what the planner wrote. */
export interface TimeMove {
  /** Added to the least and to the greatest time, microseconds. */
  shiftUs: [number, number];
  /** What is asked for lies within. */
  startTime: number | null;
  endTime: number | null;
}

/** The planner's text with its range of time moved, then narrowed. */
export function moveTime(text: string, { shiftUs, startTime, endTime }: TimeMove): string {
  const later = (a: bigint, b: bigint) => (a > b ? a : b);
  const earlier = (a: bigint, b: bigint) => (a < b ? a : b);
  const bound = (
    written: string,
    shift: number,
    limit: number | null,
    narrower: (a: bigint, b: bigint) => bigint,
  ) => {
    if (written === 'null') return limit;
    const moved = BigInt(written) + BigInt(shift);
    return limit === null ? moved : narrower(moved, BigInt(limit));
  };
  return text.replace(TIME_MEMBER, (_, min: string, max: string) => {
    const from = bound(min, shiftUs[0], startTime, later);
    const until = bound(max, shiftUs[1], endTime, earlier);
    return `"time":{"min":${from},"max":${until}}`;
  });
}
