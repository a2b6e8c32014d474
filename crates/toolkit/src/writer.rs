//! An RDB from records: the way back from `batch`.
//!
//! ```text
//! records + heap --> value built as a command would build it --> Encoder, in the version asked for
//! ```
//!
//! Its one idea: what can be read can be written again, by the same table. Nothing of a record is trusted: it
//! comes from somebody's program.

use crate::batch::RECORD;
use redtwin_keyspace::load::{Builder, Built};
use redtwin_keyspace::save::source_of;
use redtwin_rdb::format::{Kind, Version};
use redtwin_rdb::{Attributes, Bytes, EncodeOptions, Encoder, LeftOut, Part, Source};
use redtwin_structures::limits::{Limits, Malformed};
use redtwin_structures::stream::{ConsumerId, Meta, Stream, StreamId};

/// Writes one RDB.
#[derive(Debug)]
pub struct RecordWriter {
    encoder: Encoder,
    builder: Builder,
    limits: Limits,
    db: Option<u64>,
    empty: u64,
}

const SHORT: Malformed = Malformed("a record whose value ends too early");
const KINDS: [Kind; 7] = [
    Kind::String,
    Kind::List,
    Kind::Set,
    Kind::Zset2,
    Kind::HashExpiringValkey,
    Kind::Stream3,
    Kind::Module2,
];

/// A cursor over a value in the form of `batch`.
struct Heap<'a>(&'a [u8]);

impl<'a> Heap<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| SHORT)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = u32::from_le_bytes(self.array()?);
        self.take(length as usize)
    }

    fn f64(&mut self) -> Result<f64, Malformed> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    fn id(&mut self) -> Result<StreamId, Malformed> {
        Ok(StreamId { ms: u64::from_le_bytes(self.array()?), seq: u64::from_le_bytes(self.array()?) })
    }
}

fn unsigned(number: i64) -> Option<u64> {
    u64::try_from(number).ok()
}

impl RecordWriter {
    /// At the start of a file. None when the version cannot be written.
    #[must_use]
    pub fn new(version: Version, compress: bool, checksum: bool) -> Option<Self> {
        let limits = Limits::default();
        Some(RecordWriter {
            encoder: Encoder::new(EncodeOptions { version, compress, checksum })?,
            builder: Builder::new(limits, None),
            limits,
            db: None,
            empty: 0,
        })
    }

    /// A name and a value about the file.
    pub fn aux(&mut self, name: &[u8], value: &[u8]) {
        self.encoder.aux(name, value);
    }

    /// The source of a function library.
    pub fn function(&mut self, code: &[u8]) {
        self.encoder.function(code);
    }

    /// Writes the keys of a batch.
    ///
    /// # Errors
    /// What is wrong with a record. Those before it are written.
    pub fn records(&mut self, records: &[f64], heap: &[u8]) -> Result<(), Malformed> {
        records.as_chunks::<RECORD>().0.iter().try_for_each(|record| self.record(record, heap))
    }

    fn record(&mut self, record: &[f64; RECORD], heap: &[u8]) -> Result<(), Malformed> {
        let [db, _, _, _, expire_at, idle, frequency, ..] = *record;
        let said = |number: f64| (!number.is_nan()).then_some(number);
        let attributes = Attributes {
            expire_at_ms: said(expire_at).map(|at| at as i64),
            idle_seconds: said(idle).map(|seconds| seconds as u64),
            frequency: said(frequency).map(|frequency| frequency as u8),
        };
        let db = db as u64;
        if self.db != Some(db) {
            self.db = Some(db);
            self.encoder.select_db(db);
        }
        let name = slice(heap, record[2], record[3])?;
        let RecordWriter { encoder, builder, limits, .. } = self;
        if with_value(record, heap, builder, limits, |value| encoder.key(name, &attributes, value))?.is_none()
        {
            self.empty += 1;
        }
        Ok(())
    }

    /// Takes what is ready.
    pub fn take(&mut self) -> Vec<u8> {
        self.encoder.take()
    }

    /// Writes the end.
    pub fn finish(&mut self) {
        self.encoder.finish();
    }

    /// Collections without elements, which were left out: no server takes them.
    #[must_use]
    pub fn empty(&self) -> u64 {
        self.empty
    }

    /// What the version could not hold.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.encoder.left_out()
    }
}

/// What lies at a place that a record names. Casts of numbers that are no index saturate, and then nothing is there.
fn slice(heap: &[u8], at: f64, bytes: f64) -> Result<&[u8], Malformed> {
    heap.get(at as usize..).and_then(|rest| rest.get(..bytes as usize)).ok_or(SHORT)
}

/// Calls `take` with a record's value as the encoder wants it. None, and no call, for a collection without elements, which
/// no server takes.
fn with_value<T>(
    record: &[f64; RECORD],
    heap: &[u8],
    builder: &mut Builder,
    limits: &Limits,
    take: impl FnOnce(Source<'_>) -> T,
) -> Result<Option<T>, Malformed> {
    let value = slice(heap, record[11], record[12])?;
    let kind = *KINDS.get(record[1] as usize % 16).ok_or(Malformed("a record of an unknown type"))?;
    Ok(Some(match kind {
        Kind::String => take(Source::Text(value)),
        Kind::Stream3 => take(Source::Stream(&stream(value, limits)?)),
        Kind::Module2 => {
            let (id, body) = value.split_first_chunk::<8>().ok_or(SHORT)?;
            take(Source::Module { id: u64::from_le_bytes(*id), body })
        }
        _ => match built(builder, kind, value)? {
            Some(Built::Object(object)) => take(source_of(&object)),
            _ => return Ok(None),
        },
    }))
}

fn built(builder: &mut Builder, kind: Kind, value: &[u8]) -> Result<Option<Built>, Malformed> {
    let mut heap = Heap(value);
    builder.begin(kind);
    while !heap.0.is_empty() {
        let first = Bytes::Borrowed(heap.bytes()?);
        builder.part(match kind {
            Kind::List | Kind::Set => Part::Element(first),
            Kind::Zset2 => Part::Member { member: first, score: heap.f64()? },
            _ => {
                let value = Bytes::Borrowed(heap.bytes()?);
                let at = heap.f64()?;
                Part::Field { field: first, value, expire_at_ms: (at > 0.0).then_some(at as u64) }
            }
        })?;
    }
    builder.finish()
}

/// The DUMP payload of the first record's value. The version must be writable.
///
/// # Errors
/// What is wrong with the record.
pub fn dump(records: &[f64], heap: &[u8], version: Version) -> Result<Vec<u8>, Malformed> {
    let limits = Limits::default();
    let record = records.first_chunk::<RECORD>().ok_or(SHORT)?;
    with_value(record, heap, &mut Builder::new(limits, None), &limits, |value| {
        redtwin_rdb::dump::encode(value, version, true)
    })?
    .ok_or(Malformed("a collection without elements"))
}

fn stream(value: &[u8], limits: &Limits) -> Result<Stream, Malformed> {
    let mut heap = Heap(value);
    let mut stream = Stream::default();
    let mut group = Vec::new();
    let mut consumer: Option<ConsumerId> = None;
    const LOOSE: Malformed = Malformed("a stream whose parts are out of order");
    while let Ok([tag]) = heap.array::<1>() {
        match tag {
            1 => {
                let id = heap.id()?;
                let count = u32::from_le_bytes(heap.array()?);
                let mut pairs = Vec::new();
                for _ in 0..count {
                    pairs.push(heap.bytes()?);
                    pairs.push(heap.bytes()?);
                }
                stream
                    .append(id, &pairs, limits)
                    .map_err(|_| Malformed("stream entries that do not rise"))?;
            }
            2 => {
                let length = unsigned(heap.i64()?).ok_or(SHORT)?;
                let (last_id, first, deleted) = (heap.id()?, heap.id()?, heap.id()?);
                let added = unsigned(heap.i64()?);
                if length != stream.len() || last_id < stream.last_entry_id() {
                    return Err(Malformed("stream whose length or last id is not that of its entries"));
                }
                stream.load_meta(Meta {
                    length,
                    last_id,
                    first_id: Some(first),
                    max_deleted_id: Some(deleted),
                    entries_added: added,
                })?;
            }
            3 => {
                group = heap.bytes()?.to_vec();
                let last = heap.id()?;
                let read = unsigned(heap.i64()?).unwrap_or(u64::MAX);
                stream.load_group(&group, last, Some(read))?;
            }
            4 => {
                let (id, at, count) = (heap.id()?, heap.i64()?, heap.i64()?);
                let group = stream.group_mut(&group).ok_or(LOOSE)?;
                group.load_pending(id, at, unsigned(count).unwrap_or(0))?;
            }
            5 => {
                let (name, seen, active) = (heap.bytes()?, heap.i64()?, heap.i64()?);
                let group = stream.group_mut(&group).ok_or(LOOSE)?;
                consumer = Some(group.load_consumer(name, seen, active)?);
            }
            6 => {
                let id = heap.id()?;
                stream.group_mut(&group).ok_or(LOOSE)?.load_owned(consumer.ok_or(LOOSE)?, id)?;
            }
            7 => stream.set_idempotence(Some(heap.bytes()?.into())),
            _ => return Err(Malformed("a stream with a part that is not known")),
        }
    }
    stream.check_loaded()?;
    Ok(stream)
}
