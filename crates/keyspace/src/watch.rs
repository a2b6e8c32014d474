//! WATCH: who wants to know when a key changes. A touched key marks its watchers; EXEC then refuses.
//!
//! A key that had expired already when it was watched is as good as absent: that it is deleted at last changes nothing
//! for its watcher, and only from then on does it count as absent (Redis 7.0).
//!
//! ```text
//!   absent --set--> touched      present --changed, gone, expired by EXEC--> touched      stale --deleted--> absent
//! ```

use std::collections::HashMap;

/// A session's number.
pub type SessionId = u32;

/// What a database has under a key, for those who may not see expired keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// No such key.
    Absent,
    /// A key that has expired and is not deleted yet.
    Stale,
    /// A key.
    Present,
}

#[derive(Debug)]
struct Watcher {
    session: SessionId,
    /// The key is there and had expired before it could be seen.
    stale: bool,
}

/// Watched keys, and the sessions whose keys were touched and not yet marked.
#[derive(Debug, Default)]
pub struct Watched {
    keys: HashMap<(usize, Vec<u8>), Vec<Watcher>>,
    touched: Vec<SessionId>,
}

impl Watched {
    /// Nobody watches anything.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A session watches a key that is `stale` at this moment, or not. Twice is once.
    pub fn add(&mut self, db: usize, key: &[u8], session: SessionId, stale: bool) {
        let watchers = self.keys.entry((db, key.to_vec())).or_default();
        if !watchers.iter().any(|watcher| watcher.session == session) {
            watchers.push(Watcher { session, stale });
        }
    }

    /// Does this session watch the key as one that had expired before?
    pub fn is_stale(&self, db: usize, key: &[u8], session: SessionId) -> bool {
        let watchers = self.keys.get(&(db, key.to_vec()));
        watchers.is_some_and(|watchers| watchers.iter().any(|it| it.session == session && it.stale))
    }

    /// A session no longer watches a key. It gives up all of its keys at once, so a mark that waits for it goes too.
    pub fn remove(&mut self, db: usize, key: &[u8], session: SessionId) {
        self.touched.retain(|&touched| touched != session);
        let place = (db, key.to_vec());
        if let Some(watchers) = self.keys.get_mut(&place) {
            watchers.retain(|watcher| watcher.session != session);
            if watchers.is_empty() {
                self.keys.remove(&place);
            }
        }
    }

    /// A session gave up all its keys: what touched them before no longer counts.
    pub fn forgive(&mut self, session: SessionId) {
        self.touched.retain(|&touched| touched != session);
    }

    /// A key has changed; `exists` says whether it is there now, in whatever state.
    pub fn touch(&mut self, db: usize, key: &[u8], exists: bool) {
        let Some(watchers) = self.keys.get_mut(&(db, key.to_vec())) else { return };
        for watcher in watchers {
            if watcher.stale && !exists {
                watcher.stale = false;
            } else {
                self.touched.push(watcher.session);
            }
        }
    }

    /// Whole databases were emptied or replaced (FLUSHALL, SWAPDB, a load): `change` gives what each had under a key
    /// and has now, or `None` for a database that stays as it is.
    pub fn touch_all(&mut self, mut change: impl FnMut(usize, &[u8]) -> Option<(Presence, Presence)>) {
        for ((db, key), watchers) in &mut self.keys {
            let Some((before, after)) = change(*db, key) else { continue };
            if before == Presence::Absent && after == Presence::Absent {
                continue;
            }
            for watcher in watchers {
                let stays_away = if watcher.stale {
                    after != Presence::Present
                } else {
                    before == Presence::Absent && after == Presence::Stale
                };
                if stays_away {
                    watcher.stale = after == Presence::Stale;
                } else {
                    self.touched.push(watcher.session);
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_may_go_but_not_come_back() {
        let mut watched = Watched::default();
        watched.add(0, b"k", 1, true);
        watched.touch(0, b"k", false);
        assert!(!watched.has_touched());
        watched.touch(0, b"k", true);
        assert_eq!(watched.take_touched(), [1]);
    }

    #[test]
    fn a_database_that_is_replaced_touches_what_can_be_seen() {
        use Presence::*;
        for (stale, before, after, touched) in [
            (false, Absent, Absent, false),
            (false, Absent, Stale, false),
            (false, Absent, Present, true),
            (false, Present, Absent, true),
            (false, Stale, Absent, true),
            (true, Stale, Absent, false),
            (true, Stale, Stale, false),
            (true, Stale, Present, true),
        ] {
            let mut watched = Watched::default();
            watched.add(3, b"k", 7, stale);
            watched.touch_all(|db, _| (db == 3).then_some((before, after)));
            assert_eq!(watched.has_touched(), touched, "{stale} {before:?} {after:?}");
        }
    }
}
