/**
 * FAILOVER's machine: every row of its table, and one promise that holds on every way through it.
 *
 * The promise: writes are paused exactly while a failover is under way.
 */
import test from 'ava';
import fc from 'fast-check';
import { type Step, step } from '../../src/machine/machine.ts';
import { type Effect, type Event, failover, type State, wireState } from '../../src/replication/failover.ts';
import { tell } from './told.ts';

const target = { host: 'h', port: 1 };
const waiting = (isForced: boolean): State => ({ name: 'wait-for-sync', target, isForced, deadlineMs: 5 });
const inProgress: State = { name: 'in-progress', target };
const requested: Event = { name: 'requested', target, isForced: true, timeoutMs: 4, nowMs: 1 };

const told = tell(failover);

test('every row', (t) => {
  t.is(told({ name: 'none' }, requested), 'wait-for-sync: pauseWrites');
  t.deepEqual(step(failover, { name: 'none' }, requested)?.state, waiting(true));
  t.is(told(waiting(false), { name: 'synced', target }), 'in-progress: handOver');
  t.is(told(waiting(true), { name: 'expired' }), 'in-progress: handOver');
  t.is(told(waiting(false), { name: 'expired' }), 'none: tellAborted resumeWrites');
  t.is(told(waiting(true), { name: 'aborted' }), 'none: tellAborted resumeWrites');
  t.is(told(inProgress, { name: 'accepted' }), 'none: resumeWrites');
  t.is(told(inProgress, { name: 'rejected' }), 'none: tellAborted takeBack resumeWrites');
  t.is(told(inProgress, { name: 'aborted' }), 'none: tellAborted takeBack resumeWrites');
  t.is(told({ name: 'none' }, { name: 'accepted' }), 'nothing');
  t.is(told(inProgress, requested), 'nothing');
});

test('INFO shows the words of Redis 7.0', (t) => {
  t.deepEqual([{ name: 'none' } as const, waiting(false), inProgress].map(wireState), [
    'no-failover',
    'waiting-for-sync',
    'failover-in-progress',
  ]);
});

test('random walks: writes are paused exactly while a failover is under way', (t) => {
  const events: Event[] = [
    requested,
    { ...requested, isForced: false, target: null },
    { name: 'synced', target },
    ...(['expired', 'aborted', 'accepted', 'rejected'] as const).map((name) => ({ name })),
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 40 }), (walk) => {
      let state: State = { name: 'none' };
      let paused = false;
      for (const event of walk) {
        const next: Step<State, Effect> | null = step(failover, state, event);
        if (next === null) continue;
        state = next.state;
        for (const effect of next.effects) {
          if (effect.do === 'pauseWrites') paused = true;
          if (effect.do === 'resumeWrites') paused = false;
        }
        if (paused !== (state.name !== 'none')) return false;
      }
      return true;
    }),
  );
  t.pass();
});
