//! Makes one value of the parts that the RDB decoder hands over.
//!
//! ```text
//! parts of any version, any encoding --> Builder --> a string, or an object in the encoding of Redis 7.0
//!    ziplist, zipmap ---- become ----> listpack ---- too large for the limits ----> table
//! ```
//!
//! Its one idea: what is already packed as we would pack it is adopted as it is, after a check; everything else is
//! put in as a command would put it in, so that the limits decide the encoding. Both RDB files and RESTORE come here,
//! so nothing is trusted: a block that is none, a member that is there twice and a score that is no number are refused.

use crate::object::{ModuleValue, Object};
use redtwin_rdb::format::{Class, Kind};
use redtwin_rdb::{Bytes, Packing, Part, Taken};
use redtwin_structures::hash::Hash;
use redtwin_structures::intset::Intset;
use redtwin_structures::limits::{Limits, Malformed};
use redtwin_structures::list::{End, List};
use redtwin_structures::listpack::{self, Listpack, Value};
use redtwin_structures::set::{FirstMembers, Set};
use redtwin_structures::stream::Meta;
use redtwin_structures::zset::Zset;
use redtwin_structures::{ziplist, zipmap};

/// A finished value.
#[derive(Debug)]
pub enum Built {
    /// A string.
    Str(Vec<u8>),
    /// Everything else.
    Object(Object),
}

/// Makes values, one after the other.
#[derive(Debug)]
pub struct Builder {
    limits: Limits,
    /// Fields of hashes that expired before this (Unix ms) are left out.
    fields_from_ms: Option<u64>,
    class: Class,
    value: Option<Built>,
    /// Of the set under way, while it has no value.
    members: FirstMembers,
    /// The stream's group and consumer that the next parts belong to.
    group: Vec<u8>,
    consumer: Option<redtwin_structures::stream::ConsumerId>,
    /// A field that expires has been seen.
    fields_expire: bool,
}

impl Builder {
    /// A builder of values within these limits. Fields that expired before `fields_from_ms` are left out.
    #[must_use]
    pub fn new(limits: Limits, fields_from_ms: Option<u64>) -> Builder {
        Builder {
            limits,
            fields_from_ms,
            class: Class::String,
            value: None,
            members: FirstMembers::default(),
            group: Vec::new(),
            consumer: None,
            fields_expire: false,
        }
    }

    /// Has any value had fields that expire?
    #[must_use]
    pub fn fields_expire(&self) -> bool {
        self.fields_expire
    }

    /// A value of this kind follows.
    pub fn begin(&mut self, kind: Kind) {
        self.class = kind.class();
        self.value = match self.class {
            Class::String | Class::Module => None,
            Class::Set => {
                // What an unfinished one left.
                self.members.clear();
                None
            }
            Class::List => Some(Built::Object(Object::List(List::new()))),
            Class::Zset => Some(Built::Object(Object::Zset(Zset::new()))),
            Class::Hash => Some(Built::Object(Object::Hash(Hash::new()))),
            Class::Stream => Some(Built::Object(Object::Stream(Box::default()))),
        };
    }

    /// The finished value. None for a collection without elements, whose key is to be left out.
    ///
    /// # Errors
    /// Why it cannot be a value.
    pub fn finish(&mut self) -> Taken<Option<Built>> {
        if self.class == Class::Set && self.value.is_none() {
            self.first_members_are_in()?;
        }
        match self.value.take() {
            None => Err(Malformed("a value without content")),
            Some(Built::Object(object)) if object.is_empty() => Ok(None),
            Some(Built::Object(Object::Stream(stream))) => {
                stream.check_loaded()?;
                Ok(Some(Built::Object(Object::Stream(stream))))
            }
            Some(built) => Ok(Some(built)),
        }
    }

    /// The next part of the value.
    ///
    /// # Errors
    /// Why it cannot belong to it.
    pub fn part(&mut self, part: Part<'_>) -> Taken {
        match part {
            Part::String(bytes) => self.value = Some(Built::Str(bytes.into_vec())),
            Part::Module { id, raw } => {
                let module = ModuleValue { id, body: raw.to_vec() };
                self.value = Some(Built::Object(Object::Module(Box::new(module))));
            }
            // A hint for capacity, of which nothing here makes use.
            Part::Count(_) => {}
            Part::Packed(packing, bytes) => self.packed(packing, bytes)?,
            Part::Element(bytes) if self.class == Class::Set && self.value.is_none() => {
                if !self.members.push(&bytes) {
                    self.first_members_are_in()?;
                    self.part(Part::Element(bytes))?;
                }
            }
            Part::Element(bytes) => match self.object()? {
                (Object::List(list), limits) => list.push(End::Back, &bytes, limits),
                (Object::Set(set), limits) => once(set.insert(&bytes, limits), "set with a member twice")?,
                _ => return Err(MIXED),
            },
            Part::Field { field, value, expire_at_ms } => self.field(&field, &value, expire_at_ms)?,
            Part::Member { member, score } => match self.object()? {
                (Object::Zset(_), _) if score.is_nan() => {
                    return Err(Malformed("score that is not a number"));
                }
                (Object::Zset(zset), limits) => {
                    once(zset.insert(&member, score, limits).is_none(), "sorted set with a member twice")?;
                }
                _ => return Err(MIXED),
            },
            stream_part => self.stream_part(stream_part)?,
        }
        Ok(())
    }

    fn first_members_are_in(&mut self) -> Taken {
        let set = self.members.take(&self.limits).ok_or(Malformed("set with a member twice"))?;
        self.value = Some(Built::Object(Object::Set(set)));
        Ok(())
    }

    fn object(&mut self) -> Taken<(&mut Object, &Limits)> {
        match &mut self.value {
            Some(Built::Object(object)) => Ok((object, &self.limits)),
            _ => Err(MIXED),
        }
    }

    fn field(&mut self, field: &[u8], value: &[u8], expire_at_ms: Option<u64>) -> Taken {
        if expire_at_ms.is_some_and(|at| self.fields_from_ms.is_some_and(|from| at < from)) {
            return Ok(());
        }
        let (Object::Hash(hash), limits) = self.object()? else { return Err(MIXED) };
        once(hash.insert(field, value, limits), "hash with a field twice")?;
        if let Some(at) = expire_at_ms {
            let at = i64::try_from(at).map_err(|_| Malformed("field expiry out of range"))?;
            hash.set_expiry(field, Some(at));
            self.fields_expire = true;
        }
        Ok(())
    }

    fn packed(&mut self, packing: Packing, bytes: Bytes<'_>) -> Taken {
        match (packing, self.class) {
            (Packing::Listpack, Class::List) => match self.object()? {
                (Object::List(list), _) => list.push_packed_node(bytes.into_vec()),
                _ => Err(MIXED),
            },
            (Packing::Listpack, _) => self.adopt(Listpack::from_bytes(bytes.into_vec())?),
            (Packing::Ziplist, class) => {
                ziplist::validate(&bytes)?;
                let pack = repacked(ziplist::Iter::new(&bytes), bytes.len());
                match (class, self.object()?) {
                    (Class::List, (Object::List(list), _)) => list.push_packed_node(pack.as_bytes().to_vec()),
                    _ => self.adopt(pack),
                }
            }
            (Packing::Zipmap, Class::Hash) => {
                zipmap::validate(&bytes)?;
                let values =
                    zipmap::Iter::new(&bytes).flat_map(|(field, value)| [Value::of(field), Value::of(value)]);
                self.adopt(repacked(values, bytes.len()))
            }
            (Packing::Intset, Class::Set) => {
                let ints = Intset::from_bytes(bytes.into_vec())?;
                self.value = Some(Built::Object(Object::Set(Set::from_intset(ints, &self.limits))));
                Ok(())
            }
            (Packing::ExpiringListpack, Class::Hash) => {
                listpack::validate(&bytes)?;
                let mut values = listpack::Iter::new(&bytes);
                let (mut a, mut b) = (itoa::Buffer::new(), itoa::Buffer::new());
                while let Some(field) = values.next() {
                    let (Some(value), Some(Value::Int(at))) = (values.next(), values.next()) else {
                        return Err(Malformed("hash listpack that is not field, value, expiry"));
                    };
                    let at = u64::try_from(at).map_err(|_| Malformed("field expiry out of range"))?;
                    self.field(
                        field.as_bytes(&mut a),
                        value.as_bytes(&mut b),
                        Some(at).filter(|&at| at != 0),
                    )?;
                }
                Ok(())
            }
            _ => Err(MIXED),
        }
    }

    /// Makes the collection of a valid listpack.
    fn adopt(&mut self, pack: Listpack) -> Taken {
        let object = match self.class {
            Class::Hash => Object::Hash(
                Hash::from_listpack(pack, &self.limits)
                    .ok_or(Malformed("hash listpack with an odd or doubled field"))?,
            ),
            Class::Zset => {
                Object::Zset(Zset::from_listpack(pack, &self.limits).ok_or(Malformed(
                    "sorted set listpack that is odd, unordered, doubled or without scores",
                ))?)
            }
            Class::Set => {
                let mut set = Set::new();
                let mut digits = itoa::Buffer::new();
                for member in pack.iter() {
                    once(set.insert(member.as_bytes(&mut digits), &self.limits), "set with a member twice")?;
                }
                Object::Set(set)
            }
            _ => return Err(MIXED),
        };
        self.value = Some(Built::Object(object));
        Ok(())
    }

    fn stream_part(&mut self, part: Part<'_>) -> Taken {
        let Some(Built::Object(Object::Stream(stream))) = &mut self.value else { return Err(MIXED) };
        match part {
            Part::StreamNode { base, listpack } => return stream.load_node(base, listpack.into_vec()),
            Part::StreamInfo(info) => {
                return stream.load_meta(Meta {
                    length: info.length,
                    last_id: info.last,
                    first_id: info.first,
                    max_deleted_id: info.max_deleted,
                    entries_added: info.entries_added,
                });
            }
            Part::StreamGroup { name, last, entries_read } => {
                stream.load_group(&name, last, entries_read)?;
                self.group = name.into_vec();
                return Ok(());
            }
            Part::StreamTail(raw) => {
                stream.set_idempotence(Some(raw.into()));
                return Ok(());
            }
            _ => {}
        }
        let group = stream.group_mut(&self.group).ok_or(MIXED)?;
        match part {
            Part::StreamPending { id, delivery_ms, deliveries } => {
                group.load_pending(id, delivery_ms, deliveries)
            }
            Part::StreamConsumer { name, seen_ms, active_ms } => {
                self.consumer = Some(group.load_consumer(&name, seen_ms, active_ms.unwrap_or(seen_ms))?);
                Ok(())
            }
            Part::StreamOwned(id) => group.load_owned(self.consumer.ok_or(MIXED)?, id),
            _ => Err(MIXED),
        }
    }
}

/// The decoder never mixes the parts of one type with another's; a bug would show here.
const MIXED: Malformed = Malformed("a part of another type");

fn once(new: bool, otherwise: &'static str) -> Taken {
    if new { Ok(()) } else { Err(Malformed(otherwise)) }
}

fn repacked<'a>(values: impl Iterator<Item = Value<'a>>, bytes: usize) -> Listpack {
    let mut builder = listpack::Builder::with_capacity(bytes);
    for value in values {
        match value {
            Value::Bytes(text) => builder.push(text),
            integer => builder.push_value(integer),
        }
    }
    builder.finish()
}
