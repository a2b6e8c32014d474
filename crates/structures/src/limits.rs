//! The thresholds at which a small, packed collection becomes a large, indexed one.
//!
//! They are redis.conf options, so they belong to the store and are handed to every mutation; a collection
//! remembers none of them. OBJECT ENCODING shows their effect, which is why the defaults are those of Redis 7.0.

/// Sizes up to which collections stay packed. The names are the redis.conf options with `_` for `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fields a hash may have as a listpack.
    pub hash_max_listpack_entries: usize,
    /// Bytes a field or a value may have in a hash that is a listpack.
    pub hash_max_listpack_value: usize,
    /// Positive: elements per quicklist node. Negative: bytes per node, -1 to -5 for 4, 8, 16, 32 and 64 KiB.
    pub list_max_listpack_size: i64,
    /// Members a set of integers may have as an intset.
    pub set_max_intset_entries: usize,
    /// Members a sorted set may have as a listpack.
    pub zset_max_listpack_entries: usize,
    /// Bytes a member may have in a sorted set that is a listpack.
    pub zset_max_listpack_value: usize,
    /// Bytes per stream node; 0 for no limit.
    pub stream_node_max_bytes: usize,
    /// Entries per stream node; 0 for no limit.
    pub stream_node_max_entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            list_max_listpack_size: -2,
            set_max_intset_entries: 512,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
        }
    }
}

/// Why bytes that claim to be a listpack or an intset are not one. The text is for a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}
