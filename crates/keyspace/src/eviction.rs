//! Eviction: when memory is over maxmemory, keys go, chosen by the policy from samples.
//!
//! Redis's approximation: each round takes `maxmemory-samples` keys of every database, remembers the sixteen best
//! candidates ever seen, and evicts the best of those. What is best depends on the policy:
//!
//! | policy              | among           | first to go            |
//! |---------------------|-----------------|------------------------|
//! | allkeys-lru, -lfu   | all             | idle longest / least used |
//! | volatile-lru, -lfu  | those that expire | the same             |
//! | volatile-ttl        | those that expire | nearest expiry       |
//! | allkeys-, volatile-random | all / those that expire | any       |

use crate::access::{idle_seconds, lfu_counter};
use crate::entry::Entry;
use crate::keyspace::Keyspace;

const POOL: usize = 16;

/// A key that may go: the higher the score, the sooner.
#[derive(Debug)]
struct Candidate {
    score: u64,
    db: usize,
    key: Vec<u8>,
}

/// The best candidates seen so far, best last.
#[derive(Debug, Default)]
pub struct Pool(Vec<Candidate>);

impl Pool {
    fn offer(&mut self, candidate: Candidate) {
        if self.0.iter().any(|known| known.db == candidate.db && known.key == candidate.key) {
            return;
        }
        let at = self.0.partition_point(|known| known.score <= candidate.score);
        if self.0.len() == POOL {
            if at == 0 {
                return;
            }
            self.0.remove(0);
            self.0.insert(at - 1, candidate);
        } else {
            self.0.insert(at, candidate);
        }
    }
}

/// Chooses one key to evict; None when the policy forbids it or nothing is left that may go.
pub fn choose(keys: &mut Keyspace, pool: &mut Pool) -> Option<(usize, Vec<u8>)> {
    let policy = keys.settings.maxmemory_policy.clone();
    let volatile = policy.starts_with("volatile-");
    if policy == "noeviction" {
        return None;
    }
    if policy.ends_with("-random") {
        // Databases take turns, so that none is emptied before the others.
        let count = keys.dbs.len();
        let first = keys.rng.below(count);
        return (0..count).map(|i| (first + i) % count).find_map(|db| {
            let random = keys.rng.next_u64();
            keys.dbs[db].table.random_where(random, volatile).map(|entry| (db, entry.key().to_vec()))
        });
    }
    loop {
        let mut eligible = 0;
        for db in 0..keys.dbs.len() {
            let table = &keys.dbs[db].table;
            let count = if volatile { table.volatile() } else { table.len() };
            eligible += count;
            for _ in 0..keys.settings.maxmemory_samples.min(count) {
                let random = keys.rng.next_u64();
                let Some(entry) = keys.dbs[db].table.random_where(random, volatile) else { break };
                let score = score(keys, entry, &policy);
                pool.offer(Candidate { score, db, key: entry.key().to_vec() });
            }
        }
        if eligible == 0 {
            return None;
        }
        // Candidates of earlier rounds may be gone by now.
        while let Some(best) = pool.0.pop() {
            let table = &keys.dbs[best.db].table;
            let entry = table.get(table.hash(&best.key), &best.key);
            if entry.is_some_and(|entry| !volatile || entry.expire_ms().is_some()) {
                return Some((best.db, best.key));
            }
        }
    }
}

fn score(keys: &Keyspace, entry: &Entry, policy: &str) -> u64 {
    if policy == "volatile-ttl" {
        u64::MAX - entry.expire_ms().unwrap_or(i64::MAX).max(0) as u64
    } else if keys.settings.lfu() {
        u64::from(255 - lfu_counter(entry.clock(), keys.now_ms, keys.settings.lfu_decay_time))
    } else {
        u64::from(idle_seconds(entry.clock(), keys.now_ms))
    }
}
