/**
 * SHUTDOWN: how a server ends without leaving its replicas behind.
 *
 *     serving --signalled--> scheduled --due--> waiting --caughtUp, expired--> ending --ended--> over
 *        |                                        ^ |  writes pause               | failed: serving
 *        +--requested-----------------------------+ +--aborted--> serving         v
 *
 * Writes are held back until every replica has acknowledged our last offset or `shutdown-timeout` is over; without a replica that
 * lags, or with NOW, nothing is waited for. Then the data is saved, if it is to be; when that fails, the server goes on. Pure:
 * who lags, pausing, saving and closing are runtime's (runtime/shutdowns.ts). Facts: Redis 7.0's SHUTDOWN, SIGTERM and SIGINT.
 */
import type { Step, Table } from '../machine/machine.ts';

/** What the words of SHUTDOWN, or of shutdown-on-sigterm, ask for. */
export interface ShutdownWish {
  /** 'configured': when there are save points. */
  readonly saves: 'yes' | 'no' | 'configured';
  /** No waiting for replicas. */
  readonly now: boolean;
  /** Ends even when saving fails. */
  readonly force: boolean;
}

export type State =
  | { readonly name: 'serving' }
  /** A signal came; the next turn of the clock begins. */
  | { readonly name: 'scheduled'; readonly wish: ShutdownWish }
  | { readonly name: 'waiting'; readonly wish: ShutdownWish; readonly deadlineMs: number }
  | { readonly name: 'ending' }
  | { readonly name: 'over' };

/** How things stand when a shutdown begins. */
interface Begin {
  /** Replicas that have not acknowledged everything. */
  readonly lagging: number;
  /** 0: never wait. */
  readonly timeoutMs: number;
  readonly nowMs: number;
}

export type Event =
  | { readonly name: 'signalled'; readonly wish: ShutdownWish }
  | ({ readonly name: 'due' } & Begin)
  | ({ readonly name: 'requested'; readonly wish: ShutdownWish } & Begin)
  /** No replica lags any longer. */
  | { readonly name: 'caughtUp' }
  | { readonly name: 'expired' }
  /** SHUTDOWN ABORT. */
  | { readonly name: 'aborted' }
  | { readonly name: 'failed' }
  | { readonly name: 'ended' };

export type Effect =
  | { readonly do: 'tellBegun' }
  /** Asks the replicas how far they are, holds writes back. */
  | { readonly do: 'waitForReplicas' }
  /** Saves and closes; answered by `ended` or `failed`. */
  | { readonly do: 'end'; readonly wish: ShutdownWish }
  | { readonly do: 'resumeWrites' }
  /** Those who asked for it read an error. */
  | { readonly do: 'refuse' }
  | { readonly do: 'tellAborted' };

type Next = Step<State, Effect>;
const go = (state: State, ...effects: Effect[]): Next => ({ state, effects });
const serving: State = { name: 'serving' };

const begin = (wish: ShutdownWish, { lagging, timeoutMs, nowMs }: Begin): Next =>
  wish.now || timeoutMs === 0 || lagging === 0
    ? go({ name: 'ending' }, { do: 'tellBegun' }, { do: 'end', wish })
    : go(
        { name: 'waiting', wish, deadlineMs: nowMs + timeoutMs },
        { do: 'tellBegun' },
        { do: 'waitForReplicas' },
      );

const end = {
  to: ['ending'],
  run: ({ wish }: { wish: ShutdownWish }) => go({ name: 'ending' }, { do: 'end', wish }),
} as const;

/** Who asks again waits for the one that is under way, whatever its words were (Redis 7.0). */
const joins = <S extends State>(name: S['name']) => ({ to: [name], run: (state: S) => go(state) }) as const;

/** The table. The order of its rows is the order in the drawing. */
export const shutdown: Table<State, Event, Effect> = {
  serving: {
    signalled: { to: ['scheduled'], run: (_, { wish }) => go({ name: 'scheduled', wish }) },
    requested: { to: ['waiting', 'ending'], run: (_, event) => begin(event.wish, event) },
  },

  scheduled: {
    signalled: { to: ['scheduled'], run: (_, { wish }) => go({ name: 'scheduled', wish }) },
    due: { to: ['waiting', 'ending'], run: ({ wish }, event) => begin(wish, event) },
    requested: { to: ['waiting', 'ending'], run: (_, event) => begin(event.wish, event) },
    aborted: { to: ['serving'], run: () => go(serving, { do: 'tellAborted' }) },
  },

  waiting: {
    signalled: joins('waiting'),
    requested: joins('waiting'),
    caughtUp: end,
    expired: end,
    aborted: {
      to: ['serving'],
      run: () => go(serving, { do: 'refuse' }, { do: 'resumeWrites' }, { do: 'tellAborted' }),
    },
  },

  ending: {
    signalled: joins('ending'),
    requested: joins('ending'),
    failed: { to: ['serving'], run: () => go(serving, { do: 'refuse' }, { do: 'resumeWrites' }) },
    ended: { to: ['over'], run: () => go({ name: 'over' }) },
  },

  over: { signalled: joins('over'), requested: joins('over') },
};
