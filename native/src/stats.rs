//! The figures of INFO at the border, each as a double: exact to 2^53.
//!
//! They are counted where things happen, in the core; here they are only gathered. The peak of memory is what was seen when
//! somebody asked, as the allocator keeps none.

use crate::{NativeStore, allocator};
use napi_derive::napi;
use redtwin_keyspace::command_stats::Row;

/// See `StoreStats` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct StoreStats {
    pub commands_processed: f64,
    pub keyspace_hits: f64,
    pub keyspace_misses: f64,
    pub expired_keys: f64,
    pub evicted_keys: f64,
    pub expired_fields: f64,
    pub error_replies: f64,
    pub changes: f64,
    pub lazy_free_pending: f64,
    pub lazy_freed: f64,
    pub own_expiries: f64,
    pub feed_translated: f64,
    pub feed_dropped: f64,
    pub feed_field_expiries_dropped: f64,
    pub used_memory_bytes: f64,
    pub used_memory_peak_bytes: f64,
    pub opaque_module_values: f64,
    pub databases: Vec<DatabaseStats>,
}

/// See `CommandStats` in engine.ts; `latency` alternates places and counts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct CommandStats {
    pub name: String,
    pub calls: f64,
    pub micros: f64,
    pub rejected: f64,
    pub failed: f64,
    pub latency: Vec<f64>,
}

/// See `errorStats` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct ErrorStats {
    pub kind: String,
    pub count: f64,
}

/// One database in `StoreStats`.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct DatabaseStats {
    pub db: u32,
    pub keys: f64,
    pub expires: f64,
    pub avg_ttl_ms: f64,
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
    #[napi(catch_unwind)]
    pub fn stats(&mut self) -> StoreStats {
        let used = allocator::used_bytes();
        self.peak_bytes = self.peak_bytes.max(used);
        let databases = self.store.keys.dbs.iter().enumerate();
        let databases = databases
            .filter(|(_, db)| !db.table.is_empty())
            .map(|(index, db)| DatabaseStats {
                db: index as u32,
                keys: db.table.len() as f64,
                expires: db.table.volatile() as f64,
                avg_ttl_ms: db.avg_ttl_ms as f64,
            })
            .collect();
        let stats = &self.store.keys.stats;
        let commands = &self.store.keys.command_stats;
        StoreStats {
            commands_processed: commands.commands as f64,
            keyspace_hits: stats.hits as f64,
            keyspace_misses: stats.misses as f64,
            expired_keys: stats.expired_keys as f64,
            evicted_keys: stats.evicted_keys as f64,
            expired_fields: stats.expired_fields as f64,
            error_replies: commands.error_replies as f64,
            changes: self.store.keys.dirty as f64,
            lazy_free_pending: self.store.keys.lazy_free.pending() as f64,
            lazy_freed: self.store.keys.lazy_free.freed() as f64,
            own_expiries: self.store.keys.dbs.iter().map(|db| db.own_expiries.len()).sum::<usize>() as f64,
            feed_translated: self.store.keys.untold.translated as f64,
            feed_dropped: self.store.keys.untold.dropped as f64,
            feed_field_expiries_dropped: self.store.keys.untold.field_expiries as f64,
            used_memory_bytes: used as f64,
            used_memory_peak_bytes: self.peak_bytes as f64,
            opaque_module_values: self.store.keys.opaque_module_values as f64,
            databases,
        }
    }

    #[napi(catch_unwind)]
    pub fn command_stats(&self) -> Vec<CommandStats> {
        let told = |(name, row): (String, &Row)| CommandStats {
            name,
            calls: row.calls as f64,
            micros: row.ns as f64 / 1000.0,
            rejected: row.rejected as f64,
            failed: row.failed as f64,
            latency: row.latency.iter().flat_map(|latency| latency.pairs()).fold(
                Vec::new(),
                |mut pairs, (place, count)| {
                    pairs.extend([place as f64, count as f64]);
                    pairs
                },
            ),
        };
        self.store.keys.command_stats.used().map(told).collect()
    }

    #[napi(catch_unwind)]
    pub fn error_stats(&self) -> Vec<ErrorStats> {
        let errors = &self.store.keys.command_stats.errors;
        let told = |(kind, count): (&Vec<u8>, &u64)| ErrorStats {
            kind: kind.iter().copied().map(char::from).collect(),
            count: *count as f64,
        };
        errors.iter().map(told).collect()
    }

    #[napi(catch_unwind)]
    pub fn reset_stats(&mut self) {
        self.store.keys.stats = Default::default();
        self.store.keys.command_stats.reset();
        self.store.keys.lazy_free.reset();
        self.store.keys.untold = Default::default();
        self.peak_bytes = 0;
    }
}
