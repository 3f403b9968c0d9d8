/**
 * The right answers to the bench's queries, counted while records are made and so independent of any engine. Response times are summed
 * as integer thousandths, exactly.
 */
import { levels, pathNumbers, pathStems, type RecordOptions, services, userCount } from './records.js';

/** What a record says, as indexes and integers. One object is reused for all records. */
export interface RecordFacts {
  timestampUs: number;
  level: number;
  service: number;
  stem: number;
  /** The number after the path's stem, or -1. */
  number: number;
  user: number;
  responseThousandths: number;
  template: number;
  /** The trace id's four 32-bit words. */
  readonly trace: Int32Array;
}

export interface LevelSum {
  level: string;
  count: number;
  responseThousandths: number;
}

export interface Truth {
  records: number;
  /** The times of the first and last record. */
  firstUs: number;
  lastUs: number;
  levels: LevelSum[];
  /** One for each whole hour (UTC) and level that has records. */
  hours: (LevelSum & { hourUs: number })[];
  /** Times of the newest errors, newest first, at most 100. */
  newestErrorsUs: number[];
  /** A trace id that one record has. */
  needle: { traceId: string; timestampUs: number };
  topPaths: { path: string; count: number }[];
  distinctUsers: number;
  /** One service's records by minute, within the hour [fromUs, untilUs). */
  minutes: {
    service: string;
    fromUs: number;
    untilUs: number;
    counts: { minuteUs: number; count: number }[];
  };
  /** Messages with the words in `phrase`. */
  phraseCount: number;
  /** Messages matching `blockPattern`. */
  blockCount: number;
}

export const phrase = 'unknown account';
export const blockPattern = 'blk_-?[0-9]+ terminating';

const hourUs = 3600e6;
const minuteUs = 60e6;
const newestMax = 100;
const minutesService = 0;

export class GroundTruth {
  readonly #needleIndex: number;
  readonly #levelCounts = new Float64Array(levels.length);
  readonly #levelSums = new Float64Array(levels.length);
  readonly #hours = new Map<number, { counts: Float64Array; sums: Float64Array }>();
  readonly #newestErrors = new Float64Array(newestMax);
  readonly #paths = new Uint32Array(pathStems.length * (pathNumbers + 1));
  readonly #users = new Uint8Array(userCount);
  readonly #minutesFromUs: number;
  readonly #minutes = new Uint32Array(60);
  readonly #hasPhrase: Uint8Array;
  readonly #hasBlock: Uint8Array;
  readonly #needleTrace = new Int32Array(4);
  #needleUs = 0;
  #records = 0;
  #errors = 0;
  #firstUs = 0;
  #lastUs = 0;
  #hour = { startUs: Number.NaN, counts: new Float64Array(0), sums: new Float64Array(0) };
  #phraseCount = 0;
  #blockCount = 0;

  constructor(options: RecordOptions, templates: readonly string[]) {
    this.#needleIndex = Math.floor(options.records * 0.618);
    this.#minutesFromUs = Math.floor((options.startUs + options.spanUs / 2) / hourUs) * hourUs;
    this.#hasPhrase = Uint8Array.from(templates, (template) => Number(template.includes(phrase)));
    this.#hasBlock = Uint8Array.from(templates, (template) =>
      Number(template.includes('blk_{blk} terminating')),
    );
  }

  add(index: number, facts: RecordFacts): void {
    const { timestampUs, level, responseThousandths, template } = facts;
    if (this.#records++ === 0) this.#firstUs = timestampUs;
    this.#lastUs = timestampUs;
    (this.#levelCounts[level] as number)++;
    (this.#levelSums[level] as number) += responseThousandths;
    if (!(timestampUs < this.#hour.startUs + hourUs)) this.#enterHour(timestampUs);
    (this.#hour.counts[level] as number)++;
    (this.#hour.sums[level] as number) += responseThousandths;
    if (level === 3) this.#newestErrors[this.#errors++ % newestMax] = timestampUs;
    (this.#paths[facts.stem * (pathNumbers + 1) + facts.number + 1] as number)++;
    this.#users[facts.user] = 1;
    const minute = (timestampUs - this.#minutesFromUs) / minuteUs;
    if (minute >= 0 && minute < 60 && facts.service === minutesService) {
      (this.#minutes[Math.floor(minute)] as number)++;
    }
    this.#phraseCount += this.#hasPhrase[template] as number;
    this.#blockCount += this.#hasBlock[template] as number;
    if (index === this.#needleIndex) {
      this.#needleTrace.set(facts.trace);
      this.#needleUs = timestampUs;
    }
  }

  result(): Truth {
    return {
      records: this.#records,
      firstUs: this.#firstUs,
      lastUs: this.#lastUs,
      levels: levelSums(this.#levelCounts, this.#levelSums),
      hours: [...this.#hours].flatMap(([startUs, { counts, sums }]) =>
        levelSums(counts, sums).map((sum) => ({ hourUs: startUs, ...sum })),
      ),
      newestErrorsUs: [...this.#newestErrors.subarray(0, Math.min(this.#errors, newestMax))].sort(
        (left, right) => right - left,
      ),
      needle: {
        traceId: [...this.#needleTrace].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join(''),
        timestampUs: this.#needleUs,
      },
      topPaths: this.#topPaths(10),
      distinctUsers: this.#users.reduce((sum, seen) => sum + seen, 0),
      minutes: {
        service: services[minutesService],
        fromUs: this.#minutesFromUs,
        untilUs: this.#minutesFromUs + hourUs,
        counts: [...this.#minutes]
          .map((count, minute) => ({ minuteUs: this.#minutesFromUs + minute * minuteUs, count }))
          .filter(({ count }) => count > 0),
      },
      phraseCount: this.#phraseCount,
      blockCount: this.#blockCount,
    };
  }

  #enterHour(timestampUs: number): void {
    const startUs = Math.floor(timestampUs / hourUs) * hourUs;
    const sums = { counts: new Float64Array(levels.length), sums: new Float64Array(levels.length) };
    this.#hours.set(startUs, sums);
    this.#hour = { startUs, ...sums };
  }

  /** The most frequent paths, of equal ones the lesser first. */
  #topPaths(limit: number): { path: string; count: number }[] {
    const best: { path: string; count: number }[] = [];
    this.#paths.forEach((count, index) => {
      if (count === 0 || (best.length === limit && count < (best[limit - 1] as { count: number }).count))
        return;
      const path = pathOf(index);
      const at = best.findIndex(
        (other) => other.count < count || (other.count === count && path < other.path),
      );
      best.splice(at < 0 ? best.length : at, 0, { path, count });
      if (best.length > limit) best.pop();
    });
    return best;
  }
}

function pathOf(index: number): string {
  const stem = pathStems[Math.floor(index / (pathNumbers + 1))] as string;
  const number = (index % (pathNumbers + 1)) - 1;
  return number < 0 ? stem : `${stem}/${number}`;
}

function levelSums(counts: Float64Array, sums: Float64Array): LevelSum[] {
  return levels
    .map((level, index) => ({
      level,
      count: counts[index] as number,
      responseThousandths: sums[index] as number,
    }))
    .filter(({ count }) => count > 0);
}
