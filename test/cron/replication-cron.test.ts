/**
 * Which jobs are due: in which states, and how often.
 *
 * Time is a number here: no test waits.
 */
import test from 'ava';
import { dueJobs } from '../../src/cron/replication-cron.ts';
import type { State, StateName } from '../../src/replication/replica-link/states.ts';
import { states } from '../replication/samples.ts';

/** The samples were last heard of at 1000. */
const jobsIn = (link: State, nowMs: number): string =>
  dueJobs({ link, timeoutMs: 60_000 }, {}, nowMs).join(' ');

test('each state has its jobs', (t) => {
  const expected: Partial<Record<StateName, string>> = {
    connect: 'dial',
    transfer: 'alive',
    loading: 'alive',
    connected: 'ack',
  };
  for (const state of Object.values(states))
    t.is(jobsIn(state, 1500), expected[state.name] ?? '', state.name);
});

test('patience ends behind repl-timeout, and not before', (t) => {
  for (const name of ['connecting', 'receive-auth', 'await-snapshot'] as const) {
    t.is(jobsIn(states[name], 61_000), '');
    t.is(jobsIn(states[name], 61_001), 'expire');
  }
  t.is(jobsIn(states.connected, 61_001), 'expire ack');
  t.is(jobsIn(states.loading, 1e9), 'alive');
});

test('a job waits for its period', (t) => {
  const view = { link: states.connected, timeoutMs: 60_000 };
  t.deepEqual(dueJobs(view, { ack: 2000 }, 2999), []);
  t.deepEqual(dueJobs(view, { ack: 2000 }, 3000), ['ack']);
});

test('a primary without offsets gets no ACK', (t) => {
  t.is(jobsIn({ ...states.connected, id: null }, 1500), '');
});
