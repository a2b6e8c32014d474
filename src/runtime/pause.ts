/**
 * CLIENT PAUSE: commands are held back, not refused, until a moment or until CLIENT UNPAUSE.
 *
 * `write` holds what may change data or is sent to replicas; `all` holds everything. A pause never becomes shorter, and
 * `all` never becomes `write`, by another CLIENT PAUSE (Redis 7.0). Replicas' connections are not held.
 */
import type { SessionInfo } from '../engine/engine.ts';
import { arityFits, commandOf } from '../protocol/command-lookup.ts';
import type { Client } from './client.ts';

/** Not writes by their flags, but sent to replicas all the same. */
const alsoHeld = new Set(['publish', 'spublish', 'pfcount', 'eval', 'evalsha', 'fcall']);

export class Pause {
  #untilMs = 0;
  #mode: 'write' | 'all' = 'write';

  start(untilMs: number, mode: 'write' | 'all', nowMs: number): void {
    const isOn = this.isOn(nowMs);
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

  isOn(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  /** True when even the single commands need not be looked at. */
  holdsAll(client: Client, nowMs: number): boolean {
    return this.#mode === 'all' && client.replica === null && this.isOn(nowMs);
  }

  /** `session` tells of the client's open MULTI: what is queued does not run yet, and EXEC writes if its queue does. */
  holds(client: Client, args: Buffer[], nowMs: number, session: () => SessionInfo): boolean {
    if (!this.isOn(nowMs) || client.replica !== null) return false;
    if (this.holdsAll(client, nowMs)) return true;
    const command = commandOf(args);
    if (command === null || !arityFits(command, args.length)) return false;
    const { multi, multiWrites } = session();
    if (multi >= 0) return command.name === 'exec' && multiWrites;
    return command.flags.includes('write') || alsoHeld.has(command.name);
  }
}
