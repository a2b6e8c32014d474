/**
 * Keyspace events: what happened to which key, for those who asked (notify-keyspace-events).
 *
 * The engine only collects them, in order; the host publishes. A class of events that nobody asked for costs nothing.
 */

/** Class letters of Redis: g generic, $ string, l list, s set, h hash, z sorted set, x expired, e evicted, t stream, d module, m key miss, n new key. */
export type EventClass = 'g' | '$' | 'l' | 's' | 'h' | 'z' | 'x' | 'e' | 't' | 'd' | 'm' | 'n';

/** What the letter A stands for: every class but m and n. */
const allClasses = 'g$lshzxetd';

export interface KeyEvent {
  db: number;
  event: string;
  key: Buffer;
  flags: string;
}

export class EventLog {
  #events: KeyEvent[] = [];

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  /** Keeps an event when `wanted` (the setting) asks for its class and for keyspace (K) or keyevent (E) messages. */
  add(wanted: string, flags: EventClass, event: string, key: string, db: number): void {
    if (wanted === '' || !/[KE]/.test(wanted)) return;
    if (!wanted.includes(flags) && !(wanted.includes('A') && allClasses.includes(flags))) return;
    this.#events.push({ db, event, key: Buffer.from(key, 'latin1'), flags });
  }

  take(): KeyEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}
