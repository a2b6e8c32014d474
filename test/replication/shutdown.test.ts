/**
 * SHUTDOWN's machine: every row of its table, and what holds on every way through it.
 *
 * The promises: writes are held back while replicas are waited for and never by a server that goes on; no end begins while another
 * is under way.
 */
import test from 'ava';
import fc from 'fast-check';
import { type Step, step } from '../../src/machine/machine.ts';
import {
  type Effect,
  type Event,
  type ShutdownWish,
  type State,
  shutdown,
} from '../../src/replication/shutdown.ts';
import { tell } from './told.ts';

const wish: ShutdownWish = { saves: 'configured', now: false, force: false };
const late = { lagging: 1, timeoutMs: 10, nowMs: 5 };
const requested: Event = { name: 'requested', wish, ...late };
const scheduled: State = { name: 'scheduled', wish };
const waiting: State = { name: 'waiting', wish, deadlineMs: 15 };

const told = tell(shutdown);

test('a shutdown waits for replicas that lag, unless it is told not to', (t) => {
  const from: State = { name: 'serving' };
  t.is(told(from, requested), 'waiting: tellBegun waitForReplicas');
  t.deepEqual(step(shutdown, from, requested)?.state, waiting);
  t.is(told(from, { ...requested, lagging: 0 }), 'ending: tellBegun end');
  t.is(told(from, { ...requested, timeoutMs: 0 }), 'ending: tellBegun end');
  t.is(told(from, { ...requested, wish: { ...wish, now: true } }), 'ending: tellBegun end');
});

test('a signal is only scheduled, and then begins as a request does', (t) => {
  t.is(told({ name: 'serving' }, { name: 'signalled', wish }), 'scheduled: ');
  t.is(told(scheduled, { name: 'signalled', wish }), 'scheduled: ');
  t.is(told(scheduled, { name: 'due', ...late }), 'waiting: tellBegun waitForReplicas');
  t.is(told(scheduled, { name: 'due', ...late, lagging: 0 }), 'ending: tellBegun end');
  t.is(told(scheduled, requested), 'waiting: tellBegun waitForReplicas');
  t.is(told(scheduled, { name: 'aborted' }), 'serving: tellAborted');
});

test('waiting ends with the replicas, with patience, or by hand', (t) => {
  t.is(told(waiting, { name: 'caughtUp' }), 'ending: end');
  t.is(told(waiting, { name: 'expired' }), 'ending: end');
  t.is(told(waiting, { name: 'aborted' }), 'serving: refuse resumeWrites tellAborted');
  t.is(told(waiting, { ...requested, wish: { ...wish, now: true } }), 'waiting: ');
  t.is(told(waiting, { name: 'signalled', wish }), 'waiting: ');
});

test('an end that fails leaves a server that goes on', (t) => {
  t.is(told({ name: 'ending' }, { name: 'failed' }), 'serving: refuse resumeWrites');
  t.is(told({ name: 'ending' }, { name: 'ended' }), 'over: ');
  t.is(told({ name: 'ending' }, requested), 'ending: ');
  t.is(told({ name: 'ending' }, { name: 'aborted' }), 'nothing');
  t.is(told({ name: 'over' }, { name: 'signalled', wish }), 'over: ');
});

test('random walks: writes are never held by a server that goes on, and ends never overlap', (t) => {
  const events: Event[] = [
    requested,
    { ...requested, lagging: 0 },
    { name: 'signalled', wish },
    { name: 'due', ...late },
    ...(['caughtUp', 'expired', 'aborted', 'failed', 'ended'] as const).map((name) => ({ name })),
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 40 }), (walk) => {
      let state: State = { name: 'serving' };
      let [isPaused, isEnding] = [false, false];
      for (const event of walk) {
        const next: Step<State, Effect> | null = step(shutdown, state, event);
        if (next === null) continue;
        if (event.name === 'failed') isEnding = false;
        state = next.state;
        for (const effect of next.effects) {
          if (effect.do === 'waitForReplicas') isPaused = true;
          if (effect.do === 'resumeWrites') isPaused = false;
          if (effect.do === 'end') {
            if (isEnding) return false;
            isEnding = true;
          }
        }
        if (isPaused && (state.name === 'serving' || state.name === 'scheduled')) return false;
        if (state.name === 'waiting' && !isPaused) return false;
      }
      return true;
    }),
  );
  t.pass();
});
