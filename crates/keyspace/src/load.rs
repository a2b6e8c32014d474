//! Loading an RDB: fresh databases are built beside the live ones, and take their place when all is well.
//!
//! ```text
//!               +--> Half 0: Decoder --> values --> entries --> table of the lower half of all hashes --+
//! chunk --------+                                                                                       +--> join --> Loaded
//!               +--> Half 1: Decoder --> values --> entries --> table of the upper half ----------------+
//!
//! finish(): checksum right, end seen --> Loaded --> Store::adopt swaps it in
//! ```
//!
//! Its first idea: until `adopt` nothing that clients can see has changed, so a load that breaks at any byte costs
//! nothing but its own memory. What Redis refuses to start with (a key twice, a database that does not exist) is an
//! error here too; what it skips with a line in its log (collections without elements) is counted.
//!
//! Its second: the work is shared out by the hash of the key, not by the place in the file. Both halves read every byte and
//! step over the values that are the other's, which is cheap; so they need no word between them, and what comes out
//! does not depend on who was faster. A short RDB is read by both in turn; behind its first bytes each goes on on a thread
//! of its own (crew.rs).

mod build;
mod crew;
mod half;
mod report;

pub use build::{Builder, Built};
pub use report::LoadReport;

use crate::db::Db;
use crate::keyspace::{Caller, Keyspace};
use crate::store::Store;
use crate::watch::Presence;
use crew::Crew;
use half::Half;
use redtwin_rdb::{Error, ErrorKind};

/// How a load is to be done.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Unix ms.
    pub now_ms: i64,
    /// Leave out what is expired at `now_ms`: a server's own file. A primary's is kept as it is.
    pub drop_expired: bool,
    /// Keep the names of keys that are left out, for `Store::tell_dropped`. Expired fields of hashes stay in then: active expiry deletes
    /// them, and feeds that.
    pub tell_expired: bool,
    /// Compare the CRC64.
    pub checksum: bool,
}

/// What a load has made. Nobody sees it yet.
#[derive(Debug)]
pub struct Loaded {
    dbs: Vec<Db>,
    libraries: Vec<Vec<u8>>,
    module_aux: Vec<Vec<u8>>,
    /// What was left out because it had expired, where that is to be told.
    dropped: Vec<Dropped>,
    /// Some hash has fields that expire.
    fields_expire: bool,
    /// What was found.
    pub report: LoadReport,
}

/// A key that a load left out: its database and its name.
pub type Dropped = (usize, Box<[u8]>);

/// So much is read where it arrives: threads would cost a small RDB more than they save, and a file that is none is
/// refused at once.
const HERE_BYTES: u64 = 1 << 20;

/// Builds fresh databases from chunks of an RDB.
#[derive(Debug)]
pub struct Loader {
    halves: Halves,
    bytes: u64,
    /// The first error, once both have been asked.
    error: Option<Error>,
    at_thread_start: fn(),
}

#[derive(Debug)]
enum Halves {
    Here([Box<Half>; 2]),
    Threads(Crew),
    /// Between two of the others, and after a thread broke down.
    Gone,
}

impl Loader {
    /// A loader whose databases have the number, the limits and the seed of these.
    #[must_use]
    pub fn new(keys: &Keyspace, options: LoadOptions) -> Loader {
        let half = |which| Box::new(Half::new(which, keys, options));
        let halves = Halves::Here([half(0), half(1)]);
        Loader { halves, bytes: 0, error: None, at_thread_start: || {} }
    }

    /// Has each thread of the load call this first: for what it is to the system (its priority), of which nothing is known here.
    #[must_use]
    pub fn at_thread_start(self, run: fn()) -> Loader {
        Loader { at_thread_start: run, ..self }
    }

    /// Takes a chunk; true once the end has been seen. It may be looked at only later: then its end is seen, and its errors
    /// come, with another call. Waits while too much is pending.
    ///
    /// # Errors
    /// What is wrong with the RDB, and where. Bytes behind its end are an error too. After one, nothing more is taken.
    pub fn write(&mut self, chunk: &[u8]) -> Result<bool, Error> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        if self.bytes >= HERE_BYTES {
            self.start_threads();
        }
        self.bytes += chunk.len() as u64;
        match &mut self.halves {
            Halves::Threads(crew) => {
                crew.write(chunk);
                if crew.has_failed() { self.settle() } else { Ok(false) }
            }
            Halves::Here(halves) => {
                halves.iter_mut().for_each(|half| half.write(chunk));
                self.settle()
            }
            Halves::Gone => self.settle(),
        }
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes the threads are behind by. Less than a hand-over's worth may lie here besides, until more comes.
    ///
    /// # Errors
    /// As `write`: what the threads have met by now.
    pub fn pending_bytes(&mut self) -> Result<u64, Error> {
        match &self.halves {
            Halves::Threads(crew) if crew.has_failed() => self.settle().map(|_| 0),
            Halves::Threads(crew) => Ok(crew.pending_bytes()),
            _ => self.error.clone().map_or(Ok(0), Err),
        }
    }

    /// Waits until all that was taken has been looked at; true when the end has been seen.
    ///
    /// # Errors
    /// As `write`.
    pub fn settle(&mut self) -> Result<bool, Error> {
        if let Halves::Threads(_) = self.halves
            && let Halves::Threads(crew) = std::mem::replace(&mut self.halves, Halves::Gone)
        {
            self.halves = Halves::Here(crew.join());
        }
        let ended = match &self.halves {
            Halves::Here(halves) => ended(halves),
            _ => Err(truncated(self.bytes)),
        };
        self.error = ended.clone().err();
        ended
    }

    /// How many keys there have been, those that are left out included. Waits as `settle` does.
    ///
    /// # Errors
    /// As `write`.
    pub fn count_keys(&mut self) -> Result<u64, Error> {
        self.settle()?;
        match &self.halves {
            Halves::Here(halves) => Ok(halves.iter().map(|half| half.keys()).sum()),
            _ => Err(truncated(self.bytes)),
        }
    }

    /// What was made.
    ///
    /// # Errors
    /// `Truncated` when the end has not been seen, or the error that was met before.
    pub fn finish(mut self) -> Result<Loaded, Error> {
        if !self.settle()? {
            return Err(truncated(self.bytes));
        }
        match self.halves {
            Halves::Here([low, high]) => Ok(low.join(*high, self.bytes)),
            _ => Err(truncated(self.bytes)),
        }
    }

    /// From here on the halves work on their own. Where threads cannot be had they go on here, slower and as well.
    fn start_threads(&mut self) {
        if let Halves::Here(_) = self.halves
            && let Halves::Here(halves) = std::mem::replace(&mut self.halves, Halves::Gone)
        {
            self.halves = match Crew::start(halves, self.at_thread_start) {
                Ok(crew) => Halves::Threads(crew),
                Err(halves) => Halves::Here(halves),
            };
        }
    }
}

/// The first error in the file's order, or whether the end has been seen.
fn ended(halves: &[Box<Half>; 2]) -> Result<bool, Error> {
    match halves.iter().filter_map(|half| half.error()).min_by_key(|error| error.offset) {
        Some(error) => Err(error.clone()),
        None => Ok(halves.iter().all(|half| half.is_done())),
    }
}

fn truncated(offset: u64) -> Error {
    Error { kind: ErrorKind::Truncated, offset }
}

impl Store {
    /// Puts a load in the place of all data. Watched keys that were or are there count as changed; expiry, waits and the
    /// feed are the caller's to think of.
    pub fn adopt(&mut self, loaded: Loaded) -> LoadReport {
        self.keys.traces.flushed();
        let old = std::mem::replace(&mut self.keys.dbs, loaded.dbs);
        let new = &self.keys.dbs;
        let now_ms = self.keys.now_ms;
        let of = |dbs: &[Db], db: usize, key: &[u8]| {
            dbs.get(db).map_or(Presence::Absent, |db| db.presence(key, now_ms))
        };
        self.keys.watched.touch_all(|db, key| Some((of(&old, db, key), of(new, db, key))));
        crate::db::drop_aside(old);
        self.mark_broken_watches();
        self.keys.changed.all = true;
        self.keys.libraries = loaded.libraries;
        // What the old libraries meant is forgotten; the new ones are run when a function is first asked for.
        self.keys.scripts.functions = None;
        self.keys.scripts.forget_functions();
        self.keys.module_aux = loaded.module_aux;
        self.dropped = loaded.dropped;
        self.keys.fields_may_expire = loaded.fields_expire;
        self.keys.opaque_module_values = loaded.report.opaque_module_values;
        loaded.report
    }

    /// Feeds the deletion of what the last load left out because it had expired, each key a unit of its own, if the feed is on;
    /// forgets it in either case. Readers who come back to where the file's writer was have those keys still (Redis 7.0 does
    /// the same at a restart).
    pub fn tell_dropped(&mut self) {
        let word: &[u8] = if self.keys.settings.lazyfree_lazy_expire { b"UNLINK" } else { b"DEL" };
        self.keys.caller = Caller::Client;
        for (db, key) in std::mem::take(&mut self.dropped) {
            self.keys.effects.also(db, &[word, &key]);
            self.unit_done();
        }
    }
}

#[cfg(test)]
mod damage;
#[cfg(test)]
mod tests;
