/**
 * Blocking commands, as data: who waits for which keys, and how each is served.
 *
 *     BLPOP a b 5  -->  waiting { keys a b, until now + 5 s, serve }      in line at a and at b
 *     RPUSH b x    -->  key b is ready; after the unit its line is asked, the longest waiting first
 *
 * `serve` tries the command again without blocking. It is called in the order of arrival, until the key has nothing
 * to give any more; so clients are served first come first served per key, as in Redis. Timeouts are found by
 * `expired`, which cron calls with the time.
 */
import type { Call } from './call.ts';
import type { Session } from './session.ts';

export interface Waiting {
  readonly session: Session;
  readonly db: number;
  readonly keys: readonly string[];
  /** Unix ms, or null to wait for ever. */
  readonly deadlineMs: number | null;
  /** The command, for the Call that serves it. */
  readonly args: Buffer[];
  /** Tries to serve from a key that is ready; false to go on waiting. */
  serve(call: Call, key: string): boolean;
  /** Writes the answer for a timeout. */
  expire(call: Call): void;
}

const nobody: readonly never[] = [];

export class WaitingRoom {
  /** Lines by database and key, in order of arrival. */
  #lines = new Map<string, Set<Waiting>>();
  #all = new Set<Waiting>();
  /** Keys that may have something to give, in the order they got it. */
  #ready = new Map<string, { db: number; key: string }>();

  static #name(db: number, key: string): string {
    return `${db} ${key}`;
  }

  get size(): number {
    return this.#all.size;
  }

  add(waiting: Waiting): void {
    this.#all.add(waiting);
    for (const key of waiting.keys) {
      const name = WaitingRoom.#name(waiting.db, key);
      const line = this.#lines.get(name);
      if (line === undefined) this.#lines.set(name, new Set([waiting]));
      else line.add(waiting);
    }
  }

  remove(waiting: Waiting): void {
    this.#all.delete(waiting);
    for (const key of waiting.keys) {
      const name = WaitingRoom.#name(waiting.db, key);
      const line = this.#lines.get(name);
      line?.delete(waiting);
      if (line?.size === 0) this.#lines.delete(name);
    }
  }

  /** Notes that a key got something; cheap when nobody waits for it. */
  signal(db: number, key: string): void {
    if (this.#all.size === 0) return;
    const name = WaitingRoom.#name(db, key);
    if (this.#lines.has(name)) this.#ready.set(name, { db, key });
  }

  /** The keys signalled since the last call, in order. */
  takeReady(): readonly { db: number; key: string }[] {
    // Nearly always: this is asked after each command.
    if (this.#ready.size === 0) return nobody;
    const ready = [...this.#ready.values()];
    this.#ready.clear();
    return ready;
  }

  /** Those who wait for a key, the longest first. */
  line(db: number, key: string): Waiting[] {
    return [...(this.#lines.get(WaitingRoom.#name(db, key)) ?? [])];
  }

  /** Those whose time is up. */
  expired(nowMs: number): Waiting[] {
    return [...this.#all].filter((waiting) => waiting.deadlineMs !== null && waiting.deadlineMs <= nowMs);
  }

  /** Keys of a database that somebody waits for (SWAPDB signals them). */
  keysOf(db: number): string[] {
    const prefix = `${db} `;
    return [...this.#lines.keys()]
      .filter((name) => name.startsWith(prefix))
      .map((name) => name.slice(prefix.length));
  }
}
