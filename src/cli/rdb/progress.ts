/**
 * How far a command is: a bar with rate and remaining time on a terminal, nothing in a pipe. It writes to standard error, so
 * that a result on standard output stays clean.
 */
import type { OpenSource } from '../../rdb/source.ts';
import { bytes, duration } from './human.ts';

const barCells = 28;
/** Redrawn at most this often. */
const redrawMs = 100;

export class Progress {
  readonly #source: Pick<OpenSource, 'totalBytes' | 'takenBytes'>;
  readonly #shown: boolean;
  readonly #startedMs = performance.now();
  #drawnMs = 0;

  constructor(source: Pick<OpenSource, 'totalBytes' | 'takenBytes'>, wanted: boolean) {
    this.#source = source;
    this.#shown = wanted && process.stderr.isTTY;
  }

  /** Called for each chunk. */
  tick(): void {
    if (!this.#shown) return;
    const nowMs = performance.now();
    if (nowMs - this.#drawnMs < redrawMs) return;
    this.#drawnMs = nowMs;
    process.stderr.write(`\r\x1b[K${line(this.#source, nowMs - this.#startedMs)}`);
  }

  /** Wipes the bar. */
  end(): void {
    if (this.#shown && this.#drawnMs > 0) process.stderr.write('\r\x1b[K');
  }
}

/** `[=====>      ]  42 %  1.2 GB/s  3 s left`, or what is known when the total is not. */
export function line(source: Pick<OpenSource, 'totalBytes' | 'takenBytes'>, elapsedMs: number): string {
  const taken = source.takenBytes();
  const total = source.totalBytes;
  const perSecond = taken / Math.max(elapsedMs / 1000, 0.001);
  const rate = `${bytes(perSecond)}/s`;
  if (total === null || total === 0) return `${bytes(taken)}  ${rate}`;
  const share = Math.min(taken / total, 1);
  const full = Math.round(share * barCells);
  const bar = `${'='.repeat(full)}${full < barCells ? '>' : ''}`.padEnd(barCells).slice(0, barCells);
  const left = duration((total - taken) / Math.max(perSecond, 1));
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %  ${rate}  ${left} left`;
}
