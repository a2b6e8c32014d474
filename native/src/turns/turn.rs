//! One turn: who has something is read, run and answered; the rules of order of turns.rs are kept here.
//!
//! ```text
//!   events --> chunks in one buffer --> replies in another --> one send for each client
//!                  '-- told to JavaScript, after what waits was sent
//! ```
//!
//! JavaScript may call every method of the door while it is told something, so no borrow is held there; places have an age, by
//! which an event of a client that has gone meanwhile is known.

use super::sockets::{Heard, Sockets, data_of, hear};
use crate::output::NOTE_FEED_GREW;
use crate::{NativeStore, clock, send};
use napi::bindgen_prelude::{Float64Array, Reference, Uint8Array};
use napi::sys;
use redtwin_keyspace::session::Stop;
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};
use std::time::{SystemTime, UNIX_EPOCH};

/// What is told, in the numbers' first place (src/engine/native-turns.ts).
const CHUNK: f64 = 1.0;
const OUTCOME: f64 = 2.0;
const ENDED: f64 = 3.0;
const UNSENT: f64 = 4.0;
const SLOW: f64 = 5.0;
const FLUSH: f64 = 6.0;
const PANIC: f64 = 7.0;
const FEED_GREW: f64 = 8.0;

/// Places of the numbers.
pub(super) const NUMBERS: usize = 10;
const BYTES_IN: usize = 4;
const READS: usize = 5;
const BYTES_OUT: usize = 6;
const WRITES: usize = 7;
/// Not zero: JavaScript wants to run every chunk.
const OBSERVED: usize = 8;
/// Not zero: JavaScript has replies that wait for the end of its turn.
const WAITING: usize = 9;

/// Sockets that are read in one go; those beyond come next.
pub(super) const EVENTS_MAX: usize = 64;
/// So often who has something is looked at before the event loop goes on.
const ROUNDS_MAX: usize = 16;
/// Read from one socket at most.
pub(super) const CHUNK_BYTES_MAX: usize = 64 << 10;
/// Once so much has been read it is run: memory that is used again at once stays near.
pub(super) const READ_BYTES_MAX: usize = 32 << 10;
/// Replies do not wait beyond this, and one of this size is sent from where it lies.
const WAITING_BYTES_MAX: usize = 32 << 10;
/// A chunk of so many bytes is taken for several commands.
const PIPELINE_BYTES_MIN: usize = 256;
/// A chunk that took longer is told of, in nanoseconds.
const SLOW_NS: u64 = 500_000;

/// One socket that is read here.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Changes when the place is given up, so that an event of before is known for one.
    pub(super) age: u32,
    pub(super) session: u32,
    /// -1: the place is free.
    pub(super) descriptor: c_int,
    pub(super) is_watched: bool,
    /// JavaScript need not see what it sends.
    pub(super) is_plain: bool,
    /// When something came last, Unix ms; 0 before that.
    pub(super) seen_ms: i64,
    /// Where the feed ended behind its last write here; 0 before that.
    pub(super) written_offset: u64,
}

/// Bytes that were read and not run yet.
#[derive(Clone, Copy)]
pub(super) struct Chunk {
    place: u32,
    age: u32,
    from: usize,
    until: usize,
}

/// What a turn works with. No borrow of it is held while JavaScript runs, which may call every method.
pub(super) struct Inner {
    pub(super) env: sys::napi_env,
    /// Null when it is given up.
    pub(super) handler: Cell<sys::napi_ref>,
    pub(super) store: RefCell<Reference<NativeStore>>,
    pub(super) numbers: RefCell<Float64Array>,
    pub(super) input: RefCell<Uint8Array>,
    pub(super) sockets: Sockets,
    pub(super) places: RefCell<Vec<Place>>,
    pub(super) free: RefCell<Vec<u32>>,
    /// Of the chunk that OUTCOME tells of.
    pub(super) outcome: Cell<(Stop, u32)>,
    /// What UNSENT tells of.
    pub(super) unsent: RefCell<Vec<u8>>,
    /// Memory of turns; gone from here while one runs.
    pub(super) desk: Cell<Option<Box<Desk>>>,
}

/// Memory that is used again with each turn.
pub(super) struct Desk {
    pub(super) events: Vec<libc::epoll_event>,
    pub(super) read: Vec<u8>,
    pub(super) chunks: Vec<Chunk>,
    pub(super) replies: Vec<u8>,
    /// Whose replies they are: place, age, from, until.
    pub(super) sends: Vec<Chunk>,
    pub(super) over: Vec<(u32, u32)>,
}

/// What an event of this place is called by.
pub(super) fn label(index: u32, age: u32) -> u64 {
    u64::from(age) << 32 | u64::from(index)
}

fn unlabel(label: u64) -> (u32, u32) {
    (label as u32, (label >> 32) as u32)
}

/// Unix ms.
fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Libuv's call.
pub(super) unsafe extern "C" fn on_readable(handle: *mut c_void, _status: c_int, _events: c_int) {
    // SAFETY: the handle was started with a pointer to an Inner that is never freed, and this is its thread.
    let inner = unsafe { &*data_of(handle).cast::<Inner>() };
    if catch_unwind(AssertUnwindSafe(|| inner.turn())).is_err() {
        inner.tell(PANIC, 0, 0, 0);
    }
}

impl Inner {
    fn turn(&self) {
        // A turn within a turn there is not: JavaScript does not run the event loop.
        let Some(mut desk) = self.desk.take() else { return };
        if self.number(WAITING) != 0.0 {
            self.tell(FLUSH, 0, 0, 0);
        }
        for _ in 0..ROUNDS_MAX {
            if !self.sockets.is_open() || !self.round(&mut desk) {
                break;
            }
        }
        if self.sockets.is_open() {
            self.desk.set(Some(desk));
        }
    }

    /// Reads, runs and answers those who have something. False when the event loop should go on: there was nobody, or
    /// JavaScript was entered.
    fn round(&self, desk: &mut Desk) -> bool {
        let ready = self.sockets.ready(&mut desk.events);
        if ready == 0 {
            return false;
        }
        let mut is_quiet = true;
        let mut filled = 0;
        let now_ms = now_ms();
        for at in 0..ready {
            let Some(&event) = desk.events.get(at) else { break };
            let (index, age) = unlabel(event.u64);
            let Some(place) = self.place(index, age) else { continue };
            let ends = libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLRDHUP;
            if event.events & ends as u32 != 0 {
                desk.over.push((index, age));
                continue;
            }
            if filled > READ_BYTES_MAX {
                is_quiet &= self.run(desk, now_ms);
                filled = 0;
            }
            let Some(room) = desk.read.get_mut(filled..filled + CHUNK_BYTES_MAX) else { break };
            match hear(place.descriptor, room) {
                Heard::Bytes(bytes) => {
                    desk.chunks.push(Chunk { place: index, age, from: filled, until: filled + bytes });
                    filled += bytes;
                    if bytes == CHUNK_BYTES_MAX {
                        self.sockets.watch_on(place.descriptor, event.u64);
                    }
                }
                Heard::Nothing => {}
                Heard::Over => desk.over.push((index, age)),
            }
        }
        is_quiet &= self.run(desk, now_ms);
        for (index, age) in std::mem::take(&mut desk.over) {
            if let Some(place) = self.place(index, age) {
                self.sockets.unwatch(place.descriptor);
                self.tell(ENDED, index, 0, 0);
                is_quiet = false;
            }
        }
        is_quiet
    }

    /// Runs the chunks that were read and sends the replies. False when JavaScript was entered.
    fn run(&self, desk: &mut Desk, now_ms: i64) -> bool {
        let chunks = std::mem::take(&mut desk.chunks);
        self.look_ahead(&chunks, &desk.read);
        let (mut is_quiet, mut has_grown) = (true, false);
        let mut began_ns = clock::monotonic_ns();
        for chunk in &chunks {
            let Some(place) = self.place(chunk.place, chunk.age) else { continue };
            self.change(chunk.place, |place| place.seen_ms = now_ms);
            if !place.is_plain || !place.is_watched || self.number(OBSERVED) != 0.0 {
                self.hand_over(desk, chunk, CHUNK, 0);
                is_quiet = false;
                began_ns = clock::monotonic_ns();
                continue;
            }
            let Some(bytes) = desk.read.get(chunk.from..chunk.until) else { continue };
            self.add_to(BYTES_IN, bytes.len());
            self.add_to(READS, 1);
            let mut store = self.store.borrow_mut();
            let stop = store.store.execute(place.session, bytes, now_ms);
            let notes = store.notes_at(stop);
            let feed_end = store.store.feed.end();
            drop(store);
            let ended_ns = clock::monotonic_ns();
            let took_ns = ended_ns.saturating_sub(began_ns);
            began_ns = ended_ns;
            if stop == Stop::Drained && notes & !NOTE_FEED_GREW == 0 {
                if notes != 0 {
                    self.change(chunk.place, |place| place.written_offset = feed_end);
                    has_grown = true;
                }
                is_quiet &= self.answer(desk, chunk, place.descriptor);
            } else {
                // Its reply lies in the store until it is collected.
                self.outcome.set((stop, notes));
                self.hand_over(desk, chunk, OUTCOME, 0);
                is_quiet = false;
            }
            if took_ns > SLOW_NS {
                self.hand_over(desk, chunk, SLOW, took_ns);
                is_quiet = false;
            }
            if !is_quiet {
                began_ns = clock::monotonic_ns();
            }
        }
        desk.chunks = chunks;
        desk.chunks.clear();
        is_quiet &= self.send(desk);
        if has_grown {
            self.tell(FEED_GREW, 0, 0, 0);
        }
        is_quiet && !has_grown
    }

    /// Has the store ask for the memory of short chunks together; pipelines look ahead by themselves.
    fn look_ahead(&self, chunks: &[Chunk], read: &[u8]) {
        if chunks.len() < 2 {
            return;
        }
        let places = self.places.borrow();
        let short = |chunk: &Chunk| {
            let bytes = read.get(chunk.from..chunk.until).filter(|bytes| bytes.len() < PIPELINE_BYTES_MIN)?;
            Some((places.get(chunk.place as usize)?.session, bytes))
        };
        self.store.borrow().store.expect(chunks.iter().filter_map(short));
    }

    /// Sends the reply that lies in the store, or lets it wait beside those of others. False when JavaScript was entered.
    fn answer(&self, desk: &mut Desk, chunk: &Chunk, descriptor: c_int) -> bool {
        let reply_bytes = self.store.borrow().store.reply.bytes().len();
        if reply_bytes == 0 {
            return true;
        }
        // Who asks one thing at a time is answered at once: its next question comes while the others are served.
        let is_alone = chunk.until - chunk.from < PIPELINE_BYTES_MIN && desk.sends.is_empty();
        if is_alone || reply_bytes >= WAITING_BYTES_MAX {
            // What waits goes first; this one is sent from where it lies.
            let is_quiet = self.send(desk);
            let mut store = self.store.borrow_mut();
            let unsent = self.send_one(descriptor, store.store.reply.bytes());
            store.store.reply.clear();
            drop(store);
            let Some(unsent) = unsent else { return is_quiet };
            self.tell_unsent(chunk.place, unsent);
            return false;
        }
        let from = desk.replies.len();
        let reply = &mut self.store.borrow_mut().store.reply;
        desk.replies.extend_from_slice(reply.bytes());
        reply.clear();
        let until = desk.replies.len();
        desk.sends.push(Chunk { from, until, ..*chunk });
        until <= WAITING_BYTES_MAX || self.send(desk)
    }

    /// Tells JavaScript of a chunk and shows it, once what waits was sent.
    fn hand_over(&self, desk: &mut Desk, chunk: &Chunk, what: f64, took_ns: u64) {
        self.send(desk);
        if let Some(bytes) = desk.read.get(chunk.from..chunk.until) {
            self.lend(bytes);
        }
        self.tell(what, chunk.place, chunk.until - chunk.from, took_ns);
    }

    /// Sends what waits. False when JavaScript was entered: some socket did not take all.
    fn send(&self, desk: &mut Desk) -> bool {
        let mut unsent: Vec<(u32, Vec<u8>)> = Vec::new();
        for &Chunk { place: index, age, from, until } in &desk.sends {
            if let Some(place) = self.place(index, age)
                && let Some(bytes) = desk.replies.get(from..until)
                && let Some(rest) = self.send_one(place.descriptor, bytes)
            {
                unsent.push((index, rest));
            }
        }
        desk.sends.clear();
        desk.replies.clear();
        let is_quiet = unsent.is_empty();
        unsent.into_iter().for_each(|(index, rest)| self.tell_unsent(index, rest));
        is_quiet
    }

    /// Sends bytes; what the system did not take.
    fn send_one(&self, descriptor: c_int, bytes: &[u8]) -> Option<Vec<u8>> {
        let sent = send::send(descriptor, bytes) as usize;
        self.add_to(BYTES_OUT, bytes.len());
        self.add_to(WRITES, 1);
        bytes.get(sent..).filter(|rest| !rest.is_empty()).map(<[u8]>::to_vec)
    }

    fn tell_unsent(&self, index: u32, rest: Vec<u8>) {
        self.unsent.replace(rest);
        self.tell(UNSENT, index, 0, 0);
    }

    /// A place that is taken, and by the one whom an event was about.
    fn place(&self, index: u32, age: u32) -> Option<Place> {
        if !self.sockets.is_open() {
            return None;
        }
        let places = self.places.borrow();
        places.get(index as usize).filter(|place| place.age == age && place.descriptor >= 0).copied()
    }

    fn change(&self, index: u32, change: impl FnOnce(&mut Place)) {
        self.places.borrow_mut().get_mut(index as usize).map(change);
    }

    fn number(&self, at: usize) -> f64 {
        self.numbers.borrow().get(at).copied().unwrap_or(0.0)
    }

    fn add_to(&self, at: usize, more: usize) {
        let mut numbers = self.numbers.borrow_mut();
        // SAFETY: the host lends the numbers, and JavaScript does not run now.
        if let Some(number) = unsafe { numbers.as_mut() }.get_mut(at) {
            *number += more as f64;
        }
    }

    /// Puts a chunk where JavaScript looks for it.
    fn lend(&self, bytes: &[u8]) {
        let mut input = self.input.borrow_mut();
        // SAFETY: as in `add_to`.
        if let Some(place) = unsafe { input.as_mut() }.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// Gives up what the host has lent and what is large, for good: nothing is told any more.
    pub(super) fn let_go(&self) {
        self.desk.take();
        let handler = self.handler.replace(null_mut());
        if !handler.is_null() {
            // SAFETY: the reference is of this environment, which is the caller's, and deleted this once.
            unsafe { sys::napi_delete_reference(self.env, handler) };
        }
    }

    /// Calls JavaScript, and has it finish what that made it promise itself.
    fn tell(&self, what: f64, place: u32, length: usize, took_ns: u64) {
        if self.handler.get().is_null() {
            return;
        }
        let mut numbers = self.numbers.borrow_mut();
        // SAFETY: as in `add_to`.
        if let [what_at, place_at, length_at, ms_at, ..] = unsafe { numbers.as_mut() } {
            *what_at = what;
            *place_at = f64::from(place);
            *length_at = length as f64;
            *ms_at = took_ns as f64 / 1e6;
        }
        drop(numbers);
        // SAFETY: this is the environment's thread, called by its event loop; values live until their scope is closed.
        unsafe {
            let mut scope = null_mut();
            if sys::napi_open_handle_scope(self.env, &mut scope) != sys::Status::napi_ok {
                return;
            }
            let (mut handler, mut global, mut result) = (null_mut(), null_mut(), null_mut());
            sys::napi_get_reference_value(self.env, self.handler.get(), &mut handler);
            sys::napi_get_global(self.env, &mut global);
            let status =
                sys::napi_make_callback(self.env, null_mut(), global, handler, 0, null(), &mut result);
            if status == sys::Status::napi_pending_exception {
                let mut error = null_mut();
                sys::napi_get_and_clear_last_exception(self.env, &mut error);
                sys::napi_fatal_exception(self.env, error);
            }
            sys::napi_close_handle_scope(self.env, scope);
        }
    }
}
