//! Threads that work beside the event loop, and are to take nothing from it.
//!
//! ```text
//!   core    | encoder ........ | serve | encoder ...        with step_back: who serves begins at once
//!   core    | encoder ................ | serve |            without: it waits until the encoder's turn is over
//! ```
//!
//! On a machine with fewer free cores than busy threads the scheduler gives everybody a turn, some milliseconds long, and
//! that is how long a request waits that arrives in the encoder's. So the encoder asks for less: a lower priority, and turns
//! of a tenth of a millisecond. It is no slower where a core is free. Loaders do the same, for the primary that makes the
//! snapshot may be on this machine.

/// The priority of an encoder, as `nice` has it: a tenth of a share beside those of 0, which is enough to come to an end on a
/// machine where all cores are busy.
pub(crate) const HAS_TIME: i32 = 10;

/// The priority of a loader: a third of a share. Somebody waits for the end, but it has to be sent first, maybe by a process on the
/// same cores, and the event loop has to fetch it.
pub(crate) const WAITED_FOR: i32 = 5;

/// Nanoseconds of a turn (Linux from 6.12 on; the shortest there is).
#[cfg(target_os = "linux")]
const TURN_NS: u64 = 100_000;

/// Lets others go first from now on, with one of the priorities above. It cannot be taken back. Where the system has no such
/// thing for one thread, or forbids it, nothing changes.
#[cfg(target_os = "linux")]
pub(crate) fn step_back(nice: i32) {
    let wish = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: 0,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: TURN_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads `size` bytes of the struct, which outlives the call; 0 is the calling thread.
    unsafe {
        libc::syscall(libc::SYS_sched_setattr, 0, &raw const wish, 0);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn step_back(_nice: i32) {}
