/**
 * A primary's jobs: under which conditions they are due, and how often.
 *
 * Time is a number here: no test waits.
 */
import test from 'ava';
import { duePrimaryJobs, type PrimaryView } from '../../src/cron/primary-cron.ts';

const view: PrimaryView = {
  replicas: 1,
  isFollowing: false,
  holdsPings: false,
  feedIsOn: true,
  aloneSinceMs: 0,
  backlogTtlMs: 5000,
  pingPeriodMs: 10_000,
};
const jobs = (change: Partial<PrimaryView>, nowMs = 1000): string =>
  duePrimaryJobs({ ...view, ...change }, {}, nowMs).join(' ');

test('each situation has its jobs', (t) => {
  t.is(jobs({}), 'alive patience count ping');
  t.is(jobs({ holdsPings: true }), 'alive patience count');
  t.is(jobs({ isFollowing: true }), 'alive patience');
  t.is(jobs({ replicas: 0 }), 'count');
});

test('the feed ends when nobody has come for repl-backlog-ttl, and never when that is 0 or it is not ours', (t) => {
  t.is(jobs({ replicas: 0 }, 5000), 'count');
  t.is(jobs({ replicas: 0 }, 5001), 'count release');
  t.is(jobs({ replicas: 1 }, 5001), 'alive patience count ping');
  t.is(jobs({ replicas: 0, backlogTtlMs: 0 }, 5001), 'count');
  t.is(jobs({ replicas: 0, feedIsOn: false }, 5001), 'count');
  t.is(jobs({ replicas: 0, isFollowing: true }, 5001), '');
});

test('PING has its own period', (t) => {
  const runs = { alive: 1000, patience: 1000, count: 1000, ping: 1000 };
  t.deepEqual(duePrimaryJobs(view, runs, 1999), []);
  t.deepEqual(duePrimaryJobs(view, runs, 2000), ['alive', 'patience', 'count']);
  t.deepEqual(duePrimaryJobs(view, { ...runs, ping: 1000 }, 11_000), ['alive', 'patience', 'count', 'ping']);
});
