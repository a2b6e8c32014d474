//! Turns of the event loop that the engine runs by itself: it reads the sockets of plain clients, runs what they sent and answers
//! them, and JavaScript only hears of what is out of the ordinary.
//!
//! ```text
//!   libuv --> who has something? --> read up to 32 KB --> run each chunk --> send all replies --> again, or back to libuv
//!                                                            |
//!            handler in JavaScript <-- [ what | place | length | ms ]    not plain: observed, a host command, notes,
//!                                                                        the end of a connection, a full socket
//! ```
//!
//! Its one idea: with short pipelines a request costs Node's way through stream, callback and write as much as its command
//! costs. Order is kept by three rules: replies that wait are sent before JavaScript is entered; a socket is read once between
//! two looks at who has something; and once JavaScript was entered Node's loop goes on first, which sends what that left.
//! Accepting and closing are Node's, and reading is its again once a connection is handed back (`ended`, or `remove`).

#[cfg(target_os = "linux")]
#[path = "turns/sockets.rs"]
mod sockets;

#[cfg(target_os = "linux")]
mod running {
    use super::sockets::{Heard, Sockets, data_of, hear};
    use crate::output::NOTE_FEED_GREW;
    use crate::{NativeStore, clock, send};
    use napi::JsValue;
    use napi::bindgen_prelude::{
        Buffer, Env, Error, Float64Array, Function, Reference, Result, Uint8Array, Uint8ArraySlice,
    };
    use napi::sys;
    use napi_derive::napi;
    use redtwin_keyspace::session::Stop;
    use std::cell::{Cell, RefCell};
    use std::ffi::{c_int, c_void};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::ptr::{null, null_mut};
    use std::rc::Rc;
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
    const NUMBERS: usize = 10;
    const BYTES_IN: usize = 4;
    const READS: usize = 5;
    const BYTES_OUT: usize = 6;
    const WRITES: usize = 7;
    /// Not zero: JavaScript wants to run every chunk.
    const OBSERVED: usize = 8;
    /// Not zero: JavaScript has replies that wait for the end of its turn.
    const WAITING: usize = 9;

    /// Sockets that are read in one go; those beyond come next.
    const EVENTS_MAX: usize = 64;
    /// So often who has something is looked at before the event loop goes on.
    const ROUNDS_MAX: usize = 16;
    /// Read from one socket at most.
    const CHUNK_BYTES_MAX: usize = 64 << 10;
    /// Once so much has been read it is run: memory that is used again at once stays near.
    const READ_BYTES_MAX: usize = 32 << 10;
    /// Replies do not wait beyond this, and one of this size is sent from where it lies.
    const WAITING_BYTES_MAX: usize = 32 << 10;
    /// A chunk of so many bytes is taken for several commands.
    const PIPELINE_BYTES_MIN: usize = 256;
    /// A chunk that took longer is told of, in nanoseconds.
    const SLOW_NS: u64 = 500_000;

    /// One socket that is read here.
    #[derive(Clone, Copy)]
    struct Place {
        /// Changes when the place is given up, so that an event of before is known for one.
        age: u32,
        session: u32,
        /// -1: the place is free.
        descriptor: c_int,
        is_watched: bool,
        /// JavaScript need not see what it sends.
        is_plain: bool,
        /// When something came last, Unix ms; 0 before that.
        seen_ms: i64,
        /// Where the feed ended behind its last write here; 0 before that.
        written_offset: u64,
    }

    /// Bytes that were read and not run yet.
    #[derive(Clone, Copy)]
    struct Chunk {
        place: u32,
        age: u32,
        from: usize,
        until: usize,
    }

    /// What a turn works with. No borrow of it is held while JavaScript runs, which may call every method.
    struct Inner {
        env: sys::napi_env,
        handler: sys::napi_ref,
        store: RefCell<Reference<NativeStore>>,
        numbers: RefCell<Float64Array>,
        input: RefCell<Uint8Array>,
        sockets: Sockets,
        places: RefCell<Vec<Place>>,
        free: RefCell<Vec<u32>>,
        /// Of the chunk that OUTCOME tells of.
        outcome: Cell<(Stop, u32)>,
        /// What UNSENT tells of.
        unsent: RefCell<Vec<u8>>,
        /// Memory of turns; gone from here while one runs.
        desk: Cell<Option<Box<Desk>>>,
    }

    /// Memory that is used again with each turn.
    struct Desk {
        events: Vec<libc::epoll_event>,
        read: Vec<u8>,
        chunks: Vec<Chunk>,
        replies: Vec<u8>,
        /// Whose replies they are: place, age, from, until.
        sends: Vec<Chunk>,
        over: Vec<(u32, u32)>,
    }

    /// See `Turns` in engine.ts.
    #[napi]
    pub struct NativeTurns {
        inner: Rc<Inner>,
    }

    #[napi]
    #[allow(missing_docs, reason = "documented in engine.ts")]
    impl NativeStore {
        #[napi]
        pub fn open_turns(
            &self,
            env: Env,
            store: Reference<NativeStore>,
            numbers: Float64Array,
            input: Uint8Array,
            handler: Function<'_, (), ()>,
        ) -> Result<Option<NativeTurns>> {
            if numbers.len() != NUMBERS || input.len() < CHUNK_BYTES_MAX {
                return Err(Error::from_reason(format!("turns need {NUMBERS} numbers and room for a chunk")));
            }
            let Some(sockets) = Sockets::open(env.raw()) else { return Ok(None) };
            let mut reference = null_mut();
            // SAFETY: the function is the caller's, and a value of this environment.
            let status = unsafe { sys::napi_create_reference(env.raw(), handler.raw(), 1, &mut reference) };
            if status != sys::Status::napi_ok {
                sockets.close();
                return Err(Error::from_reason("the handler of turns cannot be kept"));
            }
            let desk = Desk {
                events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX],
                read: vec![0; READ_BYTES_MAX + CHUNK_BYTES_MAX],
                chunks: Vec::new(),
                replies: Vec::new(),
                sends: Vec::new(),
                over: Vec::new(),
            };
            let inner = Rc::new(Inner {
                env: env.raw(),
                handler: reference,
                store: RefCell::new(store),
                numbers: RefCell::new(numbers),
                input: RefCell::new(input),
                sockets,
                places: RefCell::default(),
                free: RefCell::default(),
                outcome: Cell::new((Stop::Drained, 0)),
                unsent: RefCell::default(),
                desk: Cell::new(Some(Box::new(desk))),
            });
            // SAFETY: the handle's own count of the Rc is never given up, so what it points to stays.
            if !unsafe { inner.sockets.start(Rc::into_raw(Rc::clone(&inner)).cast_mut().cast(), on_readable) }
            {
                inner.sockets.close();
                return Ok(None);
            }
            Ok(Some(NativeTurns { inner }))
        }
    }

    #[napi]
    #[allow(missing_docs, reason = "documented in engine.ts")]
    impl NativeTurns {
        #[napi]
        pub fn add(&self, session: u32, descriptor: i32) -> i32 {
            let mut places = self.inner.places.borrow_mut();
            let free = self.inner.free.borrow_mut().pop();
            let index = free.unwrap_or(places.len() as u32);
            if free.is_none() {
                places.push(Place {
                    age: 0,
                    session: 0,
                    descriptor: -1,
                    is_watched: false,
                    is_plain: true,
                    seen_ms: 0,
                    written_offset: 0,
                });
            }
            let Some(place) = places.get_mut(index as usize) else { return -1 };
            if !self.inner.sockets.is_open() || !self.inner.sockets.watch(descriptor, label(index, place.age))
            {
                self.inner.free.borrow_mut().push(index);
                return -1;
            }
            (place.session, place.descriptor, place.is_watched, place.is_plain) =
                (session, descriptor, true, true);
            (place.seen_ms, place.written_offset) = (0, 0);
            index as i32
        }

        #[napi]
        pub fn remove(&self, place: u32) {
            let mut places = self.inner.places.borrow_mut();
            if let Some(held) = places.get_mut(place as usize).filter(|held| held.descriptor >= 0) {
                held.age = held.age.wrapping_add(1);
                held.descriptor = -1;
                held.is_watched = false;
                self.inner.free.borrow_mut().push(place);
            }
        }

        #[napi]
        pub fn watch(&self, place: u32, on: bool) {
            let mut places = self.inner.places.borrow_mut();
            if let Some(held) = places.get_mut(place as usize).filter(|held| held.descriptor >= 0)
                && held.is_watched != on
            {
                held.is_watched = on;
                if on {
                    self.inner.sockets.watch(held.descriptor, label(place, held.age));
                } else {
                    self.inner.sockets.unwatch(held.descriptor);
                }
            }
        }

        #[napi]
        pub fn plain(&self, place: u32, on: bool) {
            if let Some(held) = self.inner.places.borrow_mut().get_mut(place as usize) {
                held.is_plain = on;
            }
        }

        #[napi]
        pub fn seen_ms(&self, place: u32) -> f64 {
            self.inner.places.borrow().get(place as usize).map_or(0.0, |held| held.seen_ms as f64)
        }

        #[napi]
        pub fn written_offset(&self, place: u32) -> f64 {
            self.inner.places.borrow().get(place as usize).map_or(0.0, |held| held.written_offset as f64)
        }

        #[napi]
        pub fn collect(&self, mut output: Uint8ArraySlice<'_>) -> f64 {
            let (stop, notes) = self.inner.outcome.get();
            let mut store = self.inner.store.borrow_mut();
            // SAFETY: the caller lends `output` for this call and reads it only afterwards (engine.ts).
            store.packed(stop, notes, unsafe { output.as_mut() })
        }

        #[napi]
        pub fn take_unsent(&self) -> Buffer {
            Buffer::from(self.inner.unsent.take())
        }

        #[napi]
        pub fn close(&self) {
            self.inner.sockets.close();
        }
    }

    /// What an event of this place is called by.
    fn label(index: u32, age: u32) -> u64 {
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
    unsafe extern "C" fn on_readable(handle: *mut c_void, _status: c_int, _events: c_int) {
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
            self.desk.set(Some(desk));
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
            let (mut is_quiet, mut has_grown) = (true, false);
            if chunks.len() > 1 {
                let chunk = |&Chunk { place, from, until, .. }: &Chunk| {
                    // Pipelines look ahead by themselves.
                    let short =
                        desk.read.get(from..until).filter(|bytes| bytes.len() < PIPELINE_BYTES_MIN)?;
                    Some((self.places.borrow().get(place as usize)?.session, short))
                };
                self.store.borrow().store.expect(chunks.iter().filter_map(chunk));
            }
            let mut began_ns = clock::monotonic_ns();
            for &Chunk { place: index, age, from, until } in &chunks {
                let Some(place) = self.place(index, age) else { continue };
                self.places.borrow_mut()[index as usize].seen_ms = now_ms;
                let Some(bytes) = desk.read.get(from..until) else { continue };
                if !place.is_plain || !place.is_watched || self.number(OBSERVED) != 0.0 {
                    self.lend(bytes);
                    is_quiet = false;
                    self.send(desk);
                    self.tell(CHUNK, index, until - from, 0);
                    began_ns = clock::monotonic_ns();
                    continue;
                }
                self.add_to(BYTES_IN, until - from);
                self.add_to(READS, 1);
                let mut store = self.store.borrow_mut();
                let stop = store.store.execute(place.session, bytes, now_ms);
                let notes = store.notes_at(stop);
                let ended_ns = clock::monotonic_ns();
                let took_ns = ended_ns.saturating_sub(began_ns);
                began_ns = ended_ns;
                let is_plain = stop == Stop::Drained && notes & !NOTE_FEED_GREW == 0;
                if is_plain && notes != 0 {
                    self.places.borrow_mut()[index as usize].written_offset = store.store.feed.end();
                    has_grown = true;
                }
                if is_plain {
                    let reply = store.store.reply.bytes();
                    let begun = desk.replies.len();
                    let is_large = reply.len() >= WAITING_BYTES_MAX;
                    if is_large {
                        // What waits goes first; this one is sent from where it lies.
                        drop(store);
                        is_quiet &= self.send(desk);
                        let mut store = self.store.borrow_mut();
                        let unsent = self.send_one(place.descriptor, store.store.reply.bytes());
                        store.store.reply.clear();
                        drop(store);
                        if let Some(unsent) = unsent {
                            self.tell_unsent(index, unsent);
                            is_quiet = false;
                        }
                    } else if !reply.is_empty() {
                        desk.replies.extend_from_slice(reply);
                        store.store.reply.clear();
                        drop(store);
                        let until = desk.replies.len();
                        desk.sends.push(Chunk { place: index, age, from: begun, until });
                        if until > WAITING_BYTES_MAX {
                            is_quiet &= self.send(desk);
                        }
                    }
                } else {
                    drop(store);
                    if let Some(bytes) = desk.read.get(from..until) {
                        self.lend(bytes);
                    }
                    is_quiet = false;
                    // Its reply lies in the store until it is collected.
                    self.send(desk);
                    self.outcome.set((stop, notes));
                    self.tell(OUTCOME, index, until - from, 0);
                }
                if took_ns > SLOW_NS {
                    if let Some(bytes) = desk.read.get(from..until) {
                        self.lend(bytes);
                    }
                    is_quiet = false;
                    self.send(desk);
                    self.tell(SLOW, index, until - from, took_ns);
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

        /// Calls JavaScript, and has it finish what that made it promise itself.
        fn tell(&self, what: f64, place: u32, length: usize, took_ns: u64) {
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
                sys::napi_get_reference_value(self.env, self.handler, &mut handler);
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
}
