//! What JavaScript calls of turns: opening and closing them, taking sockets in, collecting what a turn has left.
//!
//! The class is a hold on the turn's inner parts (turn.rs), which libuv's handle holds, too, for as long as the process lives.
//! What each method is for stands at `Turns` in engine.ts.

use super::sockets::Sockets;
use super::turn::{
    CHUNK_BYTES_MAX, Desk, EVENTS_MAX, Inner, NUMBERS, Place, READ_BYTES_MAX, label, on_readable,
};
use crate::NativeStore;
use napi::JsValue;
use napi::bindgen_prelude::{
    Buffer, Env, Error, Float64Array, Function, Reference, Result, Uint8Array, Uint8ArraySlice,
};
use napi::sys;
use napi_derive::napi;
use redtwin_keyspace::session::Stop;
use std::cell::{Cell, RefCell};
use std::ptr::null_mut;
use std::rc::Rc;

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
            handler: Cell::new(reference),
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
        // SAFETY: this count of the Rc is never given up, so what it points to stays where it is.
        if !unsafe { inner.sockets.start(Rc::into_raw(Rc::clone(&inner)).cast_mut().cast(), on_readable) } {
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
        if !self.inner.sockets.is_open() || !self.inner.sockets.watch(descriptor, label(index, place.age)) {
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
        self.inner.let_go();
    }
}
