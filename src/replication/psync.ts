/**
 * PSYNC, decided: may this replica go on from where it is, or does it need everything?
 *
 *     previous history --------------.limit
 *     our history      --------------+--------[ start ======= kept ======= end ]
 *                                                ^ a replica at a place in here goes on
 *
 * Pure. A place is the number of bytes a replica has; it asks for the byte behind them, so PSYNC's number is one more.
 * A refusal has a reason from a closed list (reasons.ts), and costs a full resync. Facts: Redis 7.0.
 */
import { type History, isHistoryId } from './history.ts';
import type { PartialRefusal } from './reasons.ts';

/** What PSYNC asks for. */
export interface PsyncWish {
  /** The replica's history, or '?' when it wants everything. */
  readonly id: string;
  /** Number of the first byte it does not have (its applied offset plus 1). */
  readonly offset: number;
}

/** What there is to give. */
export interface FeedRange {
  /** Whether a feed is kept at all. */
  readonly isOn: boolean;
  readonly startOffset: number;
  readonly endOffset: number;
}

export type PsyncDecision =
  | { readonly partial: true /** Bytes the replica has: its reading begins here. */; readonly at: number }
  | { readonly partial: false; readonly because: PartialRefusal };

const refuse = (because: PartialRefusal): PsyncDecision => ({ partial: false, because });

/** The decision, in Redis's order of checks. */
export function decidePsync(wish: PsyncWish, history: History, feed: FeedRange): PsyncDecision {
  const { previous } = history;
  if (wish.id === '?') return refuse('full-wanted');
  const isOurs = wish.id.toLowerCase() === history.id;
  const isPrevious = previous !== null && isHistoryId(wish.id) && wish.id.toLowerCase() === previous.id;
  if (!isOurs && !isPrevious) return refuse('unknown-history');
  if (!isOurs && previous !== null && wish.offset > previous.limit) return refuse('past-the-fork');
  if (!feed.isOn) return refuse('no-backlog');
  const at = wish.offset - 1;
  if (at < feed.startOffset) return refuse('too-far-behind');
  if (at > feed.endOffset) return refuse('ahead-of-us');
  return { partial: true, at };
}
