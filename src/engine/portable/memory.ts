/**
 * How much memory the data takes: an estimate, because JavaScript does not tell.
 *
 * Some keys of each database are looked at, and some items of each, and their sizes multiplied. So it costs the same for
 * any amount of data, and is the same for the same calls.
 */
import type { Keyspace } from './keyspace.ts';

/** Keys looked at per database. */
const samples = 64;
/** Items looked at per collection. */
export const itemSamples = 16;
/** What an empty redis-server 7.0.15 says: limits and comparisons that are made for Redis count on it. */
const emptyBytes = 860_000;
/** What an entry costs beside its key and value. */
const entryBytes = 56;

/** About the bytes of a collection's `count` items: the first are looked at. */
export function itemsBytes<T>(items: Iterable<T>, count: number, bytesOf: (item: T) => number): number {
  let sum = 0;
  let seen = 0;
  for (const item of items) {
    sum += bytesOf(item);
    if (++seen === itemSamples) break;
  }
  return seen === count || seen === 0 ? sum : Math.round((sum / seen) * count);
}

/** About how many bytes Redis would need for this data. */
export function usedMemoryBytes(keyspace: Keyspace): number {
  let sum = emptyBytes;
  for (const database of keyspace.databases) {
    if (database.size === 0) continue;
    let sampled = 0;
    let seen = 0;
    for (const [key, value] of database.values) {
      sampled += key.length + entryBytes + value.sizeBytes();
      if (++seen === samples) break;
    }
    sum += Math.round((sampled / seen) * database.size) + database.expiries.size * 32;
  }
  return sum;
}

/** True when `maxmemory` is set and passed. A replica that ignores maxmemory is never out of it, nor is a paused server. */
export function isOutOfMemory(keyspace: Keyspace): boolean {
  const { settings, gates } = keyspace;
  if (settings.maxmemory === 0 || gates.paused || (gates.replica && settings['replica-ignore-maxmemory']))
    return false;
  return usedMemoryBytes(keyspace) > settings.maxmemory;
}
