/**
 * One leaf of a query: which blocks its scan must look at, in which order, and when it has seen enough.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import {
  GROUPING_MORSEL_GROUPS_MAX,
  GROUPING_MORSEL_GROUPS_MIN,
  GROUPING_RUN_GROUPS_MAX,
  MORSEL_GROUPS_MAX,
  ROW_GROUP_ROWS,
} from '../config/limits.js';
import type { Resume } from '../native/index.js';
import type { StreamSnapshot } from '../storage/snapshot.js';
import { groupsRows } from './combine.js';
import { type BlockTest, blockTest, insideTime, overlapsTime } from './prune.js';
import { countsRowsOnly, replaceTime, type ScanRequest } from './scan-request.js';

/** A block to scan. */
export interface Part {
  path: string;
  /** Of the file's lease. */
  fileId: number;
  offset: number;
  rows: number;
  timeMin: number;
  timeMax: number;
  /** Where its first row stands in order of arrival. */
  arrival: bigint;
}

export interface Morsel {
  leaf: number;
  parts: Part[];
  rows: number;
  /** The request to scan with, as JSON text. */
  request: string;
  /** Names the answer for the cache; only where it depends on nothing but the request and the segment. */
  cacheKey: string | undefined;
  /** Pages of the first part before this one have been answered. */
  firstPage: number;
}

/** A part with the run of row groups that it is answered together with, so that a repeated query finds the same pieces. */
interface PlacedPart extends Part {
  /** Segment and number of the run; undefined where a cached answer is of no use: blocks of the WAL, groups cut by the time range. */
  run: string | undefined;
}

/** All pieces of a leaf whose answers are kept. */
export interface Pieces {
  /** Names their answers together. */
  key: string;
  count: number;
  rows: number;
}

/** What pruning decided, for `scan_size` and EXPLAIN. */
export interface PruneStats {
  blocks: number;
  prunedByTime: number;
  prunedByZoneMap: number;
  rows: number;
  bytes: number;
}

function noBlocks(): PruneStats {
  return { blocks: 0, prunedByTime: 0, prunedByZoneMap: 0, rows: 0, bytes: 0 };
}

/** Row groups of a segment that are answered together: few, so that all workers have work; enough that merging answers costs little. */
const RUN_GROUPS = 4;

/** More rows than a segment has: its rows stand between those of its first sequence and of the next. */
const ARRIVAL_ROWS_BITS = 24n;

function arrivalOf(sequence: number): bigint {
  return BigInt(sequence) << ARRIVAL_ROWS_BITS;
}

export class Leaf {
  request: ScanRequest;
  stats: PruneStats = noBlocks();
  /** Rows of blocks that need no scan because only their number matters. */
  countedRows = 0;
  /** Answer bytes that the run has not consumed yet. */
  queuedBytes = 0;
  /** No more input is wanted. */
  satisfied = false;
  running = 0;
  private parts: PlacedPart[] = [];
  /** Of morsels whose answer stopped before the end. */
  private remainders: Morsel[] = [];
  private timelessText = '';
  private requestKey = '';
  private mayMatch: BlockTest = () => true;
  private next = 0;
  /** Rows to scan, in all and not yet taken. */
  private rows = 0;
  private remainingRows = 0;
  private taken = 0;
  private answeredRows = 0;
  /** Per answered morsel: its smallest and largest possible time and the rows it gave; only kept for topTime. */
  private answered: { timeMin: number; timeMax: number; rows: number }[] = [];

  constructor(
    readonly index: number,
    /** The planner's JSON, forwarded as it is. */
    public text: string,
    private readonly stream: StreamSnapshot,
    /** Whether answers over segments are kept, and so asked for in the same pieces each time. */
    private readonly keepsAnswers = false,
    /** Row groups of a segment that are answered together where rows are grouped. */
    private readonly groupingRunGroups = GROUPING_RUN_GROUPS_MAX,
    /** The complete request is still to come (`begin`). */
    private deferred = false,
    /** `text`, parsed. */
    request = JSON.parse(text) as ScanRequest,
  ) {
    this.request = request;
    if (!deferred) this.begin(text, request);
  }

  /** Starts answering this request; a deferred leaf may do so several times, one after the other. */
  begin(text: string, request = JSON.parse(text) as ScanRequest): void {
    this.text = text;
    this.request = request;
    // A range of time that a group lies wholly in does not matter to it: without the range, a query of "the last day" finds the answers
    // that it got a minute ago.
    this.timelessText = replaceTime(text, { min: null, max: null });
    this.requestKey = createHash('sha256').update(this.timelessText).digest('base64url');
    this.mayMatch = blockTest(this.request);
    this.deferred = false;
    this.stats = noBlocks();
    this.countedRows = 0;
    this.parts = [];
    this.remainders = [];
    this.answered = [];
    this.next = 0;
    this.remainingRows = 0;
    this.taken = 0;
    this.collect(this.stream);
    this.rows = this.remainingRows;
    const { output } = this.request;
    if (output.kind === 'topTime') {
      this.parts.sort(output.descending ? (a, b) => b.timeMax - a.timeMax : (a, b) => a.timeMin - b.timeMin);
    }
  }

  get done(): boolean {
    return this.running === 0 && this.exhausted;
  }

  get exhausted(): boolean {
    const taken = this.next >= this.parts.length && this.remainders.length === 0;
    return this.satisfied || (!this.deferred && taken);
  }

  /** The next morsel, sized so that `workers` have work and a stop comes early where one is likely. */
  takeMorsel(workers: number): Morsel | undefined {
    const { output } = this.request;
    if (output.kind === 'rows' && output.limit !== null && this.answeredRows >= output.limit)
      this.satisfied = true;
    if (this.exhausted || this.deferred) return undefined;
    const remainder = this.remainders.pop();
    if (remainder) {
      this.running++;
      return remainder;
    }
    const first = this.parts[this.next] as PlacedPart;
    if (output.kind === 'topTime' && this.cannotImprove(first)) {
      this.satisfied = true;
      return undefined;
    }
    const rowsMax = this.morselRows(first, workers);
    const parts: PlacedPart[] = [];
    let rows = 0;
    for (; this.next < this.parts.length; this.next++) {
      const part = this.parts[this.next] as PlacedPart;
      if (parts.length > 0 && (part.run !== first.run || rows + part.rows > rowsMax)) break;
      parts.push(part);
      rows += part.rows;
    }
    this.remainingRows -= rows;
    this.running++;
    const cacheKey = first.run && this.cacheKey(first.run, parts);
    const request = cacheKey ? this.timelessText : this.text;
    return { leaf: this.index, parts, rows, request, cacheKey, firstPage: 0 };
  }

  /** Most rows of the next morsel, which begins with `first`. */
  private morselRows(first: PlacedPart, workers: number): number {
    const { output } = this.request;
    const stopsEarly = output.kind === 'topTime' || (output.kind === 'rows' && output.limit !== null);
    // The first answers may be enough; where they are not, small steps would only cost messages.
    if (stopsEarly && this.taken++ < workers) return ROW_GROUP_ROWS;
    // Pieces must not depend on what else there is to do, or a kept answer would not be found again.
    if (first.run !== undefined) return Number.POSITIVE_INFINITY;
    if (groupsRows(this.request)) {
      const tasks = workers * Math.ceil(this.rows / (workers * GROUPING_MORSEL_GROUPS_MAX * ROW_GROUP_ROWS));
      return Math.max(GROUPING_MORSEL_GROUPS_MIN * ROW_GROUP_ROWS, Math.ceil(this.rows / tasks));
    }
    const even = Math.ceil(this.remainingRows / (workers * 2));
    return Math.max(ROW_GROUP_ROWS, Math.min(MORSEL_GROUPS_MAX * ROW_GROUP_ROWS, even));
  }

  /** Of a leaf that has begun, before its first morsel is taken. */
  keptPieces(): Pieces | undefined {
    const hash = createHash('sha256');
    let [count, rows] = [0, 0];
    for (let next = 0; next < this.parts.length; ) {
      const { run } = this.parts[next] as PlacedPart;
      const start = next;
      while (next < this.parts.length && this.parts[next]?.run === run) next++;
      if (run === undefined) continue;
      const parts = this.parts.slice(start, next);
      hash.update(this.cacheKey(run, parts)).update('\n');
      for (const part of parts) rows += part.rows;
      count++;
    }
    return count > 0
      ? { key: `${this.requestKey}:together:${hash.digest('base64url')}`, count, rows }
      : undefined;
  }

  /** Takes the kept pieces off what is to be done; they count as one morsel that runs. */
  takeKeptPieces({ rows }: Pieces): void {
    this.parts = this.parts.filter(({ run }) => run === undefined);
    this.remainingRows -= rows;
    this.running++;
  }

  private cacheKey(run: string, parts: PlacedPart[]): string {
    return `${this.requestKey}:${run}:${parts.map(({ offset }) => offset).join()}`;
  }

  /** Takes back what an answer left of its morsel, before the answer is noted. */
  putBack(morsel: Morsel, { part, page }: Resume): void {
    const parts = morsel.parts.slice(part);
    const rows = parts.reduce((sum, { rows }) => sum + rows, 0);
    this.remainders.push({ ...morsel, parts, rows, cacheKey: undefined, firstPage: page });
  }

  /** Notes a morsel's answer. */
  answer(morsel: Morsel, rows: number): void {
    this.running--;
    this.answeredRows += rows;
    if (this.request.output.kind !== 'topTime') return;
    this.answered.push({
      timeMin: Math.min(...morsel.parts.map((part) => part.timeMin)),
      timeMax: Math.max(...morsel.parts.map((part) => part.timeMax)),
      rows,
    });
  }

  /** Whether enough rows that are surely ahead of all of `part` have been found. */
  private cannotImprove(part: Part): boolean {
    const { output } = this.request;
    if (output.kind !== 'topTime') return false;
    let ahead = 0;
    for (const { timeMin, timeMax, rows } of this.answered) {
      if (output.descending ? timeMin > part.timeMax : timeMax < part.timeMin) ahead += rows;
    }
    return ahead >= output.limit;
  }

  private collect(stream: StreamSnapshot): void {
    const runGroups = groupsRows(this.request) ? this.groupingRunGroups : RUN_GROUPS;
    for (const segment of stream.segments) {
      if (!overlapsTime(this.request, segment)) {
        this.stats.blocks += segment.rowGroups;
        this.stats.prunedByTime += segment.rowGroups;
        continue;
      }
      const file = basename(segment.lease.path);
      const { groups, headers } = stream.footer(segment);
      let headerOffset = 0;
      let arrival = arrivalOf(segment.firstSequence);
      for (const [index, group] of groups.entries()) {
        const header = headers.subarray(headerOffset, headerOffset + group.headerBytes);
        headerOffset += group.headerBytes;
        const keeps = this.keepsAnswers && insideTime(this.request, group);
        const run = keeps ? `${file}/${Math.floor(index / runGroups)}` : undefined;
        const { path, fileId } = segment.lease;
        this.consider({ ...group, path, fileId, run, arrival }, group.bytes, header);
        arrival += BigInt(group.rows);
      }
    }
    for (const block of stream.blocks) {
      const { path, fileId } = block.lease;
      const arrival = arrivalOf(block.sequence);
      this.consider({ ...block, path, fileId, run: undefined, arrival }, block.blockBytes, block.header);
    }
  }

  /** Prunes, counts or keeps one block. */
  private consider(block: PlacedPart, bytes: number, header: Uint8Array): void {
    this.stats.blocks++;
    const { path, fileId, offset, rows, timeMin, timeMax, run, arrival } = block;
    const part = { path, fileId, offset, rows, timeMin, timeMax, run, arrival };
    if (!overlapsTime(this.request, part)) {
      this.stats.prunedByTime++;
      return;
    }
    if (!this.mayMatch(header)) {
      this.stats.prunedByZoneMap++;
      return;
    }
    this.stats.rows += rows;
    if (countsRowsOnly(this.request) && insideTime(this.request, part)) {
      this.countedRows += rows;
      return;
    }
    this.stats.bytes += bytes;
    this.remainingRows += rows;
    this.parts.push(part);
  }
}
