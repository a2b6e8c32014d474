/**
 * How long a save or a load still has to rest for its keys: rdb-key-save-delay and key-load-delay, for tests that want to see
 * one under way.
 *
 * The engine knows no clock, so the resting is done by the runtime, after a piece and for the keys that were in it (Redis 7.0 rests
 * after each key; the sum is the same). Microseconds for each key; below zero, as many keys share one microsecond. Who sets
 * it lower while it is rested for does not wait for what it was before.
 */

export class KeyDelay {
  readonly #micros: () => number;
  /** Keys that are rested for, and since when. */
  #keys = 0;
  #sinceMs = 0;

  /** `micros` is asked anew each time. */
  constructor(micros: () => number) {
    this.#micros = micros;
  }

  get isSet(): boolean {
    return this.#micros() !== 0;
  }

  /** So many more keys are done. What is left of the rest for those before is added to theirs. */
  add(keys: number): void {
    if (this.restMs() <= 0) {
      this.#keys = 0;
      this.#sinceMs = performance.now();
    }
    this.#keys += keys;
  }

  /** How long to rest from now on; 0 or less when it is over. */
  restMs(): number {
    const micros = this.#micros();
    const wholeMs = (micros >= 0 ? this.#keys * micros : this.#keys / -micros) / 1000;
    return this.#sinceMs + wholeMs - performance.now();
  }
}
