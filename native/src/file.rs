//! Files that Node has opened, written from a thread of ours.
//!
//! ```text
//!   event loop   open --> fd ------------------------------> fsync, close, rename
//!   encoder                '--> write, write ... flush ...
//! ```
//!
//! A descriptor is borrowed: it stays Node's, and open as long as the promise of the write is pending. Windows has another kind
//! of them, so nothing is written there (native.ts knows).

use std::io;

/// Writes all bytes where the file stands.
#[cfg(unix)]
pub(crate) fn write_all(fd: i32, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    use std::mem::ManuallyDrop;
    use std::os::fd::FromRawFd;
    // SAFETY: the caller has the file open until this returns, and it is never closed here.
    let mut file = ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(fd) });
    file.write_all(bytes)
}

/// The same where descriptors are no files: not there.
#[cfg(not(unix))]
pub(crate) fn write_all(_: i32, _: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Asks the system to begin bringing to disk what was written, without waiting for it. A hint: the fsync at the end is what
/// counts, and finds less to do.
#[cfg(target_os = "linux")]
pub(crate) fn begin_flush(fd: i32) {
    // SAFETY: it has no effect but on when the system writes; 0, 0 is the whole file, of which only changed pages are looked at.
    unsafe {
        libc::sync_file_range(fd, 0, 0, libc::SYNC_FILE_RANGE_WRITE);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn begin_flush(_: i32) {}
