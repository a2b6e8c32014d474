//! The keyspace: databases, commands, sessions and the feed they write.
pub mod generated {
    //! Written by scripts/generate.ts.
    pub mod commands;
    pub mod errors;
}
