//! Which keys are wanted, and the step between decoder and job that keeps the others out.
//!
//! ```text
//! key --db, type, name, expiry--> refused: Wish::Skip, the value is stepped over by length, the job hears nothing
//!        |
//!        '-> job.key, job.part ..., measured meanwhile --size too small--> job.undo
//!                                                      '------------------> job.end(summary)
//! ```
//!
//! Its one idea: a filter is asked as early as it can answer. Only the size is known at the end; a job that has
//! written something of such a key takes it back.

use crate::crew::Shared;
use crate::measure::{Measure, Summary};
use crate::spread::check_block;
use redtwin_keyspace::glob;
use redtwin_rdb::format::Class;
use redtwin_rdb::{Bytes, Item, Key, Part, Sink, Taken, Wish};
use redtwin_structures::limits::Malformed;

/// What is said of each key that is wanted, and of everything that is no key.
pub trait Job {
    /// Whether the job looks at `Summary`'s sizes: without it values are not measured (unless a filter needs it).
    fn measures(&self) -> bool {
        false
    }

    /// Something that belongs to no key. Databases without wanted keys are heard of as well.
    ///
    /// # Errors
    /// Why it cannot go on.
    fn item(&mut self, item: Item<'_>) -> Taken;

    /// A wanted key of database `db`.
    ///
    /// # Errors
    /// Why it cannot go on.
    fn key(&mut self, db: u64, key: Key<'_>) -> Taken<Wish>;

    /// The next part of its value; blocks have been checked.
    ///
    /// # Errors
    /// Why it cannot go on.
    fn part(&mut self, class: Class, part: Part<'_>) -> Taken;

    /// The key is complete.
    ///
    /// # Errors
    /// Why it cannot go on.
    fn end(&mut self, summary: &Summary) -> Taken;

    /// Whether `string` is there.
    const TAKES_STRINGS: bool = false;

    /// A wanted key with a string as value, all at once: the same as `key`, `settle`, `part` and `end`. Most keys are such.
    ///
    /// # Errors
    /// Why it cannot go on.
    fn string(&mut self, _db: u64, _key: Key<'_>, _value: &[u8]) -> Taken {
        Ok(())
    }

    /// The key under way is wanted for certain: `undo` will not come for it, and what there is of it may be given out.
    /// Comes at once after `key` when no filter looks at sizes.
    fn settle(&mut self);

    /// The key is complete, and turned out not to be wanted: nothing of it may be given out.
    fn undo(&mut self);

    /// Takes what is ready: all of it, but for a key under way that is not settled.
    fn take(&mut self) -> Vec<u8>;

    /// Room that can be written into again, empty: pages that are touched already are the cheapest there are.
    fn reuse(&mut self, _room: Vec<u8>) {}

    /// What is left to say behind the last key.
    ///
    /// # Errors
    /// Why it cannot be said.
    fn finish(&mut self) -> Taken<Vec<u8>>;

    /// What its output has no place for so far, each by its name with how often it was met.
    fn losses(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// Which keys are wanted: those for which everything holds that is set. The default wants all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Databases; empty for all.
    pub dbs: Vec<u64>,
    /// Sorts of values; empty for all.
    pub classes: Vec<Class>,
    /// Names match this glob, as KEYS would have it.
    pub glob: Option<Vec<u8>>,
    /// Names match this expression somewhere.
    pub regex: Option<regex::bytes::Regex>,
    /// Names begin with this.
    pub prefix: Vec<u8>,
    /// Bytes in Redis's memory, at least, as `Summary::memory` estimates them.
    pub memory_min: u64,
    /// Some: only keys that do (true) or do not (false) expire.
    pub expires: Option<bool>,
    /// Some((now, wanted)): only keys that are (true) or are not (false) expired at `now`, Unix ms.
    pub expired: Option<(i64, bool)>,
}

impl Filter {
    /// Whether every key is wanted, whatever its size.
    fn wants_all_keys(&self) -> bool {
        self.dbs.is_empty()
            && self.classes.is_empty()
            && self.glob.is_none()
            && self.regex.is_none()
            && self.prefix.is_empty()
            && self.expires.is_none()
            && self.expired.is_none()
    }

    fn wants(&self, db: u64, key: &Key<'_>) -> bool {
        let among = |list: &[u64]| list.is_empty() || list.contains(&db);
        let is_expired = |now: i64| key.expire_at_ms.is_some_and(|at| at <= now);
        among(&self.dbs)
            && (self.classes.is_empty() || self.classes.contains(&key.kind.class()))
            && self.expires.is_none_or(|wanted| key.expire_at_ms.is_some() == wanted)
            && self.expired.is_none_or(|(now, wanted)| is_expired(now) == wanted)
            // Not asked for an empty prefix: its pointer dangles, and a masked load of nothing from there (glibc's memcmp with
            // AVX-512) costs some 100 ns.
            && (self.prefix.is_empty() || key.name.starts_with(&self.prefix))
            && self.glob.as_deref().is_none_or(|glob| glob::matches(glob, &key.name, false))
            && self.regex.as_ref().is_none_or(|regex| regex.is_match(&key.name))
    }
}

/// A sink that lets through what a filter wants.
#[derive(Debug)]
pub struct Sieve<J> {
    /// Who is told.
    pub job: J,
    filter: Filter,
    /// Known before: then nobody asks the filter for each key.
    wants_all_keys: bool,
    measure: Measure,
    measures: bool,
    db: u64,
    class: Class,
    wanted: bool,
    settled: bool,
    /// Database and name of the key under way, for messages about it.
    name_db: u64,
    name: Vec<u8>,
    offset: u64,
    tolerant: bool,
    /// Why the key under way is left out.
    broken: Option<Malformed>,
    /// The first keys that were left out because their value is broken.
    pub broken_keys: Vec<BrokenKey>,
    /// Keys that the filter wanted, and those that it did not.
    pub counts: Counts,
}

/// No more broken keys than this are remembered; all are counted.
pub(crate) const BROKEN_KEYS_MAX: usize = 1000;

/// A key whose value cannot be what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenKey {
    /// Its database.
    pub db: u64,
    /// Its name.
    pub name: Vec<u8>,
    /// Where it begins in the file.
    pub offset: u64,
    /// What is wrong.
    pub why: &'static str,
}

/// What passed, and what did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys the job was told of.
    pub wanted: u64,
    /// Keys stepped over or taken back.
    pub refused: u64,
    /// Keys left out because their value is broken (only of a tolerant sieve).
    pub broken: u64,
}

impl<J: Job> Sieve<J> {
    /// All that the job says of what the filter wants.
    pub fn new(job: J, filter: Filter) -> Self {
        let measures = job.measures() || filter.memory_min > 0;
        Sieve {
            job,
            wants_all_keys: filter.wants_all_keys(),
            filter,
            measure: Measure::default(),
            measures,
            db: 0,
            class: Class::String,
            wanted: false,
            settled: false,
            name_db: 0,
            name: Vec::new(),
            offset: 0,
            tolerant: false,
            broken: None,
            broken_keys: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Keys whose value is broken are left out and remembered, instead of ending the scan.
    #[must_use]
    pub fn tolerant(mut self) -> Self {
        self.tolerant = true;
        self
    }

    /// What follows begins between two keys of database `db`; another has seen what stands before.
    pub(crate) fn resume(&mut self, db: u64)
    where
        J: Shared,
    {
        self.db = db;
        self.offset = 0;
        self.broken = None;
        self.job.resume();
    }

    /// Whether `last_key` is one that began here. (No key begins where the file does.)
    pub(crate) fn has_begun_a_key(&self) -> bool {
        self.offset > 0
    }

    #[inline]
    fn began(&mut self, key: &Key<'_>) {
        self.name_db = self.db;
        self.name.clear();
        self.name.extend_from_slice(&key.name);
        self.offset = key.offset;
    }

    #[inline]
    fn take_part(&mut self, part: Part<'_>) -> Taken {
        if let Part::Packed(packing, bytes) = &part {
            check_block(*packing, bytes)?;
        }
        if self.measures {
            self.measure.part(&part)?;
        }
        self.job.part(self.class, part)?;
        self.settle_from(self.measures && self.measure.so_far() >= self.filter.memory_min);
        Ok(())
    }

    #[inline]
    fn settle_from(&mut self, certain: bool) {
        if certain && !self.settled {
            self.settled = true;
            self.job.settle();
        }
    }

    /// The last key begun, wanted or not: where an error is.
    #[must_use]
    pub fn last_key(&self) -> (u64, &[u8]) {
        (self.name_db, &self.name)
    }
}

impl<J: Job> Sink for Sieve<J> {
    fn item(&mut self, item: Item<'_>) -> Taken {
        if let Item::SelectDb(db) = item {
            self.db = db;
        }
        self.job.item(item)
    }

    #[inline]
    fn key(&mut self, key: Key<'_>) -> Taken<Wish> {
        self.began(&key);
        self.wanted = self.wants_all_keys || self.filter.wants(self.db, &key);
        if !self.wanted {
            self.counts.refused += 1;
            return Ok(Wish::Skip);
        }
        self.class = key.kind.class();
        if self.measures {
            self.measure.begin(key.kind, key.name.len() as u64, key.expire_at_ms.is_some());
        } else {
            self.measure.pass_over(key.kind);
        }
        let wish = self.job.key(self.db, key)?;
        self.settled = false;
        self.settle_from(self.filter.memory_min == 0);
        // What the job does not want as a value must pass all the same when it is to be measured.
        Ok(match wish {
            Wish::Skip if self.measures => Wish::Value,
            Wish::Raw if self.measures => Wish::Both,
            wish => wish,
        })
    }

    #[inline]
    fn string(&mut self, key: Key<'_>, value: Bytes<'_>, raw: &[u8], bytes: u64) -> Taken {
        if J::TAKES_STRINGS && self.wants_all_keys && !self.measures {
            self.began(&key);
            self.counts.wanted += 1;
            return self.job.string(self.db, key, &value);
        }
        let wish = self.key(key)?;
        if matches!(wish, Wish::Raw | Wish::Both) {
            self.part(Part::Raw(raw))?;
        }
        if matches!(wish, Wish::Value | Wish::Both) {
            self.part(Part::String(value))?;
        }
        self.end_of_key(bytes)
    }

    #[inline]
    fn part(&mut self, part: Part<'_>) -> Taken {
        if self.broken.is_some() {
            return Ok(());
        }
        match self.take_part(part) {
            Err(why) if self.tolerant => {
                self.broken = Some(why);
                Ok(())
            }
            taken => taken,
        }
    }

    #[inline]
    fn end_of_key(&mut self, bytes: u64) -> Taken {
        if !self.wanted {
            return Ok(());
        }
        let summary = self.measure.end(bytes);
        if summary.memory < self.filter.memory_min {
            self.counts.refused += 1;
            self.job.undo();
            return Ok(());
        }
        if self.broken.is_none() {
            match self.job.end(&summary) {
                Err(why) if self.tolerant => self.broken = Some(why),
                ended => {
                    self.counts.wanted += 1;
                    return ended;
                }
            }
        }
        if let Some(why) = self.broken.take() {
            self.job.undo();
            self.counts.broken += 1;
            if self.broken_keys.len() < BROKEN_KEYS_MAX {
                let broken =
                    BrokenKey { db: self.db, name: self.name.clone(), offset: self.offset, why: why.0 };
                self.broken_keys.push(broken);
            }
        }
        Ok(())
    }
}
