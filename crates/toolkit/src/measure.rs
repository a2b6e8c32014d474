//! How large a value is: elements, the longest of them, its encoding, and what it takes in the memory of Redis 7.0.
//!
//! Its one idea: everything can be told while the parts pass, with a few sums; no value is gathered to be measured.

use crate::memory::{self as cost, size_class};
use crate::spread::each_value;
use redtwin_rdb::format::{Class, Kind};
use redtwin_rdb::{Packing, Part, Taken};
use redtwin_structures::number::parse_i64;

/// What was found of one key. Sizes are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What sort of value.
    pub class: Class,
    /// OBJECT ENCODING in the Redis that wrote it.
    pub encoding: Encoding,
    /// Elements, members, fields or entries; for a string its length.
    pub elements: u64,
    /// The longest element, field or value; for a string its length.
    pub longest: u64,
    /// Estimate of what it takes in Redis 7.0, its name and expiry included.
    pub memory: u64,
    /// What it takes in the RDB: type, name, value.
    pub encoded: u64,
}

/// The names of OBJECT ENCODING. Their numbers cross the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "they are the words")]
pub enum Encoding {
    Int,
    Embstr,
    Raw,
    Quicklist,
    Intset,
    Hashtable,
    Listpack,
    Ziplist,
    Zipmap,
    Skiplist,
    Stream,
    Module,
}

impl Encoding {
    /// Every encoding, by number.
    pub const ALL: [Encoding; 12] = [
        Encoding::Int,
        Encoding::Embstr,
        Encoding::Raw,
        Encoding::Quicklist,
        Encoding::Intset,
        Encoding::Hashtable,
        Encoding::Listpack,
        Encoding::Ziplist,
        Encoding::Zipmap,
        Encoding::Skiplist,
        Encoding::Stream,
        Encoding::Module,
    ];

    /// As OBJECT ENCODING says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Int => "int",
            Encoding::Embstr => "embstr",
            Encoding::Raw => "raw",
            Encoding::Quicklist => "quicklist",
            Encoding::Intset => "intset",
            Encoding::Hashtable => "hashtable",
            Encoding::Listpack => "listpack",
            Encoding::Ziplist => "ziplist",
            Encoding::Zipmap => "zipmap",
            Encoding::Skiplist => "skiplist",
            Encoding::Stream => "stream",
            Encoding::Module => "module",
        }
    }

    const fn of(kind: Kind) -> Encoding {
        match kind {
            // Known once the string is.
            Kind::String => Encoding::Raw,
            Kind::List | Kind::ListQuicklist | Kind::ListQuicklist2 => Encoding::Quicklist,
            Kind::ListZiplist | Kind::ZsetZiplist | Kind::HashZiplist => Encoding::Ziplist,
            Kind::HashZipmap => Encoding::Zipmap,
            Kind::SetIntset => Encoding::Intset,
            Kind::HashListpack
            | Kind::ZsetListpack
            | Kind::SetListpack
            | Kind::HashListpackExpiringPreGa
            | Kind::HashListpackExpiring => Encoding::Listpack,
            Kind::Set
            | Kind::Hash
            | Kind::HashExpiringPreGa
            | Kind::HashExpiring
            | Kind::HashExpiringValkey => Encoding::Hashtable,
            Kind::Zset | Kind::Zset2 => Encoding::Skiplist,
            Kind::Stream1 | Kind::Stream2 | Kind::Stream3 | Kind::Stream4 => Encoding::Stream,
            Kind::Module2 => Encoding::Module,
        }
    }
}

/// The name of a class, as TYPE says it.
#[must_use]
pub const fn class_name(class: Class) -> &'static str {
    match class {
        Class::String => "string",
        Class::List => "list",
        Class::Set => "set",
        Class::Zset => "zset",
        Class::Hash => "hash",
        Class::Stream => "stream",
        Class::Module => "module",
    }
}

/// Nodes of a list are closed at about this size (list-max-listpack-size -2).
const LIST_NODE_BYTES: u64 = 8192;

/// Measures one value after the other.
#[derive(Debug)]
pub struct Measure {
    summary: Summary,
    /// Of everything but the object itself.
    bytes: u64,
    /// Of a list written element by element: what its listpacks will take.
    list_bytes: u64,
}

impl Default for Measure {
    fn default() -> Self {
        let summary = Summary {
            class: Class::String,
            encoding: Encoding::Raw,
            elements: 0,
            longest: 0,
            memory: 0,
            encoded: 0,
        };
        Measure { summary, bytes: 0, list_bytes: 0 }
    }
}

impl Measure {
    /// A value of this kind follows. `name`: bytes of the key.
    pub fn begin(&mut self, kind: Kind, name: u64, expires: bool) {
        self.summary = Summary {
            class: kind.class(),
            encoding: Encoding::of(kind),
            elements: 0,
            longest: 0,
            memory: cost::key(name, expires),
            encoded: 0,
        };
        self.bytes = 0;
        self.list_bytes = 0;
    }

    /// A value of this kind follows whose size nobody asks for: `end` will say what sort it is, and no sizes that mean anything.
    #[inline]
    pub fn pass_over(&mut self, kind: Kind) {
        self.summary.class = kind.class();
        self.summary.encoding = Encoding::of(kind);
    }

    fn saw(&mut self, bytes: &[u8]) {
        self.summary.longest = self.summary.longest.max(bytes.len() as u64);
    }

    /// The next part of it. Blocks must have been checked.
    ///
    /// # Errors
    /// An intset that is none.
    pub fn part(&mut self, part: &Part<'_>) -> Taken {
        match part {
            Part::String(bytes) => {
                let length = bytes.len() as u64;
                self.summary.elements = length;
                self.summary.longest = length;
                let is_integer = bytes.len() <= 20 && parse_i64(bytes).is_some();
                (self.summary.encoding, self.bytes) = match length {
                    _ if is_integer => (Encoding::Int, cost::OBJECT),
                    0..=44 => (Encoding::Embstr, cost::string(length)),
                    _ => (Encoding::Raw, cost::string(length)),
                };
            }
            Part::Element(bytes) => {
                self.summary.elements += 1;
                self.saw(bytes);
                let length = bytes.len() as u64;
                if self.summary.class == Class::List {
                    // A head of 1 to 5 bytes and a tail of 1 to 5.
                    self.list_bytes += length + if length < 64 { 2 } else { 4 };
                } else {
                    self.bytes += cost::DICT_ENTRY + cost::sds(length);
                }
            }
            Part::Field { field, value, expire_at_ms } => {
                self.summary.elements += 1;
                self.saw(field);
                self.saw(value);
                let expiry = if expire_at_ms.is_some() { 16 } else { 0 };
                self.bytes +=
                    cost::DICT_ENTRY + cost::sds(field.len() as u64) + cost::sds(value.len() as u64) + expiry;
            }
            Part::Member { member, .. } => {
                self.summary.elements += 1;
                self.saw(member);
                self.bytes +=
                    cost::DICT_ENTRY + cost::sds(member.len() as u64) + size_class(cost::SKIPLIST_NODE);
            }
            Part::Packed(packing, bytes) => self.block(*packing, bytes)?,
            Part::StreamNode { listpack, .. } => {
                self.saw(listpack);
                self.bytes += size_class(listpack.len() as u64) + cost::RADIX_NODE;
            }
            Part::StreamInfo(info) => self.summary.elements = info.length,
            Part::StreamGroup { name, .. } => self.bytes += cost::STREAM_GROUP + name.len() as u64,
            Part::StreamPending { .. } => self.bytes += cost::STREAM_PENDING,
            Part::StreamConsumer { name, .. } => {
                self.bytes += cost::STREAM_CONSUMER + cost::sds(name.len() as u64);
            }
            Part::StreamTail(raw) => self.bytes += raw.len() as u64,
            Part::Module { raw, .. } => {
                self.summary.elements = 1;
                self.summary.longest = raw.len() as u64;
                self.bytes += raw.len() as u64;
            }
            Part::Count(_) | Part::StreamOwned(_) | Part::Raw(_) => {}
        }
        Ok(())
    }

    fn block(&mut self, packing: Packing, bytes: &[u8]) -> Taken {
        let (mut count, mut longest) = (0u64, 0u64);
        let mut digits = itoa::Buffer::new();
        each_value(packing, bytes, |value| {
            count += 1;
            longest = longest.max(value.as_bytes(&mut digits).len() as u64);
            Ok(())
        })?;
        let per_element = match (self.summary.class, packing) {
            (Class::List | Class::Set, _) => 1,
            (_, Packing::ExpiringListpack) => 3,
            _ => 2,
        };
        self.summary.elements += count / per_element;
        self.summary.longest = self.summary.longest.max(longest);
        self.bytes += size_class(bytes.len() as u64);
        if self.summary.class == Class::List {
            self.bytes += cost::QUICKLIST_NODE;
        }
        Ok(())
    }

    /// Bytes in Redis's memory that are certain already: no more than `end` will say.
    #[must_use]
    pub fn so_far(&self) -> u64 {
        self.summary.memory.saturating_add(self.bytes).saturating_add(self.list_bytes)
    }

    /// What was found. `encoded`: bytes it took in the RDB.
    pub fn end(&mut self, encoded: u64) -> Summary {
        let elements = self.summary.elements;
        let around = match (self.summary.class, self.summary.encoding) {
            (Class::String, _) => 0,
            (Class::List, _) => {
                let nodes = self.list_bytes.div_ceil(LIST_NODE_BYTES);
                cost::OBJECT + cost::QUICKLIST + self.list_bytes + nodes * (cost::QUICKLIST_NODE + 7)
            }
            (Class::Stream, _) => cost::OBJECT + cost::STREAM,
            (_, Encoding::Hashtable) => cost::OBJECT + cost::DICT + cost::buckets(elements),
            (_, Encoding::Skiplist) => cost::OBJECT + cost::DICT + cost::SKIPLIST + cost::buckets(elements),
            _ => cost::OBJECT,
        };
        self.summary.memory = self.summary.memory.saturating_add(self.bytes).saturating_add(around);
        self.summary.encoded = encoded;
        self.summary
    }
}
