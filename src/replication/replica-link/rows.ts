/**
 * Rows of the replica link's table that several states share, and the steps they are made of: how a try is
 * given up, how a link is made again, how the handshake goes from reply to reply.
 *
 * The table itself, with what is special in each state, is ../replica-link.ts. Nothing here is a state
 * machine by itself.
 */
import type { Row, Step } from '../../machine/machine.ts';
import type { LinkReason } from '../reasons.ts';
import type { Effect } from './effects.ts';
import type { EventName, On } from './events.ts';
import type { HandshakeName, In, State, StateName, Wish } from './states.ts';
import { sameTarget } from './states.ts';

export type Next = Step<State, Effect>;
/** A row for a state (or several) and an event. */
type LinkRow<N extends StateName, K extends EventName> = Row<State, In<N>, On<K>, Effect>;
/** States in which a connection to the primary stands or is being made, and `wish` says what for. */
type Trying = 'connecting' | HandshakeName | 'await-snapshot' | 'transfer' | 'loading';

/** A step, in a shorter form. */
export const go = (state: State, ...effects: Effect[]): Next => ({ state, effects });

/** What to ask for when the link of this state has to be made again. */
export const wishOf = (state: Exclude<State, { name: 'none' }>): Wish => {
  if (state.name === 'connected')
    return state.id === null
      ? { partial: false, because: 'no-offsets' }
      : { partial: true, id: state.id, offset: state.offset };
  if (state.name === 'halted') return { partial: false, because: 'after-halt' };
  return state.wish;
};

/** Effects that free what a state holds, before it is left for a reason of ours or of the primary. */
const leave = (
  state: State,
  because: LinkReason,
  detail: string,
  next: 'retry' | 'reconnect' | 'end',
): Effect[] => [
  ...(state.name === 'transfer' || state.name === 'loading' ? [{ do: 'dropSnapshot' } as const] : []),
  { do: 'hangUp', because, detail, next },
];

/**
 * The try failed: the next one waits for cron, so that a primary in trouble is asked once a second at most.
 */
export const retry = (state: In<Trying | 'connected'>, because: LinkReason, detail: string): Next =>
  go(
    { name: 'connect', target: state.target, wish: wishOf(state) },
    ...leave(state, because, detail, 'retry'),
  );

/**
 * A link that had worked ended: dial again at once, because the backlog of the primary moves on meanwhile. A
 * link that never carried a byte waits for cron like a failed try, or a primary that hangs up at once would
 * be hammered.
 */
export const redial = (state: In<'connected'>, because: LinkReason, detail: string, nowMs: number): Next =>
  state.carried
    ? go(
        { name: 'connecting', target: state.target, wish: wishOf(state), lastIoMs: nowMs },
        ...leave(state, because, detail, 'reconnect'),
        { do: 'dial', target: state.target },
      )
    : retry(state, because, detail);

// Rows that many states share.

/** REPLICAOF NO ONE: the history goes on under a new id. */
export const unfollowed: LinkRow<Exclude<StateName, 'none'>, 'unfollowed'> = {
  to: ['none'],
  run: (state) => go({ name: 'none' }, ...leave(state, 'promoted', '', 'end'), { do: 'promote' }),
};

/** The process ends: no promotion, the history is kept as it is. */
export const shutDown: LinkRow<StateName, 'shutDown'> = {
  to: ['none'],
  run: (state) => go({ name: 'none' }, ...leave(state, 'shutdown', '', 'end')),
};

/** Another primary: at once. The same one: nothing, as in Redis. */
export const followed = (
  name: Trying | 'connect' | 'connected',
): LinkRow<Trying | 'connect' | 'connected', 'followed'> => ({
  to: [name, 'connecting'],
  run: (state, { target, nowMs }) =>
    sameTarget(state.target, target)
      ? go(state)
      : go(
          { name: 'connecting', target, wish: wishOf(state), lastIoMs: nowMs },
          ...leave(state, 'redirected', `${target.host}:${target.port}`, 'reconnect'),
          { do: 'dial', target },
        ),
});

/** The connection ended while a link was being made. */
export const lost: LinkRow<HandshakeName | 'await-snapshot' | 'transfer', 'lost'> = {
  to: ['connect'],
  run: (state, { because, detail }) => retry(state, because, detail),
};

/** The primary was silent for longer than repl-timeout. */
export const expired = (because: LinkReason): LinkRow<Exclude<Trying, 'loading'>, 'expired'> => ({
  to: ['connect'],
  run: (state) => retry(state, because, ''),
});

/** Nothing can be made of what the primary said. */
export const garbled: LinkRow<HandshakeName | 'await-snapshot' | 'connected', 'garbled'> = {
  to: ['connect'],
  run: (state, { because, detail }) => retry(state, because, detail),
};

/** The snapshot is worth nothing. */
export const spoiled: LinkRow<'transfer' | 'loading', 'spoiled'> = {
  to: ['connect'],
  run: (state, { because, detail }) => retry(state, because, detail),
};

/** An error reply that ends the try. */
export const refused = (because: LinkReason): LinkRow<HandshakeName | 'await-snapshot', 'refused'> => ({
  to: ['connect'],
  run: (state, { detail }) => retry(state, because, detail),
});

/** Rows of every state of the handshake. */
export const handshake = (name: HandshakeName) => ({
  followed: followed(name),
  unfollowed,
  shutDown,
  lost,
  expired: expired('handshake-timeout'),
  garbled,
});

// The handshake goes through the same replies in the same order, but for the lines that were not sent.

const replyOrder = ['auth', 'port', 'ip', 'capa', 'version'] as const;
type Reply = (typeof replyOrder)[number];
type ReplyState = `receive-${Reply}`;
const wireName = {
  auth: 'AUTH',
  port: 'listening-port',
  ip: 'ip-address',
  capa: 'capa',
  version: 'version',
} as const;

const awaited = (state: In<HandshakeName>, reply: Reply): boolean =>
  reply === 'port' || reply === 'capa' || state.offer[reply];

/** The next reply that will come, or PSYNC when all have. */
export const afterReply = (
  state: In<HandshakeName>,
  last: Reply | null,
  nowMs: number,
  note: Effect[],
): Next => {
  const rest = replyOrder.slice(last === null ? 0 : replyOrder.indexOf(last) + 1);
  const reply = rest.find((r) => awaited(state, r));
  if (reply === undefined)
    return go({ ...state, name: 'send-psync', lastIoMs: nowMs }, ...note, {
      do: 'sendPsync',
      wish: state.wish,
    });
  return go({ ...state, name: `receive-${reply}`, lastIoMs: nowMs }, ...note);
};

/** Rows of one reply: an error is said and passed over, since a primary need not know everything we say. */
export const reply = <R extends Exclude<Reply, 'auth'>>(which: R, to: StateName[]) => ({
  ...handshake(`receive-${which}` as ReplyState),
  accepted: {
    to,
    run: (state: In<HandshakeName>, { nowMs }: On<'accepted'>) => afterReply(state, which, nowMs, []),
  },
  refused: {
    to,
    run: (state: In<HandshakeName>, { nowMs, detail }: On<'refused'>) =>
      afterReply(state, which, nowMs, [{ do: 'note', refused: wireName[which], detail }]),
  },
});
