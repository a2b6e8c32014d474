//! Lazy freeing: large values are taken apart on a thread of their own, so that UNLINK of ten million members costs the
//! one who asks as little as UNLINK of one.
//!
//! One thread for the whole process, started by the first large value; whatever cannot be handed to it is freed at
//! once. A value is large from the effort on at which Redis calls it large (lazyfreeGetFreeEffort, 7.0): below it a
//! hand-over costs more than the work.
//!
//! ```text
//!   UNLINK k --> entry out of the table --effort <= 64--> dropped here
//!                                       --effort >  64--> channel --> redtwin-lazy-free: drop, pending - 1, freed + 1
//! ```

use crate::db::Db;
use crate::entry::{Entry, Value};
use crate::object::Object;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};

/// What is freed with no more effort than this is freed at once.
const EFFORT_MAX: usize = 64;

/// Counts what a keyspace had freed aside.
#[derive(Debug, Default)]
pub struct LazyFree {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    pending: AtomicU64,
    freed: AtomicU64,
}

/// What is to be dropped, and what it counts as. The fields are never read: dropping them is the work.
struct Garbage {
    _entry: Option<Entry>,
    _dbs: Vec<Db>,
    objects: u64,
    counts: Arc<Counts>,
}

/// The way to the thread; None where no thread can be had.
fn queue() -> Option<&'static Sender<Garbage>> {
    static QUEUE: OnceLock<Option<Sender<Garbage>>> = OnceLock::new();
    let start = || {
        let (sender, receiver) = channel();
        let work = move || receiver.into_iter().for_each(free);
        std::thread::Builder::new().name("redtwin-lazy-free".into()).spawn(work).ok().map(|_| sender)
    };
    QUEUE.get_or_init(start).as_ref()
}

fn free(garbage: Garbage) {
    let (objects, counts) = (garbage.objects, Arc::clone(&garbage.counts));
    drop(garbage);
    counts.freed.fetch_add(objects, Relaxed);
    // Release, and Acquire where it is read: who sees nothing pending sees all of it freed.
    counts.pending.fetch_sub(objects, Release);
}

impl LazyFree {
    /// Objects that wait to be freed.
    pub fn pending(&self) -> u64 {
        self.counts.pending.load(Acquire)
    }

    /// Objects freed aside since the start or the last `reset`.
    pub fn freed(&self) -> u64 {
        self.counts.freed.load(Relaxed)
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        self.counts.freed.store(0, Relaxed);
    }

    /// Frees an entry that has been taken out of its table: aside when it is large.
    pub fn entry(&self, entry: Entry) {
        let large = matches!(entry.value(), Value::Object(object) if effort(object) > EFFORT_MAX);
        if large {
            self.hand_over(Some(entry), Vec::new(), 1);
        }
    }

    /// Frees whole databases aside; each key counts, as in Redis.
    pub fn databases(&self, dbs: Vec<Db>) {
        let keys: usize = dbs.iter().map(|db| db.table.len()).sum();
        if keys > 0 {
            self.hand_over(None, dbs, keys as u64);
        }
    }

    fn hand_over(&self, entry: Option<Entry>, dbs: Vec<Db>, objects: u64) {
        let garbage = Garbage { _entry: entry, _dbs: dbs, objects, counts: Arc::clone(&self.counts) };
        self.counts.pending.fetch_add(objects, Relaxed);
        match queue() {
            // The thread never ends before the process, so a send that fails cannot be; it is freed here then.
            Some(sender) => sender.send(garbage).unwrap_or_else(|unsent| free(unsent.0)),
            None => free(garbage),
        }
    }
}

/// About how many pieces of memory a value is made of, as Redis would count its own. O(1).
fn effort(object: &Object) -> usize {
    match object {
        Object::List(list) => list.nodes().len(),
        Object::Set(set) if set.encoding() == "hashtable" => set.len(),
        Object::Hash(hash) if hash.encoding() == "hashtable" => hash.len(),
        Object::Zset(zset) if zset.encoding() == "skiplist" => zset.len(),
        Object::Stream(stream) => {
            let groups = stream.groups();
            let count = groups.len();
            let pending = { groups }.next().map_or(0, |(_, group)| group.pending().len());
            stream.nodes().len() + 1 + count * (1 + pending)
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::NewValue;
    use redtwin_structures::limits::Limits;
    use redtwin_structures::list::{End, List};

    fn list_of(elements: usize) -> Entry {
        let mut list = List::new();
        for _ in 0..elements {
            // Each element is a node of its own at this length.
            list.push(End::Back, &[0; 9000], &Limits::default());
        }
        Entry::new(b"k", NewValue::Object(Object::List(list)), None)
    }

    #[test]
    fn large_values_are_freed_aside_and_small_ones_at_once() {
        let lazy = LazyFree::default();
        lazy.entry(list_of(10));
        assert_eq!((lazy.pending(), lazy.freed()), (0, 0));
        lazy.entry(list_of(100));
        while lazy.pending() > 0 {
            std::thread::yield_now();
        }
        assert_eq!(lazy.freed(), 1);
        lazy.reset();
        assert_eq!(lazy.freed(), 0);
    }
}
