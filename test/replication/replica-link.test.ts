/**
 * The replica's link: what each row of its table does, row by row, and a check that no row is without a test.
 *
 * A case is a line: from, event -> to, and the effects' names in order. `with` changes the samples where a
 * row does different things. What an effect carries is tested below, where it matters.
 */
import test from 'ava';
import { edges, step } from '../../src/machine/machine.ts';
import type { Effect } from '../../src/replication/replica-link/effects.ts';
import type { Event, EventName } from '../../src/replication/replica-link/events.ts';
import { handshakeNames, type State, type StateName } from '../../src/replication/replica-link/states.ts';
import { replicaLink } from '../../src/replication/replica-link.ts';
import { events, everything, idA, idB, other, partial, states, sync, target } from './samples.ts';

interface Case {
  from: StateName;
  on: EventName;
  to: StateName;
  /** Names of the effects, separated by spaces. */
  effects: string;
  /** Changes to the samples. */
  state?: object;
  event?: object;
}

const bare = { auth: false, ip: false, version: false };
const same = { target };

const cases: Case[] = [
  { from: 'none', on: 'followed', to: 'connecting', effects: 'dial' },
  { from: 'none', on: 'unfollowed', to: 'none', effects: '' },
  { from: 'none', on: 'shutDown', to: 'none', effects: '' },

  { from: 'connect', on: 'due', to: 'connecting', effects: 'dial' },
  { from: 'connect', on: 'followed', to: 'connecting', effects: 'hangUp dial' },
  { from: 'connect', on: 'followed', to: 'connect', effects: '', event: same },

  { from: 'connecting', on: 'dialled', to: 'receive-ping-reply', effects: 'sendPing' },
  { from: 'connecting', on: 'dialFailed', to: 'connect', effects: 'hangUp' },
  { from: 'connecting', on: 'expired', to: 'connect', effects: 'hangUp' },
  { from: 'connecting', on: 'followed', to: 'connecting', effects: 'hangUp dial' },

  { from: 'receive-ping-reply', on: 'accepted', to: 'send-handshake', effects: 'sendHandshake' },
  { from: 'receive-ping-reply', on: 'refused', to: 'connect', effects: 'hangUp' },
  { from: 'send-handshake', on: 'sent', to: 'receive-auth', effects: '' },
  { from: 'send-handshake', on: 'sent', to: 'receive-port', effects: '', state: { offer: bare } },
  { from: 'receive-auth', on: 'accepted', to: 'receive-port', effects: '' },
  { from: 'receive-auth', on: 'refused', to: 'connect', effects: 'hangUp' },
  { from: 'receive-port', on: 'accepted', to: 'receive-ip', effects: '' },
  { from: 'receive-port', on: 'accepted', to: 'receive-capa', effects: '', state: { offer: bare } },
  { from: 'receive-port', on: 'refused', to: 'receive-ip', effects: 'note' },
  { from: 'receive-port', on: 'refused', to: 'receive-capa', effects: 'note', state: { offer: bare } },
  { from: 'receive-ip', on: 'accepted', to: 'receive-capa', effects: '' },
  { from: 'receive-ip', on: 'refused', to: 'receive-capa', effects: 'note' },
  { from: 'receive-capa', on: 'accepted', to: 'receive-version', effects: '' },
  { from: 'receive-capa', on: 'accepted', to: 'send-psync', effects: 'sendPsync', state: { offer: bare } },
  { from: 'receive-capa', on: 'refused', to: 'receive-version', effects: 'note' },
  {
    from: 'receive-capa',
    on: 'refused',
    to: 'send-psync',
    effects: 'note sendPsync',
    state: { offer: bare },
  },
  { from: 'receive-version', on: 'accepted', to: 'send-psync', effects: 'sendPsync' },
  { from: 'receive-version', on: 'refused', to: 'send-psync', effects: 'note sendPsync' },
  { from: 'send-psync', on: 'sent', to: 'receive-psync', effects: '' },

  { from: 'receive-psync', on: 'keptAlive', to: 'receive-psync', effects: '' },
  { from: 'receive-psync', on: 'fullResynced', to: 'await-snapshot', effects: 'expectSnapshot' },
  { from: 'receive-psync', on: 'continued', to: 'connected', effects: 'continueHistory' },
  { from: 'receive-psync', on: 'continued', to: 'connect', effects: 'hangUp', state: { wish: everything } },
  { from: 'receive-psync', on: 'deferred', to: 'connect', effects: 'hangUp' },
  {
    from: 'receive-psync',
    on: 'unsupported',
    to: 'await-snapshot',
    effects: 'note sendSync expectSnapshot',
  },

  { from: 'await-snapshot', on: 'keptAlive', to: 'await-snapshot', effects: '' },
  { from: 'await-snapshot', on: 'announced', to: 'transfer', effects: 'receiveSnapshot' },
  { from: 'await-snapshot', on: 'refused', to: 'connect', effects: 'hangUp' },
  { from: 'await-snapshot', on: 'garbled', to: 'connect', effects: 'hangUp' },
  { from: 'await-snapshot', on: 'lost', to: 'connect', effects: 'hangUp' },
  { from: 'await-snapshot', on: 'expired', to: 'connect', effects: 'hangUp' },
  { from: 'await-snapshot', on: 'followed', to: 'connecting', effects: 'hangUp dial' },
  { from: 'await-snapshot', on: 'followed', to: 'await-snapshot', effects: '', event: same },

  { from: 'transfer', on: 'received', to: 'transfer', effects: '' },
  { from: 'transfer', on: 'arrived', to: 'loading', effects: 'loadSnapshot' },
  { from: 'transfer', on: 'spoiled', to: 'connect', effects: 'dropSnapshot hangUp' },
  { from: 'transfer', on: 'lost', to: 'connect', effects: 'dropSnapshot hangUp' },
  { from: 'transfer', on: 'expired', to: 'connect', effects: 'dropSnapshot hangUp' },
  { from: 'transfer', on: 'followed', to: 'connecting', effects: 'dropSnapshot hangUp dial' },
  { from: 'transfer', on: 'followed', to: 'transfer', effects: '', event: same },

  { from: 'loading', on: 'loaded', to: 'connected', effects: 'adoptHistory sendAck' },
  {
    from: 'loading',
    on: 'loaded',
    to: 'connecting',
    effects: 'adoptHistory hangUp dial',
    state: { lost: 'closed' },
  },
  { from: 'loading', on: 'lost', to: 'loading', effects: '' },
  { from: 'loading', on: 'spoiled', to: 'connect', effects: 'dropSnapshot hangUp' },
  { from: 'loading', on: 'followed', to: 'connecting', effects: 'dropSnapshot hangUp dial' },
  { from: 'loading', on: 'followed', to: 'loading', effects: '', event: same },

  { from: 'connected', on: 'received', to: 'connected', effects: '' },
  { from: 'connected', on: 'failed', to: 'halted', effects: 'hangUp' },
  { from: 'connected', on: 'garbled', to: 'connect', effects: 'hangUp' },
  { from: 'connected', on: 'lost', to: 'connecting', effects: 'hangUp dial' },
  { from: 'connected', on: 'lost', to: 'connect', effects: 'hangUp', state: { carried: false } },
  { from: 'connected', on: 'expired', to: 'connecting', effects: 'hangUp dial' },
  { from: 'connected', on: 'expired', to: 'connect', effects: 'hangUp', state: { carried: false } },
  { from: 'connected', on: 'followed', to: 'connecting', effects: 'hangUp dial' },
  { from: 'connected', on: 'followed', to: 'connected', effects: '', event: same },

  { from: 'halted', on: 'followed', to: 'connecting', effects: 'dial' },
];

// What every state of a kind does alike.
for (const from of Object.keys(states) as StateName[]) {
  if (from === 'none') continue;
  const drop = from === 'transfer' || from === 'loading' ? 'dropSnapshot ' : '';
  cases.push({ from, on: 'unfollowed', to: 'none', effects: `${drop}hangUp promote` });
  cases.push({ from, on: 'shutDown', to: 'none', effects: `${drop}hangUp` });
}
for (const from of handshakeNames) {
  cases.push({ from, on: 'lost', to: 'connect', effects: 'hangUp' });
  cases.push({ from, on: 'expired', to: 'connect', effects: 'hangUp' });
  cases.push({ from, on: 'garbled', to: 'connect', effects: 'hangUp' });
  cases.push({ from, on: 'followed', to: 'connecting', effects: 'hangUp dial' });
  cases.push({ from, on: 'followed', to: from, effects: '', event: same });
}

const take = (state: State, event: Event) => {
  const next = step(replicaLink, state, event);
  if (next === null) throw new Error(`no row for ${state.name} on ${event.name}`);
  return next;
};
const find = <D extends Effect['do']>(effects: readonly Effect[], which: D) =>
  effects.find((effect): effect is Extract<Effect, { do: D }> => effect.do === which);

test('every row does what its case says', (t) => {
  for (const { from, on, to, effects, state, event } of cases) {
    const next = take({ ...states[from], ...state } as State, { ...events[on], ...event } as Event);
    t.is(next.state.name, to, `${from} on ${on}`);
    t.is(next.effects.map((effect) => effect.do).join(' '), effects, `${from} on ${on}`);
  }
});

test('every edge of the table has a case, and every case an edge', (t) => {
  const name = (from: string, on: string, to: string): string => `${from} on ${on} to ${to}`;
  const drawn = edges(replicaLink).map(({ from, event, to }) => name(from, event, to));
  // 'connecting' to itself stands for the same primary and for another one.
  const tested = new Set(cases.map(({ from, on, to }) => name(from, on, to)));
  t.deepEqual(
    [...new Set(drawn)].filter((edge) => !tested.has(edge)),
    [],
  );
  t.deepEqual(
    [...tested].filter((edge) => !drawn.includes(edge)),
    [],
  );
});

test('a link that ends asks to go on from what is applied', (t) => {
  const { state } = take(states.connected, events.lost);
  t.deepEqual(state.name === 'connecting' && state.wish, { partial: true, id: idA, offset: 100 });
  const grown = take(states.connected, events.received).state;
  const again = take(grown, events.lost).state;
  t.deepEqual(again.name === 'connecting' && again.wish, { partial: true, id: idA, offset: 105 });
});

test('a full resync that fails leaves the old history to ask for', (t) => {
  for (const from of ['await-snapshot', 'transfer', 'loading'] as const) {
    const event = from === 'await-snapshot' ? events.garbled : events.spoiled;
    const { state } = take(states[from], event);
    t.deepEqual(state.name === 'connect' && state.wish, partial);
  }
});

test('after a full resync the new history is asked for', (t) => {
  const { state, effects } = take(states.loading, events.loaded);
  t.deepEqual(find(effects, 'adoptHistory')?.sync, sync);
  t.like(state, { name: 'connected', id: idB, offset: 500, carried: false });
  const cut = take({ ...states.loading, lost: 'closed' }, events.loaded).state;
  t.deepEqual(cut.name === 'connecting' && cut.wish, { partial: true, id: idB, offset: 500 });
});

test('+CONTINUE may rename the history', (t) => {
  const renamed = take(states['receive-psync'], events.continued);
  t.like(renamed.state, { name: 'connected', id: idB, offset: 100 });
  t.deepEqual(find(renamed.effects, 'continueHistory'), { do: 'continueHistory', id: idB });
  const kept = take(states['receive-psync'], { ...events.continued, id: null });
  t.like(kept.state, { name: 'connected', id: idA, offset: 100 });
});

test('a full resync always has the right reason', (t) => {
  const why = (state: object, event: Event) =>
    find(take({ ...states['receive-psync'], ...state } as State, event).effects, 'expectSnapshot')?.sync
      .because;
  t.is(why({}, events.fullResynced), 'other-history');
  t.is(why({}, { ...events.fullResynced, id: idA }), 'offset-not-kept');
  t.is(why({ wish: everything }, events.fullResynced), 'first-sync');
  t.is(why({}, events.unsupported), 'no-psync');
  const halted = take(states.halted, events.followed).state;
  t.deepEqual(halted.name === 'connecting' && halted.wish, { partial: false, because: 'after-halt' });
});

test('a primary without PSYNC gets no ACK and is never asked to go on', (t) => {
  const bareSync = { id: null, offset: 0, because: 'no-psync' } as const;
  const { state, effects } = take({ ...states.loading, sync: bareSync }, events.loaded);
  t.is(find(effects, 'sendAck'), undefined);
  t.like(state, { name: 'connected', id: null });
  const again = take({ ...states.connected, id: null }, events.lost).state;
  t.deepEqual(again.name === 'connecting' && again.wish, { partial: false, because: 'no-offsets' });
});

test('REPLICAOF to another primary takes the history along', (t) => {
  const { state, effects } = take(states.connected, events.followed);
  t.deepEqual(state.name === 'connecting' && [state.target, state.wish], [other, partial]);
  t.like(find(effects, 'hangUp'), { because: 'redirected', next: 'reconnect' });
  const upper = take(states.connected, {
    ...events.followed,
    target: { ...target, host: 'PRIMARY.EXAMPLE' },
  });
  t.deepEqual(upper.effects, []);
});
