/**
 * The native engine's own reading of sockets, as the host sees it: what it tells comes as numbers in memory that both see.
 *
 *     addon --> what | place | length | ms --> handler      bytes in | reads | bytes out | writes: counted there, taken here
 *     host  --> observed | waiting --> addon                flags that are looked at before a chunk is run
 *
 * What is plain never comes here (native/src/turns.rs has the whole picture).
 */
import type { NativeStore, NativeTurns } from '../../native/index.d.ts';
import type { RedtwinError } from '../errors.ts';
import type { NetCounts, Outcome, SessionId, TurnHost, Turns } from './engine.ts';
import { asks } from './native-lane.ts';

/** What the addon tells, in the first number. */
const told = { chunk: 1, outcome: 2, ended: 3, unsent: 4, slow: 5, flush: 6, panic: 7, feedGrew: 8 } as const;
/** Where the counts begin, and the two flags. */
const [bytesIn, reads, bytesOut, writes, observedAt, waitingAt] = [4, 5, 6, 7, 8, 9];

/** What turns need of their store when something out of the ordinary happens. */
interface TurnKeeper {
  poison(error: unknown): RedtwinError;
  /** Has the host answer a script, and goes on until there is another stop. */
  answered(session: SessionId, into: Buffer, nowMs: number): Outcome;
}

/** Opens them; null where the system or this Node does not have what they need. */
export function openNativeTurns(
  store: NativeStore,
  input: Buffer,
  host: TurnHost,
  keeper: TurnKeeper,
): Turns | null {
  const numbers = new Float64Array(new ArrayBuffer(8 * 10));
  const hear = (): void => {
    const [what, place, length, ms] = numbers as unknown as [number, number, number, number];
    if (what === told.chunk) host.chunk(place, length);
    else if (what === told.outcome) host.ran(place, length);
    else if (what === told.ended) host.ended(place);
    else if (what === told.unsent) host.unsent(place, turns!.takeUnsent());
    else if (what === told.slow) host.slow(place, length, ms);
    else if (what === told.flush) host.flush();
    else if (what === told.feedGrew) host.feedGrew();
    else throw keeper.poison(new Error('a turn of the event loop'));
  };
  const turns = store.openTurns(numbers, input, hear);
  return turns && new NativeTurnsFront(turns, numbers, keeper);
}

class NativeTurnsFront implements Turns {
  readonly #turns: NativeTurns;
  readonly #numbers: Float64Array;
  readonly #keeper: TurnKeeper;

  constructor(turns: NativeTurns, numbers: Float64Array, keeper: TurnKeeper) {
    this.#turns = turns;
    this.#numbers = numbers;
    this.#keeper = keeper;
  }

  set observed(on: boolean) {
    this.#numbers[observedAt] = on ? 1 : 0;
  }

  set waiting(on: boolean) {
    this.#numbers[waitingAt] = on ? 1 : 0;
  }

  add(session: SessionId, descriptor: number): number {
    return this.#turns.add(session, descriptor);
  }

  remove(place: number): void {
    this.#turns.remove(place);
  }

  watch(place: number, on: boolean): void {
    this.#turns.watch(place, on);
  }

  plain(place: number, on: boolean): void {
    this.#turns.plain(place, on);
  }

  seenMs(place: number): number {
    return this.#turns.seenMs(place);
  }

  writtenOffset(place: number): number {
    return this.#turns.writtenOffset(place);
  }

  collect(session: SessionId, output: Buffer, nowMs: number): Outcome {
    try {
      const outcome = this.#turns.collect(output);
      return (outcome & 15) === asks ? this.#keeper.answered(session, output, nowMs) : outcome;
    } catch (error) {
      throw this.#keeper.poison(error);
    }
  }

  takeCounts(): NetCounts {
    const numbers = this.#numbers;
    const counts = {
      netInputBytes: numbers[bytesIn]!,
      reads: numbers[reads]!,
      netOutputBytes: numbers[bytesOut]!,
      writes: numbers[writes]!,
    };
    numbers.fill(0, bytesIn, writes + 1);
    return counts;
  }

  close(): void {
    this.#turns.close();
  }
}
