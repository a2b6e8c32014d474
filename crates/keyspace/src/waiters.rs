//! Sessions that wait for keys (BLPOP and its kin), first come first served per key.
//!
//! A command that waits is simply tried again when one of its keys has changed: there is one code path for
//! "data was there" and "data came".

use crate::keyspace::Keyspace;
use crate::session::{Session, SessionId, Waiting};
use std::collections::{HashMap, VecDeque};

/// Who waits for what, and who may be tried again.
#[derive(Debug, Default)]
pub struct Waiters {
    keys: HashMap<(usize, Vec<u8>), VecDeque<SessionId>>,
    ready: VecDeque<SessionId>,
}

impl Waiters {
    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A session begins to wait.
    pub fn add(&mut self, session: SessionId, waiting: &Waiting) {
        for key in &waiting.keys {
            let queue = self.keys.entry((waiting.db, key.clone())).or_default();
            if !queue.contains(&session) {
                queue.push_back(session);
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
                queue.retain(|&id| id != session);
                if queue.is_empty() {
                    self.keys.remove(&place);
                }
            }
        }
    }

    /// A unit has changed something: those whose key now exists may be tried again.
    pub fn note_changes(&mut self, keys: &Keyspace) {
        for ((db, key), queue) in &self.keys {
            let table = &keys.dbs[*db].table;
            if table.get(table.hash(key), key).is_some() {
                for id in queue {
                    if !self.ready.contains(id) {
                        self.ready.push_back(*id);
                    }
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
        let mut all: Vec<_> = self.keys.values().flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
