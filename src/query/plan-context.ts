/** What the planner must know of the world: a mirror of PlanContext in native/sql/src/context.rs. */
import { FULL_TEXT_COLUMNS } from '../storage/full-text.js';
import { type ColumnType, isText } from '../storage/schema.js';
import type { StreamSnapshot } from '../storage/snapshot.js';

/** What the planner is told of a stream. */
export type PlannedStream = Pick<StreamSnapshot, 'name' | 'schema' | 'hasUnlisted' | 'expiredBefore'>;

export interface PlanContext {
  streams: {
    name: string;
    columns: { name: string; type: ColumnType }[];
    /** Rows before have expired, microseconds. */
    startTime: number | null;
    /** There may be more fields, in the overflow column. */
    unlisted: boolean;
    fullTextColumns: string[];
  }[];
  /** All stream names of the organization, for "did you mean". */
  streamNames: string[];
  nowUs: number;
  /** Half-open bounds of every stream in the query, microseconds. */
  startTime: number | null;
  endTime: number | null;
  from: number;
  size: number | null;
  defaultOrder: boolean;
  /** The width of `histogram()` where the statement names none; without, it follows the range. */
  histogramIntervalSeconds?: number;
  /** The time zone of `histogram()` where the statement names none; without, UTC. */
  timezone?: string;
  /** Whether to find out how the plan follows the clock; takes as long again. */
  followClock?: boolean;
}

const STREAMS_LOOKED_FOR = 64;

/** At most this many names travel for suggestions. */
const SUGGESTED_NAMES_MAX = 1000;

export type HistogramOptions = Pick<PlanContext, 'histogramIntervalSeconds' | 'timezone'>;

export type PlanOptions = Omit<PlanContext, 'streams' | 'streamNames' | 'nowUs' | 'followClock'>;

/**
 * The streams that `sql` may name: every identifier-like word in it is looked up, so nothing is missed and the planner need not see
 * the schemas of all others.
 */
export function namedStreams<S extends { name: string }>(sql: string, streams: ReadonlyMap<string, S>): S[] {
  const text = sql.toLowerCase();
  // With few streams looking for each is faster than listing all words of a long text.
  if (streams.size <= STREAMS_LOOKED_FOR)
    return [...streams.values()].filter(({ name }) => hasWord(text, name));
  const found = new Set<S>();
  for (const [word] of text.matchAll(/[a-z0-9_:]+/g)) {
    const stream = streams.get(word);
    if (stream) found.add(stream);
  }
  return [...found];
}

function hasWord(text: string, word: string): boolean {
  const isPart = (at: number) => /[a-z0-9_:]/.test(text.charAt(at));
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1))
    if (!isPart(at - 1) && !isPart(at + word.length)) return true;
  return false;
}

export function planContext(
  streams: PlannedStream[],
  streamNames: Iterable<string>,
  nowUs: number,
  options: PlanOptions,
): PlanContext {
  return {
    ...options,
    nowUs,
    streams: streams.map(describe),
    streamNames: suggestedNames(streamNames),
  };
}

/** Those among which the nearest is looked for. */
export function suggestedNames(names: Iterable<string>): string[] {
  const taken: string[] = [];
  for (const name of names) {
    if (taken.length === SUGGESTED_NAMES_MAX) break;
    taken.push(name);
  }
  return taken;
}

function describe({
  name,
  schema,
  hasUnlisted,
  expiredBefore,
}: PlannedStream): PlanContext['streams'][number] {
  // By name: a restart forgets the order in which blocks brought them, and `SELECT *` must not tell.
  const named = [...schema].sort(([a], [b]) => (a < b ? -1 : 1));
  const columns = named.map(([column, type]) => ({ name: column, type }));
  const fullTextColumns = FULL_TEXT_COLUMNS.filter((column) => isText(schema.get(column)));
  return { name, columns, startTime: expiredBefore ?? null, unlisted: hasUnlisted, fullTextColumns };
}
