//! Loading an RDB: fresh databases are built beside the live ones, and take their place when all is well.
//!
//! ```text
//! chunk --> Decoder --> parts --> Builder --> value --> batch of entries --> fresh table
//!                                                        (32 at a time: their places in memory are asked for first)
//! finish(): checksum right, end seen --> Loaded --> Store::adopt swaps it in
//! ```
//!
//! Its one idea: until `adopt` nothing that clients can see has changed, so a load that breaks at any byte costs
//! nothing but its own memory. What Redis refuses to start with (a key twice, a database that does not exist) is an
//! error here too; what it skips with a line in its log (collections without elements) is counted.

mod build;
mod report;

pub(crate) use build::{Builder, Built};
pub use report::LoadReport;

use crate::access::{lfu_new, lru_clock, told_clock};
use crate::db::Db;
use crate::entry::{Entry, INLINE_BYTES_MAX, NewValue};
use crate::keyspace::{Keyspace, string_value};
use crate::object::Object;
use crate::store::Store;
use crate::table::Hash;
use crate::watch::Presence;
use redtwin_rdb::format::{Kind, module_name};
use redtwin_rdb::{Bytes, Decoder, Error, ErrorKind, Item, Key, Part, Sink, Taken, Wish};
use redtwin_structures::limits::Malformed;

/// How a load is to be done.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Unix ms.
    pub now_ms: i64,
    /// Leave out what is expired at `now_ms`: a server's own file. A primary's is kept as it is.
    pub drop_expired: bool,
    /// Compare the CRC64.
    pub checksum: bool,
}

/// What a load has made. Nobody sees it yet.
#[derive(Debug)]
pub struct Loaded {
    dbs: Vec<Db>,
    libraries: Vec<Vec<u8>>,
    module_aux: Vec<Vec<u8>>,
    /// What was found.
    pub report: LoadReport,
}

/// Builds fresh databases from chunks of an RDB.
#[derive(Debug)]
pub struct Loader {
    decoder: Decoder,
    fresh: Fresh,
}

impl Loader {
    /// A loader whose databases have the number, the limits and the seed of these.
    #[must_use]
    pub fn new(keys: &Keyspace, options: LoadOptions) -> Loader {
        let fields_from_ms = options.drop_expired.then(|| options.now_ms.try_into().unwrap_or(0));
        let fresh = Fresh {
            dbs: keys.dbs.iter().map(Db::emptied).collect(),
            selected: 0,
            options,
            lfu: keys.settings.lfu(),
            name: Vec::new(),
            hash: 0,
            expire_ms: None,
            clock: 0,
            over: false,
            builder: Builder::new(keys.settings.limits, fields_from_ms),
            batch: Vec::with_capacity(BATCH),
            libraries: Vec::new(),
            module_aux: Vec::new(),
            report: LoadReport::default(),
        };
        Loader { decoder: Decoder::new(options.checksum), fresh }
    }

    /// Takes a chunk; true once the end has been seen.
    ///
    /// # Errors
    /// What is wrong with the RDB, and where. Bytes behind its end are an error too. After one, nothing more is taken.
    pub fn write(&mut self, chunk: &[u8]) -> Result<bool, Error> {
        let progress = self.decoder.push(chunk, &mut self.fresh)?;
        if progress.taken < chunk.len() {
            return Err(Error { kind: ErrorKind::TrailingBytes, offset: self.decoder.bytes() });
        }
        Ok(progress.done)
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.decoder.bytes()
    }

    /// What was made.
    ///
    /// # Errors
    /// `Truncated` when the end has not been seen, or the error that was met before.
    pub fn finish(mut self) -> Result<Loaded, Error> {
        self.decoder.finish()?;
        self.fresh.report.bytes = self.decoder.bytes();
        let Fresh { dbs, libraries, module_aux, report, .. } = self.fresh;
        Ok(Loaded { dbs, libraries, module_aux, report })
    }
}

impl Store {
    /// Puts a load in the place of all data. Watched keys that were or are there count as changed; expiry, waits and the
    /// feed are the caller's to think of.
    pub fn adopt(&mut self, loaded: Loaded) -> LoadReport {
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
        self.keys.opaque_module_values = loaded.report.opaque_module_values;
        loaded.report
    }
}

/// The name that a library's first line gives it: `#!lua name=mylib`.
fn library_name(code: &[u8]) -> Option<&[u8]> {
    let line = code.split(|&byte| byte == b'\n').next()?.strip_prefix(b"#!")?;
    let mut words = line.split(u8::is_ascii_whitespace);
    words.find_map(|word| word.strip_prefix(b"name=")).filter(|name| !name.is_empty())
}

/// Entries that are put in at once, so that the memory they go to is fetched while others are made.
const BATCH: usize = 32;
/// How many entries after the first step (the segment) the second (the group in it) is due.
const AHEAD: usize = 8;

#[derive(Debug)]
struct Fresh {
    dbs: Vec<Db>,
    selected: usize,
    options: LoadOptions,
    lfu: bool,
    // The key under way.
    name: Vec<u8>,
    hash: Hash,
    expire_ms: Option<i64>,
    clock: u32,
    /// The key under way needs nothing more: it is left out, or was a string and is in already.
    over: bool,
    builder: Builder,
    /// For the selected database.
    batch: Vec<(Hash, Entry)>,
    libraries: Vec<Vec<u8>>,
    module_aux: Vec<Vec<u8>>,
    report: LoadReport,
}

impl Fresh {
    fn entry(&mut self, value: NewValue<'_>) -> Taken {
        let entry = Entry::new(&self.name, value, self.expire_ms);
        entry.set_clock(self.clock);
        let table = &self.dbs[self.selected].table;
        table.prefetch_segment(self.hash);
        if let Some((hash, _)) = self.batch.len().checked_sub(AHEAD).and_then(|at| self.batch.get(at)) {
            table.prefetch_group(*hash);
        }
        self.batch.push((self.hash, entry));
        self.report.keys += 1;
        if self.batch.len() == BATCH { self.put_in() } else { Ok(()) }
    }

    fn put_in(&mut self) -> Taken {
        let table = &mut self.dbs[self.selected].table;
        let asked = self.batch.len().saturating_sub(AHEAD);
        self.batch.iter().skip(asked).for_each(|(hash, _)| table.prefetch_group(*hash));
        for (hash, entry) in self.batch.drain(..) {
            if table.locate(hash, entry.key()).is_some() {
                return Err(Malformed("a key is there twice"));
            }
            let clock = entry.clock();
            table.insert_new(hash, entry).set_clock(clock);
        }
        Ok(())
    }

    /// The 24 clock bits of a key, from what its writer said of it, if that suits our policy.
    fn clock_of(&self, key: &Key<'_>) -> u32 {
        let now_ms = self.options.now_ms;
        let idle = key.idle_seconds.map(|idle| i64::try_from(idle).unwrap_or(i64::MAX));
        let told = told_clock(self.lfu, key.frequency, idle, now_ms);
        told.unwrap_or_else(|| if self.lfu { lfu_new(now_ms) } else { lru_clock(now_ms) })
    }
}

impl Sink for Fresh {
    fn item(&mut self, item: Item<'_>) -> Taken {
        match item {
            Item::Header(version) => self.report.version = Some(version),
            Item::Aux { name, value } => self.report.aux.push((name.into_vec(), value.into_vec())),
            Item::SelectDb(db) => {
                self.put_in()?;
                self.selected = usize::try_from(db)
                    .ok()
                    .filter(|&db| db < self.dbs.len())
                    .ok_or(Malformed("more databases than this server has"))?;
            }
            Item::Function(code) => {
                let name = library_name(&code).ok_or(Malformed("a function library without a name"))?;
                if self.libraries.iter().any(|other| library_name(other) == Some(name)) {
                    return Err(Malformed("a function library twice"));
                }
                self.libraries.push(code.into_vec());
                self.report.functions += 1;
            }
            Item::ModuleAux { id, raw } => {
                self.module_aux.push(raw.to_vec());
                self.report.opaque_module_aux += 1;
                self.report.add_module(&module_name(id));
            }
            Item::End => self.put_in()?,
            // A hint, and a slot import that is not ours: without a cluster there is nothing to do.
            Item::ResizeDb { keys, .. } => {
                self.dbs[self.selected].table.expect(usize::try_from(keys).unwrap_or(usize::MAX));
            }
            Item::SlotInfo { .. } | Item::SlotImport { .. } => {}
        }
        Ok(())
    }

    fn key(&mut self, key: Key<'_>) -> Taken<Wish> {
        self.expire_ms = key.expire_at_ms;
        self.over = self.options.drop_expired && key.expire_at_ms.is_some_and(|at| at < self.options.now_ms);
        if self.over {
            self.report.expired_skipped += 1;
            return Ok(Wish::Skip);
        }
        self.clock = self.clock_of(&key);
        if key.metadata.is_some() {
            self.report.opaque_module_aux += 1;
        }
        self.name.clear();
        self.name.extend_from_slice(&key.name);
        self.hash = self.dbs[self.selected].table.hash(&self.name);
        if key.kind != Kind::String {
            self.builder.begin(key.kind);
        }
        Ok(Wish::Value)
    }

    fn part(&mut self, part: Part<'_>) -> Taken {
        match part {
            // The most frequent by far goes straight into its block.
            Part::String(Bytes::Owned(bytes)) if bytes.len() > INLINE_BYTES_MAX => {
                self.over = true;
                self.entry(NewValue::Object(Object::Str(bytes)))
            }
            Part::String(bytes) => {
                self.over = true;
                self.entry(string_value(&bytes))
            }
            Part::Module { id, .. } => {
                self.report.opaque_module_values += 1;
                self.report.add_module(&module_name(id));
                self.builder.part(part)
            }
            part => self.builder.part(part),
        }
    }

    fn end_of_key(&mut self, _bytes: u64) -> Taken {
        if self.over {
            return Ok(());
        }
        match self.builder.finish()? {
            Some(Built::Object(object)) => self.entry(NewValue::Object(object)),
            Some(Built::Str(bytes)) => self.entry(NewValue::Object(Object::Str(bytes))),
            None => {
                self.report.empty_skipped += 1;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod damage;
#[cfg(test)]
mod tests;
