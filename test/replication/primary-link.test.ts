/**
 * A primary's link to a replica: every row of its table, what is missing from it, and random walks with a driver that refuses
 * effects which cannot be run.
 */
import test from 'ava';
import fc from 'fast-check';
import { edges, type Step, step } from '../../src/machine/machine.ts';
import {
  deadlineMs,
  type Effect,
  type Event,
  type EventName,
  type State,
  type StateName,
  wireState,
} from '../../src/replication/primary-link/states.ts';
import { primaryLink } from '../../src/replication/primary-link.ts';
import { replicaLossReasons } from '../../src/replication/reasons.ts';

const asker = { isOld: false, rdbOnly: false };
const historyId = 'a'.repeat(40);

const states: { [N in StateName]: Extract<State, { name: N }> } = {
  asking: { name: 'asking', asker },
  'wait-snapshot-start': { name: 'wait-snapshot-start', asker },
  'wait-snapshot-end': { name: 'wait-snapshot-end', asker, offset: 10 },
  'send-bulk': { name: 'send-bulk', asker, offset: 10, ends: 'mark', lastIoMs: 0 },
  'await-ack': { name: 'await-ack', asker, offset: 10, lastIoMs: 0 },
  online: { name: 'online', asker, acked: 20, lastIoMs: 0 },
  gone: { name: 'gone', because: 'closed' },
};

const events: { [K in EventName]: Extract<Event, { name: K }> } = {
  continued: { name: 'continued', at: 5, nowMs: 7 },
  refused: { name: 'refused', because: 'full-wanted', nowMs: 7 },
  started: { name: 'started', historyId, offset: 10, nowMs: 7 },
  announced: { name: 'announced', ends: 'length', nowMs: 7 },
  took: { name: 'took', nowMs: 7 },
  heard: { name: 'heard', nowMs: 7 },
  sent: { name: 'sent', nowMs: 7 },
  failed: { name: 'failed', detail: 'no disk', nowMs: 7 },
  acked: { name: 'acked', offset: 15, end: 30, nowMs: 7 },
  expired: { name: 'expired', nowMs: 7 },
  lost: { name: 'lost', nowMs: 7 },
  dismissed: { name: 'dismissed', because: 'killed', nowMs: 7 },
};

/** `state event -> state: effects`, for every pair that has a row. */
const expected = `
asking continued -> online: sendContinue startFeed
asking refused -> wait-snapshot-start: joinSnapshot
asking lost -> gone: hangUp
asking dismissed -> gone: hangUp
wait-snapshot-start started -> wait-snapshot-end: sendFullResync
wait-snapshot-start heard -> wait-snapshot-start:
wait-snapshot-start failed -> gone: leaveSnapshot hangUp
wait-snapshot-start acked -> wait-snapshot-start:
wait-snapshot-start lost -> gone: leaveSnapshot hangUp
wait-snapshot-start dismissed -> gone: leaveSnapshot hangUp
wait-snapshot-end announced -> send-bulk:
wait-snapshot-end heard -> wait-snapshot-end:
wait-snapshot-end failed -> gone: leaveSnapshot hangUp
wait-snapshot-end acked -> wait-snapshot-end:
wait-snapshot-end lost -> gone: leaveSnapshot hangUp
wait-snapshot-end dismissed -> gone: leaveSnapshot hangUp
send-bulk took -> send-bulk:
send-bulk heard -> send-bulk:
send-bulk sent -> await-ack:
send-bulk failed -> gone: leaveSnapshot hangUp
send-bulk acked -> send-bulk:
send-bulk expired -> gone: leaveSnapshot hangUp
send-bulk lost -> gone: leaveSnapshot hangUp
send-bulk dismissed -> gone: leaveSnapshot hangUp
await-ack heard -> await-ack:
await-ack acked -> online: startFeed
await-ack expired -> gone: hangUp
await-ack lost -> gone: hangUp
await-ack dismissed -> gone: hangUp
online heard -> online:
online acked -> online:
online expired -> gone: hangUp
online lost -> gone: hangUp
online dismissed -> gone: hangUp
gone lost -> gone:
gone dismissed -> gone:`
  .trim()
  .split('\n');

test('every row leads where it should, and there are no others', (t) => {
  const seen: string[] = [];
  for (const state of Object.values(states))
    for (const event of Object.values(events)) {
      const next = step(primaryLink, state, event);
      if (next === null) continue;
      const effects = next.effects.map((effect) => ` ${effect.do}`).join('');
      seen.push(`${state.name} ${event.name} -> ${next.state.name}:${effects}`);
    }
  t.deepEqual(seen.sort(), [...expected].sort());
});

test('what the one who asked has said decides', (t) => {
  const old = { isOld: true, rdbOnly: false };
  const started = step(primaryLink, { name: 'wait-snapshot-start', asker: old }, events.started);
  t.deepEqual(started?.effects, [{ do: 'holdFeed', offset: 10 }]);

  const byLength: State = { ...states['send-bulk'], ends: 'length' };
  const sent = step(primaryLink, byLength, events.sent);
  t.is(sent?.state.name, 'online');
  t.deepEqual(sent?.effects, [{ do: 'startFeed', offset: 10 }]);

  const only: State = { ...byLength, asker: { isOld: false, rdbOnly: true } };
  const over = step(primaryLink, only, events.sent);
  t.like(over?.state, { name: 'gone', because: 'snapshot-delivered' });
  t.like(over?.effects.at(-1), { do: 'hangUp', politely: true });
});

test('an ACK never takes back, and one from the future ends the link', (t) => {
  t.like(step(primaryLink, states.online, events.acked)?.state, { acked: 20, lastIoMs: 7 });
  const later = step(primaryLink, states.online, { ...events.acked, offset: 25 });
  t.like(later?.state, { acked: 25 });
  for (const state of [states.online, states['await-ack']])
    t.like(step(primaryLink, state, { ...events.acked, offset: 31 })?.state, {
      name: 'gone',
      because: 'acked-future',
    });
});

test('patience: with whom, and how long', (t) => {
  const patient = Object.values(states).filter((state) => deadlineMs(state, 60) !== null);
  t.deepEqual(
    patient.map(({ name }) => name),
    ['send-bulk', 'await-ack', 'online'],
  );
  t.is(deadlineMs({ ...states.online, asker: { isOld: true, rdbOnly: false } }, 60), null);
});

test('INFO shows the words of Redis 7.0', (t) => {
  t.is(wireState(states['send-bulk']), 'wait_bgsave');
  t.is(wireState({ ...states['send-bulk'], ends: 'length' }), 'send_bulk');
  t.deepEqual(
    (['wait-snapshot-start', 'wait-snapshot-end', 'await-ack', 'online'] as const).map((name) =>
      wireState(states[name]),
    ),
    ['wait_bgsave', 'wait_bgsave', 'online', 'online'],
  );
});

test('every reason for a loss can happen: by an event, or by somebody who dismisses', (t) => {
  const dismissals = Object.keys(replicaLossReasons) as (keyof typeof replicaLossReasons)[];
  for (const because of dismissals) {
    const next = step(primaryLink, states.online, { name: 'dismissed', because, nowMs: 1 });
    t.deepEqual(next?.state, { name: 'gone', because });
  }
  t.true(edges(primaryLink).some(({ to }) => to === 'gone'));
});

test('random walks: feed and snapshot are never both, nothing follows the end', (t) => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...Object.values(events)), { maxLength: 60 }), (walk) => {
      let state: State = states.asking;
      const has = { seat: false, feed: false, ended: false };
      const run = (effect: Effect): void => {
        if (has.ended) throw new Error(`${effect.do} behind the end`);
        if (effect.do === 'joinSnapshot') has.seat = true;
        if (effect.do === 'leaveSnapshot') {
          if (!has.seat) throw new Error('leaves no seat');
          has.seat = false;
        }
        if (effect.do === 'sendFullResync' && !has.seat) throw new Error('+FULLRESYNC without a snapshot');
        if (effect.do === 'startFeed') {
          if (has.feed) throw new Error('the feed starts twice');
          has.feed = true;
        }
        if (effect.do === 'hangUp') has.ended = true;
      };
      for (const event of walk) {
        const next: Step<State, Effect> | null = step(primaryLink, state, event);
        if (next === null) continue;
        state = next.state;
        for (const effect of next.effects) run(effect);
        if (event.name === 'sent') has.seat = false;
        if (has.feed !== (state.name === 'online') && !has.ended)
          throw new Error(`the feed is ${has.feed ? 'on' : 'off'} in ${state.name}`);
        if (has.ended !== (state.name === 'gone')) throw new Error(`${state.name} and the end`);
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
