//! What a call leaves behind beside its replies, and how the host fetches it: the bits of `Note`, pushes for other sessions,
//! keyspace events, traces of CLIENT TRACKING, replies that did not fit.
//!
//! Its one idea: a call returns one number, and what is rare is fetched by calls of its own (decision 0001).

use crate::{NativeStore, traces};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use redtwin_keyspace::session::Stop;

/// Bits of `Note` in engine.ts.
const NOTE_PUSHES: u32 = 1;
pub(crate) const NOTE_FEED_GREW: u32 = 2;
const NOTE_OVERFLOW: u32 = 4;
const NOTE_EVENTS: u32 = 8;
const NOTE_DENIALS: u32 = 16;
const NOTE_LOGS: u32 = 32;
const NOTE_TRACES: u32 = 64;
const NOTE_FLUSHED_ALL: u32 = 128;

/// Output for a session that did not ask.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Push {
    pub session: u32,
    pub bytes: Buffer,
}

/// See `takeEvents` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct KeyEvent {
    pub db: u32,
    pub event: String,
    pub key: Buffer,
    pub flags: String,
}

impl NativeStore {
    /// What a call returns: its stop, its notes and how many bytes it wrote, in one number.
    pub(crate) fn outcome(&mut self, stop: Stop, output: &mut [u8]) -> f64 {
        let notes = self.notes_at(stop);
        self.packed(stop, notes, output)
    }

    /// The notes that go with a stop.
    pub(crate) fn notes_at(&mut self, stop: Stop) -> u32 {
        // In the middle of a command: they are told with the rest.
        if stop == Stop::Asks { 0 } else { self.notes() }
    }

    /// `outcome`, of notes that were taken before.
    pub(crate) fn packed(&mut self, stop: Stop, notes: u32, output: &mut [u8]) -> f64 {
        if stop == Stop::Asks {
            // What is written so far is told with the rest.
            return f64::from(stop as u32);
        }
        let reply = self.store.reply.bytes();
        let fits = reply.len().min(output.len());
        let (now, later) = reply.split_at(fits);
        if let Some(place) = output.get_mut(..fits) {
            place.copy_from_slice(now);
        }
        let overflow = if later.is_empty() {
            0
        } else {
            self.overflow = later.to_vec();
            NOTE_OVERFLOW
        };
        let notes = notes | overflow;
        self.store.reply.clear();
        f64::from(stop as u32) + f64::from(notes) * 16.0 + fits as f64 * 4096.0
    }

    /// How many bytes a call wrote, of what it returned.
    pub(crate) fn written(outcome: f64) -> usize {
        (outcome / 4096.0) as usize
    }

    /// The bits of what waits to be fetched.
    pub(crate) fn notes(&mut self) -> u32 {
        let mut notes = 0;
        if !self.store.pushes.is_empty() {
            notes |= NOTE_PUSHES;
        }
        if self.store.take_feed_grew() {
            notes |= NOTE_FEED_GREW;
        }
        if !self.store.keys.events.is_empty() {
            notes |= NOTE_EVENTS;
        }
        if !self.store.keys.acl.denials.is_empty() {
            notes |= NOTE_DENIALS;
        }
        if !self.store.keys.traces.list.is_empty() {
            notes |= NOTE_TRACES;
        }
        if self.store.keys.scripts.has_logs() || !self.store.keys.logs.is_empty() {
            notes |= NOTE_LOGS;
        }
        if std::mem::take(&mut self.store.keys.flushed_all) {
            notes |= NOTE_FLUSHED_ALL;
        }
        notes
    }
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
    #[napi(catch_unwind)]
    pub fn take_overflow(&mut self) -> Buffer {
        Buffer::from(std::mem::take(&mut self.overflow))
    }

    #[napi(catch_unwind)]
    pub fn take_pushes(&mut self) -> Vec<Push> {
        std::mem::take(&mut self.store.pushes)
            .into_iter()
            .map(|(session, bytes)| Push { session, bytes: Buffer::from(bytes) })
            .collect()
    }

    #[napi(catch_unwind)]
    pub fn take_events(&mut self) -> Vec<KeyEvent> {
        std::mem::take(&mut self.store.keys.events)
            .into_iter()
            .map(|event| KeyEvent {
                db: event.db as u32,
                event: event.event.to_string(),
                key: Buffer::from(event.key),
                flags: char::from(event.class).to_string(),
            })
            .collect()
    }

    #[napi(catch_unwind)]
    pub fn trace(&mut self, on: bool) {
        self.store.keys.traces.wanted = on;
    }

    #[napi(catch_unwind)]
    pub fn take_traces(&mut self) -> Vec<traces::Trace> {
        std::mem::take(&mut self.store.keys.traces.list).into_iter().map(traces::trace).collect()
    }
}
