/**
 * Replication's clockwork: which jobs are due, as a pure function of what is and what time it is.
 *
 * The one idea: a table of jobs, each with its period and the condition under which it makes sense. The
 * driver calls `dueJobs` from its one coarse timer, runs what comes back in order, and remembers when each
 * job last ran. There are no other timers in replication, so nothing can fire behind a state's back.
 *
 *     job      | period  | when
 *     expire   | -       | the state's deadline has passed
 *     dial     | 1 s     | a link is wanted, and nobody is trying
 *     alive    | 1 s     | a snapshot is received or loaded: an empty line, so that the primary does not give us up
 *     ack      | 1 s     | connected to a primary that has offsets
 *
 * A primary's own jobs are in primary-cron.ts. Facts: replicationCron of Redis 7.0, which runs once a second.
 */
import type { State } from '../replication/replica-link/states.ts';
import { deadlineMs } from '../replication/replica-link/states.ts';
import { dueFor, type JobRow, type Runs } from './due.ts';

/** What the jobs depend on. */
export interface CronView {
  link: State;
  /** `repl-timeout`, in ms. */
  timeoutMs: number;
}

const jobs = {
  expire: {
    everyMs: 0,
    when: ({ link, timeoutMs }, nowMs) => {
      const deadline = deadlineMs(link, timeoutMs);
      return deadline !== null && nowMs > deadline;
    },
  },
  dial: { everyMs: 1000, when: ({ link }) => link.name === 'connect' },
  alive: { everyMs: 1000, when: ({ link }) => link.name === 'transfer' || link.name === 'loading' },
  ack: { everyMs: 1000, when: ({ link }) => link.name === 'connected' && link.id !== null },
} as const satisfies Record<string, JobRow<CronView>>;

export type Job = keyof typeof jobs;
export type LastRuns = Runs<Job>;

/** The jobs to run now, in the table's order. */
export const dueJobs = (view: CronView, lastRuns: LastRuns, nowMs: number): Job[] =>
  dueFor<CronView, typeof jobs>(jobs, view, lastRuns, nowMs);
