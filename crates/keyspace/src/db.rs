//! One database: a table of keys, and the counts that INFO shows.
//!
//! It knows nothing of commands, sessions or the clock: expiry is a number here, and who may act on it is decided above.

use crate::table::Table;

/// A numbered database.
#[derive(Clone, Debug)]
pub struct Db {
    /// Its keys.
    pub table: Table,
    /// Average time to live of the keys that expire, in ms, as the last expiry cycles saw it.
    pub avg_ttl_ms: i64,
    /// Where the expiry cycle goes on: a segment's index.
    pub expire_cursor: usize,
    /// Where the search for hashes with expired fields goes on.
    pub field_cursor: usize,
}

impl Db {
    /// An empty database.
    pub fn new(seed: u64) -> Db {
        Db { table: Table::new(seed), avg_ttl_ms: 0, expire_cursor: 0, field_cursor: 0 }
    }

    /// An empty database whose keys will have the same hashes.
    pub fn emptied(&self) -> Db {
        Db { table: self.table.emptied(), avg_ttl_ms: 0, expire_cursor: 0, field_cursor: 0 }
    }
}
