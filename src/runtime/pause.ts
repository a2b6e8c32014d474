/**
 * Pauses: commands are held back, not refused, until a moment, until CLIENT UNPAUSE, or until a failover is over.
 *
 * `write` holds what may change data or is sent to replicas; `all` holds everything. A pause of CLIENT PAUSE never becomes
 * shorter, and `all` never becomes `write`, by another one; a failover has a pause of its own, which CLIENT UNPAUSE does not end
 * (Redis 7.0). Replicas' connections are not held.
 */
import type { Client } from './client.ts';

export class Pause {
  #untilMs = 0;
  #mode: 'write' | 'all' = 'write';
  /** A failover holds the writes. */
  isFailingOver = false;

  start(untilMs: number, mode: 'write' | 'all', nowMs: number): void {
    const isOn = this.isAskedFor(nowMs);
    this.#mode = isOn && this.#mode === 'all' ? 'all' : mode;
    this.#untilMs = isOn ? Math.max(this.#untilMs, untilMs) : untilMs;
  }

  end(): void {
    this.#untilMs = 0;
  }

  /** Unix ms at which it ends by itself; 0 when there is none. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** CLIENT PAUSE is on. */
  isAskedFor(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  isOn(nowMs: number): boolean {
    return this.isFailingOver || this.isAskedFor(nowMs);
  }

  /** True when even the single commands need not be looked at. */
  holdsAll(client: Client, nowMs: number): boolean {
    return this.#mode === 'all' && client.replica === null && this.isAskedFor(nowMs);
  }

  /** `mayReplicate` tells whether the command could change the data or go to replicas. */
  holds(client: Client, nowMs: number, mayReplicate: () => boolean): boolean {
    if (!this.isOn(nowMs) || client.replica !== null) return false;
    return this.#mode === 'all' || mayReplicate();
  }
}
