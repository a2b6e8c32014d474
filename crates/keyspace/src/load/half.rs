//! One half of a load: reads the whole RDB, and makes of it the keys whose hash begins with its bit.
//!
//! ```text
//! chunk --> Decoder --> key --> the other's: stepped over by length
//!                        '--> ours: parts --> Builder --> value --> batch of entries --> table
//!                                                        (32 at a time: their places in memory are asked for first)
//! ```
//!
//! Its one idea: two of these need no word between them. Both select databases and see the end; what belongs to no key (AUX
//! fields, functions, data of modules) is the first one's alone. So is the checksum.

use super::{Builder, Built, Dropped, LoadOptions, LoadReport, Loaded};
use crate::access::{lfu_new, lru_clock, told_clock};
use crate::db::Db;
use crate::entry::{Entry, INLINE_BYTES_MAX, NewValue};
use crate::keyspace::{Keyspace, string_value};
use crate::object::Object;
use crate::table::{Hash, Table};
use redtwin_rdb::format::{Kind, module_name};
use redtwin_rdb::{Bytes, Decoder, Error, ErrorKind, Item, Key, Part, Sink, Taken, Wish};
use redtwin_structures::limits::Malformed;

/// One of the two.
#[derive(Debug)]
pub(super) struct Half {
    decoder: Decoder,
    fresh: Fresh,
    done: bool,
    error: Option<Error>,
}

impl Half {
    /// The lower (0) or the upper (1) half, with databases that have the number, the limits and the seed of these.
    pub(super) fn new(which: u64, keys: &Keyspace, options: LoadOptions) -> Half {
        let drops_fields = options.drop_expired && !options.tell_expired;
        let fields_from_ms = drops_fields.then(|| options.now_ms.try_into().unwrap_or(0));
        let fresh = Fresh {
            which,
            dbs: keys.dbs.iter().map(Db::emptied_in_halves).collect(),
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
            dropped: Vec::new(),
            modules: Vec::new(),
            offset: 0,
            report: LoadReport::default(),
        };
        Half { decoder: Decoder::new(options.checksum && which == 0), fresh, done: false, error: None }
    }

    /// Takes a chunk. Nothing more is taken after an error.
    pub(super) fn write(&mut self, chunk: &[u8]) {
        if self.error.is_some() {
            return;
        }
        match self.decoder.push(chunk, &mut self.fresh) {
            Ok(progress) if progress.taken < chunk.len() => {
                self.error = Some(Error { kind: ErrorKind::TrailingBytes, offset: self.decoder.bytes() });
            }
            Ok(progress) => self.done = progress.done,
            Err(error) => self.error = Some(error),
        }
    }

    /// What was wrong.
    pub(super) fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Has the end been seen?
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Keys that were ours, those that are left out included.
    pub(super) fn keys(&self) -> u64 {
        let LoadReport { keys, expired_skipped, empty_skipped, .. } = &self.fresh.report;
        keys + expired_skipped + empty_skipped
    }

    /// What both have made. This one is the lower half.
    pub(super) fn join(self, upper: Half, bytes: u64) -> Loaded {
        let (low, high) = (self.fresh, upper.fresh);
        let join = |(low, high): (Db, Db)| Db { table: Table::join(low.table, high.table), ..low };
        let mut report = low.report;
        report.add(&high.report);
        report.bytes = bytes;
        let mut modules = [low.modules, high.modules].concat();
        modules.sort_by_key(|(offset, _)| *offset);
        for (_, name) in modules {
            if !report.modules.contains(&name) {
                report.modules.push(name);
            }
        }
        Loaded {
            dbs: low.dbs.into_iter().zip(high.dbs).map(join).collect(),
            libraries: low.libraries,
            module_aux: low.module_aux,
            dropped: [low.dropped, high.dropped].concat(),
            fields_expire: low.builder.fields_expire() || high.builder.fields_expire(),
            report,
        }
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
    /// The leading bit of the hashes that are ours.
    which: u64,
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
    dropped: Vec<Dropped>,
    /// Names of modules' types with the place of the first key that was near.
    modules: Vec<(u64, String)>,
    /// Where the last key began, ours or not.
    offset: u64,
    report: LoadReport,
}

impl Fresh {
    /// Makes the entry of the key under way.
    fn entry(&mut self, value: NewValue<'_>) -> Taken {
        let entry = Entry::new(&self.name, value, self.expire_ms);
        self.add(entry)
    }

    fn add(&mut self, entry: Entry) -> Taken {
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
            table.insert_new(hash, entry);
        }
        Ok(())
    }

    fn note_module(&mut self, id: u64) {
        let name = module_name(id);
        if !self.modules.iter().any(|(_, known)| *known == name) {
            self.modules.push((self.offset, name));
        }
    }

    /// Looks at a new key; false when nothing of it is wanted here.
    #[inline]
    fn begins(&mut self, key: &Key<'_>) -> bool {
        self.offset = key.offset;
        self.hash = self.dbs[self.selected].table.hash(&key.name);
        if self.hash >> 63 != self.which {
            return false;
        }
        if self.options.drop_expired && key.expire_at_ms.is_some_and(|at| at < self.options.now_ms) {
            self.report.expired_skipped += 1;
            if self.options.tell_expired {
                self.dropped.push((self.selected, Box::from(&*key.name)));
            }
            return false;
        }
        self.expire_ms = key.expire_at_ms;
        self.clock = self.clock_of(key);
        if key.metadata.is_some() {
            self.report.opaque_module_aux += 1;
        }
        true
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
        let is_for_both = matches!(item, Item::SelectDb(_) | Item::ResizeDb { .. } | Item::End);
        if self.which > 0 && !is_for_both {
            return Ok(());
        }
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
                self.note_module(id);
            }
            Item::End => self.put_in()?,
            // A hint, and a slot import that is not ours: without a cluster there is nothing to do.
            Item::ResizeDb { keys, .. } => {
                let keys = usize::try_from(keys).unwrap_or(usize::MAX);
                self.dbs[self.selected].table.expect_in_half(keys, self.which as usize);
            }
            Item::SlotInfo { .. } | Item::SlotImport { .. } => {}
        }
        Ok(())
    }

    fn key(&mut self, key: Key<'_>) -> Taken<Wish> {
        self.over = !self.begins(&key);
        if self.over {
            return Ok(Wish::Skip);
        }
        self.name.clear();
        self.name.extend_from_slice(&key.name);
        if key.kind != Kind::String {
            self.builder.begin(key.kind);
        }
        Ok(Wish::Value)
    }

    /// Goes straight from the chunk into its block.
    fn string(&mut self, key: Key<'_>, value: Bytes<'_>, _raw: &[u8], _bytes: u64) -> Taken {
        if !self.begins(&key) {
            return Ok(());
        }
        self.add(Entry::new(&key.name, string_value(&value), self.expire_ms))
    }

    fn part(&mut self, part: Part<'_>) -> Taken {
        match part {
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
                self.note_module(id);
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
