/**
 * The states of a primary's link to one replica, and what is true in each of them.
 *
 * Each replica has a link of its own, because each is at its own place. All times are monotonic milliseconds. How states
 * follow each other is the table, ../primary-link.ts.
 */
import type { PartialRefusal, ReplicaLossReason } from '../reasons.ts';

/** How the end of a snapshot is known: by its length, or by 40 bytes that follow it. */
export type SnapshotEnd = 'length' | 'mark';

/** What is known of the one who asked. */
export interface Asker {
  /** It said SYNC: no line about history and offset, and no ACKs are expected. */
  readonly isOld: boolean;
  /** `rdb-only`: the link ends with the snapshot. */
  readonly rdbOnly: boolean;
}

interface Known {
  readonly asker: Asker;
}

export type State =
  /** PSYNC or SYNC has come and is being decided. */
  | (Known & { readonly name: 'asking' })
  /** No snapshot has begun for it yet. It gets empty lines, so that it keeps waiting. */
  | (Known & { readonly name: 'wait-snapshot-start' })
  /** The snapshot's moment is fixed and it was told; no byte of it is there yet. */
  | (Known & { readonly name: 'wait-snapshot-end'; readonly offset: number })
  /** The snapshot goes out. `lastIoMs`: when the replica last took some of it. */
  | (Known & {
      readonly name: 'send-bulk';
      readonly offset: number;
      readonly ends: SnapshotEnd;
      readonly lastIoMs: number;
    })
  /** It has a snapshot that ends with a mark; the feed begins with its first ACK, which says that it has loaded. */
  | (Known & { readonly name: 'await-ack'; readonly offset: number; readonly lastIoMs: number })
  /** The feed goes out. `acked`: the offset it has said it applied; `lastIoMs`: when it said something. */
  | (Known & { readonly name: 'online'; readonly acked: number; readonly lastIoMs: number })
  /** It is over. */
  | { readonly name: 'gone'; readonly because: ReplicaLossReason };

export type StateName = State['name'];
/** The state of one name. */
export type In<N extends StateName> = Extract<State, { name: N }>;

/** Events carry what the table needs to know, and the time. */
export type Event =
  /** The partial resync is granted: the replica reads from `at` on. */
  | { readonly name: 'continued'; readonly at: number; readonly nowMs: number }
  /** It needs everything, and why. */
  | { readonly name: 'refused'; readonly because: PartialRefusal; readonly nowMs: number }
  /** The snapshot's moment: history and offset. */
  | {
      readonly name: 'started';
      readonly historyId: string;
      readonly offset: number;
      readonly nowMs: number;
    }
  /** The first bytes of the snapshot are there. */
  | { readonly name: 'announced'; readonly ends: SnapshotEnd; readonly nowMs: number }
  /** The replica took some of the snapshot. */
  | { readonly name: 'took'; readonly nowMs: number }
  /** An empty line came: it is alive and loads. */
  | { readonly name: 'heard'; readonly nowMs: number }
  /** All of the snapshot has been handed over. */
  | { readonly name: 'sent'; readonly nowMs: number }
  /** No snapshot could be made. */
  | { readonly name: 'failed'; readonly detail: string; readonly nowMs: number }
  /** REPLCONF ACK. `end` is the end of our feed. */
  | { readonly name: 'acked'; readonly offset: number; readonly end: number; readonly nowMs: number }
  /** Patience has ended. */
  | { readonly name: 'expired'; readonly nowMs: number }
  /** The socket has closed. */
  | { readonly name: 'lost'; readonly nowMs: number }
  /** We end it. */
  | { readonly name: 'dismissed'; readonly because: ReplicaLossReason; readonly nowMs: number };

export type EventName = Event['name'];
export type On<K extends EventName> = Extract<Event, { name: K }>;

/** What the table asks the driver to do, in order. */
export type Effect =
  /** +CONTINUE, and everything from `at` on. */
  | { readonly do: 'sendContinue' }
  /** Take a seat in a snapshot; answered by `started` and what follows it, or by `failed`. */
  | { readonly do: 'joinSnapshot'; readonly because: PartialRefusal }
  /** +FULLRESYNC; and the feed from `offset` on is kept for this replica. */
  | { readonly do: 'sendFullResync'; readonly historyId: string; readonly offset: number }
  /** Keeps the feed from here on, without a word (SYNC). */
  | { readonly do: 'holdFeed'; readonly offset: number }
  /** Let go of the seat. Harmless when the snapshot is over. */
  | { readonly do: 'leaveSnapshot' }
  /** From now on it reads the feed, from `offset` on. */
  | { readonly do: 'startFeed'; readonly offset: number }
  /** Close the connection. `politely`: after what was written has left. */
  | {
      readonly do: 'hangUp';
      readonly because: ReplicaLossReason;
      readonly detail: string;
      readonly politely: boolean;
    };

/** When patience with the replica ends; null when nothing is awaited from it. */
export function deadlineMs(state: State, timeoutMs: number): number | null {
  switch (state.name) {
    case 'send-bulk':
    case 'await-ack':
      return state.lastIoMs + timeoutMs;
    case 'online':
      // Old replicas do not know ACKs.
      return state.asker.isOld ? null : state.lastIoMs + timeoutMs;
    default:
      return null;
  }
}

/** The word INFO shows (Redis 7.0). A transfer that ends with a mark shows as waiting, because the fork writes it there. */
export function wireState(state: State): 'wait_bgsave' | 'send_bulk' | 'online' {
  switch (state.name) {
    case 'send-bulk':
      return state.ends === 'length' ? 'send_bulk' : 'wait_bgsave';
    case 'await-ack':
    case 'online':
      return 'online';
    default:
      return 'wait_bgsave';
  }
}
