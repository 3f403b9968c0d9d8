/**
 * A stream's segments by partition and size, so that what is worth a merge is known without looking at all of them. A tier holds segments
 * of like size of one partition; once COMPACT_SEGMENTS are in one they are merged, which puts the result into a higher one: each row is
 * rewritten once a tier, O(log n) times in all (size-tiered compaction, as in Bigtable and Cassandra).
 */
import { COMPACT_SEGMENTS, SEGMENT_ROWS_MAX } from '../config/limits.js';
import { partitionOf } from './partition.js';
import type { LiveSegment } from './stream.js';

export class CompactionTiers {
  private readonly tiers = new Map<string, Set<LiveSegment>>();
  /** Keys of tiers with enough segments. */
  private readonly full = new Set<string>();

  add(segment: LiveSegment): void {
    const key = tierOf(segment);
    if (key === undefined) return;
    const tier = this.tiers.get(key) ?? new Set();
    this.tiers.set(key, tier.add(segment));
    if (tier.size >= COMPACT_SEGMENTS) this.full.add(key);
  }

  delete(segment: LiveSegment): void {
    const key = tierOf(segment);
    const tier = key === undefined ? undefined : this.tiers.get(key);
    if (key === undefined || !tier) return;
    tier.delete(segment);
    if (tier.size < COMPACT_SEGMENTS) this.full.delete(key);
    if (tier.size === 0) this.tiers.delete(key);
  }

  get due(): boolean {
    return this.full.size > 0;
  }

  /** The segments of the tier that was full first, oldest first, as many as one segment may hold. */
  pick(): LiveSegment[] | undefined {
    for (const key of this.full) {
      const picked = fitting(this.tiers.get(key) ?? new Set());
      if (picked.length >= 2) return picked;
    }
    return undefined;
  }
}

/** Undefined for segments that are large enough to stay as they are. */
function tierOf({ rows, timeMin, timeMax }: LiveSegment): string | undefined {
  if (rows > SEGMENT_ROWS_MAX / 2) return undefined;
  const size = Math.floor(Math.log(rows) / Math.log(COMPACT_SEGMENTS));
  return `${partitionOf(timeMin, timeMax)}/${size}`;
}

function fitting(segments: ReadonlySet<LiveSegment>): LiveSegment[] {
  const picked: LiveSegment[] = [];
  let rows = 0;
  for (const segment of [...segments].sort((a, b) => a.firstSequence - b.firstSequence)) {
    if (rows + segment.rows > SEGMENT_ROWS_MAX) break;
    picked.push(segment);
    rows += segment.rows;
  }
  return picked;
}
