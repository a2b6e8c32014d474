/**
 * A primary's link to one replica: the table of everything that may happen to it.
 *
 *     asking --> online                                                        +CONTINUE
 *       '------> wait-snapshot-start --> wait-snapshot-end --> send-bulk --> (await-ack) --> online
 *                                                                            +FULLRESYNC
 *
 * The states are those of Redis 7.0, save that `asking` is the moment of the decision and `await-ack` is
 * Redis's repl_start_cmd_stream_on_ack: after a snapshot with a mark the primary is silent until the replica has loaded.
 * Both dialects with two connections (Valkey's dual channel, Redis 8's rdb channel) would be further ways out of
 * `asking`; their capabilities are not answered yet.
 *
 * Pure: sockets, the feed and the snapshot live in runtime/replica.ts. Payload bytes never come here.
 */
import type { Row, Step, Table } from '../machine/machine.ts';
import type { Effect, Event, EventName, In, On, State, StateName } from './primary-link/states.ts';
import type { ReplicaLossReason } from './reasons.ts';

type Next = Step<State, Effect>;
type LinkRow<N extends StateName, K extends EventName> = Row<State, In<N>, On<K>, Effect>;
type Alive = Exclude<StateName, 'gone'>;

const go = (state: State, ...effects: Effect[]): Next => ({ state, effects });

const end = (state: State, because: ReplicaLossReason, detail = '', politely = false): Next =>
  go(
    { name: 'gone', because },
    ...(state.name === 'online' || state.name === 'await-ack' || state.name === 'asking'
      ? []
      : [{ do: 'leaveSnapshot' } as const]),
    { do: 'hangUp', because, detail, politely },
  );

/** What may happen to every link that stands. */
const always = {
  lost: { to: ['gone'], run: (state) => end(state, 'closed') } satisfies LinkRow<Alive, 'lost'>,
  dismissed: {
    to: ['gone'],
    run: (state, { because }) => end(state, because),
  } satisfies LinkRow<Alive, 'dismissed'>,
};

const failed: LinkRow<'wait-snapshot-start' | 'wait-snapshot-end' | 'send-bulk', 'failed'> = {
  to: ['gone'],
  run: (state, { detail }) => end(state, 'snapshot-failed', detail, true),
};

/** A sign of life: an empty line while it loads, or an ACK that comes before it can mean anything. */
const heard = (name: Exclude<Alive, 'asking'>): LinkRow<Exclude<Alive, 'asking'>, 'heard' | 'acked'> => ({
  to: [name],
  run: (state, { nowMs }) => go('lastIoMs' in state ? { ...state, lastIoMs: nowMs } : state),
});

/** The table. The order of its rows is the order in the drawing. */
export const primaryLink: Table<State, Event, Effect> = {
  asking: {
    continued: {
      to: ['online'],
      run: ({ asker }, { at, nowMs }) =>
        go(
          { name: 'online', asker, acked: 0, lastIoMs: nowMs },
          { do: 'sendContinue' },
          { do: 'startFeed', offset: at },
        ),
    },
    refused: {
      to: ['wait-snapshot-start'],
      run: ({ asker }, { because }) =>
        go({ name: 'wait-snapshot-start', asker }, { do: 'joinSnapshot', because }),
    },
    ...always,
  },

  'wait-snapshot-start': {
    heard: heard('wait-snapshot-start'),
    started: {
      to: ['wait-snapshot-end'],
      run: ({ asker }, { historyId, offset }) =>
        go(
          { name: 'wait-snapshot-end', asker, offset },
          asker.isOld ? { do: 'holdFeed', offset } : { do: 'sendFullResync', historyId, offset },
        ),
    },
    failed,
    acked: heard('wait-snapshot-start'),
    ...always,
  },

  'wait-snapshot-end': {
    heard: heard('wait-snapshot-end'),
    announced: {
      to: ['send-bulk'],
      run: ({ asker, offset }, { ends, nowMs }) =>
        go({ name: 'send-bulk', asker, offset, ends, lastIoMs: nowMs }),
    },
    failed,
    acked: heard('wait-snapshot-end'),
    ...always,
  },

  'send-bulk': {
    took: {
      to: ['send-bulk'],
      run: (state, { nowMs }) => go({ ...state, lastIoMs: nowMs }),
    },
    heard: heard('send-bulk'),
    acked: heard('send-bulk'),
    sent: {
      to: ['online', 'await-ack', 'gone'],
      run: (state, { nowMs }) => {
        const { asker, offset, ends } = state;
        if (asker.rdbOnly) return end(state, 'snapshot-delivered', '', true);
        if (ends === 'mark') return go({ name: 'await-ack', asker, offset, lastIoMs: nowMs });
        return go({ name: 'online', asker, acked: 0, lastIoMs: nowMs }, { do: 'startFeed', offset });
      },
    },
    failed,
    expired: { to: ['gone'], run: (state) => end(state, 'bulk-timeout') },
    ...always,
  },

  'await-ack': {
    heard: heard('await-ack'),
    acked: {
      to: ['online', 'gone'],
      run: (state, { offset, end: feedEnd, nowMs }) =>
        offset > feedEnd
          ? end(state, 'acked-future', `${offset}, and our feed ends at ${feedEnd}`)
          : go(
              { name: 'online', asker: state.asker, acked: offset, lastIoMs: nowMs },
              { do: 'startFeed', offset: state.offset },
            ),
    },
    expired: { to: ['gone'], run: (state) => end(state, 'ack-timeout') },
    ...always,
  },

  online: {
    heard: heard('online'),
    acked: {
      to: ['online', 'gone'],
      run: (state, { offset, end: feedEnd, nowMs }) =>
        offset > feedEnd
          ? end(state, 'acked-future', `${offset}, and our feed ends at ${feedEnd}`)
          : go({ ...state, acked: Math.max(state.acked, offset), lastIoMs: nowMs }),
    },
    expired: { to: ['gone'], run: (state) => end(state, 'ack-timeout') },
    ...always,
  },

  gone: {
    // The socket of a link that we ended closes afterwards.
    lost: { to: ['gone'], run: (state) => go(state) },
    dismissed: { to: ['gone'], run: (state) => go(state) },
  },
};

/** How the drawing is grouped: what all states of a group do alike is one arrow. */
export const groups = [
  { name: 'syncing', members: ['wait-snapshot-start', 'wait-snapshot-end', 'send-bulk'] },
  { name: 'attached', members: ['asking', 'syncing', 'await-ack', 'online'] },
] as const;
