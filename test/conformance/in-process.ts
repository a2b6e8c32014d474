/**
 * Plays a case to an engine in this process, through the Store interface, as the server's connections do: chunks in,
 * outcomes out, output that did not fit fetched, woken sessions resumed.
 *
 * Chunking is the point: 'whole' gives all commands of a run at once with room for the answers, 'bytes' gives one byte
 * at a time with hardly any room, so that every state of the parser and every overflow is met.
 */
import {
  type Engine,
  Note,
  outcomeBytes,
  outcomeNotes,
  outcomeStop,
  Stop,
  type Store,
} from '../../src/engine/engine.ts';
import { frames, pack } from '../servers/resp.ts';
import { type Case, runsOf, type Transcript } from './case.ts';
import { countsOf } from './counts.ts';

export type Chunking = 'whole' | 'bytes';

/** Opens a store for tests: 16 databases, as Redis has by default, a fixed seed, DEBUG allowed. */
export function openStore(engine: Engine): Store {
  const store = engine.open({ databases: 16, seed: 20_070_015n, backlogBytes: 1 << 20 });
  store.configure('enable-debug-command', 'yes');
  return store;
}

/** Connections to a store, by name, and what each has heard. */
export class Talk {
  readonly store: Store;
  readonly #protocol: 2 | 3;
  readonly #output: Buffer;
  readonly #chunking: Chunking;
  readonly #sessions = new Map<string, { id: number; heard: Buffer[]; blocked: boolean; closed: boolean }>();

  constructor(store: Store, protocol: 2 | 3, chunking: Chunking) {
    this.store = store;
    this.#protocol = protocol;
    this.#chunking = chunking;
    this.#output = Buffer.alloc(chunking === 'whole' ? 65_536 : 64);
  }

  /** Sends bytes on a connection, at this wall-clock moment. */
  send(on: string, bytes: Buffer, nowMs = Date.now()): void {
    const step = this.#chunking === 'whole' ? Math.max(bytes.length, 1) : 1;
    for (let at = 0; at < bytes.length; at += step) {
      const session = this.#session(on);
      if (session.closed) return;
      const chunk = bytes.subarray(at, at + step);
      this.#take(on, this.store.execute(session.id, chunk, chunk.length, this.#output, nowMs), nowMs);
    }
  }

  /** All that a connection has heard so far. */
  heard(on: string): Buffer {
    return Buffer.concat(this.#session(on).heard);
  }

  /** Names of the connections, in the order of their first use. */
  names(): string[] {
    return [...this.#sessions.keys()];
  }

  #session(on: string): { id: number; heard: Buffer[]; blocked: boolean; closed: boolean } {
    let session = this.#sessions.get(on);
    if (session === undefined) {
      session = { id: this.store.openSession(), heard: [], blocked: false, closed: false };
      this.store.setSession(session.id, { protocol: this.#protocol, authenticated: true });
      this.#sessions.set(on, session);
    }
    return session;
  }

  /** Takes what a call gave, to the end of a script that rests: nobody else has anything to say meanwhile. */
  #take(on: string, first: number, nowMs: number): void {
    let outcome = first;
    while (outcomeStop(outcome) === Stop.busy) {
      this.#hear(on, outcome, nowMs);
      outcome = this.store.resume(this.#session(on).id, this.#output, nowMs);
    }
    this.#hear(on, outcome, nowMs);
  }

  #hear(on: string, outcome: number, nowMs: number): void {
    const session = this.#session(on);
    session.heard.push(Buffer.from(this.#output.subarray(0, outcomeBytes(outcome))));
    const notes = outcomeNotes(outcome);
    if (notes & Note.overflow) session.heard.push(Buffer.from(this.store.takeOverflow()));
    const stop = outcomeStop(outcome);
    if (stop === Stop.busy) {
      this.#take(on, this.store.resume(session.id, this.#output, nowMs), nowMs);
      return;
    }
    session.blocked = stop === Stop.blocked;
    session.closed ||= stop === Stop.closing;
    if (stop === Stop.host) {
      throw new Error(`${this.store.command(session.id)[0]} belongs to the host: test it through a server`);
    }
    if (stop === Stop.failed) throw new Error('execute must not fail as apply does');
    if (!(notes & Note.pushes)) return;
    for (const push of this.store.takePushes()) {
      const entry = [...this.#sessions].find(([, other]) => other.id === push.session);
      if (entry === undefined) throw new Error(`output for session ${push.session}, which is not open`);
      const [name, other] = entry;
      other.heard.push(Buffer.from(push.bytes));
      if (other.blocked) this.#take(name, this.store.resume(other.id, this.#output, nowMs), nowMs);
    }
  }
}

/** Plays a case in a fresh store, all at one moment; `look` sees it before it is closed. */
export function playInProcess(
  engine: Engine,
  script: Case,
  protocol: 2 | 3,
  chunking: Chunking,
  look: (store: Store) => void = () => {},
): Transcript {
  const store = openStore(engine);
  const nowMs = Date.now();
  try {
    for (const [name, value] of Object.entries(script.config ?? {})) store.configure(name, value);
    const talk = new Talk(store, protocol, chunking);
    for (const run of runsOf(script.commands)) {
      talk.send(run[0]?.on ?? '', Buffer.concat(run.map((turn) => pack(turn.run))), nowMs);
    }
    const heard = talk.names().map((on) => {
      const { whole, rest } = frames(talk.heard(on));
      if (rest.length > 0)
        throw new Error(`half a reply at the end: ${JSON.stringify(rest.toString('latin1'))}`);
      return { on, frames: whole };
    });
    look(store);
    return { heard, counts: countsOf(store), digest: store.digest() };
  } finally {
    store.close();
  }
}
