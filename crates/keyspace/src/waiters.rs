//! Sessions that wait for keys (BLPOP and its kin), first come first served per key.
//!
//! A command that waits is simply tried again when one of its keys has changed: there is one code path for
//! "data was there" and "data came".

use crate::generated::commands::CommandId;
use crate::keyspace::Keyspace;
use crate::session::{Session, SessionId, Waiting};
use std::collections::{HashMap, VecDeque};

/// One who waits for a key.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    session: SessionId,
    /// It wants to know too when the key is gone (XREADGROUP, which then ends with an error).
    even_when_gone: bool,
}

/// Who waits for what, and who may be tried again.
#[derive(Debug, Default)]
pub struct Waiters {
    keys: HashMap<(usize, Vec<u8>), VecDeque<Waiter>>,
    ready: VecDeque<SessionId>,
}

impl Waiters {
    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A session begins to wait.
    pub fn add(&mut self, session: SessionId, waiting: &Waiting) {
        let even_when_gone = waiting.spec.id == CommandId::Xreadgroup;
        for key in &waiting.keys {
            let queue = self.keys.entry((waiting.db, key.clone())).or_default();
            if !queue.iter().any(|waiter| waiter.session == session) {
                queue.push_back(Waiter { session, even_when_gone });
            }
        }
    }

    /// A session no longer waits.
    pub fn remove(&mut self, session: &Session) {
        if let Some(waiting) = &session.waiting {
            self.remove_keys(session.id, waiting);
        }
    }

    /// A session no longer waits for these keys.
    pub fn remove_keys(&mut self, session: SessionId, waiting: &Waiting) {
        for key in &waiting.keys {
            let place = (waiting.db, key.clone());
            if let Some(queue) = self.keys.get_mut(&place) {
                queue.retain(|waiter| waiter.session != session);
                if queue.is_empty() {
                    self.keys.remove(&place);
                }
            }
        }
    }

    /// A unit has changed something: those whose key now exists (or is gone, where that matters) may be tried again.
    pub fn note_changes(&mut self, keys: &mut Keyspace) {
        let mut changed = std::mem::take(&mut keys.changed.keys);
        if std::mem::take(&mut keys.changed.all) {
            changed.extend(self.keys.keys().cloned());
        }
        for place in changed {
            let Some(queue) = self.keys.get(&place) else { continue };
            let table = &keys.dbs[place.0].table;
            let exists = table.get(table.hash(&place.1), &place.1).is_some();
            for waiter in queue.iter().filter(|waiter| exists || waiter.even_when_gone) {
                if !self.ready.contains(&waiter.session) {
                    self.ready.push_back(waiter.session);
                }
            }
        }
    }

    /// The next session to try.
    pub fn next_ready(&mut self) -> Option<SessionId> {
        self.ready.pop_front()
    }

    /// All sessions that wait.
    pub fn sessions(&self) -> Vec<SessionId> {
        let mut all: Vec<_> = self.keys.values().flatten().map(|waiter| waiter.session).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
