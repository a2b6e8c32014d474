/**
 * What a server counts while it plays a case: calls, refusals and failures per command, errors by kind, changes to the
 * data. Both sides are brought to the same lines of text, so that every case tests the statistics too.
 *
 *     get calls=3 rejected=1 failed=0
 *     WRONGTYPE 2
 *     changes 17
 */
import type { Store } from '../../src/engine/engine.ts';

/** Commands with which the oracle itself watches its server: their counts say nothing. */
const watching = /^(client|config|command|hello|info|ping|debug|flushall|quit|reset)\b/;

/** rdb_changes_since_last_save in INFO's text. */
export const changesIn = (info: string): number =>
  Number(/rdb_changes_since_last_save:(\d+)/.exec(info)?.[1] ?? Number.NaN);

/** The lines of a real server, from its INFO. */
export function countsIn(info: string, changes: number): string[] {
  const rows = [...info.matchAll(/^cmdstat_(.+?):calls=(\d+),.*rejected_calls=(\d+),failed_calls=(\d+)/gm)]
    .filter(([, name]) => !watching.test(name!))
    .map(
      ([, name, calls, rejected, failed]) => `${name} calls=${calls} rejected=${rejected} failed=${failed}`,
    );
  const errors = [...info.matchAll(/^errorstat_(.*?):count=(\d+)/gm)].map(
    ([, kind, count]) => `${kind} ${count}`,
  );
  return [...rows.sort(), ...errors.sort(), `changes ${changes}`];
}

/** The lines of a store. */
export function countsOf(store: Store): string[] {
  const rows = store
    .commandStats()
    .filter(({ name }) => !watching.test(name))
    .map(
      ({ name, calls, rejected, failed }) => `${name} calls=${calls} rejected=${rejected} failed=${failed}`,
    );
  const errors = store.errorStats().map(({ kind, count }) => `${kind} ${count}`);
  return [...rows.sort(), ...errors.sort(), `changes ${store.stats().changes}`];
}
