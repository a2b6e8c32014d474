/**
 * Applies the primary's feed: chunks go into the engine, commands that are not its business come out.
 *
 * It owns the engine's session for the feed, which carries the selected database from one link to the next.
 * Few commands of a feed concern the host: REPLCONF GETACK asks for an ACK at once, PUBLISH has to reach our
 * own subscribers. Any other is a failure like a command that is unknown: passing it over would mean a
 * replica that differs.
 */
import type { SessionId } from '../engine/engine.ts';
import { outcomeNotes, outcomeStop, Stop } from '../engine/engine.ts';
import { shown } from '../replication/replica-link/replies.ts';
import type { FollowerParts } from './follower-types.ts';

/** How it went. After anything but 'applied' the link must end; what came before the trouble is applied. */
export type Applied =
  | { end: 'applied' }
  | { end: 'failed'; command: string; error: string }
  /** Not in the protocol. */
  | { end: 'broken'; detail: string };

const text = (arg: Buffer | undefined): string => arg?.toString('latin1') ?? '';

export class FeedApplier {
  readonly #parts: FollowerParts;
  readonly #sendAck: () => void;
  #session: SessionId;
  /** A script of the feed has not ended. */
  #rests = false;

  constructor(parts: FollowerParts, sendAck: () => void) {
    this.#parts = parts;
    this.#sendAck = sendAck;
    this.#session = parts.store.openSession();
  }

  /**
   * A link ended or begins: half a command and an open transaction are forgotten, the selected database is
   * kept, unless `db` names another.
   */
  restart(db?: number): void {
    const { store, nowMs } = this.#parts;
    // A script of the feed is finished: it ended on the primary, and half of it would be a data set of its own.
    for (let rests = this.#rests; rests; )
      rests = outcomeStop(store.resumeApply(this.#session, nowMs())) === Stop.busy;
    this.#rests = false;
    const selected = db ?? store.sessionInfo(this.#session).db;
    store.closeSession(this.#session);
    this.#session = store.openSession();
    store.selectDb(this.#session, selected);
  }

  /** The engine's session for the feed, until the next `restart`. */
  get session(): SessionId {
    return this.#session;
  }

  /** The database selected in the feed. */
  get db(): number {
    return this.#parts.store.sessionInfo(this.#session).db;
  }

  close(): void {
    this.#parts.store.closeSession(this.#session);
  }

  apply(chunk: Buffer): Applied {
    const { store, nowMs, onNotes } = this.#parts;
    let outcome = store.apply(this.#session, chunk, chunk.length, nowMs());
    for (;;) {
      const notes = outcomeNotes(outcome);
      if (notes !== 0) onNotes?.(notes);
      if (outcomeStop(outcome) !== Stop.host) break;
      const args = store.command(this.#session);
      if (!this.#hosted(args))
        return {
          end: 'failed',
          command: shown(args.map(text).join(' ')),
          error: 'this command has no place in a feed',
        };
      outcome = store.resumeApply(this.#session, nowMs());
    }
    const stop = outcomeStop(outcome);
    this.#rests = false;
    if (stop === Stop.busy) {
      // What has come is kept inside; applying nothing goes on with it.
      this.#rests = this.#parts.onScriptRests?.() ?? false;
      return { end: 'applied' };
    }
    if (stop === Stop.drained) return { end: 'applied' };
    const failure = store.failure(this.#session);
    if (stop !== Stop.failed || failure === null)
      throw new Error(`the engine stopped in the feed with ${stop}, which it must not`);
    if (failure.error.includes('Protocol error')) return { end: 'broken', detail: failure.error };
    return { end: 'failed', ...failure };
  }

  /** False: nobody here knows what to do with it. */
  #hosted(args: Buffer[]): boolean {
    switch (text(args[0]).toLowerCase()) {
      case 'replconf':
        // Not counted yet, because it is counted when the engine goes on: the ACK tells what came before it.
        if (text(args[1]).toLowerCase() === 'getack') this.#sendAck();
        return true;
      case 'publish':
      case 'spublish':
        this.#parts.onHostCommand?.(args);
        return true;
      default:
        return false;
    }
  }
}
