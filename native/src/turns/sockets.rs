//! The sockets of a reading loop: an epoll of our own, and libuv's word when one of them has something.
//!
//! ```text
//!   client sockets --> epoll of ours --(its descriptor is readable)--> libuv's poll handle --> a function of ours
//! ```
//!
//! An epoll can be watched like any descriptor, so Node's loop sleeps as ever and is woken for all of them at once. Libuv is
//! part of every Node, and its functions are there for addons; they are looked up by name, so that where one is missing
//! there is no loop of ours and nothing else.

use napi::sys;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{from_ref, null_mut};

/// What libuv calls when there is something: handle, status, events.
pub(super) type OnReadable = unsafe extern "C" fn(*mut c_void, c_int, c_int);
type OnClosed = unsafe extern "C" fn(*mut c_void);

/// Libuv's number of this kind of handle, the same in all of its versions 1.
const UV_POLL: c_int = 8;
const UV_READABLE: c_int = 1;

/// The functions of libuv that are needed. Handles are memory of ours, of the size that it tells.
#[derive(Clone, Copy)]
struct Libuv {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    poll_init: unsafe extern "C" fn(*mut sys::uv_loop_s, *mut c_void, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(*mut c_void, c_int, OnReadable) -> c_int,
    unref: unsafe extern "C" fn(*mut c_void),
    close: unsafe extern "C" fn(*mut c_void, Option<OnClosed>),
}

impl Libuv {
    /// None where Node does not show one of them.
    fn find() -> Option<Libuv> {
        // SAFETY: each name has this signature in libuv's uv.h.
        unsafe {
            Some(Libuv {
                handle_size: symbol(c"uv_handle_size")?,
                poll_init: symbol(c"uv_poll_init")?,
                poll_start: symbol(c"uv_poll_start")?,
                unref: symbol(c"uv_unref")?,
                close: symbol(c"uv_close")?,
            })
        }
    }
}

/// A function of the process by its name.
///
/// # Safety
/// `F` must be the type of a pointer to the function of this name.
unsafe fn symbol<F: Copy>(name: &CStr) -> Option<F> {
    // SAFETY: the name ends with a zero byte.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr().cast::<c_char>()) };
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: pointers to functions have the size of other pointers here, and the caller vouches for the type.
    (!found.is_null()).then(|| unsafe { std::mem::transmute_copy::<*mut c_void, F>(&found) })
}

/// An epoll that Node's loop watches. It does not keep the loop alive.
pub(super) struct Sockets {
    epoll: OwnedFd,
    libuv: Libuv,
    /// Null when it is closed.
    handle: Cell<*mut c_void>,
    env: sys::napi_env,
    /// Node's promise to tell when the environment ends; null before `start`.
    hook: Cell<sys::napi_async_cleanup_hook_handle>,
}

impl Sockets {
    /// None where the system or this Node has no such thing.
    pub(super) fn open(env: sys::napi_env) -> Option<Sockets> {
        let libuv = Libuv::find()?;
        // SAFETY: takes a flag, and gives a descriptor of ours or -1.
        let epoll = unsafe {
            let epoll = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            (epoll >= 0).then(|| OwnedFd::from_raw_fd(epoll))?
        };
        let mut uv_loop = null_mut();
        // SAFETY: the environment is the caller's. The handle's memory is as large as libuv says, and aligned for pointers;
        // it is freed once libuv has closed it.
        unsafe {
            if sys::napi_get_uv_event_loop(env, &mut uv_loop) != sys::Status::napi_ok {
                return None;
            }
            let handle = libc::calloc(1, (libuv.handle_size)(UV_POLL));
            if handle.is_null() || (libuv.poll_init)(uv_loop, handle, epoll.as_raw_fd()) != 0 {
                libc::free(handle);
                return None;
            }
            (libuv.unref)(handle);
            Some(Sockets { epoll, libuv, handle: handle.into(), env, hook: Cell::new(null_mut()) })
        }
    }

    /// Has `on_readable` called whenever a socket has something; `data` is what `data_of` gives there.
    ///
    /// Closed with the environment at the latest: a worker that ends must leave no handle open.
    ///
    /// # Safety
    /// `data` must be what the function expects for as long as this is open; `self` must stay where it is until the environment ends.
    pub(super) unsafe fn start(&self, data: *mut c_void, on_readable: OnReadable) -> bool {
        unsafe extern "C" fn environment_ends(
            _hook: sys::napi_async_cleanup_hook_handle,
            sockets: *mut c_void,
        ) {
            // SAFETY: the pointer is the one of below, and `start`'s caller keeps what it points to.
            unsafe { (*sockets.cast::<Sockets>()).close() };
        }
        let mut hook = null_mut();
        let sockets = from_ref(self).cast_mut().cast();
        // SAFETY: the environment is the one that this was opened in. The handle is open: it has just been made. A handle begins
        // with the word that is its user's (uv.h).
        unsafe {
            if sys::napi_add_async_cleanup_hook(self.env, Some(environment_ends), sockets, &mut hook)
                != sys::Status::napi_ok
            {
                return false;
            }
            self.hook.set(hook);
            self.handle.get().cast::<*mut c_void>().write(data);
            (self.libuv.poll_start)(self.handle.get(), UV_READABLE, on_readable) == 0
        }
    }

    /// No more calls.
    pub(super) fn close(&self) {
        unsafe extern "C" fn closed(handle: *mut c_void) {
            // SAFETY: libuv is done with the handle, which came from calloc; its user's word is the hook, or null. An environment that
            // ends waits until its hook is taken away.
            unsafe {
                let hook: sys::napi_async_cleanup_hook_handle = data_of(handle).cast();
                libc::free(handle);
                if !hook.is_null() {
                    sys::napi_remove_async_cleanup_hook(hook);
                }
            }
        }
        let handle = self.handle.replace(null_mut());
        if !handle.is_null() {
            // SAFETY: the handle is open, and closed this once. Nobody is called with its user's word any more.
            unsafe {
                handle.cast::<*mut c_void>().write(self.hook.get().cast());
                (self.libuv.close)(handle, Some(closed));
            }
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !self.handle.get().is_null()
    }

    /// Watches a socket; its events come with `label`. One comes when there is something to read, and the next one when more
    /// has come: the system need not look again whether all was read.
    pub(super) fn watch(&self, descriptor: c_int, label: u64) -> bool {
        self.control(libc::EPOLL_CTL_ADD, descriptor, label)
    }

    /// Says that not all was read: there will be another event.
    pub(super) fn watch_on(&self, descriptor: c_int, label: u64) {
        self.control(libc::EPOLL_CTL_MOD, descriptor, label);
    }

    fn control(&self, what: c_int, descriptor: c_int, label: u64) -> bool {
        let events = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET) as c_uint;
        let mut event = libc::epoll_event { events, u64: label };
        // SAFETY: the event is read during the call.
        unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, descriptor, &mut event) == 0 }
    }

    /// Watches it no more. The socket must be open: its number may be another's otherwise.
    pub(super) fn unwatch(&self, descriptor: c_int) {
        // SAFETY: takes numbers. Where nothing is watched, nothing happens.
        unsafe {
            libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_DEL, descriptor, null_mut());
        }
    }

    /// How many have something now: the first of `events` tell which. Does not wait.
    pub(super) fn ready(&self, events: &mut [libc::epoll_event]) -> usize {
        // SAFETY: the system writes at most so many events.
        let count = unsafe {
            libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), events.len() as c_int, 0)
        };
        usize::try_from(count).unwrap_or(0)
    }
}

/// The `data` of a handle that is being called.
///
/// # Safety
/// The handle must be one that `start` was called with.
pub(super) unsafe fn data_of(handle: *const c_void) -> *mut c_void {
    // SAFETY: as the caller promises; it is the handle's first word.
    unsafe { handle.cast::<*mut c_void>().read() }
}

/// What a socket had.
pub(super) enum Heard {
    Bytes(usize),
    Nothing,
    /// Its end, or an error.
    Over,
}

/// Reads without waiting. Of what is no socket any more, nothing is read.
pub(super) fn hear(descriptor: c_int, into: &mut [u8]) -> Heard {
    loop {
        // SAFETY: the system writes at most so many bytes.
        let count =
            unsafe { libc::recv(descriptor, into.as_mut_ptr().cast(), into.len(), libc::MSG_DONTWAIT) };
        return match usize::try_from(count) {
            Ok(0) => Heard::Over,
            Ok(count) => Heard::Bytes(count),
            Err(_) => match io::Error::last_os_error().kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock => Heard::Nothing,
                _ => Heard::Over,
            },
        };
    }
}
