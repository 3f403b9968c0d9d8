/** Seeded randomness: a failing run is repeated with `BASALT_SEED=<printed seed>`. */

/** The long forms of the tests: more rounds, more data. */
export const long = process.env.BASALT_TEST_LONG === '1';

/** The seed of this run: `BASALT_SEED`, or a new one. Print it. */
export function chooseSeed(): number {
  const given = process.env.BASALT_SEED;
  if (given === undefined || given === '') return Math.floor(Math.random() * 0xffff_ffff);
  const seed = Number(given);
  if (!Number.isInteger(seed)) throw new Error(`BASALT_SEED=${given} is not a whole number`);
  return seed;
}

/** SplitMix32 (public domain, after G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators"). */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** 0 to 2^32 - 1. */
  word(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** In [0, 1). */
  real(): number {
    return this.word() / 2 ** 32;
  }

  /** A whole number in [low, high]. */
  int(low: number, high: number): number {
    return low + Math.floor(this.real() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.real() < probability;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(0, values.length - 1)] as T;
  }

  /** `count` different values, in random order. */
  sample<T>(values: readonly T[], count: number): T[] {
    const rest = [...values];
    const taken: T[] = [];
    while (taken.length < count && rest.length > 0) {
      taken.push(...rest.splice(this.int(0, rest.length - 1), 1));
    }
    return taken;
  }

  text(length: number): string {
    const letters = 'abcdefghijklmnopqrstuvwxyz0123456789 ';
    let text = '';
    for (let i = 0; i < length; i++) text += letters[this.int(0, letters.length - 1)];
    return text;
  }
}
