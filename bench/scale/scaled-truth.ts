import type { Truth } from '../generator/truth.js';

/**
 * The right answers when the same records were sent in `passes` passes, each `passUs` later and with trace ids of its own (see
 * bench/load/renewal.ts). Needs passes of whole hours, and records of one pass within such an hour.
 */
export function scaledTruth(truth: Truth, passes: number, passUs: number): Truth {
  const shifts = Array.from({ length: passes }, (_, pass) => pass * passUs);
  return {
    ...truth,
    records: truth.records * passes,
    lastUs: truth.lastUs + (passes - 1) * passUs,
    levels: truth.levels.map(({ level, count, responseThousandths }) => ({
      level,
      count: count * passes,
      responseThousandths: responseThousandths * passes,
    })),
    hours: shifts.flatMap((shift) => truth.hours.map((hour) => ({ ...hour, hourUs: hour.hourUs + shift }))),
    newestErrorsUs: shifts
      .flatMap((shift) => truth.newestErrorsUs.map((us) => us + shift))
      .sort((left, right) => right - left)
      .slice(0, 100),
    topPaths: truth.topPaths.map(({ path, count }) => ({ path, count: count * passes })),
    phraseCount: truth.phraseCount * passes,
    blockCount: truth.blockCount * passes,
  };
}
