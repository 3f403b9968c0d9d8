/**
 * Plans kept by what they were made from, so that a repeated statement costs no planning. A plan is a handle in the addon: it is freed
 * once it is out of the cache and no query uses it. State of an entry: kept (with or without users) → dropped → freed.
 */
import { LRUCache } from 'lru-cache';
import { PLANS_KEPT_MAX } from '../config/limits.js';
import type { PlanAnswer } from '../native/index.js';

interface Entry {
  readonly plan: PlanAnswer;
  /** The moment that it was made for, microseconds. */
  readonly plannedUs: number;
  users: number;
  dropped: boolean;
}

/** A plan in use; give it back with `release`. */
export interface PlanLease {
  readonly plan: PlanAnswer;
  readonly plannedUs: number;
  release(): void;
}

export class PlanCache {
  private readonly entries: LRUCache<string, Entry>;
  /** Keys that were planned, whether or not their plans are kept. */
  private readonly known = new LRUCache<string, true>({ max: PLANS_KEPT_MAX });

  /** `free` gives the handle back to the addon. */
  constructor(private readonly free: (handle: number) => void) {
    this.entries = new LRUCache({
      max: PLANS_KEPT_MAX,
      dispose: (entry) => {
        entry.dropped = true;
        this.freeUnused(entry);
      },
    });
  }

  get count(): number {
    return this.entries.size;
  }

  /** A plan that is good at this moment. */
  acquire(key: string, nowUs: number): PlanLease | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    const { clock } = entry.plan;
    const ageUs = nowUs - entry.plannedUs;
    if (clock && (ageUs < 0 || ageUs > clock.lifetimeUs)) return undefined;
    return this.lease(entry);
  }

  /** Whether it was planned before, not long ago. */
  isKnown(key: string): boolean {
    return this.known.has(key);
  }

  /** Takes a new plan over; one that is good for its moment only is freed with its lease. */
  add(key: string, plan: PlanAnswer, plannedUs: number): PlanLease {
    const dropped = plan.stability === 'clock' && !plan.clock;
    const entry: Entry = { plan, plannedUs, users: 0, dropped };
    const lease = this.lease(entry);
    this.known.set(key, true);
    if (!entry.dropped) this.entries.set(key, entry);
    return lease;
  }

  private lease(entry: Entry): PlanLease {
    entry.users++;
    let released = false;
    return {
      plan: entry.plan,
      plannedUs: entry.plannedUs,
      release: () => {
        if (released) throw new Error('BUG: a plan was released twice');
        released = true;
        entry.users--;
        this.freeUnused(entry);
      },
    };
  }

  private freeUnused(entry: Entry): void {
    if (entry.dropped && entry.users === 0) this.free(entry.plan.handle);
  }
}
