//! One database: a table of keys, and the counts that INFO shows.
//!
//! It knows nothing of commands, sessions or the clock: expiry is a number here, and who may act on it is decided above.

use crate::own_expiries::OwnExpiries;
use crate::table::Table;
use crate::watch::Presence;

/// A numbered database.
#[derive(Clone, Debug)]
pub struct Db {
    /// Its keys.
    pub table: Table,
    /// Average time to live of the keys that expire, in ms, as the last expiry cycles saw it.
    pub avg_ttl_ms: i64,
    /// Keys that only we know to expire: a writable replica's own.
    pub own_expiries: OwnExpiries,
    /// Where the expiry cycle goes on: a segment's index.
    pub expire_cursor: usize,
    /// Where the search for hashes with expired fields goes on.
    pub field_cursor: usize,
}

impl Db {
    /// An empty database.
    pub fn new(seed: u64) -> Db {
        Db::of(Table::new(seed))
    }

    /// An empty database whose keys will have the same hashes.
    pub fn emptied(&self) -> Db {
        Db::of(self.table.emptied())
    }

    fn of(table: Table) -> Db {
        Db { table, avg_ttl_ms: 0, own_expiries: OwnExpiries::default(), expire_cursor: 0, field_cursor: 0 }
    }

    /// What is under a key at a moment.
    pub fn presence(&self, key: &[u8], now_ms: i64) -> Presence {
        match self.table.get(self.table.hash(key), key) {
            None => Presence::Absent,
            Some(entry) if entry.expire_ms().is_some_and(|at| at < now_ms) => Presence::Stale,
            Some(_) => Presence::Present,
        }
    }

    /// The same, with a table that can be joined with another (`Table::join`).
    pub(crate) fn emptied_in_halves(&self) -> Db {
        Db::of(self.table.emptied_in_halves())
    }
}

/// From this many keys on, taking them apart takes longer than a client should wait.
const ASIDE_KEYS_MIN: usize = 100_000;

/// Drops databases, on a thread of its own when they are large: five million keys take half a second.
pub(crate) fn drop_aside(dbs: Vec<Db>) {
    if dbs.iter().map(|db| db.table.len()).sum::<usize>() >= ASIDE_KEYS_MIN {
        // Where no thread can be had the closure is dropped at once, and the databases with it: slower, and as good.
        let _ = std::thread::Builder::new().name("redtwin-drop".into()).spawn(move || drop(dbs));
    }
}
