/**
 * A primary's clockwork: the jobs for its replicas.
 *
 *     job      | period                   | when
 *     alive    | 1 s                      | there are replicas: an empty line for those who wait for a snapshot
 *     patience | 1 s                      | there are replicas: timeouts, limits
 *     count    | 1 s                      | this server is a primary: good replicas, for min-replicas-to-write
 *     ping     | repl-ping-replica-period | there are replicas, the feed is ours, and no failover waits for an offset
 *     release  | 1 s                      | a primary without replicas for longer than repl-backlog-ttl (0: never)
 *
 * Delayed snapshots have their own clock in runtime/snapshots.ts. Facts: replicationCron of Redis 7.0.
 */
import { dueFor as due, type JobRow, type Runs } from './due.ts';

/** What the jobs depend on. Times are monotonic ms. */
export interface PrimaryView {
  readonly replicas: number;
  readonly isFollowing: boolean;
  readonly holdsPings: boolean;
  readonly feedIsOn: boolean;
  readonly aloneSinceMs: number;
  readonly backlogTtlMs: number;
  readonly pingPeriodMs: number;
}

const any = ({ replicas }: PrimaryView): boolean => replicas > 0;

export const primaryJobs = {
  alive: { everyMs: 1000, when: any },
  patience: { everyMs: 1000, when: any },
  count: { everyMs: 1000, when: ({ isFollowing }) => !isFollowing },
  ping: {
    everyMs: ({ pingPeriodMs }) => pingPeriodMs,
    when: (view) => any(view) && !view.isFollowing && !view.holdsPings,
  },
  release: {
    everyMs: 1000,
    when: (view, nowMs) =>
      view.feedIsOn &&
      !view.isFollowing &&
      view.replicas === 0 &&
      view.backlogTtlMs > 0 &&
      nowMs - view.aloneSinceMs > view.backlogTtlMs,
  },
} as const satisfies Record<string, JobRow<PrimaryView>>;

export type PrimaryJob = keyof typeof primaryJobs;
export type PrimaryRuns = Runs<PrimaryJob>;

/** The jobs to run now, in the table's order. */
export const duePrimaryJobs = (view: PrimaryView, lastRuns: PrimaryRuns, nowMs: number): PrimaryJob[] =>
  due<PrimaryView, typeof primaryJobs>(primaryJobs, view, lastRuns, nowMs);
