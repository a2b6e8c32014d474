/**
 * How long calls of a command took, as LATENCY HISTOGRAM and INFO latencystats tell it.
 *
 * The places are those of Redis's HDR histogram with two significant digits: exact below 256 ns, then each doubling of
 * the time is cut into 128 equal spans. crates/keyspace/src/latency_histogram.rs records in the same places.
 *
 *     ns       0 ... 255 | 256 ... 511 | 512 ... 1023 | ... | 2^29 ... 2^30-1
 *     step        1      |      2      |       4      |     |      2^22
 *     place    0 ... 255 | 256 ... 383 | 384 ... 511  | ...
 */

const half = 128;
/** Longer than a second counts as a second, as in Redis. */
const nsMax = 1_000_000_000;
/** First power of two (of ns) that LATENCY HISTOGRAM has a line for, and the last that fits. */
const [firstPower, lastPower] = [10, 30];

/** How often the first 256 spans are doubled for times of this size. */
const doublingsOf = (ns: number): number => 31 - Math.clz32(ns | (2 * half - 1)) - 7;

const placeOf = (ns: number): number => {
  const doublings = doublingsOf(ns);
  return doublings * half + (ns >> doublings);
};

/** The longest time, in ns, that is counted in a place. */
const longestIn = (place: number): number => {
  if (place < 2 * half) return place;
  const doublings = Math.floor(place / half) - 1;
  return (place - doublings * half + 1) * 2 ** doublings - 1;
};

export class LatencyHistogram {
  readonly #counts = new Map<number, number>();
  #total = 0;

  /** From places and counts, alternating. */
  static of(pairs: readonly number[]): LatencyHistogram {
    const histogram = new LatencyHistogram();
    for (let i = 0; i + 1 < pairs.length; i += 2) histogram.#add(pairs[i]!, pairs[i + 1]!);
    return histogram;
  }

  /** Counts a call that took so many nanoseconds. */
  record(ns: number): void {
    this.#add(placeOf(Math.min(Math.max(1, Math.floor(ns)), nsMax)), 1);
  }

  #add(place: number, count: number): void {
    this.#counts.set(place, (this.#counts.get(place) ?? 0) + count);
    this.#total += count;
  }

  /** Number of calls. */
  get total(): number {
    return this.#total;
  }

  #sorted(): [number, number][] {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }

  /** Places and counts, alternating, in the order of times. */
  pairs(): number[] {
    return this.#sorted().flat();
  }

  /** The time, in ns, that so many percent of the calls did not exceed; 0 without calls. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.floor((percent / 100) * this.#total + 0.5));
    let seen = 0;
    for (const [place, count] of this.#sorted()) {
      seen += count;
      if (seen >= wanted) return longestIn(place);
    }
    return 0;
  }

  /**
   * For each power of two from a microsecond on: the longest time counted there (whole microseconds) and how many calls took
   * that or less. Powers that bring nothing new are left out.
   */
  cumulative(): [micros: number, calls: number][] {
    const lines: [number, number][] = [];
    const sorted = this.#sorted();
    let [seen, next] = [0, 0];
    for (let power = firstPower; power <= lastPower; power++) {
      const limit = power === lastPower ? 2 ** power - 1 : longestIn(placeOf(2 ** power));
      const before = seen;
      for (; next < sorted.length && longestIn(sorted[next]![0]) <= limit; next++) seen += sorted[next]![1];
      if (seen > before) lines.push([Math.floor(limit / 1000), seen]);
    }
    return lines;
  }
}
