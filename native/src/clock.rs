//! The one clock behind the border: monotonic, for the statistics of commands and nothing else.
//!
//! What commands do never depends on it; a store that is not given it counts no time. It is here, because asking
//! JavaScript for the time would cost more than most commands do.

use std::sync::LazyLock;
use std::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since some moment of this process. About 25 ns a call.
pub fn monotonic_ns() -> u64 {
    START.elapsed().as_nanos() as u64
}
