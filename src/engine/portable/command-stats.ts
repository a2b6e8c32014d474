/**
 * What every command has cost so far: calls, time, refusals, failures, and errors by their kind.
 *
 * INFO commandstats, errorstats and LATENCY HISTOGRAM are made of it. Time comes from a clock that the owner of the store
 * gives; without one it stands still. Rules of counting are Redis 7.0's: a command that answers an error was called
 * and has failed; one that the gates refuse was rejected and not called.
 */
import { LatencyHistogram } from '../../protocol/latency-histogram.ts';
import type { CommandStats } from '../engine.ts';

/** Kinds of errors told apart. Redis 7.0 knows no limit, but a script may make up as many as it likes. */
const errorKindsMax = 1024;
/** As much of an error as its kind is looked for in; one less than Redis's 32, which looks at the dash too. */
const errorKindChars = 31;

interface Row {
  calls: number;
  micros: number;
  rejected: number;
  failed: number;
  latency: LatencyHistogram;
}

export class CommandCounters {
  /** Config latency-tracking. */
  tracksLatency = true;
  /** Commands run, those of the host included. */
  commands = 0;
  errorReplies = 0;
  /** The owner's monotonic clock, in ms with fractions. */
  readonly nowMs: () => number;
  readonly #rows = new Map<string, Row>();
  readonly #errors = new Map<string, number>();

  constructor(nowMs: () => number = () => 0) {
    this.nowMs = nowMs;
  }

  /** A command that began at `fromMs` is over; when that was. */
  ran(name: string, fromMs: number): number {
    this.commands++;
    const row = this.#row(name);
    row.calls++;
    return this.#took(row, fromMs);
  }

  /** A command was called and now waits: how long it takes is known only when it has its answer. */
  waits(name: string, fromMs: number): void {
    this.commands++;
    const row = this.#row(name);
    row.calls++;
    row.micros += (this.nowMs() - fromMs) * 1000;
  }

  /** A command that had waited since an earlier call got its answer; that took from `fromMs` till now. */
  served(name: string, fromMs: number): void {
    this.#took(this.#row(name), fromMs);
  }

  rejected(name: string): void {
    this.#row(name).rejected++;
  }

  failed(name: string): void {
    this.#row(name).failed++;
  }

  /** An error reply; its kind is its first word, and a text of one word is an ERR. */
  countError(text: string): void {
    this.errorReplies++;
    const space = text.slice(0, errorKindChars).indexOf(' ');
    const kind = space < 0 ? 'ERR' : text.slice(0, space);
    const count = this.#errors.get(kind);
    if (count !== undefined || this.#errors.size < errorKindsMax) this.#errors.set(kind, (count ?? 0) + 1);
  }

  commandStats(): CommandStats[] {
    return [...this.#rows].map(([name, { latency, ...row }]) => ({ name, ...row, latency: latency.pairs() }));
  }

  errorStats(): { kind: string; count: number }[] {
    return [...this.#errors].map(([kind, count]) => ({ kind, count }));
  }

  reset(): void {
    this.commands = 0;
    this.errorReplies = 0;
    this.#rows.clear();
    this.#errors.clear();
  }

  #took(row: Row, fromMs: number): number {
    const untilMs = this.nowMs();
    const micros = (untilMs - fromMs) * 1000;
    row.micros += micros;
    if (this.tracksLatency) row.latency.record(micros * 1000);
    return untilMs;
  }

  #row(name: string): Row {
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = { calls: 0, micros: 0, rejected: 0, failed: 0, latency: new LatencyHistogram() };
      this.#rows.set(name, row);
    }
    return row;
  }
}
