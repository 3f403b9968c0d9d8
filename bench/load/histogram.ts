const subBucketBits = 10;
const subBuckets = 1 << subBucketBits;
const half = subBuckets / 2;

/**
 * Counts of latencies in microseconds with a relative error under 0.2 % at any size (the layout of Gil Tene's HdrHistogram: linear
 * buckets within each power of two). Memory does not grow with the number of values. Values from 0 to 2^31 - 1 (36 minutes);
 * a larger one counts as that.
 */
export class Histogram {
  readonly #counts = new Float64Array(subBuckets + (31 - subBucketBits) * half);
  #total = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  record(valueUs: number): void {
    const value = Math.min(Math.max(Math.round(valueUs), 0), 0x7fffffff);
    (this.#counts[bucketOf(value)] as number)++;
    this.#total++;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
  }

  get total(): number {
    return this.#total;
  }

  get mean(): number {
    return this.#total === 0 ? 0 : this.#sum / this.#total;
  }

  get min(): number {
    return this.#total === 0 ? 0 : this.#min;
  }

  get max(): number {
    return this.#max;
  }

  /** The least value, in microseconds, that `percent` of the recorded values do not exceed; 0 when nothing was recorded. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.#total));
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket] as number;
      if (seen >= wanted) return Math.min(highestOf(bucket), this.#max);
    }
    return this.#max;
  }
}

function bucketOf(value: number): number {
  if (value < subBuckets) return value;
  const shift = 32 - subBucketBits - Math.clz32(value);
  return subBuckets + (shift - 1) * half + ((value >>> shift) - half);
}

function highestOf(bucket: number): number {
  if (bucket < subBuckets) return bucket;
  const shift = Math.floor((bucket - subBuckets) / half) + 1;
  const sub = ((bucket - subBuckets) % half) + half;
  return (sub + 1) * 2 ** shift - 1;
}
