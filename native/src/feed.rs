//! The feed at the border: offsets as numbers (exact to 2^53), bytes by copy into what the caller lends.
//!
//! What the feed and its backlog are is in crates/backlog.

use crate::NativeStore;
use napi::bindgen_prelude::{Buffer, Uint8ArraySlice};
use napi_derive::napi;

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
    #[napi(catch_unwind)]
    pub fn feed_end(&self) -> f64 {
        self.store.feed.end() as f64
    }

    #[napi(catch_unwind)]
    pub fn feed_start(&self) -> f64 {
        self.store.feed.start() as f64
    }

    #[napi(catch_unwind)]
    pub fn feed_resize(&mut self, backlog_bytes: f64) {
        self.store.feed.resize(backlog_bytes as u64);
    }

    #[napi(catch_unwind)]
    pub fn feed_restart(&mut self, offset: f64) {
        self.store.feed.restart(offset as u64);
        self.store.forget_feed_selection();
    }

    #[napi(catch_unwind)]
    pub fn feed_is_on(&self) -> bool {
        self.store.feed_is_on()
    }

    #[napi(catch_unwind)]
    pub fn feed_turn(&mut self, on: bool) {
        self.store.turn_feed(on);
    }

    #[napi(catch_unwind)]
    pub fn feed_forget_selection(&mut self) {
        self.store.forget_feed_selection();
    }

    #[napi(catch_unwind)]
    pub fn feed_pin(&mut self, offset: Option<f64>) {
        self.store.feed.pin(offset.map(|offset| offset as u64));
    }

    #[napi(catch_unwind)]
    pub fn feed_append(&mut self, bytes: &[u8]) {
        self.store.feed.append(bytes);
    }

    #[napi(catch_unwind)]
    pub fn feed_read(&self, offset: f64, max_bytes: f64) -> Option<Buffer> {
        let mut bytes = Vec::new();
        self.store.feed.read(offset as u64, max_bytes as usize, &mut bytes).then(|| Buffer::from(bytes))
    }

    #[napi(catch_unwind)]
    pub fn feed_read_into(&self, offset: f64, mut into: Uint8ArraySlice<'_>) -> f64 {
        // SAFETY: the caller lends `into` for this call and reads it only afterwards (engine.ts).
        let read = self.store.feed.read_into(offset as u64, unsafe { into.as_mut() });
        read.map_or(-1.0, |bytes| bytes as f64)
    }

    #[napi(catch_unwind)]
    pub fn propagate(&mut self, session: u32, command: Vec<Buffer>) {
        let words: Vec<&[u8]> = command.iter().map(|word| word.as_ref()).collect();
        self.store.propagate(session, &words);
    }
}
