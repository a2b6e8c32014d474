/**
 * The driver of FAILOVER's machine (replication/failover.ts): sees who has caught up, pauses writes, follows the target.
 *
 *     FAILOVER, ACKs, clock, the link's answer --> step --> pause / follow / take back
 */
import { step } from '../machine/machine.ts';
import {
  type AbortReason,
  abortReasons,
  type Effect,
  type Event,
  failover,
  type State,
  wireState,
} from '../replication/failover.ts';
import type { Target } from '../replication/replica-link/states.ts';
import type { Replicas } from './replicas.ts';

export interface FailoverParts {
  readonly replicas: () => Replicas;
  readonly feedEnd: () => number;
  readonly monotonicMs: () => number;
  readonly log: (level: 'notice' | 'warning', text: string) => void;
  readonly pauseWrites: (on: boolean) => void;
  /** Follow this one, and have it take over; null: be a primary again. */
  readonly follow: (target: Target | null) => void;
}

const shown = (target: Target | null): string =>
  target === null ? 'any replica' : `${target.host}:${target.port}`;

export class Failovers {
  readonly #parts: FailoverParts;
  #state: State = { name: 'none' };

  constructor(parts: FailoverParts) {
    this.#parts = parts;
  }

  get isUnderWay(): boolean {
    return this.#state.name !== 'none';
  }

  /** As INFO shows it. */
  get wireState(): string {
    return wireState(this.#state);
  }

  request(target: Target | null, isForced: boolean, timeoutMs: number | null): void {
    this.#parts.log('notice', `FAILOVER requested to ${shown(target)}.`);
    this.#dispatch({ name: 'requested', target, isForced, timeoutMs, nowMs: this.#parts.monotonicMs() });
    this.look();
  }

  abort(): void {
    this.#dispatch({ name: 'aborted' });
  }

  /** What the target said to PSYNC FAILOVER. A link that ends for another reason is made again, until somebody aborts. */
  answered(how: 'accepted' | 'rejected'): void {
    if (this.#state.name === 'in-progress') this.#dispatch({ name: how });
  }

  /** Something may have changed: an ACK, a replica, the time. */
  look(): void {
    const state = this.#state;
    if (state.name !== 'wait-for-sync') return;
    if (state.deadlineMs !== null && this.#parts.monotonicMs() >= state.deadlineMs) {
      this.#dispatch({ name: 'expired' });
      return;
    }
    const end = this.#parts.feedEnd();
    const { target } = state;
    for (const replica of this.#parts.replicas().all) {
      const isMeant = target === null || (replica.host === target.host && replica.port === target.port);
      if (!isMeant || replica.state.name !== 'online' || replica.acked !== end) continue;
      this.#dispatch({ name: 'synced', target: { host: replica.host, port: replica.port } });
      return;
    }
  }

  #dispatch(event: Event): void {
    const next = step(failover, this.#state, event);
    if (next === null) throw new Error(`FAILOVER: ${event.name} in ${this.#state.name}`);
    this.#state = next.state;
    for (const effect of next.effects) this.#run(effect);
  }

  #run(effect: Effect): void {
    const { pauseWrites, follow, log } = this.#parts;
    switch (effect.do) {
      case 'pauseWrites':
        pauseWrites(true);
        break;
      case 'resumeWrites':
        pauseWrites(false);
        break;
      case 'handOver':
        log(
          'notice',
          effect.isLate
            ? `Failover to ${shown(effect.target)} time out exceeded, failing over.`
            : `Failover target ${shown(effect.target)} is synced, failing over.`,
        );
        follow(effect.target);
        break;
      case 'takeBack':
        follow(null);
        break;
      case 'tellAborted':
        log('notice', `FAILOVER to ${shown(effect.target)} aborted: ${text(effect.because)}`);
        break;
    }
  }
}

const text = (because: AbortReason): string => abortReasons[because];
