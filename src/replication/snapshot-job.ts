/**
 * Which replicas share a snapshot, when it begins, and which way it goes: the table of everything that may happen.
 *
 *     asked, asked ...  -- the delay is over, or enough have come -->  one snapshot for all of a group
 *     asked meanwhile   -- through a file: shares it; through sockets: waits for the next one
 *
 * A group is those who can read the same bytes (`kind`: version, filter, compression). One snapshot at a time is made for
 * replicas. It goes straight to their sockets when all of them can take one whose end is a mark (`capa eof`), else through a
 * file, whose length is known. A file can be read by a late one from its beginning; what has gone to a socket has gone.
 * These are the rules of Redis 7.0. Pure: bytes, files and sockets are in runtime/snapshots.ts.
 */
import type { Table } from '../machine/machine.ts';

/** Number of a place in a snapshot, given by the driver. */
export type Seat = number;

/** What the configuration says, as of the event. */
export interface Terms {
  /** repl-diskless-sync. */
  readonly isDiskless: boolean;
  /** repl-diskless-sync-delay. */
  readonly delayMs: number;
  /** repl-diskless-sync-max-replicas: so many need not wait for more. 0: however many there are. */
  readonly replicasMax: number;
}

/** Those who wait for the same bytes. */
export interface Group {
  readonly kind: string;
  readonly seats: readonly Seat[];
  /** All of them take a snapshot that ends with a mark. */
  readonly takesMark: boolean;
  /** When the first of them came, monotonic ms. */
  readonly sinceMs: number;
}

export interface Job {
  readonly kind: string;
  readonly through: 'socket' | 'file';
  readonly seats: readonly Seat[];
}

export type State =
  /** Nobody wants anything. */
  | { readonly name: 'idle' }
  /** Some wait for more to come. */
  | { readonly name: 'gathering'; readonly groups: readonly Group[] }
  /** A snapshot is being made; the groups wait for the next. */
  | { readonly name: 'saving'; readonly job: Job; readonly groups: readonly Group[] };

interface Timed {
  readonly terms: Terms;
  readonly nowMs: number;
}

export type Event =
  /** A replica needs a snapshot of this kind. */
  | (Timed & {
      readonly name: 'asked';
      readonly seat: Seat;
      readonly kind: string;
      readonly takesMark: boolean;
    })
  /** A replica is gone, or has all it wanted. */
  | (Timed & { readonly name: 'left'; readonly seat: Seat })
  /** Time has passed. */
  | (Timed & { readonly name: 'ticked' })
  /** The snapshot is complete: in the file, or at the last of the sockets. */
  | (Timed & { readonly name: 'completed' })
  /** It cannot be completed. The driver has told those who had a seat in it. */
  | (Timed & { readonly name: 'failed' });

export type Effect =
  /** Takes the moment, and tells it to the seats. */
  | { readonly do: 'begin'; readonly job: Job }
  /** The seat gets the file that is being made. */
  | { readonly do: 'share'; readonly seat: Seat }
  /** Nobody wants the snapshot any longer. */
  | { readonly do: 'cancel' };

type Next = { state: State; effects: readonly Effect[] };

const go = (state: State, ...effects: Effect[]): Next => ({ state, effects });

/** Puts a seat into the group of its kind. */
function joined(groups: readonly Group[], { seat, kind, takesMark, nowMs }: On<'asked'>): Group[] {
  const group = groups.find((one) => one.kind === kind) ?? {
    kind,
    seats: [],
    takesMark: true,
    sinceMs: nowMs,
  };
  const grown = { ...group, seats: [...group.seats, seat], takesMark: group.takesMark && takesMark };
  return groups.includes(group) ? groups.map((one) => (one === group ? grown : one)) : [...groups, grown];
}

/** Takes a seat out of whatever group it is in. */
const without = (groups: readonly Group[], seat: Seat): Group[] =>
  groups
    .map((group) => ({ ...group, seats: group.seats.filter((one) => one !== seat) }))
    .filter((group) => group.seats.length > 0);

const throughOf = (group: Group, terms: Terms): Job['through'] =>
  terms.isDiskless && group.takesMark ? 'socket' : 'file';

/** A file need not wait: who comes later can still share it. */
const isDue = (group: Group, { terms, nowMs }: Timed): boolean =>
  throughOf(group, terms) === 'file' ||
  nowMs - group.sinceMs >= terms.delayMs ||
  (terms.replicasMax > 0 && group.seats.length >= terms.replicasMax);

/** Begins with the first group that is due, or waits. */
function onward(groups: readonly Group[], timed: Timed, ...first: Effect[]): Next {
  if (groups.length === 0) return go({ name: 'idle' }, ...first);
  const due = groups.find((group) => isDue(group, timed));
  if (due === undefined) return go({ name: 'gathering', groups }, ...first);
  const job = { kind: due.kind, through: throughOf(due, timed.terms), seats: due.seats };
  const rest = groups.filter((group) => group !== due);
  return go({ name: 'saving', job, groups: rest }, ...first, { do: 'begin', job });
}

type On<N extends Event['name']> = Extract<Event, { name: N }>;

/** The table. The order of its rows is the order in the drawing. */
export const snapshotJob: Table<State, Event, Effect> = {
  idle: {
    asked: { to: ['gathering', 'saving'], run: (_, event) => onward(joined([], event), event) },
    left: { to: ['idle'], run: (state) => go(state) },
    ticked: { to: ['idle'], run: (state) => go(state) },
  },
  gathering: {
    asked: { to: ['gathering', 'saving'], run: ({ groups }, event) => onward(joined(groups, event), event) },
    left: {
      to: ['idle', 'gathering', 'saving'],
      run: ({ groups }, event) => onward(without(groups, event.seat), event),
    },
    ticked: { to: ['gathering', 'saving'], run: ({ groups }, event) => onward(groups, event) },
  },
  saving: {
    asked: {
      to: ['saving'],
      run: (state, event) => {
        const { job, groups } = state;
        if (job.through !== 'file' || job.kind !== event.kind)
          return go({ ...state, groups: joined(groups, event) });
        const seats = [...job.seats, event.seat];
        return go({ ...state, job: { ...job, seats } }, { do: 'share', seat: event.seat });
      },
    },
    left: {
      to: ['saving', 'gathering', 'idle'],
      run: (state, event) => {
        const groups = without(state.groups, event.seat);
        const seats = state.job.seats.filter((seat) => seat !== event.seat);
        if (seats.length === 0) return onward(groups, event, { do: 'cancel' });
        return go({ ...state, job: { ...state.job, seats }, groups });
      },
    },
    ticked: { to: ['saving'], run: (state) => go(state) },
    completed: { to: ['idle', 'gathering', 'saving'], run: ({ groups }, event) => onward(groups, event) },
    failed: { to: ['idle', 'gathering', 'saving'], run: ({ groups }, event) => onward(groups, event) },
  },
};
