/**
 * Snapshots for replicas: what each row of the table does, and a check that no row is without a test.
 *
 * Replicas are numbers, `a` and `b` are kinds of bytes. Random walks check what must always hold: nobody is forgotten.
 */
import test from 'ava';
import fc from 'fast-check';
import { edges, step } from '../../src/machine/machine.ts';
import {
  type Effect,
  type Event,
  type Group,
  type Job,
  type State,
  snapshotJob,
  type Terms,
} from '../../src/replication/snapshot-job.ts';

const terms: Terms = { isDiskless: true, delayMs: 5000, replicasMax: 0 };
const disk: Terms = { ...terms, isDiskless: false };
const group = (kind: string, ...seats: number[]): Group => ({ kind, seats, takesMark: true, sinceMs: 1000 });
const job = (through: Job['through'], ...seats: number[]): Job => ({ kind: 'a', through, seats });

const idle: State = { name: 'idle' };
const gathering = (...groups: Group[]): State => ({ name: 'gathering', groups });
const saving = (running: Job, ...groups: Group[]): State => ({ name: 'saving', job: running, groups });

const asked = (seat: number, change: Partial<Extract<Event, { name: 'asked' }>> = {}): Event => ({
  name: 'asked',
  seat,
  kind: 'a',
  takesMark: true,
  terms,
  nowMs: 1000,
  ...change,
});
const left = (seat: number): Event => ({ name: 'left', seat, terms, nowMs: 1000 });
const at = (name: 'ticked' | 'completed' | 'failed', nowMs: number, change = terms): Event => ({
  name,
  terms: change,
  nowMs,
});

interface Case {
  title: string;
  from: State;
  on: Event;
  to: State;
  effects?: Effect[];
}

const begin = (made: Job): Effect[] => [{ do: 'begin', job: made }];

const cases: Case[] = [
  { title: 'the first one waits for others', from: idle, on: asked(1), to: gathering(group('a', 1)) },
  {
    title: 'without a delay it does not',
    from: idle,
    on: asked(1, { terms: { ...terms, delayMs: 0 } }),
    to: saving(job('socket', 1)),
    effects: begin(job('socket', 1)),
  },
  {
    title: 'a file need not wait',
    from: idle,
    on: asked(1, { terms: disk }),
    to: saving(job('file', 1)),
    effects: begin(job('file', 1)),
  },
  {
    title: 'who needs a length gets a file',
    from: idle,
    on: asked(1, { takesMark: false }),
    to: saving(job('file', 1)),
    effects: begin(job('file', 1)),
  },
  { title: 'one is gone already', from: idle, on: left(1), to: idle },
  { title: 'nothing is due', from: idle, on: at('ticked', 9000), to: idle },
  {
    title: 'a second one joins',
    from: gathering(group('a', 1)),
    on: asked(2, { nowMs: 2000 }),
    to: gathering(group('a', 1, 2)),
  },
  {
    title: 'one who wants other bytes waits beside',
    from: gathering(group('a', 1)),
    on: asked(2, { kind: 'b' }),
    to: gathering(group('a', 1), group('b', 2)),
  },
  {
    title: 'enough have come',
    from: gathering(group('a', 1)),
    on: asked(2, { terms: { ...terms, replicasMax: 2 } }),
    to: saving(job('socket', 1, 2)),
    effects: begin(job('socket', 1, 2)),
  },
  {
    title: 'one who needs a length makes it a file for all, at once',
    from: gathering(group('a', 1)),
    on: asked(2, { takesMark: false }),
    to: saving(job('file', 1, 2)),
    effects: begin(job('file', 1, 2)),
  },
  {
    title: 'it is not yet time',
    from: gathering(group('a', 1)),
    on: at('ticked', 5999),
    to: gathering(group('a', 1)),
  },
  {
    title: 'the delay is over',
    from: gathering(group('a', 1), group('b', 2)),
    on: at('ticked', 6000),
    to: saving(job('socket', 1), group('b', 2)),
    effects: begin(job('socket', 1)),
  },
  { title: 'the last one leaves', from: gathering(group('a', 1)), on: left(1), to: idle },
  {
    title: 'one of two leaves',
    from: gathering(group('a', 1, 2)),
    on: left(1),
    to: gathering(group('a', 2)),
  },
  {
    title: 'what has gone to a socket has gone',
    from: saving(job('socket', 1)),
    on: asked(2),
    to: saving(job('socket', 1), group('a', 2)),
  },
  {
    title: 'a file is shared',
    from: saving(job('file', 1)),
    on: asked(2),
    to: saving(job('file', 1, 2)),
    effects: [{ do: 'share', seat: 2 }],
  },
  {
    title: 'but not by one who wants other bytes',
    from: saving(job('file', 1)),
    on: asked(2, { kind: 'b' }),
    to: saving(job('file', 1), group('b', 2)),
  },
  {
    title: 'one of two leaves the snapshot',
    from: saving(job('socket', 1, 2)),
    on: left(1),
    to: saving(job('socket', 2)),
  },
  {
    title: 'the last one leaves the snapshot',
    from: saving(job('socket', 1)),
    on: left(1),
    to: idle,
    effects: [{ do: 'cancel' }],
  },
  {
    title: 'the last one leaves, and the next may begin',
    from: saving(job('socket', 1), { ...group('a', 2), takesMark: false }),
    on: left(1),
    to: saving(job('file', 2)),
    effects: [{ do: 'cancel' }, ...begin(job('file', 2))],
  },
  { title: 'time passes', from: saving(job('file', 1)), on: at('ticked', 9000), to: saving(job('file', 1)) },
  { title: 'all have it', from: saving(job('file', 1)), on: at('completed', 2000), to: idle },
  {
    title: 'the next may not begin yet',
    from: saving(job('socket', 1), group('a', 2)),
    on: at('completed', 2000),
    to: gathering(group('a', 2)),
  },
  {
    title: 'the next begins after a failure too',
    from: saving(job('socket', 1), group('a', 2)),
    on: at('failed', 7000),
    to: saving(job('socket', 2)),
    effects: begin(job('socket', 2)),
  },
];

for (const { title, from, on, to, effects = [] } of cases) {
  test(`${from.name}, ${on.name}: ${title}`, (t) => {
    t.deepEqual(step(snapshotJob, from, on), { state: to, effects });
  });
}

test('every row has a case', (t) => {
  const tested = new Set(cases.map(({ from, on }) => `${from.name} ${on.name}`));
  t.deepEqual(
    edges(snapshotJob)
      .map(({ from, event }) => `${from} ${event}`)
      .filter((row) => !tested.has(row)),
    [],
  );
});

/** Where everybody is. */
function seatsOf(state: State): number[] {
  if (state.name === 'idle') return [];
  const waiting = state.groups.flatMap(({ seats }) => seats);
  return state.name === 'saving' ? [...state.job.seats, ...waiting] : waiting;
}

test('whatever happens, everybody who has not left is somewhere, once', (t) => {
  const action = fc.oneof(
    fc.record({ do: fc.constant('ask' as const), kind: fc.constantFrom('a', 'b'), takesMark: fc.boolean() }),
    fc.record({ do: fc.constant('leave' as const), which: fc.nat(5) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(6000) }),
    fc.record({ do: fc.constant('end' as const), well: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), fc.boolean(), fc.nat(3), (actions, isDiskless, max) => {
      let state = idle as State;
      let present: number[] = [];
      let nowMs = 0;
      let seat = 0;
      const timed = { terms: { isDiskless, delayMs: 5000, replicasMax: max } };
      const take = (event: Event): void => {
        const next = step(snapshotJob, state, event);
        if (next === null) throw new Error(`no row for ${event.name} in ${state.name}`);
        state = next.state;
        for (const effect of next.effects)
          if (effect.do === 'begin' && effect.job.seats.length === 0)
            throw new Error('a snapshot for nobody');
      };
      for (const step of actions) {
        if (step.do === 'ask') {
          present.push(++seat);
          take({ name: 'asked', seat, kind: step.kind, takesMark: step.takesMark, ...timed, nowMs });
        } else if (step.do === 'leave' && present.length > 0) {
          const gone = present[step.which % present.length]!;
          present = present.filter((one) => one !== gone);
          take({ name: 'left', seat: gone, ...timed, nowMs });
        } else if (step.do === 'pass') {
          nowMs += step.ms;
          take({ name: 'ticked', ...timed, nowMs });
        } else if (step.do === 'end' && state.name === 'saving') {
          const { seats } = state.job;
          present = present.filter((one) => !seats.includes(one));
          take({ name: step.well ? 'completed' : 'failed', ...timed, nowMs });
        }
        t.deepEqual(seatsOf(state).sort(), [...present].sort());
      }
    }),
  );
});
