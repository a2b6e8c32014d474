/**
 * The states of a replica's link to its primary, and what is true in each of them.
 *
 * The one idea: what is true only in one state lives in that state, so there is no flag that could disagree
 * with it. Two functions read a state: `deadlineMs` (when patience ends) and `wireState` (what ROLE shows).
 * All times are monotonic milliseconds. This file does not say how states follow each other: that is the
 * table, ../replica-link.ts.
 */
import type { FullResyncReason, LinkReason } from '../reasons.ts';

/** The primary that is followed. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Redis compares hosts as text, without regard to case; so a name and its address are two primaries. */
export const sameTarget = (a: Target, b: Target): boolean =>
  a.port === b.port && a.host.toLowerCase() === b.host.toLowerCase();

/**
 * What to ask the primary for: to go on from the last applied offset of a history, or for everything, and
 * why.
 */
export type Wish =
  | {
      readonly partial: true;
      readonly id: string;
      readonly offset: number;
      /** It shall become the primary with this PSYNC (FAILOVER). */
      readonly handsOver?: true;
    }
  | { readonly partial: false; readonly because: FullResyncReason };

/** The optional lines of the handshake that were sent, and so will be answered. */
export interface Offer {
  readonly auth: boolean;
  readonly ip: boolean;
  readonly version: boolean;
}

/**
 * The full resync under way: the history and offset that the snapshot will be at, and why it was needed.
 * `id` is null after a bare SYNC: such a primary has no offsets and expects no ACKs.
 */
export interface Sync {
  readonly id: string | null;
  readonly offset: number;
  readonly because: FullResyncReason;
}

/** How the end of a snapshot is known: by its length, or by 40 bytes that follow it. */
export type SnapshotFormat =
  | { readonly ends: 'length'; readonly bytes: number }
  | { readonly ends: 'mark'; readonly mark: string };

interface Following {
  readonly target: Target;
}
interface Waiting extends Following {
  readonly wish: Wish;
  /** When the primary was last heard of (or the wait began). */
  readonly lastIoMs: number;
}
interface Handshake extends Waiting {
  readonly offer: Offer;
}
interface Syncing extends Waiting {
  readonly sync: Sync;
}

/** In a handshake everything is the same but the reply that is awaited. */
export const handshakeNames = [
  'receive-ping-reply',
  'send-handshake',
  'receive-auth',
  'receive-port',
  'receive-ip',
  'receive-capa',
  'receive-version',
  'send-psync',
  'receive-psync',
] as const;
export type HandshakeName = (typeof handshakeNames)[number];
type HandshakeState = { [N in HandshakeName]: Handshake & { readonly name: N } }[HandshakeName];

export type State =
  /** Not a replica. */
  | { readonly name: 'none' }
  /** The next try waits for cron. */
  | (Following & { readonly name: 'connect'; readonly wish: Wish })
  | (Waiting & { readonly name: 'connecting' })
  | HandshakeState
  /** The primary prepares the snapshot; only empty lines come. */
  | (Syncing & { readonly name: 'await-snapshot' })
  | (Syncing & { readonly name: 'transfer'; readonly format: SnapshotFormat; readonly receivedBytes: number })
  /**
   * The snapshot is complete and on its way into the keyspace. `lost` tells that the link ended meanwhile.
   */
  | (Syncing & { readonly name: 'loading'; readonly receivedBytes: number; readonly lost: LinkReason | null })
  /** `id` is null when the primary has no offsets (see Sync). `offset` is the last applied one. */
  | (Following & {
      readonly name: 'connected';
      readonly id: string | null;
      readonly offset: number;
      /** False until the feed has brought its first byte. */
      readonly carried: boolean;
      readonly lastIoMs: number;
    })
  /** A command of the primary cannot be applied: going on would mean a replica that differs. */
  | (Following & { readonly name: 'halted'; readonly command: string; readonly error: string });

export type StateName = State['name'];
/** The state of one name. */
export type In<N extends StateName> = Extract<State, { name: N }>;

/** When patience with the primary ends, given repl-timeout; null when nothing is awaited from it. */
export function deadlineMs(state: State, timeoutMs: number): number | null {
  switch (state.name) {
    case 'none':
    case 'connect':
    case 'loading':
    case 'halted':
      return null;
    default:
      return state.lastIoMs + timeoutMs;
  }
}

/**
 * The word ROLE shows for a state (Redis 7.0). A halted link waits for an operator, so it shows as not
 * connected.
 */
export function wireState(
  name: StateName,
): 'none' | 'connect' | 'connecting' | 'handshake' | 'sync' | 'connected' {
  switch (name) {
    case 'none':
    case 'connect':
    case 'connecting':
    case 'connected':
      return name;
    case 'halted':
      return 'connect';
    case 'await-snapshot':
    case 'transfer':
    case 'loading':
      return 'sync';
    default:
      return 'handshake';
  }
}
