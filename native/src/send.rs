//! Sending to a socket that Node owns, past its stream machinery: one system call and nothing else.
//!
//! With short pipelines a stream's bookkeeping for each write costs more than the commands do (docs/performance.md). Nothing is
//! queued here: what the system does not take at once is the caller's to hand to the stream.

use napi_derive::napi;

/// See `Engine.sendNow` in engine.ts.
#[napi]
pub fn send_now(descriptor: i32, bytes: &[u8], from: u32, until: u32) -> u32 {
    bytes.get(from as usize..until as usize).map_or(0, |bytes| send(descriptor, bytes))
}

/// The same, of all of `bytes`.
#[cfg(unix)]
pub(crate) fn send(descriptor: i32, bytes: &[u8]) -> u32 {
    use std::io::Write;
    use std::mem::ManuallyDrop;
    use std::net::TcpStream;
    use std::os::fd::FromRawFd;
    if descriptor < 0 {
        return 0;
    }
    // SAFETY: the caller's socket is open during this call, and is not closed here: what borrows it is never dropped. A
    // TcpStream sends (without SIGPIPE) and asks for nothing else, so that it may be a unix socket as well.
    let mut socket = ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(descriptor) });
    // Node's sockets do not block. Whatever went wrong will go wrong for the stream again, which reports it.
    socket.write(bytes).map_or(0, |sent| u32::try_from(sent).unwrap_or(0))
}

/// No way past Node's streams here.
#[cfg(not(unix))]
pub(crate) fn send(_descriptor: i32, _bytes: &[u8]) -> u32 {
    0
}
