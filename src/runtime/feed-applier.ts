/**
 * Applies the primary's feed: chunks go into the engine, commands that are not its business come out.
 *
 * It owns the engine's session for the feed, which carries the selected database from one link to the next.
 * Few commands of a feed concern the host: REPLCONF GETACK asks for an ACK at once, PUBLISH has to reach our
 * own subscribers. Any other is a failure like a command that is unknown: passing it over means a
 * replica that differs, so somebody else decides whether that is done (docs/decisions/0004).
 */
import type { Failure, SessionId } from '../engine/engine.ts';
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
  readonly #passesOver: (failure: Failure) => boolean;
  #session: SessionId;
  /** A script of the feed has not ended. */
  #rests = false;

  /** `passesOver` is told each command that cannot be applied; when it says yes, the feed goes on behind that. */
  constructor(parts: FollowerParts, sendAck: () => void, passesOver: (failure: Failure) => boolean) {
    this.#parts = parts;
    this.#sendAck = sendAck;
    this.#passesOver = passesOver;
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
      const stop = outcomeStop(outcome);
      if (stop !== Stop.host && stop !== Stop.failed) break;
      const failure = stop === Stop.host ? this.#hosted(store.command(this.#session)) : this.#failure();
      if (failure?.isBroken) return { end: 'broken', detail: failure.error };
      if (failure !== null && !this.#passesOver(failure)) {
        const { command, error } = failure;
        return { end: 'failed', command, error };
      }
      outcome = store.resumeApply(this.#session, nowMs());
    }
    const stop = outcomeStop(outcome);
    if (stop !== Stop.drained && stop !== Stop.busy)
      throw new Error(`the engine stopped in the feed with ${stop}, which it must not`);
    // What has come is kept inside while a script rests; applying nothing goes on with it.
    this.#rests = stop === Stop.busy && (this.#parts.onScriptRests?.() ?? false);
    return { end: 'applied' };
  }

  #failure(): Failure {
    const failure = this.#parts.store.failure(this.#session);
    if (failure === null) throw new Error('the engine stopped in the feed and does not say why');
    return failure;
  }

  /** Runs a command of the host; null when it is one that a feed may have. */
  #hosted(args: Buffer[]): Failure | null {
    switch (text(args[0]).toLowerCase()) {
      case 'replconf':
        // Not counted yet, because it is counted when the engine goes on: the ACK tells what came before it.
        if (text(args[1]).toLowerCase() === 'getack') this.#sendAck();
        return null;
      case 'publish':
      case 'spublish':
        this.#parts.onHostCommand?.(args);
        return null;
      default:
        return {
          command: shown(args.map(text).join(' ')),
          error: 'this command has no place in a feed',
          isBroken: false,
        };
    }
  }
}
