/**
 * One leaf of a query: which blocks its scan must look at, in which order, and when it has seen enough.
 */
import { MORSEL_GROUPS_MAX } from '../config/limits.js';
import type { StreamSnapshot } from '../storage/snapshot.js';
import { insideTime, mayMatch, overlapsTime } from './prune.js';
import { countsRowsOnly, type ScanRequest } from './scan-request.js';

/** A block to scan. */
export interface Part {
  path: string;
  /** Of the file's lease. */
  fileId: number;
  offset: number;
  rows: number;
  timeMin: number;
  timeMax: number;
}

export interface Morsel {
  leaf: number;
  parts: Part[];
}

/** What pruning decided, for `scan_size` and EXPLAIN. */
export interface PruneStats {
  blocks: number;
  prunedByTime: number;
  prunedByZoneMap: number;
  rows: number;
  bytes: number;
}

/** Rows of a full row group. */
const GROUP_ROWS = 65_536;

export class Leaf {
  readonly request: ScanRequest;
  readonly stats: PruneStats = { blocks: 0, prunedByTime: 0, prunedByZoneMap: 0, rows: 0, bytes: 0 };
  /** Rows of blocks that need no scan because only their number matters. */
  countedRows = 0;
  /** Answer bytes that the run has not consumed yet. */
  queuedBytes = 0;
  /** No more input is wanted. */
  satisfied = false;
  running = 0;
  private readonly parts: Part[] = [];
  private next = 0;
  private remainingRows = 0;
  private answeredRows = 0;
  /** Per answered morsel: its smallest and largest possible time and the rows it gave; only kept for topTime. */
  private readonly answered: { timeMin: number; timeMax: number; rows: number }[] = [];

  constructor(
    readonly index: number,
    /** The planner's JSON, forwarded as it is. */
    readonly text: string,
    stream: StreamSnapshot,
  ) {
    this.request = JSON.parse(text) as ScanRequest;
    this.collect(stream);
    const { output } = this.request;
    if (output.kind === 'topTime') {
      this.parts.sort(output.descending ? (a, b) => b.timeMax - a.timeMax : (a, b) => a.timeMin - b.timeMin);
    }
  }

  get done(): boolean {
    return this.running === 0 && this.exhausted;
  }

  get exhausted(): boolean {
    return this.satisfied || this.next >= this.parts.length;
  }

  /** The next morsel, sized so that `workers` have work and a stop comes early where one is likely. */
  takeMorsel(workers: number): Morsel | undefined {
    const { output } = this.request;
    if (output.kind === 'rows' && output.limit !== null && this.answeredRows >= output.limit)
      this.satisfied = true;
    if (this.exhausted) return undefined;
    const first = this.parts[this.next] as Part;
    if (output.kind === 'topTime' && this.cannotImprove(first)) {
      this.satisfied = true;
      return undefined;
    }
    const stopsEarly = output.kind === 'topTime' || (output.kind === 'rows' && output.limit !== null);
    const even = Math.ceil(this.remainingRows / (workers * 2));
    const rowsMax = stopsEarly
      ? GROUP_ROWS
      : Math.max(GROUP_ROWS, Math.min(MORSEL_GROUPS_MAX * GROUP_ROWS, even));
    const parts: Part[] = [];
    let rows = 0;
    for (; this.next < this.parts.length; this.next++) {
      const part = this.parts[this.next] as Part;
      if (parts.length > 0 && rows + part.rows > rowsMax) break;
      parts.push(part);
      rows += part.rows;
    }
    this.remainingRows -= rows;
    this.running++;
    return { leaf: this.index, parts };
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
    for (const segment of stream.segments) {
      if (!overlapsTime(this.request, segment)) {
        this.stats.blocks += segment.groups.length;
        this.stats.prunedByTime += segment.groups.length;
        continue;
      }
      let headerOffset = 0;
      for (const group of segment.groups) {
        const header = segment.headers.subarray(headerOffset, headerOffset + group.headerBytes);
        headerOffset += group.headerBytes;
        const { path, fileId } = segment.lease;
        this.consider({ ...group, path, fileId }, group.bytes, header);
      }
    }
    for (const block of stream.blocks) {
      const { path, fileId } = block.lease;
      this.consider({ ...block, path, fileId }, block.blockBytes, block.header);
    }
  }

  /** Prunes, counts or keeps one block. */
  private consider(block: Part, bytes: number, header: Uint8Array): void {
    this.stats.blocks++;
    const { path, fileId, offset, rows, timeMin, timeMax } = block;
    const part = { path, fileId, offset, rows, timeMin, timeMax };
    if (!overlapsTime(this.request, part)) {
      this.stats.prunedByTime++;
      return;
    }
    if (!mayMatch(this.request, header)) {
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
