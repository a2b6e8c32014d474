/**
 * The machine room with a machine of its own: a door. What step asserts, what a missing row is, what is drawn.
 */
import test from 'ava';
import { draw, edges, step, type Table } from '../../src/machine/machine.ts';

type State = { name: 'open' } | { name: 'shut'; times: number };
type Event = { name: 'pushed' } | { name: 'pulled' };
type Effect = 'squeak';

const door: Table<State, Event, Effect> = {
  open: { pushed: { to: ['shut'], run: () => ({ state: { name: 'shut', times: 1 }, effects: ['squeak'] }) } },
  shut: {
    pulled: { to: ['open'], run: () => ({ state: { name: 'open' }, effects: [] }) },
    pushed: {
      to: ['shut'],
      run: (state) => ({ state: { name: 'shut', times: state.times + 1 }, effects: [] }),
    },
  },
};

test('a step gives the next state and the effects', (t) => {
  t.deepEqual(step(door, { name: 'open' }, { name: 'pushed' }), {
    state: { name: 'shut', times: 1 },
    effects: ['squeak'],
  });
  t.deepEqual(step(door, { name: 'shut', times: 1 }, { name: 'pushed' })?.state, { name: 'shut', times: 2 });
});

test('a pair without a row is null, also for names that every object has', (t) => {
  t.is(step(door, { name: 'open' }, { name: 'pulled' }), null);
  t.is(step(door, { name: 'open' }, { name: 'toString' } as unknown as Event), null);
});

test('a row that leads where it does not say is an error', (t) => {
  const lying: Table<State, Event, Effect> = {
    ...door,
    open: { pushed: { to: ['shut'], run: () => ({ state: { name: 'open' }, effects: [] }) } },
  };
  t.throws(() => step(lying, { name: 'open' }, { name: 'pushed' }), {
    message: 'open on pushed led to open, which its row does not list',
  });
});

test('edges and drawing come from the rows', (t) => {
  t.deepEqual(edges(door), [
    { from: 'open', event: 'pushed', to: 'shut' },
    { from: 'shut', event: 'pulled', to: 'open' },
    { from: 'shut', event: 'pushed', to: 'shut' },
  ]);
  t.is(
    draw(door, 'open'),
    'stateDiagram-v2\n    [*] --> open\n    open --> shut: pushed\n    shut --> open: pulled\n    shut --> shut: pushed\n',
  );
});
