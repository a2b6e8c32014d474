/**
 * Random numbers that can be had again: same seed, same numbers, on every machine. Mulberry32, which is small and good
 * enough to choose commands; nothing here is secret.
 */

import type { Word } from '../servers/resp.ts';

/** A source of choices. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** At least 0, below 1. */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number of [low, high]. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.whole(1, times) === 1;
  }

  /** One of these. */
  of<T>(list: readonly T[]): T {
    const chosen = list[this.whole(0, list.length - 1)];
    if (chosen === undefined) throw new Error('nothing to choose from');
    return chosen;
  }

  /** `low` to `high` things made one by one. */
  many<T>(low: number, high: number, make: () => T): T[] {
    return Array.from({ length: this.whole(low, high) }, make);
  }

  /** Either these words or none. */
  maybe(...words: Word[]): Word[] {
    return this.once(2) ? words : [];
  }
}
