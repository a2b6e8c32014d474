//! The hash: fields with values, and with expiry times where a newer primary gives them.
//!
//! ```text
//! Packed  one listpack of field, value, ...                OBJECT ENCODING listpack
//! Large   Buckets of field, value                          OBJECT ENCODING hashtable
//!         or of field, value, expiry (ms, 0 for none)      once any field has an expiry (listpackex while it is small)
//!         + values above 1 KiB beside it, by field         so that a bucket's bytes are cheap to move
//! ```
//!
//! Its one idea: expiry costs nothing until it is used. An expired field is hidden from whoever passes the present time and
//! stays until it is removed; `LOOK_AT_ALL` as time sees everything, as the primary's feed must.

use crate::buckets::{Buckets, Record};
use crate::limits::Limits;
use crate::listpack::{Builder, Distinct, Listpack, Value};
use hashbrown::HashMap;
use std::sync::Arc;

/// A time at which nothing has expired.
pub const LOOK_AT_ALL: i64 = i64::MIN;

/// Values above this stand outside the buckets.
const BUCKET_VALUE_BYTES_MAX: usize = 1024;

/// A hash of byte strings.
#[derive(Clone)]
pub struct Hash(Repr);

#[derive(Clone)]
enum Repr {
    Packed(Listpack),
    Large(Box<Large>),
}

#[derive(Clone)]
struct Large {
    table: Buckets,
    /// Values that are empty in the table although they are not. Absent fields have no long value.
    long: HashMap<Box<[u8]>, Arc<[u8]>>,
    /// Number of fields with an expiry.
    expiring: usize,
    /// No field expires before this; None when none does. Exact after `earliest_expiry`'s walk only.
    earliest_ms: Option<i64>,
    /// It would be a listpack if no field had an expiry.
    small: bool,
}

/// A field as iteration shows it.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Its name.
    pub name: Value<'a>,
    /// Its value.
    pub value: Value<'a>,
    /// When it expires, Unix ms; None for never.
    pub expires_ms: Option<i64>,
}

impl Field<'_> {
    /// Whether it is hidden at this time.
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_ms.is_some_and(|at| at < now_ms)
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Large {
    fn field<'a>(&'a self, record: Record<'a>) -> Field<'a> {
        let mut values = record.values();
        let absent = Value::Bytes(b"");
        let name = values.next().unwrap_or(absent);
        let mut value = values.next().unwrap_or(absent);
        if value == absent && !self.long.is_empty() {
            let long = self.long.get(name.as_bytes(&mut itoa::Buffer::new()));
            value = long.map_or(absent, |bytes| Value::Bytes(bytes));
        }
        let expires_ms = match values.next() {
            Some(Value::Int(at)) if at != 0 && self.table.stride() == 3 => Some(at),
            _ => None,
        };
        Field { name, value, expires_ms }
    }

    fn get(&self, field: &[u8]) -> Option<Field<'_>> {
        self.table.find(field).map(|slot| self.field(self.table.record(slot)))
    }

    fn insert(&mut self, field: &[u8], value: &[u8], keep_expiry: bool) -> bool {
        let long = value.len() > BUCKET_VALUE_BYTES_MAX;
        let stored = if long { Value::Bytes(b"") } else { Value::of(value) };
        let slot = self.table.find(field);
        if slot.is_some() && !self.long.is_empty() {
            self.long.remove(field);
        }
        if long {
            self.long.insert(field.into(), value.into());
        }
        let Some(slot) = slot else {
            let record = [Value::of(field), stored, Value::Int(0)];
            self.table.insert(&record[..self.table.stride()]);
            return true;
        };
        self.table.replace(slot, 1, stored);
        if !keep_expiry && self.expiring > 0 {
            self.set_expiry(field, None);
        }
        false
    }

    fn remove(&mut self, field: &[u8]) -> bool {
        let Some(slot) = self.table.find(field) else { return false };
        if self.expiring > 0 && self.field(self.table.record(slot)).expires_ms.is_some() {
            self.count_expiring(self.expiring - 1);
        }
        self.table.remove(slot);
        self.long.remove(field);
        true
    }

    fn set_expiry(&mut self, field: &[u8], at_ms: Option<i64>) -> bool {
        if self.table.stride() == 2 && at_ms.is_some() {
            let mut wider = Buckets::new(3);
            for record in self.table.iter() {
                let (name, value) = record.pair();
                wider.insert(&[name, value, Value::Int(0)]);
            }
            self.table = wider;
        }
        let Some(slot) = self.table.find(field) else { return false };
        let before = self.field(self.table.record(slot)).expires_ms;
        if self.table.stride() == 3 {
            // Zero says "never"; a time of zero or less is as good as one millisecond.
            self.table.replace(slot, 2, Value::Int(at_ms.map_or(0, |at| at.max(1))));
        }
        self.count_expiring(self.expiring + at_ms.is_some() as usize - before.is_some() as usize);
        if let Some(at) = at_ms {
            self.earliest_ms = Some(self.earliest_ms.map_or(at, |earliest| earliest.min(at)));
        }
        true
    }

    fn count_expiring(&mut self, count: usize) {
        self.expiring = count;
        if count == 0 {
            self.earliest_ms = None;
        }
    }
}

impl Hash {
    /// The empty hash: a listpack.
    pub fn new() -> Self {
        Hash(Repr::Packed(Listpack::new()))
    }

    /// Takes over a valid listpack of fields and values from an RDB. Turned into a hash table where the limits want it.
    /// None when the number of elements is odd or a field is there twice.
    pub fn from_listpack(pack: Listpack, limits: &Limits) -> Option<Self> {
        let (mut count, mut longest) = (0, 0);
        let mut fields = Distinct::with_capacity(pack.len() / 2);
        let mut values = pack.iter();
        let mut digits = itoa::Buffer::new();
        while let Some(field) = values.next() {
            longest = longest.max(field.as_bytes(&mut digits).len());
            longest = longest.max(values.next()?.as_bytes(&mut digits).len());
            if !fields.insert(field) {
                return None;
            }
            count += 1;
        }
        drop(fields);
        let large = count > limits.hash_max_listpack_entries || longest > limits.hash_max_listpack_value;
        let mut hash = Hash(Repr::Packed(pack));
        if large {
            hash.enlarge(false);
        }
        Some(hash)
    }

    /// Asks for what leads to this field, no more than a hint; `prefetch` takes the next step, when that may have come.
    pub fn aim(&self, field: &[u8]) -> usize {
        match &self.0 {
            Repr::Packed(pack) => {
                pack.prefetch();
                0
            }
            Repr::Large(large) => large.table.aim(field),
        }
    }

    /// Asks for the memory that a look-up goes through last, going by what `aim` gave.
    pub fn prefetch(&self, aim: usize) {
        if let Repr::Large(large) = &self.0 {
            large.table.prefetch(aim);
        }
    }

    /// Number of fields, expired ones that were not removed yet included (as HLEN counts).
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(pack) => pack.len() / 2,
            Repr::Large(large) => large.table.len(),
        }
    }

    /// True without fields.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// "listpack", "hashtable", or "listpackex" for a small one with expiring fields, as Redis calls it.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Repr::Packed(_) => "listpack",
            Repr::Large(large) if large.small => "listpackex",
            Repr::Large(_) => "hashtable",
        }
    }

    /// The listpack, while it is one: it goes into an RDB as it is.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Repr::Packed(pack) => Some(pack),
            Repr::Large(_) => None,
        }
    }

    /// A field with its value; None when it is absent, or expired at `now_ms`.
    pub fn get(&self, field: &[u8], now_ms: i64) -> Option<Field<'_>> {
        match &self.0 {
            Repr::Packed(pack) => {
                let mut values = pack.iter().starting_at(pack.find(field, pack.first()?, 2)?);
                Some(Field { name: values.next()?, value: values.next()?, expires_ms: None })
            }
            Repr::Large(large) => large.get(field).filter(|found| !found.is_expired(now_ms)),
        }
    }

    /// Sets a field; true when it is new. An expiry it had is gone, as after HSET.
    pub fn insert(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        self.insert_with(field, value, limits, false)
    }

    /// Sets a field; true when it is new. An expiry it had stays, as after HINCRBY.
    pub fn insert_keeping_expiry(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        self.insert_with(field, value, limits, true)
    }

    fn insert_with(&mut self, field: &[u8], value: &[u8], limits: &Limits, keep_expiry: bool) -> bool {
        if let Repr::Packed(pack) = &self.0
            && (field.len().max(value.len()) > limits.hash_max_listpack_value
                || pack.size_bytes() + field.len() + value.len() > 1 << 30)
        {
            self.enlarge(false);
        }
        match &mut self.0 {
            Repr::Packed(pack) => {
                if let Some(position) = pack.first().and_then(|first| pack.find(field, first, 2)) {
                    if let Some(at) = pack.next(position) {
                        pack.replace(at, Value::of(value));
                    }
                    return false;
                }
                pack.insert(pack.end(), &[Value::of(field), Value::of(value)]);
                if pack.len() / 2 > limits.hash_max_listpack_entries {
                    self.enlarge(false);
                }
                true
            }
            Repr::Large(large) => {
                let new = large.insert(field, value, keep_expiry);
                large.small &= large.table.len() <= limits.hash_max_listpack_entries
                    && field.len().max(value.len()) <= limits.hash_max_listpack_value;
                new
            }
        }
    }

    /// Removes a field, expired or not; false when it was not there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Repr::Packed(pack) => {
                let found = pack.first().and_then(|first| pack.find(field, first, 2));
                found.inspect(|position| pack.delete(*position, 2)).is_some()
            }
            Repr::Large(large) => large.remove(field),
        }
    }

    /// Lets a field expire at a time (Unix ms), or never; false when there is no such field.
    pub fn set_expiry(&mut self, field: &[u8], at_ms: Option<i64>) -> bool {
        if let Repr::Packed(pack) = &self.0 {
            let exists = pack.first().is_some_and(|first| pack.find(field, first, 2).is_some());
            if at_ms.is_none() || !exists {
                return exists;
            }
            self.enlarge(true);
        }
        match &mut self.0 {
            Repr::Large(large) => large.set_expiry(field, at_ms),
            Repr::Packed(_) => false,
        }
    }

    /// Number of fields that have an expiry.
    pub fn expiring_len(&self) -> usize {
        match &self.0 {
            Repr::Packed(_) => 0,
            Repr::Large(large) => large.expiring,
        }
    }

    /// A time before which no field expires; None when none ever does. O(1), a lower bound.
    pub fn earliest_expiry_ms(&self) -> Option<i64> {
        match &self.0 {
            Repr::Packed(_) => None,
            Repr::Large(large) => large.earliest_ms,
        }
    }

    /// Removes up to `max` fields that are expired at `now_ms` and gives their names. O(len) when there are any.
    pub fn take_expired(&mut self, now_ms: i64, max: usize) -> Vec<Vec<u8>> {
        if self.earliest_expiry_ms().is_none_or(|at| at >= now_ms) {
            return Vec::new();
        }
        let expired: Vec<Vec<u8>> = self
            .iter()
            .filter(|field| field.is_expired(now_ms))
            .take(max)
            .map(|field| field.name.to_vec())
            .collect();
        for name in &expired {
            self.remove(name);
        }
        if let Repr::Large(large) = &mut self.0 {
            large.earliest_ms = large.table.iter().filter_map(|r| large.field(r).expires_ms).min();
        }
        expired
    }

    /// All fields, expired ones too, in no order that means anything.
    pub fn iter(&self) -> Fields<'_> {
        match &self.0 {
            Repr::Packed(pack) => Fields::Packed(pack.iter()),
            Repr::Large(large) => {
                Fields::Large(Box::new(large.table.iter().map(|record| large.field(record))))
            }
        }
    }

    /// The field that `random` chooses, each with the same probability, expired ones too; None when empty.
    pub fn random(&self, random: u64) -> Option<Field<'_>> {
        match &self.0 {
            Repr::Packed(pack) => {
                let index = (random % (pack.len() as u64 / 2).max(1)) as usize;
                let mut values = pack.iter().starting_at(pack.seek(2 * index)?);
                Some(Field { name: values.next()?, value: values.next()?, expires_ms: None })
            }
            Repr::Large(large) => large.table.random(random).map(|record| large.field(record)),
        }
    }

    /// Hands over some fields and gives the cursor to go on with, 0 at the end; small hashes come at once.
    pub fn scan<'a>(&'a self, cursor: u64, mut emit: impl FnMut(Field<'a>)) -> u64 {
        match &self.0 {
            Repr::Packed(_) => {
                self.iter().for_each(emit);
                0
            }
            Repr::Large(large) => large.table.scan(cursor, |record| emit(large.field(record))),
        }
    }

    /// Bytes on the heap. O(number of buckets and long values).
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Repr::Packed(pack) => pack.size_bytes(),
            Repr::Large(large) => {
                let long: usize =
                    large.long.iter().map(|(field, value)| field.len() + value.len() + 40).sum();
                size_of::<Large>() + large.table.memory_bytes() + long
            }
        }
    }

    /// A listpack of fields and values, whatever the size; for encoders that want one.
    pub fn to_listpack(&self) -> Listpack {
        let mut builder = Builder::default();
        for field in self.iter() {
            builder.push_value(field.name);
            builder.push_value(field.value);
        }
        builder.finish()
    }

    fn enlarge(&mut self, small: bool) {
        let Repr::Packed(pack) = &self.0 else { return };
        let mut large =
            Large { table: Buckets::new(2), long: HashMap::new(), expiring: 0, earliest_ms: None, small };
        let mut values = pack.iter();
        while let (Some(field), Some(value)) = (values.next(), values.next()) {
            let (mut a, mut b) = (itoa::Buffer::new(), itoa::Buffer::new());
            large.insert(field.as_bytes(&mut a), value.as_bytes(&mut b), false);
        }
        self.0 = Repr::Large(Box::new(large));
    }
}

/// The fields of a hash.
pub enum Fields<'a> {
    /// Of a listpack.
    #[doc(hidden)]
    Packed(crate::listpack::Iter<'a>),
    /// Of a table.
    #[doc(hidden)]
    Large(Box<dyn Iterator<Item = Field<'a>> + 'a>),
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        match self {
            Fields::Packed(values) => {
                Some(Field { name: values.next()?, value: values.next()?, expires_ms: None })
            }
            Fields::Large(fields) => fields.next(),
        }
    }
}

#[cfg(test)]
mod tests;
