/**
 * The native engine's lane: a mailbox of eight numbers, and a function without arguments that looks into it.
 *
 *     session | length | ms | from | descriptor  -->  call()  -->  outcome | bytes sent | ms
 *
 * Handing over arguments and checking them is most of what a short chunk costs at the border; numbers in memory that both sides
 * see cost next to nothing. What it is not: a second way to run commands. The addon runs `execute` (native/src/lane.rs).
 */
import type { RedtwinError } from '../errors.ts';
import type { Lane, Outcome, SessionId } from './engine.ts';

/**
 * A stop between the addon and its front alone: a script has called a command of the host and waits for the answer,
 * between two of its instructions. So the host is asked while no call into the store is open.
 */
export const asks = 6;

/** Replies that are sent with one call at most. */
const sendsMax = 64;

/** What a lane needs of its store when something out of the ordinary happens. */
interface LaneKeeper {
  /** The addon's function for a mailbox. */
  open(numbers: Float64Array, sends: Int32Array): () => void;
  /** Throws when the store is poisoned. */
  check(): void;
  poison(error: unknown): RedtwinError;
  /** Has the host answer a script, and goes on until there is another stop. */
  answered(session: SessionId, from: number, nowMs: number): Outcome;
}

/** The mailbox of a lane and the function that looks into it (native/src/lane.rs). */
export class NativeLane implements Lane {
  readonly input: Buffer;
  readonly output: Buffer;
  /** Session, length, ms, from, descriptor; then outcome, bytes sent, ms. Outside the heap, where nothing is moved. */
  readonly #numbers = new Float64Array(new ArrayBuffer(8 * 8));
  readonly sends = new Int32Array(new ArrayBuffer(4 * 3 * sendsMax));
  readonly #call: () => void;
  readonly #keeper: LaneKeeper;

  constructor(input: Buffer, output: Buffer, keeper: LaneKeeper) {
    this.input = input;
    this.output = output;
    this.#keeper = keeper;
    this.#call = keeper.open(this.#numbers, this.sends);
  }

  execute(session: SessionId, length: number, from: number, nowMs: number, descriptor: number): Outcome {
    this.#keeper.check();
    const numbers = this.#numbers;
    numbers[0] = session;
    numbers[1] = length;
    numbers[2] = nowMs;
    numbers[3] = from;
    numbers[4] = descriptor;
    try {
      this.#call();
    } catch (error) {
      throw this.#keeper.poison(error);
    }
    const outcome = numbers[5]!;
    return (outcome & 15) === asks ? this.#keeper.answered(session, from, nowMs) : outcome;
  }

  send(count: number): void {
    this.#numbers[0] = count;
    this.#numbers[1] = -1;
    try {
      this.#call();
    } catch (error) {
      throw this.#keeper.poison(error);
    }
  }

  get sentBytes(): number {
    return this.#numbers[6]!;
  }

  get elapsedMs(): number {
    return this.#numbers[7]!;
  }
}
