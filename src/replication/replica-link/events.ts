/**
 * What can happen to a replica's link. Facts, in the past tense, each with the monotonic time it happened at.
 *
 * The bytes of snapshot and feed never get here: the machine sees counts and offsets. Lines that the primary
 * sends are turned into events by replies.ts.
 */
import type { LinkReason } from '../reasons.ts';
import type { Offer, SnapshotFormat, Target, Wish } from './states.ts';

interface At {
  readonly nowMs: number;
}

export type Event =
  /** Told to follow a primary. `wish` is what this server can ask for when it follows nobody yet. */
  | (At & { readonly name: 'followed'; readonly target: Target; readonly wish: Wish })
  /** Told to be a primary (REPLICAOF NO ONE). */
  | (At & { readonly name: 'unfollowed' })
  /** The process ends. */
  | (At & { readonly name: 'shutDown' })
  /** Cron says it is time to try again. */
  | (At & { readonly name: 'due' })
  /** The deadline of the state has passed. */
  | (At & { readonly name: 'expired' })
  /** The connection stands. */
  | (At & { readonly name: 'dialled'; readonly offer: Offer })
  | (At & { readonly name: 'dialFailed'; readonly detail: string })
  /** What the machine wanted to send is on its way. */
  | (At & { readonly name: 'sent' })
  /** A reply that lets the handshake go on. */
  | (At & { readonly name: 'accepted' })
  /** An error reply; `detail` is its text without the '-'. */
  | (At & { readonly name: 'refused'; readonly detail: string })
  /** A line that makes no sense in this state, or a feed that is not in the protocol. */
  | (At & { readonly name: 'garbled'; readonly because: LinkReason; readonly detail: string })
  /** An empty line: the primary lives and is not ready yet. */
  | (At & { readonly name: 'keptAlive' })
  /** +FULLRESYNC. */
  | (At & { readonly name: 'fullResynced'; readonly id: string; readonly offset: number })
  /** +CONTINUE; `id` is null when the primary did not name one. */
  | (At & { readonly name: 'continued'; readonly id: string | null })
  /** PSYNC cannot be served now, but will be later. */
  | (At & { readonly name: 'deferred'; readonly detail: string })
  /** PSYNC was answered with an error of an other kind: the primary predates it. */
  | (At & { readonly name: 'unsupported'; readonly detail: string })
  /** The header of a snapshot. */
  | (At & { readonly name: 'announced'; readonly format: SnapshotFormat })
  /**
   * Bytes came. In a transfer `bytes` is what was new of the snapshot; in the feed `offset` is what is
   * applied now.
   */
  | (At & { readonly name: 'received'; readonly bytes: number; readonly offset: number })
  /** The whole snapshot has come. */
  | (At & { readonly name: 'arrived' })
  /** The snapshot is the data set now. */
  | (At & { readonly name: 'loaded' })
  /** The snapshot cannot be kept or loaded. */
  | (At & {
      readonly name: 'spoiled';
      readonly because: 'snapshot-broken' | 'snapshot-disk';
      readonly detail: string;
    })
  /** A command of the feed could not be applied. */
  | (At & { readonly name: 'failed'; readonly command: string; readonly error: string })
  /** The connection ended, by itself or because a client wished it. */
  | (At & {
      readonly name: 'lost';
      readonly because: 'closed' | 'socket-error' | 'killed';
      readonly detail: string;
    });

export type EventName = Event['name'];
/** The event of one name. */
export type On<K extends EventName> = Extract<Event, { name: K }>;
