/**
 * Replies that leave together, when all chunks of this turn of the event loop have run.
 *
 *     chunk of A   chunk of B   chunk of C   | turn ends: send A, send B, send C
 *     page [ replies to A | replies to B | replies to C |        free        ]
 *
 * Its one idea: a client that sleeps is woken by the first reply and finds the others waiting, so a turn costs one wake-up
 * and not one per chunk; a wake-up costs more than the commands of a short pipeline. Redis answers at the end of its turn,
 * too. They are sent past Node's streams (`Engine.sendNow`); what the system does not take is the stream's, as ever.
 */
import type { Engine, Lane } from '../engine/engine.ts';
import type { OutputPage } from './output-page.ts';

/** Somebody whose replies are in the page. */
export interface Addressee {
  /** The system's number for the socket. */
  readonly descriptor: number;
  /** Whether the socket takes bytes, and no others wait before them. */
  readonly isClear: boolean;
  /** Takes bytes that could not be sent at once; they are its own. */
  queue(bytes: Buffer): void;
}

/** Replies in the page, and whose they are. */
interface Waits {
  to: Addressee;
  from: number;
  until: number;
}

/** Beyond this the page is sent before the turn ends: clients need not wait for so much. */
const waitingBytesMax = 32 * 1024;

export class TurnSends {
  readonly #sendNow: Engine['sendNow'];
  readonly #page: OutputPage;
  #waiting: Waits[] = [];
  readonly #flush = (): void => this.flush();
  /** Called when replies begin to wait, and when they have left. */
  onWaiting: (on: boolean) => void = () => {};

  constructor(sendNow: Engine['sendNow'], page: OutputPage) {
    this.#sendNow = sendNow;
    this.#page = page;
  }

  /** Whether this way is open at all. */
  get isOpen(): boolean {
    return this.#sendNow !== undefined;
  }

  /** Nobody waits for the end of the turn. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /**
   * The replies that were gathered in the page last go to `to` when the turn ends, or at once when they may not wait: a
   * client that asks one thing at a time would only be kept waiting, and ending a turn has its price.
   */
  add(to: Addressee, mayWait: boolean): void {
    const page = this.#page;
    const isFirst = this.#waiting.length === 0;
    this.#waiting.push({ to, from: page.base, until: page.used });
    page.base = page.used;
    if (page.used > waitingBytesMax || (isFirst && !mayWait)) this.flush();
    else if (isFirst) {
      this.onWaiting(true);
      setImmediate(this.#flush);
    }
  }

  /** Sends what waits, now: something else must come behind it, or the turn is over. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.onWaiting(false);
    const page = this.#page;
    if (page.lane !== null && waiting.length > 1) this.#sendTogether(waiting, page.lane);
    else
      for (const waits of waiting) {
        const { to, from, until } = waits;
        this.#sent(waits, to.isClear ? this.#sendNow!(to.descriptor, page.buffer, from, until) : 0);
      }
    page.restart();
  }

  /** The same with one call into the engine for many of them. */
  #sendTogether(waiting: readonly Waits[], lane: Lane): void {
    const { sends } = lane;
    const max = sends.length / 3;
    for (let first = 0; first < waiting.length; first += max) {
      const count = Math.min(max, waiting.length - first);
      for (let index = 0; index < count; index++) {
        const { to, from, until } = waiting[first + index]!;
        sends[index * 3] = to.isClear ? to.descriptor : -1;
        sends[index * 3 + 1] = from;
        sends[index * 3 + 2] = until;
      }
      lane.send(count);
      for (let index = 0; index < count; index++) this.#sent(waiting[first + index]!, sends[index * 3]!);
    }
  }

  /** The system took so many bytes: the others are the socket's own. */
  #sent({ to, from, until }: Waits, sent: number): void {
    if (sent < until - from) to.queue(Buffer.from(this.#page.buffer.subarray(from + sent, until)));
  }
}
