/**
 * Active expiry: deletes keys and hash fields whose moment has come, a few at a time.
 *
 * Only a primary does it; a replica waits for its primary's DEL, but for keys that its own clients made while it was writable. Each deletion is a unit of its own in the feed, without
 * MULTI, as Redis does it. Keys are sampled at random, so a long tail of keys that live on costs nothing.
 */
import type { Keyspace } from './keyspace.ts';

/** Keys of a database sampled in one round; the next round comes when more than a quarter of them were expired. */
const sampledKeys = 20;

/** Looks at up to about `budget` keys. */
export function expireCycle(keyspace: Keyspace, nowMs: number, budget: number): void {
  if (keyspace.gates.loading || !keyspace.isActiveExpiryOn) return;
  if (keyspace.gates.replica) {
    expireOwnKeys(keyspace, nowMs, budget);
    return;
  }
  if (keyspace.keepsExpired) return;
  let left = budget;
  for (let db = 0; db < keyspace.databases.length && left > 0; db++) {
    left -= expireKeys(keyspace, db, nowMs, left);
    left -= expireFields(keyspace, db, nowMs, left);
  }
}

/** Number of keys looked at. */
function expireKeys(keyspace: Keyspace, db: number, nowMs: number, budget: number): number {
  const { expiries } = keyspace.databases[db]!;
  let looked = 0;
  for (;;) {
    let expired = 0;
    const sample = Math.min(sampledKeys, expiries.size, budget - looked);
    if (sample <= 0) return looked;
    for (let i = 0; i < sample; i++) {
      const key = expiries.sample(keyspace.random);
      if (key === undefined) return looked;
      looked++;
      if (nowMs <= expiries.get(key)!) continue;
      expired++;
      keyspace.deleteExpired(db, key);
      keyspace.endUnit(false);
    }
    if (expired * 4 <= sample) return looked;
  }
}

/** What the clients of a writable replica made; the rest is our primary's to delete. */
function expireOwnKeys(keyspace: Keyspace, nowMs: number, budget: number): void {
  keyspace.databases.forEach(({ ownExpiries, expiries }, db) => {
    let left = Math.min(budget, ownExpiries.size);
    for (const key of ownExpiries) {
      if (left-- === 0) break;
      ownExpiries.delete(key);
      const at = expiries.get(key);
      if (at === undefined) continue;
      if (nowMs > at) {
        keyspace.deleteExpired(db, key);
        keyspace.endUnit(false);
      } else {
        // Back to the end of the line.
        ownExpiries.add(key);
      }
    }
  });
}

/** Number of hashes looked at. */
function expireFields(keyspace: Keyspace, db: number, nowMs: number, budget: number): number {
  const database = keyspace.databases[db]!;
  let looked = 0;
  for (const key of [...database.hashesWithExpiries].slice(0, budget)) {
    looked++;
    const hash = database.get(key);
    database.hashesWithExpiries.delete(key);
    if (hash?.type !== 'hash' || !hash.hasExpiries) continue;
    const expired = hash.expiredFields(nowMs);
    for (const field of expired) keyspace.deleteExpiredField(db, key, field);
    if (expired.length > 0) {
      keyspace.notify('h', 'hexpired', key, db);
      keyspace.touch(db, key);
    }
    if (hash.size === 0) {
      database.delete(key);
      keyspace.notify('g', 'del', key, db);
    } else if (hash.hasExpiries) {
      // Back to the end of the line.
      database.hashesWithExpiries.add(key);
    }
    keyspace.endUnit(false);
  }
  return looked;
}
