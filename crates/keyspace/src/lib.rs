//! The keyspace: databases, commands, sessions and the feed they write.
//!
//! ```text
//!   store.rs      execute / apply: input in, replies and feed out
//!     lookup.rs     name -> row of the command table and its function
//!     session.rs    one connection; transactions, input not yet run
//!     command/      the commands, a file per family
//!   keyspace.rs   what a command works on: lookups with expiry, effects, events
//!     db.rs table.rs entry.rs object.rs   from database to block
//!     effects.rs    what a unit puts into the feed
//!   script/       Lua: EVAL and functions
//!   load.rs       an RDB in: fresh databases beside the live ones
//!   save.rs       an RDB out: as of one moment, while writes go on
//! ```
//!
//! No clock, no randomness, no socket: time and seed are parameters. It knows nothing of N-API.
#![deny(missing_docs)]

pub mod access;
pub mod acl;
mod active_expiry;
mod batch;
pub mod command;
pub mod command_stats;
pub mod db;
pub mod digest;
pub mod effects;
pub mod entry;
mod eviction;
pub mod feed_reader;
pub mod glob;
pub mod keyspace;
mod latency_histogram;
pub mod lazy_free;
pub mod load;
mod lookup;
pub mod object;
pub mod own_expiries;
pub mod rng;
pub mod save;
#[cfg(test)]
mod saying;
pub mod script;
pub mod session;
pub mod settings;
pub mod store;
pub mod table;
pub mod traces;
mod waiters;
mod watch;

pub mod generated {
    //! Written by scripts/generate.ts.
    pub mod commands;
    pub mod errors;
}

pub use redtwin_resp::Protocol;
