//! The one clock behind the border: monotonic, for the statistics of commands and nothing else.
//!
//! What commands do never depends on it; a store that is not given it counts no time. It is here, because asking
//! JavaScript for the time would cost more than most commands do.

/// Nanoseconds since some moment. About 25 ns a call, as long as nothing is done but to ask: a feed of mixed commands asks
/// once for each of them.
#[cfg(target_os = "linux")]
pub fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a timespec of our own. It cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64)
}

/// Nanoseconds since some moment of this process.
#[cfg(not(target_os = "linux"))]
pub fn monotonic_ns() -> u64 {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}
