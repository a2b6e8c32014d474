/**
 * Output for others than the client whose chunk is being run: messages, answers to those who waited, invalidations.
 *
 *     PUBLISH in a chunk --> outbox of each subscriber --.
 *     LPUSH wakes BLPOP  --> pushes in the engine -------+--> run(), once the chunk's own replies are written
 *
 * Gathering until the end of the chunk gives each receiver one write, however many messages the chunk had.
 */
import type { Store } from '../engine/engine.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';

export class Delivery {
  readonly #store: Store;
  readonly #bySession = new Map<number, Connection>();
  #withOutput: Connection[] = [];
  #hasPushes = false;
  /** They have their answer, and may go on with their input. */
  #woken: Connection[] = [];
  #isPlanned = false;
  /** Called before what others sent is written, once all chunks have run. */
  onTurnEnd: () => void = () => {};

  constructor(store: Store) {
    this.#store = store;
  }

  joined(connection: Connection): void {
    this.#bySession.set(connection.client.session, connection);
  }

  /** Who has this session; null when it is closed. */
  clientOf(session: number): Client | null {
    return this.#bySession.get(session)?.client ?? null;
  }

  left(session: number): void {
    this.#bySession.delete(session);
  }

  /** Something is to be said at the end of the turn: `onTurnEnd` will be called. */
  endsTurn(): void {
    this.#soon();
  }

  /** The engine has output for sessions. */
  plan(): void {
    this.#hasPushes = true;
    this.#soon();
  }

  /**
   * Takes the engine's output for sessions. Who waited goes on only in `run`: now, somebody else's chunk may be running.
   * Called early when something else is about to be sent that must come behind it.
   */
  take(): void {
    if (!this.#hasPushes) return;
    this.#hasPushes = false;
    for (const { session, bytes } of this.#store.takePushes()) {
      const connection = this.#bySession.get(session);
      connection?.send(bytes);
      if (connection?.client.blocked) this.#woken.push(connection);
    }
  }

  /** A connection has output that others gave it. */
  hasOutput(connection: Connection): void {
    this.#withOutput.push(connection);
    this.#soon();
  }

  /** What is not delivered at the end of a chunk is at the end of this turn of the event loop. */
  #soon(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    queueMicrotask(() => this.run());
  }

  /** Delivers everything. A woken client goes on with its input, which may cause more. */
  run(): void {
    this.#isPlanned = false;
    this.take();
    while (this.#woken.length > 0) {
      const woken = this.#woken;
      this.#woken = [];
      for (const connection of woken)
        if (this.#bySession.get(connection.client.session) === connection) connection.wake();
      this.take();
    }
    this.onTurnEnd();
    const waiting = this.#withOutput;
    this.#withOutput = [];
    for (const connection of waiting) connection.flush();
  }
}
