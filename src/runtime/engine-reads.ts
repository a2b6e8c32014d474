/**
 * Clients whose sockets the engine reads by itself (`Turns`), and what it has to say of them.
 *
 *     accepted --> enter --> the engine reads, runs, answers --+--> chunk, ran, slow  --> its connection
 *                    | it cannot                               +--> unsent            --> its connection queues
 *                    '--> Node reads (listeners.ts) <----------'--> ended             --> Node reads on, and sees the end
 *
 * REDTWIN_ENGINE_READS=no leaves all reading to Node, and so does everything that sharing one buffer for reads or sending past
 * streams cannot be had without.
 */
import { Note, type TurnHost, type Turns } from '../engine/engine.ts';
import type { Connection } from './connection.ts';
import type { Server } from './server.ts';

export class EngineReads implements TurnHost {
  readonly #server: Server;
  readonly #input: Buffer;
  readonly #turns: Turns | null;
  /** By place. */
  readonly #connections: (Connection | undefined)[] = [];

  constructor(server: Server, input: Buffer) {
    this.#server = server;
    this.#input = input;
    const isWanted = process.env.REDTWIN_ENGINE_READS !== 'no';
    this.#turns = isWanted ? (server.store.openTurns?.(input, this) ?? null) : null;
  }

  /** Begins to read a connection; null when the engine does not. */
  enter(connection: Connection): EngineRead | null {
    const { descriptor, client } = connection;
    if (this.#turns === null || descriptor < 0) return null;
    const place = this.#turns.add(client.session, descriptor);
    if (place < 0) return null;
    this.#connections[place] = connection;
    return new EngineRead(this.#turns, place, () => {
      this.#connections[place] = undefined;
    });
  }

  /** Commands must be seen before they run, or may not run now: so all chunks are the host's. */
  set observed(on: boolean) {
    if (this.#turns !== null) this.#turns.observed = on;
  }

  /** Replies wait for the end of the turn. */
  set waiting(on: boolean) {
    if (this.#turns !== null) this.#turns.waiting = on;
  }

  /** Moves what was counted here into the counters of all. */
  count(): void {
    if (this.#turns !== null) this.#server.stats.add(this.#turns.takeCounts());
  }

  close(): void {
    this.#turns?.close();
  }

  // --- As the host of turns ---

  chunk(place: number, length: number): void {
    this.#connections[place]?.receive(this.#input, length);
  }

  ran(place: number, length: number): void {
    this.#connections[place]?.ranInTurn(length);
  }

  ended(place: number): void {
    this.#connections[place]?.handBack();
  }

  unsent(place: number, bytes: Buffer): void {
    this.#connections[place]?.queue(bytes);
  }

  slow(place: number, length: number, ms: number): void {
    const connection = this.#connections[place];
    if (connection) this.#server.ran(connection.client, this.#input, length, ms);
  }

  flush(): void {
    this.#server.sends.flush();
  }

  feedGrew(): void {
    this.#server.noted(Note.feedGrew);
  }
}

/** One socket that the engine reads. */
export class EngineRead {
  readonly #turns: Turns;
  readonly #place: number;
  readonly #onLeave: () => void;
  #isPlain = true;

  constructor(turns: Turns, place: number, onLeave: () => void) {
    this.#turns = turns;
    this.#place = place;
    this.#onLeave = onLeave;
  }

  /** Stops, or goes on. The socket is open. */
  watch(on: boolean): void {
    this.#turns.watch(this.#place, on);
  }

  /** Whether the engine may run what it reads, or the host wants to. */
  set plain(on: boolean) {
    if (on === this.#isPlain) return;
    this.#isPlain = on;
    this.#turns.plain(this.#place, on);
  }

  get seenMs(): number {
    return this.#turns.seenMs(this.#place);
  }

  get writtenOffset(): number {
    return this.#turns.writtenOffset(this.#place);
  }

  /** The outcome of the chunk that `ran` told of; its replies are written to the start of `into`. */
  collect(session: number, into: Buffer, nowMs: number): number {
    return this.#turns.collect(session, into, nowMs);
  }

  /** No more of it. The socket is closed, or is not watched. */
  leave(): void {
    this.#turns.remove(this.#place);
    this.#onLeave();
  }
}
