/**
 * Gathers the answers of a leaf that groups rows. If there are many groups, the query workers combine them, each a share of the groups,
 * before the residual plan sees any: it runs on one thread, and then meets each group once, or only the first ones by the query's order.
 */
import { COMBINE_ROWS_MIN } from '../config/limits.js';
import type { Ipc } from '../native/index.js';
import type { ScanRequest } from './scan-request.js';

/** What to do with the answers that a gathering gave up. */
export type Release =
  | { kind: 'feed'; answers: Ipc[] }
  /** Each of `shares` tasks gets all the answers; what they answer is all there is in place of these. */
  | { kind: 'combine'; answers: Ipc[]; shares: number; complete: boolean };

export class Gathering {
  bytes = 0;
  private rows = 0;
  private answers: Ipc[] = [];
  /** Combining does not make it less: from now on every answer is fed at once. */
  private hopeless = false;
  private combined = false;

  constructor(
    private readonly workers: number,
    /** That wait to be combined. */
    private readonly bytesMax: number,
    /** Not all groups are wanted, so that one answer is combined too. */
    private readonly selects = false,
  ) {}

  /** Takes one answer and says what is to be done now, if anything. `last`: no other is to come. */
  add(ipc: Ipc, rows: number, last: boolean): Release | undefined {
    this.answers.push(ipc);
    this.bytes += ipc.length;
    this.rows += rows;
    if (last) return this.release(this.worthwhile, true);
    if (this.hopeless) return this.release(false, false);
    return this.bytes >= this.bytesMax ? this.release(true, false) : undefined;
  }

  /** Takes back what shares of an incomplete combination answered. */
  addCombined(ipcs: Ipc[], rows: number): Release | undefined {
    this.answers.push(...ipcs);
    this.bytes += ipcs.reduce((sum, ipc) => sum + ipc.length, 0);
    this.rows += rows;
    this.combined = true;
    this.hopeless = this.bytes * 2 > this.bytesMax;
    return this.hopeless ? this.release(false, false) : undefined;
  }

  /** No answer is to come any more. */
  finish(): Release | undefined {
    return this.answers.length > 0 ? this.release(this.worthwhile, true) : undefined;
  }

  private get worthwhile(): boolean {
    const gains = this.answers.length > 1 || this.combined || this.selects;
    return gains && !this.hopeless && this.rows >= COMBINE_ROWS_MIN;
  }

  private release(combine: boolean, complete: boolean): Release {
    const answers = this.answers;
    const shares = this.rows >= COMBINE_ROWS_MIN * 2 ? this.workers : 1;
    this.answers = [];
    this.bytes = 0;
    this.rows = 0;
    return combine ? { kind: 'combine', answers, shares, complete } : { kind: 'feed', answers };
  }
}

/** Whether a complete combination of answers to this request leaves out groups. */
export function selectsGroups({ output }: ScanRequest): boolean {
  return output.kind === 'aggregate' && output.top !== undefined;
}

/** Whether answers to this request are rows of groups. */
export function groupsRows({ output }: ScanRequest): boolean {
  return output.kind === 'aggregate' && output.groups.length > 0;
}
