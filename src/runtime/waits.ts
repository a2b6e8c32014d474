/**
 * WAIT: clients that wait until enough replicas have acknowledged their writes.
 *
 * Each wait knows an offset and a number of replicas; `look` is called whenever an ACK came or a replica came or went, and
 * ends the waits that are fulfilled. Timeouts and CLIENT UNBLOCK are blocking.ts's.
 */

interface Wait {
  readonly offset: number;
  readonly replicas: number;
  readonly end: () => void;
}

export class Waits {
  /** Online replicas that have acknowledged an offset. */
  readonly #acknowledging: (offset: number) => number;
  readonly #all = new Set<Wait>();

  constructor(acknowledging: (offset: number) => number) {
    this.#acknowledging = acknowledging;
  }

  /** Calls `end` once when as many replicas have acknowledged `offset`. The result forgets the wait. */
  add(offset: number, replicas: number, end: () => void): () => void {
    const wait = { offset, replicas, end };
    this.#all.add(wait);
    return () => this.#all.delete(wait);
  }

  look(): void {
    for (const wait of [...this.#all])
      if (this.#acknowledging(wait.offset) >= wait.replicas) {
        this.#all.delete(wait);
        wait.end();
      }
  }
}
