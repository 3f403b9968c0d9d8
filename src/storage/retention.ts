/**
 * What is kept for how long. A segment goes whole, once all of it has expired; queries do not see expired rows before that either.
 * What expires by bytes is seen until it goes.
 */
import { RETENTION_DAYS_MAX } from '../config/limits.js';
import type { Retention } from './catalog.js';
import type { LiveSegment, Stream } from './stream.js';

/** For streams without settings of their own. 0: no limit. */
export interface RetentionDefaults {
  days: number;
  bytes: number;
}

const DAY_MICROSECONDS = 86_400_000_000;

/** What expires does so minute by minute, so that within one of them a repeated query sees the same and finds its plan and answer again. */
const STEP_MICROSECONDS = 60_000_000;

/** Rows with an earlier event time (microseconds, a whole minute) have expired; undefined: none has. */
export function expiredBefore(
  retention: Retention,
  defaults: RetentionDefaults,
  nowUs: number,
): number | undefined {
  const days = retention.days ?? defaults.days;
  // Versions before took any number.
  if (days <= 0 || days > RETENTION_DAYS_MAX) return undefined;
  return Math.floor((nowUs - days * DAY_MICROSECONDS) / STEP_MICROSECONDS) * STEP_MICROSECONDS;
}

/** Segments that hold nothing but expired rows, and the oldest beyond the limit of bytes. */
export function expiredSegments(stream: Stream, defaults: RetentionDefaults, nowUs: number): LiveSegment[] {
  const before = expiredBefore(stream.retention, defaults, nowUs) ?? Number.NEGATIVE_INFINITY;
  const expired = stream.segments.filter(({ timeMax }) => timeMax < before);
  const limitBytes = stream.retention.bytes ?? defaults.bytes;
  let excess = stream.bytes - expired.reduce((sum, { bytes }) => sum + bytes, 0) - limitBytes;
  if (limitBytes === 0 || excess <= 0) return expired;
  const gone = new Set(expired);
  const kept = stream.segments.filter((segment) => !gone.has(segment)).sort((a, b) => a.timeMax - b.timeMax);
  for (const segment of kept) {
    if (excess <= 0) break;
    expired.push(segment);
    excess -= segment.bytes;
  }
  return expired;
}
