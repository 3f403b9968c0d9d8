/**
 * Partitions of event time. A segment whose rows lie in one day belongs to that day; one that spans several is mixed. A merge gives each
 * day that fills a row group its own segment; all other rows (late, early, from broken clocks) share one, so that no clock makes
 * thousands of small files. Mixed segments are merged with each other until their days are full.
 */
import { PARTITION_ROWS_MIN, PARTITIONS_MAX } from '../config/limits.js';

export const PARTITION_MICROSECONDS = 86_400_000_000;

/** Of segments that span several. */
export const MIXED = 'mixed';

export type Partition = number | typeof MIXED;

/** The day since 1970 that holds both times, which are microseconds. */
export function partitionOf(timeMin: number, timeMax: number): Partition {
  const day = dayOf(timeMin);
  return day === dayOf(timeMax) ? day : MIXED;
}

function dayOf(time: number): number {
  return Math.floor(time / PARTITION_MICROSECONDS);
}

/** Rows of one output: those in the ranges, or those in none of them. */
export interface TimeCut {
  /** Microseconds, half-open: from, to, from, to. Multiples of a day, which a double holds exactly. */
  ranges: number[];
  inside: boolean;
}

/**
 * Splits the rows of a merge.
 * @param rowsByDay rows of each day since 1970
 * @returns one cut an output, together all rows once; undefined when all go to one output
 */
export function splitByDay(rowsByDay: ReadonlyMap<number, number>): TimeCut[] | undefined {
  if (rowsByDay.size < 2) return undefined;
  const full = [...rowsByDay].filter(([, rows]) => rows >= PARTITION_ROWS_MIN).sort(([, a], [, b]) => b - a);
  const days = full.slice(0, PARTITIONS_MAX).map(([day]) => day);
  if (days.length === 0) return undefined;
  const range = (day: number) => [day * PARTITION_MICROSECONDS, (day + 1) * PARTITION_MICROSECONDS];
  const cuts: TimeCut[] = days.map((day) => ({ ranges: range(day), inside: true }));
  if (days.length < rowsByDay.size) cuts.push({ ranges: days.flatMap(range), inside: false });
  return cuts;
}
