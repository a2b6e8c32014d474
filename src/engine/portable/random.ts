/**
 * Reproducible randomness: SPOP's choice, RANDOMKEY, samples of the expiry cycle.
 *
 * Same seed and same calls give the same numbers, so every test run can be repeated. It is splitmix32: small, fast,
 * well spread, not for secrets.
 */
export class Random {
  #state: number;

  constructor(seed: bigint) {
    this.#state = Number(BigInt.asUintN(32, seed ^ (seed >> 32n)));
  }

  /** A number in [0, 2^32). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** A whole number in [0, bound); `bound` is at least 1 and at most 2^53. */
  below(bound: number): number {
    const unit = bound <= 0x100000000 ? this.next() / 0x100000000 : this.unit();
    return Math.floor(unit * bound);
  }

  /** A number in [0, 1) with 53 random bits. */
  unit(): number {
    return ((this.next() >>> 5) * 0x4000000 + (this.next() >>> 6)) / 0x20000000000000;
  }
}
