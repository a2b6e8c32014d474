/**
 * A replica's link to its primary: the table of everything that may happen to it.
 *
 * Four stages, as in Redis: initialise (none, connect), connect (connecting), handshake (receive-ping-reply
 * to receive-version), decide and run (send-psync to connected). docs/replication.md shows the protocol and
 * the drawing that is made from this table. The states map one to one onto REPL_STATE_* of Redis 7.0, save
 * that its one transfer state is three here (await-snapshot, transfer, loading), because three different
 * things are true in them, and that `halted` is ours alone.
 *
 * Rows that many states share are made in replica-link/rows.ts. Pure: sockets, files, clocks and timers live
 * in runtime/follower.ts. A link never gives up by itself, except in `halted`; and until a snapshot is loaded
 * completely, data and history stay what they were, so that a failed full resync costs nothing.
 */
import type { Group } from '../machine/draw.ts';
import type { Table } from '../machine/machine.ts';
import type { FullResyncReason } from './reasons.ts';
import type { Effect } from './replica-link/effects.ts';
import type { Event } from './replica-link/events.ts';
import {
  afterReply,
  expired,
  followed,
  garbled,
  go,
  handshake,
  lost,
  type Next,
  redial,
  refused,
  reply,
  retry,
  shutDown,
  spoiled,
  unfollowed,
  wishOf,
} from './replica-link/rows.ts';
import type { In, State, Sync, Wish } from './replica-link/states.ts';
import { handshakeNames } from './replica-link/states.ts';

/** The full resync has begun; from here only the snapshot counts. */
const expectSnapshot = (state: In<'receive-psync'>, sync: Sync, nowMs: number, ...first: Effect[]): Next =>
  go({ name: 'await-snapshot', target: state.target, wish: state.wish, sync, lastIoMs: nowMs }, ...first, {
    do: 'expectSnapshot',
    sync,
  });

const whyFull = (wish: Wish, primaryId: string): FullResyncReason => {
  if (!wish.partial) return wish.because;
  return wish.id === primaryId ? 'offset-not-kept' : 'other-history';
};

/** The table. The order of its rows is the order in the drawing. */
export const replicaLink: Table<State, Event, Effect> = {
  none: {
    followed: {
      to: ['connecting'],
      run: (_, { target, wish, nowMs }) =>
        go({ name: 'connecting', target, wish, lastIoMs: nowMs }, { do: 'dial', target }),
    },
    unfollowed: { to: ['none'], run: (state) => go(state) },
    shutDown: { to: ['none'], run: (state) => go(state) },
  },

  connect: {
    due: {
      to: ['connecting'],
      run: ({ target, wish }, { nowMs }) =>
        go({ name: 'connecting', target, wish, lastIoMs: nowMs }, { do: 'dial', target }),
    },
    followed: followed('connect'),
    unfollowed,
    shutDown,
  },

  connecting: {
    dialled: {
      to: ['receive-ping-reply'],
      run: ({ target, wish }, { offer, nowMs }) =>
        go({ name: 'receive-ping-reply', target, wish, offer, lastIoMs: nowMs }, { do: 'sendPing' }),
    },
    dialFailed: {
      to: ['connect'],
      run: (state, { detail }) => retry(state, 'dial-failed', detail),
    },
    expired: expired('connect-timeout'),
    followed: followed('connecting'),
    unfollowed,
    shutDown,
  },

  'receive-ping-reply': {
    accepted: {
      to: ['send-handshake'],
      run: (state, { nowMs }) =>
        go({ ...state, name: 'send-handshake', lastIoMs: nowMs }, { do: 'sendHandshake' }),
    },
    refused: refused('ping-refused'),
    ...handshake('receive-ping-reply'),
  },

  'send-handshake': {
    sent: {
      to: ['receive-auth', 'receive-port'],
      run: (state, { nowMs }) => afterReply(state, null, nowMs, []),
    },
    ...handshake('send-handshake'),
  },

  'receive-auth': {
    accepted: {
      to: ['receive-port'],
      run: (state, { nowMs }) => afterReply(state, 'auth', nowMs, []),
    },
    refused: refused('auth-refused'),
    ...handshake('receive-auth'),
  },
  'receive-port': reply('port', ['receive-ip', 'receive-capa']),
  'receive-ip': reply('ip', ['receive-capa']),
  'receive-capa': reply('capa', ['receive-version', 'send-psync']),
  'receive-version': reply('version', ['send-psync']),

  'send-psync': {
    sent: {
      to: ['receive-psync'],
      run: (state, { nowMs }) => go({ ...state, name: 'receive-psync', lastIoMs: nowMs }),
    },
    ...handshake('send-psync'),
  },

  'receive-psync': {
    keptAlive: {
      to: ['receive-psync'],
      run: (state, { nowMs }) => go({ ...state, lastIoMs: nowMs }),
    },
    fullResynced: {
      to: ['await-snapshot'],
      run: (state, { id, offset, nowMs }) =>
        expectSnapshot(state, { id, offset, because: whyFull(state.wish, id) }, nowMs),
    },
    continued: {
      to: ['connected', 'connect'],
      run: (state, { id, nowMs }) => {
        const { target, wish } = state;
        if (!wish.partial)
          return retry(state, 'garbled-reply', '+CONTINUE, although everything was asked for');
        const next = id ?? wish.id;
        return go(
          { name: 'connected', target, id: next, offset: wish.offset, carried: false, lastIoMs: nowMs },
          { do: 'continueHistory', id: next },
        );
      },
    },
    deferred: {
      to: ['connect'],
      run: (state, { detail }) => retry(state, 'psync-deferred', detail),
    },
    unsupported: {
      to: ['await-snapshot'],
      run: (state, { detail, nowMs }) =>
        expectSnapshot(
          state,
          { id: null, offset: 0, because: 'no-psync' },
          nowMs,
          { do: 'note', refused: 'PSYNC', detail },
          { do: 'sendSync' },
        ),
    },
    ...handshake('receive-psync'),
  },

  'await-snapshot': {
    keptAlive: {
      to: ['await-snapshot'],
      run: (state, { nowMs }) => go({ ...state, lastIoMs: nowMs }),
    },
    announced: {
      to: ['transfer'],
      run: (state, { format, nowMs }) =>
        go(
          { ...state, name: 'transfer', format, receivedBytes: 0, lastIoMs: nowMs },
          { do: 'receiveSnapshot', format, sync: state.sync },
        ),
    },
    refused: refused('snapshot-refused'),
    garbled,
    lost,
    expired: expired('transfer-timeout'),
    followed: followed('await-snapshot'),
    unfollowed,
    shutDown,
  },

  transfer: {
    received: {
      to: ['transfer'],
      run: (state, { bytes, nowMs }) =>
        go({ ...state, receivedBytes: state.receivedBytes + bytes, lastIoMs: nowMs }),
    },
    arrived: {
      to: ['loading'],
      run: ({ target, wish, sync, receivedBytes }, { nowMs }) =>
        go(
          { name: 'loading', target, wish, sync, receivedBytes, lost: null, lastIoMs: nowMs },
          { do: 'loadSnapshot' },
        ),
    },
    spoiled,
    lost,
    expired: expired('transfer-timeout'),
    followed: followed('transfer'),
    unfollowed,
    shutDown,
  },

  loading: {
    loaded: {
      to: ['connected', 'connecting'],
      run: (state, { nowMs }) => {
        const { target, sync } = state;
        const connected: In<'connected'> = {
          name: 'connected',
          target,
          id: sync.id,
          offset: sync.offset,
          carried: false,
          lastIoMs: nowMs,
        };
        const adopt: Effect = { do: 'adoptHistory', sync };
        // The snapshot was complete before the link ended, so it is good; only the link has to be made again.
        if (state.lost !== null) {
          const again = redial(
            { ...connected, carried: true },
            state.lost,
            'while the snapshot was loaded',
            nowMs,
          );
          return go(again.state, adopt, ...again.effects);
        }
        return go(connected, adopt, ...(sync.id === null ? [] : [{ do: 'sendAck' } as const]));
      },
    },
    lost: {
      to: ['loading'],
      run: (state, { because }) => go({ ...state, lost: because }),
    },
    spoiled,
    followed: followed('loading'),
    unfollowed,
    shutDown,
  },

  connected: {
    received: {
      to: ['connected'],
      run: (state, { offset, nowMs }) => go({ ...state, offset, carried: true, lastIoMs: nowMs }),
    },
    failed: {
      to: ['halted'],
      run: ({ target }, { command, error }) =>
        go(
          { name: 'halted', target, command, error },
          { do: 'hangUp', because: 'command-failed', detail: `${command}: ${error}`, next: 'halt' },
        ),
    },
    garbled,
    lost: {
      to: ['connecting', 'connect'],
      run: (state, { because, detail, nowMs }) => redial(state, because, detail, nowMs),
    },
    expired: {
      to: ['connecting', 'connect'],
      run: (state, { nowMs }) => redial(state, 'link-timeout', '', nowMs),
    },
    followed: followed('connected'),
    unfollowed,
    shutDown,
  },

  halted: {
    // The same primary too: it is how an operator says that the trouble is over.
    followed: {
      to: ['connecting'],
      run: (state, { target, nowMs }) =>
        go({ name: 'connecting', target, wish: wishOf(state), lastIoMs: nowMs }, { do: 'dial', target }),
    },
    unfollowed,
    shutDown,
  },
};

/** How the drawing is grouped: what all states of a group do alike is one arrow. Inner groups come first. */
export const groups: readonly Group[] = [
  { name: 'handshake', members: handshakeNames },
  { name: 'linked', members: ['handshake', 'await-snapshot', 'transfer', 'loading', 'connected'] },
  { name: 'following', members: ['connect', 'connecting', 'linked', 'halted'] },
];
