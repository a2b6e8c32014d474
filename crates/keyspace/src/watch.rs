//! WATCH: who wants to know when a key changes. A touched key marks its watchers; EXEC then refuses.

use std::collections::HashMap;

/// A session's number.
pub type SessionId = u32;

/// Watched keys, and the sessions whose keys were touched and not yet marked.
#[derive(Debug, Default)]
pub struct Watched {
    keys: HashMap<(usize, Vec<u8>), Vec<SessionId>>,
    touched: Vec<SessionId>,
}

impl Watched {
    /// Nobody watches anything.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A session watches a key. Twice is once.
    pub fn add(&mut self, db: usize, key: &[u8], session: SessionId) {
        let watchers = self.keys.entry((db, key.to_vec())).or_default();
        if !watchers.contains(&session) {
            watchers.push(session);
        }
    }

    /// A session no longer watches a key. It gives up all of its keys at once, so a mark that waits for it goes too.
    pub fn remove(&mut self, db: usize, key: &[u8], session: SessionId) {
        self.touched.retain(|&touched| touched != session);
        let place = (db, key.to_vec());
        if let Some(watchers) = self.keys.get_mut(&place) {
            watchers.retain(|&watcher| watcher != session);
            if watchers.is_empty() {
                self.keys.remove(&place);
            }
        }
    }

    /// A session gave up all its keys: what touched them before no longer counts.
    pub fn forgive(&mut self, session: SessionId) {
        self.touched.retain(|&touched| touched != session);
    }

    /// A key has changed.
    pub fn touch(&mut self, db: usize, key: &[u8]) {
        if let Some(watchers) = self.keys.get(&(db, key.to_vec())) {
            self.touched.extend_from_slice(watchers);
        }
    }

    /// Every watched key of these databases for which `changed` says so (FLUSHALL, SWAPDB, a load).
    pub fn touch_where(&mut self, mut changed: impl FnMut(usize, &[u8]) -> bool) {
        for ((db, key), watchers) in &self.keys {
            if changed(*db, key) {
                self.touched.extend_from_slice(watchers);
            }
        }
    }

    /// The sessions to mark, since the last call.
    pub fn take_touched(&mut self) -> Vec<SessionId> {
        std::mem::take(&mut self.touched)
    }

    /// Anything to take?
    #[inline]
    pub fn has_touched(&self) -> bool {
        !self.touched.is_empty()
    }
}
