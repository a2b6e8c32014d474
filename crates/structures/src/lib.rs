//! Data structures that must be byte-exact with Redis, or better than it: none knows a command.
//!
//! Each is owned, has no clock and no generator of its own, and can be loaded from and turned into Redis's bytes.

pub mod bits;
pub mod buckets;
pub mod geohash;
pub mod hash;
pub mod hyperloglog;
pub mod intset;
pub mod limits;
pub mod list;
pub mod listpack;
pub mod lzf;
pub mod number;
pub mod partial_sort;
pub mod prefetch;
pub mod set;
pub mod stream;
pub mod ziplist;
pub mod zipmap;
pub mod zset;
