//! What the decoder hands over, and to whom.
//!
//! ```text
//! item(Header) item(Aux) item(SelectDb) ...          about the file
//! key(name, kind, expiry...) -> Wish                 the sink may say Skip: then the value is stepped over by length
//!   part(..) part(..) ...                            the value, piece by piece, as it lies in the file
//! end_of_key(bytes)
//! item(End)
//! ```
//!
//! Its one idea: a value is never gathered here. A hash of 400 MB comes as its fields, one by one; a packed one comes
//! as the block it is, so that a keyspace can adopt it. A sink that refuses a part (because a listpack is not one)
//! says why; the decoder adds where, and stops.

use crate::bytes::Bytes;
use crate::format::{Kind, Version};
use redtwin_structures::limits::Malformed;
use redtwin_structures::stream::StreamId;

/// What a sink may answer to anything: go on, or why not.
pub type Taken<T = ()> = Result<T, Malformed>;

/// Takes what a decoder finds, in the order of the file.
pub trait Sink {
    /// Something that belongs to no key.
    ///
    /// # Errors
    /// Why it cannot be; ends the decoding.
    fn item(&mut self, item: Item<'_>) -> Taken;

    /// A key begins. `Wish::Skip` and its value is stepped over; `end_of_key` comes all the same.
    ///
    /// # Errors
    /// Why it cannot be; ends the decoding.
    fn key(&mut self, key: Key<'_>) -> Taken<Wish>;

    /// A piece of the value of the last key.
    ///
    /// # Errors
    /// Why it cannot be; ends the decoding.
    fn part(&mut self, part: Part<'_>) -> Taken;

    /// A key whose value is a string, all at once: the same as `key`, `part` if it is wished for, and `end_of_key`. Most
    /// records are this; a sink that keeps them gains by taking name and value together. `raw` is the value as it lies in
    /// the file.
    ///
    /// # Errors
    /// Why it cannot be; ends the decoding.
    #[inline]
    fn string(&mut self, key: Key<'_>, value: Bytes<'_>, raw: &[u8], bytes: u64) -> Taken {
        let wish = self.key(key)?;
        if wish.wants_raw() {
            self.part(Part::Raw(raw))?;
        }
        if wish.wants_value() {
            self.part(Part::String(value))?;
        }
        self.end_of_key(bytes)
    }

    /// The value is complete. `bytes` is what the key took in the file: type, name and value.
    ///
    /// # Errors
    /// Why it cannot be; ends the decoding.
    fn end_of_key(&mut self, bytes: u64) -> Taken;
}

/// What a sink wants of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Its value.
    Value,
    /// The bytes of its value as they lie in the file, in pieces (`Part::Raw`): for who copies it.
    Raw,
    /// Both, each in its order.
    Both,
    /// Nothing more.
    Skip,
}

impl Wish {
    pub(crate) const fn wants_value(self) -> bool {
        matches!(self, Wish::Value | Wish::Both)
    }

    pub(crate) const fn wants_raw(self) -> bool {
        matches!(self, Wish::Raw | Wish::Both)
    }
}

/// Something that belongs to no key.
#[derive(Debug)]
pub enum Item<'a> {
    /// The magic. First of all.
    Header(Version),
    /// A name and a value about the file. Unknown names are to be passed over.
    Aux {
        /// Names that begin with '%' are for people only.
        name: Bytes<'a>,
        /// Text, by convention.
        value: Bytes<'a>,
    },
    /// The keys that follow are in this database.
    SelectDb(u64),
    /// How many keys and expiries follow in the database: a hint, not to be trusted.
    ResizeDb {
        /// Keys.
        keys: u64,
        /// Keys that expire.
        expires: u64,
    },
    /// A cluster's hint for a slot, not to be trusted.
    SlotInfo {
        /// The slot.
        slot: u64,
        /// Its keys.
        keys: u64,
        /// Those of them that expire.
        expires: u64,
    },
    /// Valkey: slots that are being imported; the keys of these are not yet owned.
    SlotImport {
        /// The name of the job, 40 bytes.
        job: Bytes<'a>,
        /// First and last slot of each range.
        ranges: &'a [(u64, u64)],
    },
    /// The source of a function library.
    Function(Bytes<'a>),
    /// Data of a module that belongs to no key.
    ModuleAux {
        /// The module's type; see `format::module_name`.
        id: u64,
        /// Everything after the opcode byte, the id included, to write it again as it was.
        raw: &'a [u8],
    },
    /// The end. The checksum was right, or was 0 (none), or is not looked at.
    End,
}

/// A key and its attributes.
#[derive(Debug)]
pub struct Key<'a> {
    /// Its name.
    pub name: Bytes<'a>,
    /// How its value is written.
    pub kind: Kind,
    /// Unix milliseconds; None when it does not expire.
    pub expire_at_ms: Option<i64>,
    /// Seconds since it was used last (written under an LRU policy).
    pub idle_seconds: Option<u64>,
    /// LFU counter (written under an LFU policy).
    pub frequency: Option<u8>,
    /// Redis 8.6's metadata of modules: everything after its opcode byte, raw.
    pub metadata: Option<&'a [u8]>,
    /// Position in the RDB of its type byte.
    pub offset: u64,
}

/// How a block is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// A listpack. In a list: a node; in a hash: field, value; in a sorted set: member, score.
    Listpack,
    /// A listpack of field, value, expiry in Unix ms (0 for none).
    ExpiringListpack,
    /// A ziplist, with the same contents as a listpack.
    Ziplist,
    /// An intset.
    Intset,
    /// A zipmap of fields and values.
    Zipmap,
}

/// What a stream says of itself after its nodes. None: written by a version that did not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Entries alive.
    pub length: u64,
    /// The last id given.
    pub last: StreamId,
    /// The first entry alive.
    pub first: Option<StreamId>,
    /// The greatest id deleted.
    pub max_deleted: Option<StreamId>,
    /// Entries ever added.
    pub entries_added: Option<u64>,
}

/// A piece of a value. Nothing in it has been checked beyond its form; blocks least of all.
#[derive(Debug)]
pub enum Part<'a> {
    /// The next bytes of a value that is wanted raw. Nothing of it has been decompressed or checked.
    Raw(&'a [u8]),
    /// The whole string.
    String(Bytes<'a>),
    /// How many pieces will follow: a hint for capacity, not to be trusted.
    Count(u64),
    /// An element of a list, or a member of a set.
    Element(Bytes<'a>),
    /// A field of a hash.
    Field {
        /// Its name.
        field: Bytes<'a>,
        /// Its value.
        value: Bytes<'a>,
        /// Unix milliseconds; None when it does not expire.
        expire_at_ms: Option<u64>,
    },
    /// A member of a sorted set.
    Member {
        /// Its name.
        member: Bytes<'a>,
        /// May be NaN: nothing has been checked.
        score: f64,
    },
    /// A block of elements. A list has many, the others one.
    Packed(Packing, Bytes<'a>),
    /// A node of a stream.
    StreamNode {
        /// The id from which the ids in the node are counted.
        base: StreamId,
        /// A listpack of entries.
        listpack: Bytes<'a>,
    },
    /// After a stream's nodes.
    StreamInfo(StreamInfo),
    /// A consumer group. Its pending entries follow, then its consumers.
    StreamGroup {
        /// Its name.
        name: Bytes<'a>,
        /// The last id delivered.
        last: StreamId,
        /// Entries read, `u64::MAX` when the writer did not know; None before 7.0, which did not write it.
        entries_read: Option<u64>,
    },
    /// An entry that was delivered to a consumer of the group and not acknowledged.
    StreamPending {
        /// The entry.
        id: StreamId,
        /// When, in Unix ms.
        delivery_ms: i64,
        /// How often.
        deliveries: u64,
    },
    /// A consumer of the last group. The ids it owns follow.
    StreamConsumer {
        /// Its name.
        name: Bytes<'a>,
        /// When it last tried, Unix ms.
        seen_ms: i64,
        /// When it last got something, Unix ms; -1 when never; None before 7.2, which did not write it.
        active_ms: Option<i64>,
    },
    /// A pending entry of the group that the last consumer owns.
    StreamOwned(StreamId),
    /// What Redis 8.6 writes behind the groups (producers that are idempotent), raw.
    StreamTail(&'a [u8]),
    /// A module's value.
    Module {
        /// The module's type; see `format::module_name`.
        id: u64,
        /// Everything after the id, its end mark included, to write it again as it was.
        raw: &'a [u8],
    },
}

/// Takes everything and keeps nothing: for a check of form and checksum, and to measure the decoder alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn item(&mut self, _: Item<'_>) -> Taken {
        Ok(())
    }
    fn key(&mut self, _: Key<'_>) -> Taken<Wish> {
        Ok(Wish::Value)
    }
    fn part(&mut self, _: Part<'_>) -> Taken {
        Ok(())
    }
    fn end_of_key(&mut self, _: u64) -> Taken {
        Ok(())
    }
}
