//! A value that does not fit into a key's block.
//!
//! Short strings live in the key's own block; everything else is one of these, owned by its entry.

use redtwin_structures::hash::Hash;
use redtwin_structures::list::List;
use redtwin_structures::set::Set;
use redtwin_structures::stream::Stream;
use redtwin_structures::zset::Zset;

/// Every kind of value. A clone shares what is large in it (nodes, buckets) until one side changes that.
#[derive(Clone, Debug)]
pub enum Object {
    /// A string too long for the block, or one that has grown.
    Str(Vec<u8>),
    /// Elements in order.
    List(List),
    /// Distinct members without an order.
    Set(Set),
    /// Fields with values.
    Hash(Hash),
    /// Members in the order of their scores.
    Zset(Zset),
    /// Entries in the order of their ids. The only collection that may be empty.
    Stream(Box<Stream>),
    /// A module's value that nothing here understands, kept byte for byte.
    Module(Box<ModuleValue>),
}

// It lies in the block of its key, so each word counts.
const _: () = assert!(size_of::<Object>() <= 32);

/// The raw body of a module's value in an RDB, to be written back as it came.
#[derive(Clone, Debug)]
pub struct ModuleValue {
    /// The 64-bit module id: nine characters of six bits, and ten bits of encoding version.
    pub id: u64,
    /// Everything behind the id, its end mark included.
    pub body: Vec<u8>,
}

impl Object {
    /// Asks for what leads to a member (empty for a list's elements); `prefetch` takes the next step. Both are hints.
    pub fn aim(&self, member: &[u8]) -> usize {
        match self {
            Object::List(list) => list.prefetch(),
            Object::Set(set) => return set.aim(member),
            Object::Hash(hash) => return hash.aim(member),
            Object::Zset(zset) => return zset.aim(member),
            Object::Str(_) | Object::Stream(_) | Object::Module(_) => {}
        }
        0
    }

    /// Asks for the memory that a look-up goes through last, going by what `aim` gave.
    pub fn prefetch(&self, aim: usize) {
        match self {
            Object::Set(set) => set.prefetch(aim),
            Object::Hash(hash) => hash.prefetch(aim),
            Object::Zset(zset) => zset.prefetch(aim),
            Object::Str(_) | Object::List(_) | Object::Stream(_) | Object::Module(_) => {}
        }
    }

    /// What TYPE says.
    pub fn type_name(&self) -> &'static str {
        match self {
            Object::Str(_) => "string",
            Object::List(_) => "list",
            Object::Set(_) => "set",
            Object::Hash(_) => "hash",
            Object::Zset(_) => "zset",
            Object::Stream(_) => "stream",
            Object::Module(_) => "module",
        }
    }

    /// What OBJECT ENCODING says (Redis 7.0).
    pub fn encoding(&self) -> &'static str {
        match self {
            Object::Str(_) | Object::Module(_) => "raw",
            Object::List(list) => list.encoding(),
            Object::Set(set) => set.encoding(),
            Object::Hash(hash) => hash.encoding(),
            Object::Zset(zset) => zset.encoding(),
            Object::Stream(stream) => stream.encoding(),
        }
    }

    /// Bytes on the heap, as well as can be told without walking everything.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Object::Str(bytes) => bytes.capacity(),
            Object::List(list) => list.memory_bytes(),
            Object::Set(set) => set.memory_bytes(),
            Object::Hash(hash) => hash.memory_bytes(),
            Object::Zset(zset) => zset.memory_bytes(),
            Object::Stream(stream) => stream.memory_bytes(),
            Object::Module(value) => size_of::<ModuleValue>() + value.body.capacity(),
        }
    }

    /// Collections without elements do not exist: their key goes.
    pub fn is_empty(&self) -> bool {
        match self {
            Object::Str(_) | Object::Stream(_) | Object::Module(_) => false,
            Object::List(list) => list.is_empty(),
            Object::Set(set) => set.is_empty(),
            Object::Hash(hash) => hash.is_empty(),
            Object::Zset(zset) => zset.is_empty(),
        }
    }
}
