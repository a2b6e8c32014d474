/**
 * Which rows of a job table are due: a pure function of what is, what ran when, and what time it is.
 *
 * A row says how often a job may run and when it makes sense. The driver runs what comes back, in the table's order, and
 * remembers when. A period may be a number or depend on the view (an option of redis.conf).
 */
export interface JobRow<View> {
  readonly everyMs: number | ((view: View) => number);
  readonly when: (view: View, nowMs: number) => boolean;
}
export type JobTable<View> = Readonly<Record<string, JobRow<View>>>;

/** Monotonic ms at which each job last ran; a job that never did is absent. */
export type Runs<Name extends string> = Partial<Record<Name, number>>;

/** The jobs to run now, in the table's order. */
export const dueFor = <View, Table extends JobTable<View>>(
  jobs: Table,
  view: View,
  lastRuns: Runs<keyof Table & string>,
  nowMs: number,
): (keyof Table & string)[] =>
  (Object.entries(jobs) as [keyof Table & string, JobRow<View>][])
    .filter(([job, { everyMs }]) => {
      const period = typeof everyMs === 'number' ? everyMs : everyMs(view);
      return nowMs - (lastRuns[job] ?? Number.NEGATIVE_INFINITY) >= period;
    })
    .filter(([, row]) => row.when(view, nowMs))
    .map(([job]) => job);
