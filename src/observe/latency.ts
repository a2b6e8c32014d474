/**
 * LATENCY's samples: for each event, at most one sample per second, 160 of them, and the worst since the start.
 */

export interface LatencySample {
  /** Unix seconds. */
  readonly at: number;
  readonly ms: number;
}

const samplesMax = 160;

export class LatencyMonitor {
  readonly #events = new Map<string, { samples: LatencySample[]; worstMs: number }>();

  add(event: string, ms: number, nowMs: number): void {
    const at = Math.floor(nowMs / 1000);
    const series = this.#events.get(event) ?? { samples: [], worstMs: 0 };
    this.#events.set(event, series);
    series.worstMs = Math.max(series.worstMs, ms);
    const last = series.samples.at(-1);
    if (last?.at === at) series.samples[series.samples.length - 1] = { at, ms: Math.max(last.ms, ms) };
    else series.samples.push({ at, ms });
    if (series.samples.length > samplesMax) series.samples.shift();
  }

  latest(): { event: string; last: LatencySample; worstMs: number }[] {
    return [...this.#events].map(([event, { samples, worstMs }]) => ({
      event,
      last: samples.at(-1)!,
      worstMs,
    }));
  }

  history(event: string): readonly LatencySample[] {
    return this.#events.get(event)?.samples ?? [];
  }

  /** Forgets some events, or all; how many there were to forget. */
  reset(events: string[]): number {
    const names = events.length > 0 ? events : [...this.#events.keys()];
    return names.filter((event) => this.#events.delete(event)).length;
  }
}
