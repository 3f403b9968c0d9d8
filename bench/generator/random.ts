/**
 * Seeded pseudo-random numbers (sfc32 by Chris Doty-Humphrey, from PractRand): small, fast, and with a state large enough that
 * billions of 128-bit trace ids do not repeat. The same seed always gives the same sequence.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  #spareNormal = Number.NaN;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = (seed ^ 0x9e3779b9) | 0;
    this.#c = Math.imul(seed | 1, 0x85ebca6b);
    for (let round = 0; round < 12; round++) this.int32();
  }

  /** A signed 32-bit integer. */
  int32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum;
  }

  /** In [0, 1). */
  unit(): number {
    return (this.int32() >>> 0) / 4294967296;
  }

  /** An integer in [0, bound); bound at most 2^32. */
  below(bound: number): number {
    return Math.floor(this.unit() * bound);
  }

  /** An element, each equally likely. The list must not be empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** Mean 0, standard deviation 1 (Box-Muller; the pair's second value is kept for the next call). */
  normal(): number {
    if (!Number.isNaN(this.#spareNormal)) {
      const spare = this.#spareNormal;
      this.#spareNormal = Number.NaN;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.unit()));
    const angle = 2 * Math.PI * this.unit();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}
