/**
 * Eviction: when memory is full, keys go until it is not, by one of Redis's eight policies.
 *
 *     noeviction | allkeys-{lru, lfu, random} | volatile-{lru, lfu, random, ttl}
 *
 * As in Redis the policies are approximated: of a few sampled keys (`maxmemory-samples`) the worst goes. Each eviction is
 * a unit of its own in the feed. A replica evicts nothing unless it is told not to ignore maxmemory.
 */
import type { Database } from './database.ts';
import type { Keyspace } from './keyspace.ts';
import { isOutOfMemory } from './memory.ts';
import type { Value } from './value.ts';

/** Makes room by evicting. True when there is enough memory now, or when it does not matter yet: a load is under way. */
export function makeRoom(keyspace: Keyspace, nowMs: number): boolean {
  if (keyspace.gates.loading) return true;
  while (isOutOfMemory(keyspace)) {
    const victim = worst(keyspace, nowMs);
    if (victim === null) return false;
    keyspace.deleteEvicted(victim.db, victim.key);
  }
  return true;
}

interface Candidate {
  db: number;
  key: string;
  /** The higher, the sooner it goes. */
  badness: number;
}

/** The worst of a few keys of each database; null when the policy allows none. */
function worst(keyspace: Keyspace, nowMs: number): Candidate | null {
  const policy = keyspace.settings['maxmemory-policy'];
  if (policy === 'noeviction') return null;
  let found: Candidate | null = null;
  keyspace.databases.forEach((database, db) => {
    const pool = policy.startsWith('volatile') ? database.expiries : database.values;
    const tries = Math.min(pool.size, keyspace.settings['maxmemory-samples']);
    for (let i = 0; i < tries; i++) {
      const key = pool.sample(keyspace.random)!;
      const badness = badnessOf(policy, database, key, nowMs);
      if (found === null || badness > found.badness) found = { db, key, badness };
    }
  });
  return found;
}

function badnessOf(policy: string, database: Database, key: string, nowMs: number): number {
  const value = database.get(key)!;
  if (policy.endsWith('lru')) return nowMs - value.accessedMs;
  if (policy.endsWith('lfu')) return 255 - value.frequency;
  if (policy.endsWith('ttl')) return -database.expiries.get(key)!;
  return 0;
}

/** What LFU starts a new key with, so that it is not evicted before it could be used. */
const frequencyAtFirst = 5;
const frequencyMax = 255;

/**
 * Counts an access the way LFU does: first the counter decays by one per `lfu-decay-time` minutes since the last
 * access, then it grows by one with a probability that falls the greater it is.
 */
export function countAccess(value: Value, keyspace: Keyspace, nowMs: number): void {
  const { 'lfu-decay-time': decayMinutes, 'lfu-log-factor': logFactor } = keyspace.settings;
  const minutes = Math.max(0, Math.floor((nowMs - value.accessedMs) / 60_000));
  const decay = decayMinutes > 0 && value.accessedMs > 0 ? Math.floor(minutes / decayMinutes) : 0;
  const frequency = Math.max(0, value.frequency - decay);
  const chance = 1 / (Math.max(0, frequency - frequencyAtFirst) * logFactor + 1);
  const grows = frequency < frequencyMax && keyspace.random.unit() < chance;
  value.frequency = frequency + (grows ? 1 : 0);
}
