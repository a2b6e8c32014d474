/**
 * What the commands cost that the host answers (INFO, CONFIG, CLIENT...), counted as the engines count theirs.
 *
 * A command whose answer comes later (WAIT, SHUTDOWN) has run when its handler gave the promise; that it failed is known
 * when the answer is there.
 */
import type { CommandStats } from '../engine/engine.ts';
import { LatencyHistogram } from '../protocol/latency-histogram.ts';

interface Row {
  calls: number;
  micros: number;
  failed: number;
  latency: LatencyHistogram;
}

/** Error kinds are the host's own words, so there are few. */
const kindOf = (text: string): string => (text.includes(' ') ? text.split(' ', 1)[0]! : 'ERR');

export class HostCommands {
  /** Config latency-tracking. */
  tracksLatency = true;
  readonly #rows = new Map<string, Row>();
  readonly #errors = new Map<string, number>();

  /** A command ran for so many microseconds. */
  ran(name: string, micros: number): void {
    const row = this.#row(name);
    row.calls++;
    row.micros += micros;
    if (this.tracksLatency) row.latency.record(micros * 1000);
  }

  /** Its answer is an error. */
  failed(name: string, text: string): void {
    this.#row(name).failed++;
    const kind = kindOf(text);
    this.#errors.set(kind, (this.#errors.get(kind) ?? 0) + 1);
  }

  get errorReplies(): number {
    return [...this.#errors.values()].reduce((sum, count) => sum + count, 0);
  }

  commandStats(): CommandStats[] {
    return [...this.#rows].map(([name, { latency, ...row }]) => ({
      ...{ name, rejected: 0, ...row },
      latency: latency.pairs(),
    }));
  }

  errorStats(): { kind: string; count: number }[] {
    return [...this.#errors].map(([kind, count]) => ({ kind, count }));
  }

  reset(): void {
    this.#rows.clear();
    this.#errors.clear();
  }

  #row(name: string): Row {
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = { calls: 0, micros: 0, failed: 0, latency: new LatencyHistogram() };
      this.#rows.set(name, row);
    }
    return row;
  }
}
