/**
 * Gives a script that rests its turns, without keeping the event loop, and says how long others are kept waiting.
 *
 *     EVAL --> Stop.busy --> turns, `sliceMs` at a time <--> the event loop (sockets, timers)
 *                               |  before busy-reply-threshold: what other clients send is held
 *                               |  after it: the engine answers them -BUSY
 *                               '--> over: what was held runs
 *
 * One script rests at a time, because the engine runs no other meanwhile. What the script's client or link does with a
 * turn is theirs (see `Runner`); a script whose client is gone goes on to its end, as in Redis.
 */

/** Who began the script, and can give it a turn. */
export interface Runner {
  /** One turn. Calls `rests` again when the script is still not over. */
  goOn(): void;
}

export interface BusyScriptParts {
  /** A clock that never jumps. */
  monotonicMs: () => number;
  /** busy-reply-threshold; 0 or less: others wait for as long as it takes. */
  thresholdMs: () => number;
  /** Others may not run commands for now. */
  onRest: () => void;
  /** Others may run commands again, or are to be told that they may not. */
  onRelease: () => void;
  /** The threshold has passed. */
  onSlow: (elapsedMs: number) => void;
}

/** How long a script may keep the event loop at a time. */
const sliceMs = 10;

export class BusyScript {
  readonly #parts: BusyScriptParts;
  #runner: Runner | null = null;
  /** Those whose work stopped because of somebody else's script. */
  readonly #waiting = new Set<Runner>();
  #rests = false;
  #startedMs = 0;
  #isSlow = false;

  constructor(parts: BusyScriptParts) {
    this.#parts = parts;
  }

  /** A script rests. */
  get isBusy(): boolean {
    return this.#runner !== null;
  }

  /** Commands of others are to wait: a script rests that may still end soon. */
  get holdsOthers(): boolean {
    return this.#runner !== null && !this.#isSlow;
  }

  /** Nothing runs any longer: the store is about to close. */
  stop(): void {
    this.#runner = null;
    this.#waiting.clear();
  }

  /**
   * The runner's script rests; the first turn is given when the caller is done with what it is doing. When it is another's
   * script that is in its way (false), the runner may go on once that is over.
   */
  rests(runner: Runner): boolean {
    if (this.#runner !== null && this.#runner !== runner) {
      this.#waiting.add(runner);
      return false;
    }
    this.#rests = true;
    if (this.#runner !== null) return true;
    this.#runner = runner;
    this.#startedMs = this.#parts.monotonicMs();
    this.#isSlow = false;
    this.#parts.onRest();
    queueMicrotask(() => this.#slice());
    return true;
  }

  #slice(): void {
    const { monotonicMs } = this.#parts;
    const until = monotonicMs() + sliceMs;
    do {
      const runner = this.#runner;
      if (runner === null) return;
      this.#rests = false;
      runner.goOn();
      if (!this.#rests) {
        this.#over();
        return;
      }
    } while (monotonicMs() < until);
    this.#lookAtTheClock();
    setImmediate(() => this.#slice());
  }

  #over(): void {
    this.#runner = null;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const runner of waiting) runner.goOn();
    this.#parts.onRelease();
  }

  #lookAtTheClock(): void {
    const thresholdMs = this.#parts.thresholdMs();
    const elapsedMs = this.#parts.monotonicMs() - this.#startedMs;
    if (this.#isSlow || thresholdMs <= 0 || elapsedMs < thresholdMs) return;
    this.#isSlow = true;
    this.#parts.onSlow(elapsedMs);
    this.#parts.onRelease();
  }
}
