//! Data structures that must be byte-exact with Redis, or better than it: none knows a command.

pub mod lzf;
