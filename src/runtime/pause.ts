/**
 * Pauses: commands are held back, not refused, until a moment, until CLIENT UNPAUSE, or until a failover is over.
 *
 * `write` holds what may change data or is sent to replicas; `all` holds everything. A pause of CLIENT PAUSE never becomes
 * shorter, and `all` never becomes `write`, by another one; a failover and a shutdown have pauses of their own, which CLIENT
 * UNPAUSE does not end (Redis 7.0). Replicas' connections are not held.
 */
import type { Client } from './client.ts';

/** A timer cannot be set for longer: a longer pause is looked at again then. */
const timerMsMax = 0x7fffffff;

export class Pause {
  readonly #onChange: () => void;
  #timer: NodeJS.Timeout | null = null;
  #untilMs = 0;
  #mode: 'write' | 'all' = 'write';
  readonly #holders = new Set<'failover' | 'shutdown'>();

  /** `onChange` is called when a pause begins, changes or ends. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** CLIENT PAUSE. `untilMs` and `nowMs` are Unix ms. */
  start(untilMs: number, mode: 'write' | 'all', nowMs: number): void {
    const isOn = this.isAskedFor(nowMs);
    this.#mode = isOn && this.#mode === 'all' ? 'all' : mode;
    this.#untilMs = isOn ? Math.max(this.#untilMs, untilMs) : untilMs;
    this.#arm(nowMs);
    this.#onChange();
  }

  /** CLIENT UNPAUSE, or its time is over. */
  end(): void {
    this.close();
    this.#untilMs = 0;
    this.#onChange();
  }

  /** A failover, or a shutdown, holds the writes while it lasts. */
  hold(by: 'failover' | 'shutdown', on: boolean): void {
    if (on) this.#holders.add(by);
    else this.#holders.delete(by);
    this.#onChange();
  }

  /** Forgets the timer: the server ends. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(nowMs: number): void {
    this.close();
    this.#timer = setTimeout(
      () => {
        const laterMs = Date.now();
        if (this.isAskedFor(laterMs)) this.#arm(laterMs);
        else this.end();
      },
      Math.min(this.#untilMs - nowMs, timerMsMax),
    );
  }

  /** CLIENT PAUSE is on. */
  isAskedFor(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  isOn(nowMs: number): boolean {
    return this.#holders.size > 0 || this.isAskedFor(nowMs);
  }

  /** True when even the single commands need not be looked at. */
  holdsAll(client: Client, nowMs: number): boolean {
    return this.#mode === 'all' && client.replica === null && this.isAskedFor(nowMs);
  }

  /** `mayReplicate` tells whether the command could change the data or go to replicas. */
  holds(client: Client, nowMs: number, mayReplicate: () => boolean): boolean {
    if (!this.isOn(nowMs) || client.replica !== null) return false;
    return (this.#mode === 'all' && this.isAskedFor(nowMs)) || mayReplicate();
  }
}
