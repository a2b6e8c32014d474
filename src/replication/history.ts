/**
 * Histories: which data set this is, and which one it was before.
 *
 * A history is a replication id; together with an offset in the feed it names one exact state of the data.
 * The offset itself is not kept here: it is the end of the feed, and the feed is its only owner.
 *
 *     previous id -----------------------+ limit (end offset at the change, plus 1)
 *                                        |
 *     id                                 +------------------------------> end of the feed
 *
 * Pure values: every function gives a new one. New ids come from the caller, because randomness lives in
 * runtime/. Facts: Redis 7.0 (replid, replid2, second_repl_offset).
 */

/**
 * The history that this one grew out of: valid for offsets up to `limit`, which is the first offset it does
 * not hold.
 */
export interface PreviousHistory {
  readonly id: string;
  /** First offset that the previous history does not share (second_repl_offset). */
  readonly limit: number;
}

/** The history a data set belongs to. */
export interface History {
  /** 40 lower-case hex digits. */
  readonly id: string;
  /** Null when there is none: after a start or a full resync. */
  readonly previous: PreviousHistory | null;
}

/**
 * Where the current history is kept. The server and the link share one; only one of them changes it at a
 * time.
 */
export interface HistoryHolder {
  current: History;
}

/** What INFO shows as the previous id when there is none. */
export const noHistoryId = '0'.repeat(40);
/** What INFO shows as the previous history's limit when there is none. */
export const noHistoryLimit = -1;

/** True for 40 hex digits, which is all that servers use as ids. */
export const isHistoryId = (text: string): boolean => /^[0-9a-fA-F]{40}$/.test(text);

/** A history that begins here: of a fresh server, or after a full resync (the primary's id is then ours). */
export const begun = (id: string): History => ({ id, previous: null });

/**
 * The same data under a new id: on promotion (a fresh id), or when the primary continued us under another id.
 * The old id stays valid for everything up to `endOffset`, so replicas that have no more than that can go on.
 * The same id again changes nothing.
 */
export const renamed = (history: History, id: string, endOffset: number): History =>
  id === history.id ? history : { id, previous: { id: history.id, limit: endOffset + 1 } };
