/**
 * The numbers that INFO shows, gathered when somebody asks.
 *
 * Counters are kept where things happen (keyspace.ts); sizes and averages are looked up or sampled here, so that the
 * hot path pays nothing for them.
 */
import type { StoreStats } from '../engine.ts';
import type { Database } from './database.ts';
import type { Keyspace } from './keyspace.ts';
import { usedMemoryBytes } from './memory.ts';

/** Keys with an expiry that are looked at for the average of what is left to them. */
const sampledExpiries = 20;

/** All but the peak, which the store remembers. */
export function statsOf(keyspace: Keyspace, nowMs: number): Omit<StoreStats, 'usedMemoryPeakBytes'> {
  const databases = keyspace.databases.map((database, db) => ({
    db,
    keys: database.size,
    expires: database.expiries.size,
    avgTtlMs: averageTtlMs(database, nowMs),
  }));
  return {
    ...keyspace.counters,
    commandsProcessed: keyspace.commandCounters.commands,
    errorReplies: keyspace.commandCounters.errorReplies,
    changes: keyspace.changes,
    lazyFreePending: 0,
    ownExpiries: keyspace.databases.reduce((sum, { ownExpiries }) => sum + ownExpiries.size, 0),
    usedMemoryBytes: usedMemoryBytes(keyspace),
    opaqueModuleValues: moduleValues(keyspace),
    databases: databases.filter(({ keys }) => keys > 0),
  };
}

/** About how long the keys of a database that expire will still be there. */
function averageTtlMs({ expiries }: Database, nowMs: number): number {
  let sum = 0;
  let seen = 0;
  for (const at of expiries.values()) {
    sum += Math.max(0, at - nowMs);
    if (++seen === sampledExpiries) break;
  }
  return seen === 0 ? 0 : Math.round(sum / seen);
}

/** O(keys), but only where modules' values were ever seen. */
function moduleValues({ mayHoldModules, databases }: Keyspace): number {
  if (!mayHoldModules) return 0;
  let count = 0;
  for (const { values } of databases) {
    for (const value of values.values()) if (value.type === 'module') count++;
  }
  return count;
}
