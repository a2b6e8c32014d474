//! Saving: an RDB of the keyspace as it was at one moment, made piece by piece while writes go on.
//!
//! ```text
//! Snapshot::new  takes a reference to each segment of each table: O(segments), no data is copied
//! read(bytes)    encodes segment after segment and lets go of each
//! a writer       that touches a segment which the snapshot still holds copies it first (Arc::make_mut)
//! ```
//!
//! Its one idea: the moment is that of `new`, however long the reading takes. Nothing here knows files or sockets; who
//! reads slowly makes only this wait, not the writers.

use crate::access::{idle_seconds, lfu_counter};
use crate::entry::{Entry, Value};
use crate::keyspace::Keyspace;
use crate::object::Object;
use crate::table::Table;
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
}

/// How many entries ahead a block is asked for.
const AHEAD: usize = 12;

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
    tables: std::collections::VecDeque<(u64, Table)>,
    segment: usize,
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
        let SaveOptions { version, compress, checksum, now_ms, aux } = options;
        let mut encoder =
            Encoder::new(EncodeOptions { version: *version, compress: *compress, checksum: *checksum })?;
        aux.iter().for_each(|(name, value)| encoder.aux(name, value));
        let (behind, before): (Vec<_>, Vec<_>) =
            keys.module_aux.iter().cloned().partition(|raw| is_behind_keys(raw));
        before.iter().for_each(|raw| encoder.module_aux(raw));
        keys.libraries.iter().for_each(|code| encoder.function(code));
        let tables = keys.dbs.iter().zip(0..).filter(|(db, _)| !db.table.is_empty());
        let settings = &keys.settings;
        let written = if settings.lfu() {
            Use::Frequency { decay_minutes: settings.lfu_decay_time }
        } else if settings.maxmemory_policy.ends_with("-lru") {
            Use::Idle
        } else {
            Use::Nothing
        };
        Some(Snapshot {
            encoder,
            tables: tables.map(|(db, index)| (index, db.table.clone())).collect(),
            segment: 0,
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
        if self.segment == 0 {
            self.encoder.select_db(*index);
            self.encoder.resize_db(table.len() as u64, table.volatile() as u64);
        }
        // Blocks lie anywhere: they are asked for some steps before they are read, or each would cost a cache miss.
        let mut ahead = table.segment_entries(self.segment);
        ahead.by_ref().take(AHEAD).for_each(Entry::prefetch);
        for entry in table.segment_entries(self.segment) {
            if let Some(later) = ahead.next() {
                later.prefetch();
            }
            let mut attributes = Attributes { expire_at_ms: entry.expire_ms(), ..Attributes::default() };
            match self.written {
                Use::Nothing => {}
                Use::Idle => attributes.idle_seconds = Some(idle_seconds(entry.clock(), self.now_ms).into()),
                Use::Frequency { decay_minutes } => {
                    attributes.frequency = Some(lfu_counter(entry.clock(), self.now_ms, decay_minutes) as u8);
                }
            }
            self.encoder.key(entry.key(), &attributes, source(entry));
        }
        drop(ahead);
        // From here on a writer may change this segment in place.
        table.let_go(self.segment);
        self.segment += 1;
        if self.segment == table.segments() {
            self.tables.pop_front();
            self.segment = 0;
        }
    }
}

/// An entry's value as the encoder wants it.
pub(crate) fn source(entry: &Entry) -> Source<'_> {
    match entry.value() {
        Value::Int(integer) => Source::Integer(integer),
        Value::Bytes(bytes) => Source::Text(bytes),
        Value::Object(object) => match object {
            Object::Str(bytes) => Source::Text(bytes),
            Object::List(list) => Source::List(list),
            Object::Set(set) => Source::Set(set),
            Object::Hash(hash) => Source::Hash(hash),
            Object::Zset(zset) => Source::Zset(zset),
            Object::Stream(stream) => Source::Stream(stream),
            Object::Module(module) => Source::Module { id: module.id, body: &module.body },
        },
    }
}

#[cfg(test)]
mod tests;
