//! DEBUG DIGEST: 40 hex digits that are equal when two data sets are, whatever their order and encodings.
//!
//! ```text
//!   data set = for each database: mix(its number), then xor over its keys of
//!              mix(key) mix(type) value [xor "!!expire!!"]
//!   mix(d, x):  d = sha1(d xor sha1(x))      the order matters: lists, streams
//!   xor(d, x):  d = d xor sha1(x)            the order does not: sets, hashes, sorted sets
//! ```
//!
//! Fact from Redis 7.0's debug.c, checked against real servers by the interop tests.

use crate::db::Db;
use crate::entry::{Entry, Value};
use crate::object::Object;
use redtwin_structures::number::format_f64;
use sha1::{Digest as _, Sha1};

/// A SHA-1.
pub type Digest = [u8; 20];

/// Adds something whose place matters.
pub fn mix(digest: &mut Digest, bytes: &[u8]) {
    xor(digest, bytes);
    *digest = Sha1::digest(*digest).into();
}

/// Adds something whose place does not matter.
pub fn xor(digest: &mut Digest, bytes: &[u8]) {
    let added: Digest = Sha1::digest(bytes).into();
    digest.iter_mut().zip(added).for_each(|(d, a)| *d ^= a);
}

/// The digest as text.
pub fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// DEBUG DIGEST. Logically expired keys count too. O(data).
pub fn of_dataset(dbs: &[Db]) -> Digest {
    let mut all = [0; 20];
    for (index, db) in dbs.iter().enumerate().filter(|(_, db)| !db.table.is_empty()) {
        mix(&mut all, &(index as u32).to_be_bytes());
        for entry in db.table.iter() {
            let mut one = [0; 20];
            mix(&mut one, entry.key());
            add_value(&mut one, entry);
            // The key's digest itself is hashed once more.
            xor(&mut all, &one);
        }
    }
    all
}

/// DEBUG DIGEST-VALUE.
pub fn of_value(entry: &Entry) -> Digest {
    let mut digest = [0; 20];
    add_value(&mut digest, entry);
    digest
}

fn type_number(value: Value<'_>) -> u32 {
    match value {
        Value::Int(_) | Value::Bytes(_) => 0,
        Value::Object(object) => match object.type_name() {
            "list" => 1,
            "set" => 2,
            "zset" => 3,
            "hash" => 4,
            "module" => 5,
            "stream" => 6,
            _ => 0,
        },
    }
}

fn add_value(digest: &mut Digest, entry: &Entry) {
    mix(digest, &type_number(entry.value()).to_be_bytes());
    match entry.value() {
        Value::Int(int) => mix(digest, itoa::Buffer::new().format(int).as_bytes()),
        Value::Bytes(bytes) => mix(digest, bytes),
        Value::Object(object) => add_object(digest, object),
    }
    if entry.expire_ms().is_some() {
        xor(digest, b"!!expire!!");
    }
}

fn add_object(digest: &mut Digest, object: &Object) {
    let digits = &mut itoa::Buffer::new();
    match object {
        Object::Str(bytes) => mix(digest, bytes),
        Object::List(list) => list.iter().for_each(|element| mix(digest, element.as_bytes(digits))),
        Object::Set(set) => set.iter().for_each(|member| xor(digest, member.as_bytes(digits))),
        Object::Hash(hash) => {
            for field in hash.iter() {
                let mut one = [0; 20];
                mix(&mut one, field.name.as_bytes(digits));
                mix(&mut one, field.value.as_bytes(digits));
                if field.expires_ms.is_some() {
                    xor(&mut one, b"!!hexpire!!");
                }
                xor(digest, &one);
            }
        }
        Object::Zset(zset) => {
            for (member, score) in zset.range(0, usize::MAX) {
                let mut one = [0; 20];
                mix(&mut one, member.as_bytes(digits));
                mix(&mut one, &format_f64(score));
                xor(digest, &one);
            }
        }
        Object::Stream(stream) => {
            for entry in stream.iter() {
                // With a dot, here and nowhere else.
                mix(digest, format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
                for (field, value) in entry.fields() {
                    mix(digest, field.as_bytes(digits));
                    mix(digest, value.as_bytes(digits));
                }
            }
        }
        // Redis asks the module. Without it the raw body has to do: equal bodies, equal digests among ourselves.
        Object::Module(value) => mix(digest, &value.body),
    }
}
