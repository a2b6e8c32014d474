/**
 * The driver of SHUTDOWN's machine (replication/shutdown.ts): sees who lags, pauses writes, ends the server, answers who asked.
 *
 *     SHUTDOWN, signals, ACKs, clock --> step --> pause / ask for ACKs / end / tell
 */
import { step } from '../machine/machine.ts';
import { type Effect, type Event, type ShutdownWish, type State, shutdown } from '../replication/shutdown.ts';
import * as say from './replica-sentences.ts';
import type { Replicas } from './replicas.ts';

export interface ShutdownParts {
  readonly replicas: () => Replicas;
  readonly feedEnd: () => number;
  /** `shutdown-timeout`. */
  readonly timeoutMs: () => number;
  readonly monotonicMs: () => number;
  readonly log: (...sentence: say.Sentence) => void;
  readonly pauseWrites: (on: boolean) => void;
  /** Saves if that is wanted, and closes everything; false when saving failed and the server must go on. */
  readonly end: (wish: ShutdownWish) => Promise<boolean>;
}

export class Shutdowns {
  readonly #parts: ShutdownParts;
  #state: State = { name: 'serving' };
  /** Those who asked. True: it is over; false: it was given up. */
  #askers: ((isOver: boolean) => void)[] = [];

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  /** The server is no more. */
  get isOver(): boolean {
    return this.#state.name === 'over';
  }

  /** A signal, or a request, has not come to its end yet. */
  get isUnderWay(): boolean {
    return this.#state.name !== 'serving' && !this.isOver;
  }

  /** How long replicas are still waited for; null when they are not. */
  get remainingMs(): number | null {
    return this.#state.name === 'waiting'
      ? Math.round(this.#state.deadlineMs - this.#parts.monotonicMs())
      : null;
  }

  /** SHUTDOWN. Resolves when the server has ended, or, with false, when it goes on. Joins a shutdown that is under way. */
  request(wish: ShutdownWish): Promise<boolean> {
    if (this.isOver) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.#askers.push(resolve);
      this.#dispatch({ name: 'requested', wish, ...this.#standing() });
    });
  }

  /** A signal: it begins at the next `look`. */
  schedule(wish: ShutdownWish): void {
    this.#dispatch({ name: 'signalled', wish });
  }

  /** SHUTDOWN ABORT; false when there is nothing to abort. */
  abort(): boolean {
    if (this.#state.name !== 'scheduled' && this.#state.name !== 'waiting') return false;
    this.#dispatch({ name: 'aborted' });
    return true;
  }

  /** Something may have changed: an ACK, a replica, the time. */
  look(): void {
    const state = this.#state;
    if (state.name === 'scheduled') this.#dispatch({ name: 'due', ...this.#standing() });
    if (state.name !== 'waiting') return;
    const { lagging, nowMs } = this.#standing();
    if (lagging === 0) this.#dispatch({ name: 'caughtUp' });
    else if (nowMs >= state.deadlineMs) this.#dispatch({ name: 'expired' });
  }

  #standing(): { lagging: number; timeoutMs: number; nowMs: number } {
    const { replicas, feedEnd, timeoutMs, monotonicMs } = this.#parts;
    const end = feedEnd();
    const lagging = [...replicas().all].filter(({ acked }) => acked !== end).length;
    return { lagging, timeoutMs: timeoutMs(), nowMs: monotonicMs() };
  }

  #dispatch(event: Event): void {
    const next = step(shutdown, this.#state, event);
    if (next === null) throw new Error(`SHUTDOWN: ${event.name} in ${this.#state.name}`);
    this.#state = next.state;
    for (const effect of next.effects) this.#run(effect);
  }

  #run(effect: Effect): void {
    const { replicas, pauseWrites, log } = this.#parts;
    switch (effect.do) {
      case 'tellBegun':
        log('warning', 'User requested shutdown...');
        break;
      case 'waitForReplicas':
        // Before the pause, which would hold the question back.
        replicas().askAcksNow();
        pauseWrites(true);
        log('notice', 'Waiting for replicas before shutting down.');
        break;
      case 'end':
        void this.#end(effect.wish);
        break;
      case 'resumeWrites':
        pauseWrites(false);
        break;
      case 'refuse':
        this.#answer(false);
        break;
      case 'tellAborted':
        log('notice', 'Shutdown manually aborted.');
        break;
    }
  }

  async #end(wish: ShutdownWish): Promise<void> {
    this.#tellLag();
    if (!(await this.#parts.end(wish))) {
      this.#parts.log(
        'warning',
        'Errors trying to shut down the server. Check the logs for more information.',
      );
      this.#dispatch({ name: 'failed' });
      return;
    }
    this.#dispatch({ name: 'ended' });
    this.#answer(true);
  }

  /** Who is left behind, and by how much. */
  #tellLag(): void {
    const { replicas, feedEnd, log } = this.#parts;
    const { all } = replicas();
    const end = feedEnd();
    const lagging = [...all].filter(({ acked }) => acked !== end);
    for (const replica of lagging) log(...say.lags(replica, end - replica.acked));
    if (all.size > 0) log(...say.inSync(all.size, all.size - lagging.length));
  }

  #answer(isOver: boolean): void {
    const askers = this.#askers;
    this.#askers = [];
    for (const answer of askers) answer(isOver);
  }
}
