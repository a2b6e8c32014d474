//! Keys as records for JavaScript: a table of numbers, and a heap of bytes that it points into.
//!
//! ```text
//! records  16 doubles a key:  db  what  keyAt keyBytes  expireAtMs idle frequency  encoded memory elements longest
//!                             valueAt valueBytes  offset  flags  -
//! heap     names and values, back to back
//!
//! what = class + 16 * encoding (15: not known)    NaN: not said          flags: 1 value is there, 2 more of it follows, 4 goes on
//!
//! value   string: its bytes        list, set: { u32 n, bytes }*        zset: { u32 n, bytes, f64 }*
//!         hash: { u32 n, bytes, u32 n, bytes, f64 Unix ms or 0 }*      module: u64 id, bytes
//!         stream: { u8 tag, ... }* as `Batch::stream_part` writes it
//! ```
//!
//! Its one idea: nothing is made into an object here. JavaScript reads a number where it asks for one, and a value only
//! when somebody looks at it. All numbers little-endian. `src/engine/rdb.ts` reads the same table.

use crate::measure::Summary;
use crate::sieve::Job;
use crate::sieve::{Filter, Sieve};
use crate::spread::{Elements, StreamPart, spread};
use redtwin_rdb::dump::{self, DumpError};
use redtwin_rdb::format::Class;
use redtwin_rdb::{Bytes, Error, ErrorKind, Item, Key, Part, Sink, Taken, Wish};
use redtwin_structures::limits::Malformed;
use redtwin_structures::stream::{Fields, StreamId};

/// Doubles a record has.
pub const RECORD: usize = 16;

/// In the place of an encoding.
const UNKNOWN: f64 = 15.0;
const VALUE: f64 = 1.0;
const MORE: f64 = 2.0;
const GOES_ON: f64 = 4.0;

/// What is wanted of each key.
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchOptions {
    /// Values, not only what is known of them.
    pub values: bool,
    /// Sizes in memory, elements, the longest: they need the value to be read.
    pub sizes: bool,
    /// A value longer than this (in its form above) is handed over in parts of about that size; 0: always whole.
    pub part_bytes: usize,
}

/// Something that is no key, rare enough to be an object of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Magic and version.
    Version(&'static str, u16),
    /// A name and a value about the file.
    Aux(Vec<u8>, Vec<u8>),
    /// The source of a function library.
    Function(Vec<u8>),
    /// Data of a module: its name, and everything raw.
    ModuleAux(String, Vec<u8>),
}

/// What is ready.
#[derive(Debug, Default)]
pub struct Batch {
    /// `RECORD` numbers a key.
    pub records: Vec<f64>,
    /// What they point into.
    pub heap: Vec<u8>,
    /// What was met that is no key, in order.
    pub facts: Vec<Fact>,
}

/// The job.
#[derive(Debug)]
pub struct Entries {
    options: BatchOptions,
    ready: Batch,
    /// The record of the key under way.
    record: [f64; RECORD],
    name: Vec<u8>,
    value_at: usize,
    under_way: bool,
    settled: bool,
    /// Where records and heap stood before the key: what `undo` goes back to.
    before: (usize, usize),
}

/// Room for more than this is given back instead of being used again.
const ROOM_MAX: usize = 8 * 1024 * 1024;

fn maybe(number: Option<impl Into<f64>>) -> f64 {
    number.map_or(f64::NAN, Into::into)
}

impl Entries {
    /// At the start of a file.
    #[must_use]
    pub fn new(options: BatchOptions) -> Self {
        Entries {
            options,
            ready: Batch::default(),
            record: [0.0; RECORD],
            name: Vec::new(),
            value_at: 0,
            under_way: false,
            settled: false,
            before: (0, 0),
        }
    }

    /// Takes what is ready. A key that is not complete stays.
    pub fn take_batch(&mut self) -> Batch {
        if !self.under_way {
            return std::mem::take(&mut self.ready);
        }
        let heap = self.ready.heap.split_off(self.before.1);
        let taken = std::mem::take(&mut self.ready);
        self.ready.heap = heap;
        self.value_at -= self.before.1;
        self.record[2] -= self.before.1 as f64;
        self.before = (0, 0);
        taken
    }

    /// Goes on in the room of a batch that was copied: pages that are touched already are the cheapest there are.
    pub fn reuse(&mut self, mut batch: Batch) {
        batch.heap.clear();
        batch.records.clear();
        if batch.heap.capacity().max(batch.records.capacity()) <= ROOM_MAX && self.ready.records.is_empty() {
            batch.heap.extend_from_slice(&self.ready.heap);
            self.ready.heap = batch.heap;
            self.ready.records = batch.records;
        }
    }

    /// Ends a part of the value: what follows is another record of the same key.
    fn close_part(&mut self, flags: f64) {
        self.record[11] = self.value_at as f64;
        self.record[12] = (self.ready.heap.len() - self.value_at) as f64;
        self.record[14] += flags;
        self.ready.records.extend(self.record);
        self.record[14] = GOES_ON + if self.options.values { VALUE } else { 0.0 };
    }

    /// Between two elements: a part that has grown large enough is given out.
    #[inline]
    fn breathe(&mut self) {
        let limit = self.options.part_bytes;
        if limit > 0 && self.settled && self.ready.heap.len() - self.value_at >= limit {
            self.close_part(MORE);
            // The next part needs the name again, since this one may be gone by then.
            self.before = (self.ready.records.len(), self.ready.heap.len());
            self.record[2] = self.ready.heap.len() as f64;
            let name = std::mem::take(&mut self.name);
            self.ready.heap.extend_from_slice(&name);
            self.name = name;
            self.value_at = self.ready.heap.len();
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.ready.heap.extend((bytes.len() as u32).to_le_bytes());
        self.ready.heap.extend_from_slice(bytes);
    }

    fn put_id(&mut self, id: StreamId) {
        self.ready.heap.extend(id.ms.to_le_bytes());
        self.ready.heap.extend(id.seq.to_le_bytes());
    }

    fn put_i64(&mut self, number: i64) {
        self.ready.heap.extend(number.to_le_bytes());
    }
}

/// The value of a DUMP payload, as a key without a name.
///
/// # Errors
/// What is wrong with the payload.
pub fn of_dump(payload: &[u8]) -> Result<Batch, DumpError> {
    let dump = dump::open(payload)?;
    let options = BatchOptions { values: true, sizes: true, part_bytes: 0 };
    let mut sieve = Sieve::new(Entries::new(options), Filter::default());
    let name = Bytes::Borrowed(&[]);
    let key = Key {
        name,
        kind: dump.kind,
        expire_at_ms: None,
        idle_seconds: None,
        frequency: None,
        metadata: None,
        offset: 0,
    };
    let wrong =
        |malformed: Malformed| DumpError::Value(Error { kind: ErrorKind::Corrupt(malformed.0), offset: 0 });
    sieve.key(key).map_err(wrong)?;
    dump.read(&mut sieve).map_err(DumpError::Value)?;
    sieve.end_of_key(payload.len() as u64).map_err(wrong)?;
    Ok(sieve.job.take_batch())
}

impl Job for Entries {
    fn measures(&self) -> bool {
        self.options.sizes
    }

    fn item(&mut self, item: Item<'_>) -> Taken {
        let fact = match item {
            Item::Header(version) => Fact::Version(version.vendor.name(), version.number),
            Item::Aux { name, value } => Fact::Aux(name.into_vec(), value.into_vec()),
            Item::Function(code) => Fact::Function(code.into_vec()),
            Item::ModuleAux { id, raw } => {
                Fact::ModuleAux(redtwin_rdb::format::module_name(id), raw.to_vec())
            }
            _ => return Ok(()),
        };
        self.ready.facts.push(fact);
        Ok(())
    }

    #[inline]
    fn key(&mut self, db: u64, key: Key<'_>) -> Taken<Wish> {
        self.before = (self.ready.records.len(), self.ready.heap.len());
        self.under_way = true;
        self.settled = false;
        if self.options.part_bytes > 0 {
            self.name.clear();
            self.name.extend_from_slice(&key.name);
        }
        self.record = [
            db as f64,
            f64::from(key.kind.class() as u8),
            self.ready.heap.len() as f64,
            key.name.len() as f64,
            key.expire_at_ms.map_or(f64::NAN, |at| at as f64),
            key.idle_seconds.map_or(f64::NAN, |idle| idle as f64),
            maybe(key.frequency),
            0.0,
            f64::NAN,
            f64::NAN,
            f64::NAN,
            0.0,
            0.0,
            key.offset as f64,
            if self.options.values { VALUE } else { 0.0 },
            0.0,
        ];
        self.ready.heap.extend_from_slice(&key.name);
        self.value_at = self.ready.heap.len();
        Ok(if self.options.values { Wish::Value } else { Wish::Skip })
    }

    #[inline]
    fn part(&mut self, class: Class, part: Part<'_>) -> Taken {
        if !self.options.values {
            return Ok(());
        }
        match part {
            Part::String(bytes) => {
                self.ready.heap.extend_from_slice(&bytes);
                Ok(())
            }
            part => spread(class, &part, self),
        }
    }

    #[inline]
    fn end(&mut self, summary: &Summary) -> Taken {
        self.record[7] = summary.encoded as f64;
        // A string's encoding is known only when it was read.
        let known = self.options.sizes || summary.class != Class::String;
        self.record[1] += 16.0 * if known { f64::from(summary.encoding as u8) } else { UNKNOWN };
        if self.options.sizes {
            self.record[8] = summary.memory as f64;
            self.record[9] = summary.elements as f64;
            self.record[10] = summary.longest as f64;
        }
        self.close_part(0.0);
        self.under_way = false;
        Ok(())
    }

    fn settle(&mut self) {
        self.settled = true;
    }

    fn undo(&mut self) {
        self.ready.records.truncate(self.before.0);
        self.ready.heap.truncate(self.before.1);
        self.under_way = false;
    }

    fn take(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn finish(&mut self) -> Taken<Vec<u8>> {
        Ok(Vec::new())
    }
}

impl Elements for Entries {
    fn text(&mut self, bytes: &[u8]) -> Taken {
        self.ready.heap.extend_from_slice(bytes);
        Ok(())
    }

    fn element(&mut self, bytes: &[u8]) -> Taken {
        self.breathe();
        self.put(bytes);
        Ok(())
    }

    fn field(&mut self, field: &[u8], value: &[u8], expire_at_ms: Option<u64>) -> Taken {
        self.breathe();
        self.put(field);
        self.put(value);
        self.ready.heap.extend((expire_at_ms.unwrap_or(0) as f64).to_le_bytes());
        Ok(())
    }

    fn member(&mut self, member: &[u8], score: f64) -> Taken {
        self.breathe();
        self.put(member);
        self.ready.heap.extend(score.to_le_bytes());
        Ok(())
    }

    fn entry(&mut self, id: StreamId, fields: Fields<'_>) -> Taken {
        self.breathe();
        self.ready.heap.push(1);
        self.put_id(id);
        self.ready.heap.extend((fields.len() as u32).to_le_bytes());
        let (mut a, mut b) = (itoa::Buffer::new(), itoa::Buffer::new());
        for (field, value) in fields {
            self.put(field.as_bytes(&mut a));
            self.put(value.as_bytes(&mut b));
        }
        Ok(())
    }

    fn stream_part(&mut self, part: StreamPart<'_>) -> Taken {
        self.breathe();
        match part {
            StreamPart::Info(info) => {
                self.ready.heap.push(2);
                self.put_i64(info.length as i64);
                self.put_id(info.last);
                self.put_id(info.first.unwrap_or_default());
                self.put_id(info.max_deleted.unwrap_or_default());
                self.put_i64(info.entries_added.map_or(-1, |added| added as i64));
            }
            StreamPart::Group(name, last, read) => {
                self.ready.heap.push(3);
                self.put(name);
                self.put_id(last);
                self.put_i64(read.map_or(-1, |read| read as i64));
            }
            StreamPart::Pending(id, at, count) => {
                self.ready.heap.push(4);
                self.put_id(id);
                self.put_i64(at);
                self.put_i64(count as i64);
            }
            StreamPart::Consumer(name, seen, active) => {
                self.ready.heap.push(5);
                self.put(name);
                self.put_i64(seen);
                self.put_i64(active);
            }
            StreamPart::Owned(id) => {
                self.ready.heap.push(6);
                self.put_id(id);
            }
            StreamPart::Tail(raw) => {
                self.ready.heap.push(7);
                self.put(raw);
            }
        }
        Ok(())
    }

    fn module(&mut self, id: u64, raw: &[u8]) -> Taken {
        self.ready.heap.extend(id.to_le_bytes());
        self.ready.heap.extend_from_slice(raw);
        Ok(())
    }
}
