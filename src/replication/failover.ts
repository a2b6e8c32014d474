/**
 * FAILOVER: this primary hands over to one of its replicas, without losing a write.
 *
 *     none --requested--> wait-for-sync --synced--> in-progress --accepted--> none (we are its replica now)
 *               writes pause     |                     |
 *                                +--expired, aborted---+--rejected, aborted--> none (we are the primary still)
 *
 * Writes are held back from the request to the end, so the target can reach our last offset; then we follow it, and the PSYNC with
 * which we ask says FAILOVER, at which it becomes the primary. Pure: who is how far, pausing and following are runtime's
 * (runtime/failovers.ts). Facts: Redis 7.0, FAILOVER and its timeouts. The target's side is one check in commands/replica.ts.
 */
import type { Step, Table } from '../machine/machine.ts';
import type { Target } from './replica-link/states.ts';

export type State =
  | { readonly name: 'none' }
  /** `target` null: the first replica that has everything. `deadlineMs` null: patience without end. */
  | {
      readonly name: 'wait-for-sync';
      readonly target: Target | null;
      readonly isForced: boolean;
      readonly deadlineMs: number | null;
    }
  | { readonly name: 'in-progress'; readonly target: Target };

export type Event =
  | {
      readonly name: 'requested';
      readonly target: Target | null;
      readonly isForced: boolean;
      /** null: no limit. */
      readonly timeoutMs: number | null;
      readonly nowMs: number;
    }
  /** A replica that may be the target has acknowledged everything. */
  | { readonly name: 'synced'; readonly target: Target }
  | { readonly name: 'expired' }
  /** FAILOVER ABORT. */
  | { readonly name: 'aborted' }
  /** The target is primary now, and answered our PSYNC. */
  | { readonly name: 'accepted' }
  | { readonly name: 'rejected' };

/** Why a failover ended without a change; the text is the log's. */
export const abortReasons = {
  'by-hand': 'Failover manually aborted',
  'never-caught-up': 'Replica never caught up before timeout',
  rejected: 'Failover target rejected psync request',
} as const;
export type AbortReason = keyof typeof abortReasons;

export type Effect =
  | { readonly do: 'pauseWrites' }
  | { readonly do: 'resumeWrites' }
  /** Follow the target, and tell it to take over. */
  | { readonly do: 'handOver'; readonly target: Target; readonly isLate: boolean }
  /** Be the primary again. */
  | { readonly do: 'takeBack' }
  | { readonly do: 'tellAborted'; readonly because: AbortReason; readonly target: Target | null };

type Next = Step<State, Effect>;
const go = (state: State, ...effects: Effect[]): Next => ({ state, effects });
const none: State = { name: 'none' };

const handOver = (target: Target, isLate: boolean): Next =>
  go({ name: 'in-progress', target }, { do: 'handOver', target, isLate });

const giveUp = (because: AbortReason, target: Target | null, ...first: Effect[]): Next =>
  go(none, { do: 'tellAborted', because, target }, ...first, { do: 'resumeWrites' });

/** The table. The order of its rows is the order in the drawing. */
export const failover: Table<State, Event, Effect> = {
  none: {
    requested: {
      to: ['wait-for-sync'],
      run: (_, { target, isForced, timeoutMs, nowMs }) =>
        go(
          {
            name: 'wait-for-sync',
            target,
            isForced,
            deadlineMs: timeoutMs === null ? null : nowMs + timeoutMs,
          },
          { do: 'pauseWrites' },
        ),
    },
  },

  'wait-for-sync': {
    synced: { to: ['in-progress'], run: (_, { target }) => handOver(target, false) },
    expired: {
      to: ['in-progress', 'none'],
      run: ({ target, isForced }) =>
        isForced && target !== null ? handOver(target, true) : giveUp('never-caught-up', target),
    },
    aborted: { to: ['none'], run: ({ target }) => giveUp('by-hand', target) },
  },

  'in-progress': {
    accepted: { to: ['none'], run: () => go(none, { do: 'resumeWrites' }) },
    rejected: { to: ['none'], run: ({ target }) => giveUp('rejected', target, { do: 'takeBack' }) },
    aborted: { to: ['none'], run: ({ target }) => giveUp('by-hand', target, { do: 'takeBack' }) },
  },
};

/** The word INFO shows. */
export const wireState = (state: State): string =>
  ({ none: 'no-failover', 'wait-for-sync': 'waiting-for-sync', 'in-progress': 'failover-in-progress' })[
    state.name
  ];
