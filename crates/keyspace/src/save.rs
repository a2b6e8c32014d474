//! Saving: an RDB of the keyspace as it was at one moment, made piece by piece while writes go on.
//!
//! ```text
//! Snapshot::new  takes a reference to each segment of each table: O(segments), no data is copied
//! read(bytes)    encodes segment after segment and lets go of each
//! a writer       that touches a segment which the snapshot still holds copies its table first (Arc::make_mut), and
//!                the block of each key it changes (see entry.rs)
//! ```
//!
//! Its one idea: the moment is that of `new`, however long the reading takes, and the reading may be done by any thread.
//! Nothing here knows files or sockets; who reads slowly makes only this wait, not the writers.

use crate::access::{idle_seconds, lfu_counter};
use crate::entry::{Entry, Value};
use crate::keyspace::Keyspace;
use crate::object::Object;
use crate::table::Frozen;
use redtwin_rdb::format::Version;
use redtwin_rdb::{Attributes, EncodeOptions, Encoder, LeftOut, Source, is_behind_keys};

/// How a snapshot is to be written.
#[derive(Clone, Debug)]
pub struct SaveOptions {
    /// One that `Version::is_writable`.
    pub version: Version,
    /// LZF for long strings.
    pub compress: bool,
    /// A CRC64 at the end.
    pub checksum: bool,
    /// Unix ms.
    pub now_ms: i64,
    /// Written as AUX fields, in this order.
    pub aux: Vec<(Vec<u8>, Vec<u8>)>,
    /// How much is written.
    pub content: Content,
}

/// How much of the keyspace goes into a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// Everything.
    #[default]
    All,
    /// Function libraries only.
    Functions,
    /// AUX fields only.
    Nothing,
}

/// What is written of a key's last use.
#[derive(Clone, Copy, Debug)]
enum Use {
    Nothing,
    Idle,
    Frequency { decay_minutes: u32 },
}

/// An RDB under way.
#[derive(Debug)]
pub struct Snapshot {
    encoder: Encoder,
    /// From the database being written on; a table that is done is gone.
    tables: std::collections::VecDeque<(u64, Frozen)>,
    /// The first of them has its SELECTDB already.
    is_selected: bool,
    keys_total: usize,
    keys_done: usize,
    written: Use,
    now_ms: i64,
    behind: Vec<Vec<u8>>,
    over: bool,
    /// Encoded and not handed out yet.
    ready: Vec<u8>,
    ready_from: usize,
}

impl Snapshot {
    /// Takes the moment. O(segments). None when the version cannot be written.
    #[must_use]
    pub fn new(keys: &Keyspace, options: &SaveOptions) -> Option<Snapshot> {
        let SaveOptions { version, compress, checksum, now_ms, aux, content } = options;
        let mut encoder =
            Encoder::new(EncodeOptions { version: *version, compress: *compress, checksum: *checksum })?;
        aux.iter().for_each(|(name, value)| encoder.aux(name, value));
        let is_all = *content == Content::All;
        let (behind, before): (Vec<_>, Vec<_>) =
            keys.module_aux.iter().filter(|_| is_all).cloned().partition(|raw| is_behind_keys(raw));
        before.iter().for_each(|raw| encoder.module_aux(raw));
        if *content != Content::Nothing {
            keys.libraries.iter().for_each(|code| encoder.function(code));
        }
        let tables = keys.dbs.iter().zip(0..).filter(|(db, _)| is_all && !db.table.is_empty());
        let settings = &keys.settings;
        let written = if settings.lfu() {
            Use::Frequency { decay_minutes: settings.lfu_decay_time }
        } else if settings.maxmemory_policy.ends_with("-lru") {
            Use::Idle
        } else {
            Use::Nothing
        };
        let tables: std::collections::VecDeque<_> =
            tables.map(|(db, index)| (index, db.table.frozen())).collect();
        Some(Snapshot {
            encoder,
            keys_total: tables.iter().map(|(_, table)| table.len).sum(),
            keys_done: 0,
            tables,
            is_selected: false,
            written,
            now_ms: *now_ms,
            behind,
            over: false,
            ready: Vec::new(),
            ready_from: 0,
        })
    }

    /// The next bytes: `bytes` of them, fewer only at the end; None behind it. Takes memory for one segment (about a
    /// thousand keys) more than that.
    pub fn read(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let mut chunk = Vec::new();
        while chunk.len() < bytes.max(1) {
            if self.ready_from == self.ready.len() && !self.encode(bytes) {
                break;
            }
            let take = (bytes.max(1) - chunk.len()).min(self.ready.len() - self.ready_from);
            let until = self.ready_from + take;
            if chunk.is_empty() && self.ready_from == 0 && until == self.ready.len() {
                chunk = std::mem::take(&mut self.ready);
                self.ready_from = 0;
            } else {
                chunk.extend_from_slice(self.ready.get(self.ready_from..until).unwrap_or_default());
                self.ready_from = until;
            }
        }
        (!chunk.is_empty()).then_some(chunk)
    }

    /// What the version could not hold, so far.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.encoder.left_out()
    }

    /// Keys encoded so far, and keys in all.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.keys_done, self.keys_total)
    }

    /// Encodes until about `bytes` are ready. False at the end.
    fn encode(&mut self, bytes: usize) -> bool {
        while self.encoder.ready() < bytes && !self.over {
            self.step();
        }
        self.ready = self.encoder.take();
        self.ready_from = 0;
        !self.ready.is_empty()
    }

    /// One segment, or what stands between two tables, or the end.
    fn step(&mut self) {
        let Some((index, table)) = self.tables.front_mut() else {
            self.behind.iter().for_each(|raw| self.encoder.module_aux(raw));
            self.encoder.finish();
            self.over = true;
            return;
        };
        if !self.is_selected {
            self.encoder.select_db(*index);
            self.encoder.resize_db(table.len as u64, table.volatile as u64);
            self.is_selected = true;
        }
        let (encoder, written, now_ms) = (&mut self.encoder, self.written, self.now_ms);
        let went_on = table.next(|entry| {
            let mut attributes = Attributes { expire_at_ms: entry.expire_ms(), ..Attributes::default() };
            match written {
                Use::Nothing => {}
                Use::Idle => attributes.idle_seconds = Some(idle_seconds(entry.clock(), now_ms).into()),
                Use::Frequency { decay_minutes } => {
                    attributes.frequency = Some(lfu_counter(entry.clock(), now_ms, decay_minutes) as u8);
                }
            }
            encoder.key(entry.key(), &attributes, source(entry));
            self.keys_done += 1;
        });
        if !went_on {
            self.tables.pop_front();
            self.is_selected = false;
        }
    }
}

/// An entry's value as the encoder wants it.
pub(crate) fn source(entry: &Entry) -> Source<'_> {
    match entry.value() {
        Value::Int(integer) => Source::Integer(integer),
        Value::Bytes(bytes) => Source::Text(bytes),
        Value::Object(object) => source_of(object),
    }
}

/// A value as the encoder wants it.
#[must_use]
pub fn source_of(object: &Object) -> Source<'_> {
    match object {
        Object::Str(bytes) => Source::Text(bytes),
        Object::List(list) => Source::List(list),
        Object::Set(set) => Source::Set(set),
        Object::Hash(hash) => Source::Hash(hash),
        Object::Zset(zset) => Source::Zset(zset),
        Object::Stream(stream) => Source::Stream(stream),
        Object::Module(module) => Source::Module { id: module.id, body: &module.body },
    }
}

#[cfg(test)]
mod tests;
