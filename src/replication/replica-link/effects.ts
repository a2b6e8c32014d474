/**
 * What the link's machine asks its driver to do. Imperatives, run in order; those that end something say why.
 */
import type { LinkReason } from '../reasons.ts';
import type { SnapshotFormat, Sync, Target, Wish } from './states.ts';

export type Effect =
  /** Open a connection; answered by `dialled` or `dialFailed`. */
  | { readonly do: 'dial'; readonly target: Target }
  /**
   * Close the connection, if there is one, and forget what was read but not applied (half a command, an open
   * transaction). `next` is what will happen, for the log.
   */
  | {
      readonly do: 'hangUp';
      readonly because: LinkReason;
      readonly detail: string;
      readonly next: 'retry' | 'reconnect' | 'halt' | 'end';
    }
  | { readonly do: 'sendPing' }
  /** AUTH and all REPLCONFs, in one write; answered by `sent`. */
  | { readonly do: 'sendHandshake' }
  /** Answered by `sent`. */
  | { readonly do: 'sendPsync'; readonly wish: Wish }
  | { readonly do: 'sendSync' }
  /** The primary did not know a REPLCONF of ours. Not critical: it is only said. */
  | { readonly do: 'note'; readonly refused: string; readonly detail: string }
  /** A full resync was decided: say why. */
  | { readonly do: 'expectSnapshot'; readonly sync: Sync }
  /** Open what takes the snapshot: the loader or a file. */
  | { readonly do: 'receiveSnapshot'; readonly format: SnapshotFormat; readonly sync: Sync }
  /**
   * Load what came and make it the data set; answered by `loaded` or `spoiled`. Nothing is read meanwhile.
   */
  | { readonly do: 'loadSnapshot' }
  /** Throw away what has come of a snapshot. The data set is as it was. */
  | { readonly do: 'dropSnapshot' }
  /** The data set is the primary's now: take over its history, and start our feed at its offset. */
  | { readonly do: 'adoptHistory'; readonly sync: Sync }
  /** The primary goes on from where we are; `id` is the history's id from now on. */
  | { readonly do: 'continueHistory'; readonly id: string }
  | { readonly do: 'sendAck' }
  /** Become a primary: the history becomes the previous one of a fresh id. */
  | { readonly do: 'promote' };
