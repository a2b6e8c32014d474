/**
 * The machine room with a machine of its own: a door. What step asserts, what a missing row is, what is drawn.
 */
import test from 'ava';
import { draw } from '../../src/machine/draw.ts';
import { edges, step, type Table } from '../../src/machine/machine.ts';

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
    draw(edges(door), 'open'),
    `stateDiagram-v2
    [*] --> open
    open --> shut: pushed
    shut --> open: pulled
    shut --> shut: pushed
`,
  );
});

test('what all members of a group do alike is drawn once, from the group', (t) => {
  const all = [
    { from: 'a-1', event: 'go', to: 'b' },
    { from: 'a-1', event: 'stay', to: 'a-1' },
    { from: 'a-1', event: 'stop', to: 'end' },
    { from: 'b', event: 'stay', to: 'b' },
    { from: 'b', event: 'stop', to: 'end' },
    { from: 'b', event: 'only b', to: 'end' },
  ];
  t.is(
    draw(all, 'a-1', [{ name: 'both', members: ['a-1', 'b'] }]),
    `stateDiagram-v2
    state "a-1" as a_1
    [*] --> a_1
    state both {
        a_1
        b
    }
    a_1 --> b: go
    b --> end: only b
    both --> both: stay
    both --> end: stop
`,
  );
});
