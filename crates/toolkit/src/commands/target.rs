//! Which server reads the commands, and what it understands.
//!
//! Its one idea: each ability has the version that brought it as a constant, so that the commands ask `target >= ABILITY` and no
//! number of a version stands anywhere else. Valkey 9 counts as the Redis whose abilities it has.

use redtwin_rdb::format::Version;

/// A server's version: major, minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target(pub u8, pub u8);

impl Target {
    pub(super) const CREATES_CONSUMERS: Target = Target(6, 2);
    pub(super) const SETS_WITH_EXPIRY: Target = Target(6, 2);
    pub(super) const TELLS_STREAM_COUNTERS: Target = Target(7, 0);
    pub(super) const HAS_FUNCTIONS: Target = Target(7, 0);
    pub(super) const SETS_MANY_FIELDS: Target = Target(4, 0);
    pub(super) const HAS_STREAMS: Target = Target(5, 0);
    /// Redis 7.4 and Valkey 9.0.
    pub(super) const EXPIRES_FIELDS: Target = Target(7, 4);

    /// The RDB version of payloads that it takes.
    pub(super) fn dump_version(self) -> Version {
        Version::redis(match self {
            Target(0..=6, _) => 9,
            Target(7, 0..=1) => 10,
            Target(7, 2..=3) => 11,
            _ => 12,
        })
    }
}
