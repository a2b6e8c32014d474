/**
 * Random walks through the replica's link: whatever happens in whatever order, the machine never crashes,
 * never leaves its table, and what must hold in every state holds.
 *
 * The walk keeps a tiny model of the driver (is there a connection, is there a sink, what is applied) and
 * runs the effects on it, so an effect that a driver could not run (sending without a connection, loading
 * without a sink) is found.
 */
import test from 'ava';
import fc from 'fast-check';
import { type Step, step } from '../../src/machine/machine.ts';
import type { Effect } from '../../src/replication/replica-link/effects.ts';
import type { Event } from '../../src/replication/replica-link/events.ts';
import { deadlineMs, type State, wireState } from '../../src/replication/replica-link/states.ts';
import { replicaLink } from '../../src/replication/replica-link.ts';
import { events, idA, idB, other, target } from './samples.ts';

const samples = Object.values(events) as Event[];
/** Any event, with what varies in it varied. */
const anyEvent: fc.Arbitrary<Event> = fc
  .record({
    event: fc.constantFrom(...samples),
    target: fc.constantFrom(target, other),
    id: fc.constantFrom(idA, idB, null),
    offset: fc.nat(1000),
    auth: fc.boolean(),
  })
  .map(({ event, target: to, id, offset, auth }) => {
    if (event.name === 'followed') return { ...event, target: to };
    if (event.name === 'continued') return { ...event, id };
    if (event.name === 'fullResynced') return { ...event, id: id ?? idA, offset };
    if (event.name === 'dialled') return { ...event, offer: { auth, ip: !auth, version: auth } };
    return event;
  });

/** What a driver has; effects that need what is not there throw. */
class Driver {
  connection = false;
  sink = false;

  run(effect: Effect): void {
    switch (effect.do) {
      case 'dial':
        if (this.connection) throw new Error('dials while a connection stands');
        this.connection = true;
        break;
      case 'hangUp':
        this.connection = false;
        break;
      case 'sendPing':
      case 'sendHandshake':
      case 'sendPsync':
      case 'sendSync':
      case 'sendAck':
        if (!this.connection) throw new Error(`${effect.do} without a connection`);
        break;
      case 'receiveSnapshot':
        if (this.sink) throw new Error('a second snapshot at once');
        this.sink = true;
        break;
      case 'loadSnapshot':
        if (!this.sink) throw new Error('nothing to load');
        break;
      case 'adoptHistory':
      case 'dropSnapshot':
        if (!this.sink) throw new Error(`${effect.do} without a snapshot`);
        this.sink = false;
        break;
    }
  }
}

const holds = (state: State, driver: Driver): void => {
  const idle = state.name === 'none' || state.name === 'connect' || state.name === 'halted';
  if (driver.connection === idle) throw new Error(`connection ${driver.connection} in ${state.name}`);
  if (driver.sink !== (state.name === 'transfer' || state.name === 'loading'))
    throw new Error(`sink ${driver.sink} in ${state.name}`);
  const deadline = deadlineMs(state, 60_000);
  if ((deadline === null) !== (idle || state.name === 'loading'))
    throw new Error(`deadline ${deadline} in ${state.name}`);
  if (wireState(state.name) === undefined) throw new Error(`no word for ${state.name}`);
};

test('random events never crash the link, and its promises hold in every state', (t) => {
  let steps = 0;
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 300, size: 'max' }), (walk) => {
      let state: State = { name: 'none' };
      const driver = new Driver();
      for (const event of walk) {
        const next: Step<State, Effect> | null = step(replicaLink, state, event);
        if (next === null) continue;
        for (const effect of next.effects) driver.run(effect);
        state = next.state;
        holds(state, driver);
        steps++;
      }
    }),
    { numRuns: 500 },
  );
  t.true(steps > 1000, 'the walks got about');
});

/** Events that lead back or out; walks that choose among all events alike would never get far. */
const setbacks: readonly string[] = [
  'followed',
  'unfollowed',
  'shutDown',
  'lost',
  'expired',
  'garbled',
  'refused',
];

test('walks that follow the rows visit every state', (t) => {
  const visited = new Set<string>();
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 50, maxLength: 400, size: 'max' }), (choices) => {
      let state: State = { name: 'none' };
      const driver = new Driver();
      for (const choice of choices) {
        const known = samples.filter((event) => step(replicaLink, state, event) !== null);
        const onward = known.filter((event) => !setbacks.includes(event.name));
        const from = onward.length > 0 && choice % 20 !== 0 ? onward : known;
        const next: Step<State, Effect> = step(
          replicaLink,
          state,
          from[Math.floor(choice / 20) % from.length]!,
        )!;
        for (const effect of next.effects) driver.run(effect);
        state = next.state;
        holds(state, driver);
        visited.add(state.name);
      }
    }),
    { numRuns: 1000 },
  );
  t.deepEqual(
    Object.keys(replicaLink).filter((name) => !visited.has(name)),
    [],
  );
});
