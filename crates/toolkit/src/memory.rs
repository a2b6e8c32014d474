//! What a key takes in the memory of Redis 7.0, as its structures and its allocator would have it.
//!
//! ```text
//! key     = dictEntry 24 + its place in the bucket array 8 + name as an sds; 24 + 8 more when it expires
//! value   = robj 16 + what its encoding needs
//! ```
//!
//! Its one idea: sizes of structures are facts of the source (64-bit), and each allocation is rounded up to a size
//! class of jemalloc as Redis builds it. It is an estimate: fragmentation, spare room of strings that were appended to
//! and half-empty bucket arrays are not in it.

/// `robj`: type, encoding, reference count, pointer.
pub(crate) const OBJECT: u64 = 16;
/// `dictEntry`: key, value, next.
pub(crate) const DICT_ENTRY: u64 = 24;
/// A pointer in a bucket array.
const BUCKET: u64 = 8;
/// `dict`, both tables included.
pub(crate) const DICT: u64 = 56;
/// `quicklist`.
pub(crate) const QUICKLIST: u64 = 40;
/// `quicklistNode`.
pub(crate) const QUICKLIST_NODE: u64 = 32;
/// `zset`, `zskiplist` and the head node with its 32 levels.
pub(crate) const SKIPLIST: u64 = 16 + 32 + 640;
/// A skiplist node with the 4/3 levels that it has on average (a quarter of them reach each next level).
pub(crate) const SKIPLIST_NODE: u64 = 24 + 16 + 16 / 3;
/// `stream` with its tree's head.
pub(crate) const STREAM: u64 = 104 + 40;
/// A node of the radix tree per listpack: key bytes that differ, pointers, padding. Typical, not exact.
pub(crate) const RADIX_NODE: u64 = 48;
/// `streamCG` with its two trees' heads.
pub(crate) const STREAM_GROUP: u64 = 64 + 48;
/// `streamConsumer` with its tree's head.
pub(crate) const STREAM_CONSUMER: u64 = 48 + 24;
/// `streamNACK` and its share of the two trees that hold it.
pub(crate) const STREAM_PENDING: u64 = 24 + 2 * RADIX_NODE;
/// The longest string that lives beside its object.
const EMBSTR_MAX: u64 = 44;

/// The allocation that `bytes` ends up in: jemalloc's classes with Redis's quantum of 8 (four classes per doubling).
pub(crate) fn size_class(bytes: u64) -> u64 {
    match bytes {
        0..=8 => 8,
        9..=64 => bytes.next_multiple_of(8),
        _ => {
            let spacing = 1u64 << (63 - (bytes - 1).leading_zeros()).saturating_sub(2);
            bytes.checked_next_multiple_of(spacing).unwrap_or(bytes)
        }
    }
}

/// A string with its header and its closing zero.
pub(crate) fn sds(length: u64) -> u64 {
    let header = match length {
        0..=31 => 1,
        32..=255 => 3,
        256..=65_535 => 5,
        65_536..=0xffff_ffff => 9,
        _ => 17,
    };
    size_class(length + header + 1)
}

/// What a bucket array takes for that many entries: the next power of two.
pub(crate) fn buckets(entries: u64) -> u64 {
    entries.max(4).checked_next_power_of_two().unwrap_or(entries).saturating_mul(BUCKET)
}

/// A key without its value.
pub(crate) fn key(name: u64, expires: bool) -> u64 {
    let place = DICT_ENTRY + BUCKET;
    place + sds(name) + if expires { place } else { 0 }
}

/// A string value that is no integer.
pub(crate) fn string(length: u64) -> u64 {
    if length <= EMBSTR_MAX { size_class(OBJECT + 3 + length + 1) } else { OBJECT + sds(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_are_those_of_jemalloc() {
        for (bytes, class) in [
            (0, 8),
            (1, 8),
            (9, 16),
            (24, 24),
            (25, 32),
            (57, 64),
            (65, 80),
            (80, 80),
            (81, 96),
            (128, 128),
            (129, 160),
            (257, 320),
            (1025, 1280),
            (4097, 5120),
        ] {
            assert_eq!(size_class(bytes), class, "{bytes}");
        }
        assert_eq!(size_class(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_small_string_key() {
        // SET k v: an entry and its bucket, an sds of 1 + 1 + 1 bytes, an embstr of 16 + 3 + 1 + 1 bytes.
        assert_eq!(key(1, false) + string(1), 24 + 8 + 8 + 24);
    }
}
