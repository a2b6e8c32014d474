//! Finds keys that have expired though nobody asks for them: a walk over the segments that hold expiring keys.

use crate::entry::{Entry, Value};
use crate::keyspace::Keyspace;
use crate::object::Object;

/// Expired keys of all databases, after looking at about `budget` keys; each call goes on where the last one ended.
pub fn expired_keys(keys: &mut Keyspace, budget: usize) -> Vec<(usize, Vec<u8>)> {
    let now_ms = keys.now_ms;
    let mut found = Vec::new();
    let mut left = budget;
    for (index, db) in keys.dbs.iter_mut().enumerate() {
        if db.table.is_empty() {
            db.avg_ttl_ms = 0;
            continue;
        }
        let segments = db.table.segments();
        let (mut ttl_sum, mut ttl_count) = (0i64, 0i64);
        for _ in 0..segments {
            if left == 0 {
                break;
            }
            db.expire_cursor = (db.expire_cursor + 1) % segments;
            if db.table.segment_volatile(db.expire_cursor) == 0 {
                left = left.saturating_sub(1);
                continue;
            }
            for entry in db.table.segment_entries(db.expire_cursor) {
                left = left.saturating_sub(1);
                let Some(at) = entry.expire_ms() else { continue };
                if at < now_ms {
                    found.push((index, entry.key().to_vec()));
                } else {
                    ttl_sum = ttl_sum.saturating_add(at - now_ms);
                    ttl_count += 1;
                }
            }
        }
        if ttl_count > 0 {
            // A slow average, as Redis keeps it: one part in fifty is new.
            let now = ttl_sum / ttl_count;
            db.avg_ttl_ms = if db.avg_ttl_ms == 0 { now } else { db.avg_ttl_ms / 50 * 49 + now / 50 };
        }
    }
    found
}

/// Expired keys that clients of a writable replica made, after looking at `budget` of them in each database.
pub fn own_expired_keys(keys: &mut Keyspace, budget: usize) -> Vec<(usize, Vec<u8>)> {
    let now_ms = keys.now_ms;
    let mut found = Vec::new();
    for (index, db) in keys.dbs.iter_mut().enumerate() {
        let table = &db.table;
        let expiry_of = |key: &[u8]| table.get(table.hash(key), key).and_then(Entry::expire_ms);
        let expired = db.own_expiries.take_expired(budget, now_ms, expiry_of);
        found.extend(expired.into_iter().map(|key| (index, key)));
    }
    found
}

/// Hashes of which some field has expired, after looking at about `budget` keys. Free while no field has got an expiry.
pub fn hashes_with_expired_fields(keys: &mut Keyspace, budget: usize) -> Vec<(usize, Vec<u8>)> {
    let mut found = Vec::new();
    if !keys.fields_may_expire {
        return found;
    }
    let now_ms = keys.now_ms;
    let mut left = budget;
    for (index, db) in keys.dbs.iter_mut().enumerate().filter(|(_, db)| !db.table.is_empty()) {
        let segments = db.table.segments();
        for _ in 0..segments {
            if left == 0 {
                return found;
            }
            db.field_cursor = (db.field_cursor + 1) % segments;
            left = left.saturating_sub(1);
            for entry in db.table.segment_entries(db.field_cursor) {
                left = left.saturating_sub(1);
                if let Value::Object(Object::Hash(hash)) = entry.value()
                    && hash.earliest_expiry_ms().is_some_and(|at| at < now_ms)
                {
                    found.push((index, entry.key().to_vec()));
                }
            }
        }
    }
    found
}
