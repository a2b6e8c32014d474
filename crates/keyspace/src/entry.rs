//! One key with its value, in one heap block.
//!
//! Five million small strings are five million of these, so the block holds everything: no separate key, no
//! value object, no length words wider than they need to be.
//!
//! ```text
//!   header, 4 bytes | [expiry i64] | key length | key bytes | value
//!   |- 4 flag bits, 4 bits: other owners                       |- Int:    8 bytes
//!   '- 24 clock bits (LRU or LFU)                              |- Bytes:  length, bytes
//!   a length is one byte, or 255 and four bytes                '- Object: the object itself, aligned to 8
//! ```
//!
//! A clone shares the block, as a clone of an Arc would, and whoever changes a shared block copies it first. So a
//! snapshot and the keyspace hold the same blocks, and only those that are written meanwhile exist twice. A copy of an
//! object shares what is large in it (nodes, buckets), so that it costs little too.
//!
//! `Entry` itself is eight bytes: the block's address in the low 48 bits, and in the high 16 bits of it the table
//! keeps a part of the key's hash. This file and `table.rs` are the only ones that know.
//!
//! Unsafe is used here because a block of three lengths in one allocation has no safe spelling; measured against
//! `Box<str>` + enum (two allocations, 48 bytes more a key) it is what the memory bar needs.

use crate::object::Object;
use redtwin_structures::prefetch;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};

const KIND_MASK: u8 = 3;
const KIND_INT: u8 = 0;
const KIND_BYTES: u8 = 1;
const KIND_OBJECT: u8 = 2;
const HAS_EXPIRY: u8 = 4;
/// OBJECT ENCODING says raw although the string is short: it was changed in place.
const RAW: u8 = 8;
/// The upper half of the flags' byte counts the owners besides the first. Whoever finds none is alone.
const OWNER: u8 = 16;
const OWNERS: u8 = 0xf0;

const ADDRESS_BITS: u32 = 48;
const ADDRESS_MASK: u64 = (1 << ADDRESS_BITS) - 1;

/// Strings longer than this become an `Object::Str`, which grows in place.
pub const INLINE_BYTES_MAX: usize = 4096;

/// A value as it lies in the block.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A string that is an integer.
    Int(i64),
    /// A short string.
    Bytes(&'a [u8]),
    /// Everything else.
    Object(&'a Object),
}

/// A value on its way into a block.
#[derive(Debug)]
pub enum NewValue<'a> {
    /// A string that is an integer.
    Int(i64),
    /// A short string, copied into the block.
    Bytes(&'a [u8]),
    /// Everything else.
    Object(Object),
}

/// A block, owned together with its clones. Eight bytes, never null.
pub struct Entry(NonZeroU64);

// SAFETY: a block is only written by an owner that is alone (or in its header, atomically); what it holds (bytes, an
// Object) is Send and Sync.
unsafe impl Send for Entry {}
// SAFETY: shared access only reads, but for the header, which is accessed atomically.
unsafe impl Sync for Entry {}

/// Where the parts of a block lie.
struct Parts {
    flags: u8,
    key_at: usize,
    key_len: usize,
    /// First byte of an integer, of an object, or of the bytes behind their length.
    value_at: usize,
    value_len: usize,
    total: usize,
}

const fn length_bytes(len: usize) -> usize {
    if len < 255 { 1 } else { 5 }
}

/// Where an object stands that follows what ends at `after`: blocks begin at multiples of `BLOCK_ALIGN`.
const fn object_at(after: usize) -> usize {
    after.next_multiple_of(BLOCK_ALIGN)
}

/// Allocators hand out multiples of eight anyway.
const BLOCK_ALIGN: usize = 8;
const _: () = assert!(align_of::<Object>() <= BLOCK_ALIGN);

impl Entry {
    /// Makes a block. The key must be shorter than 4 GiB (Redis: 512 MB), bytes too.
    pub fn new(key: &[u8], value: NewValue<'_>, expire_ms: Option<i64>) -> Entry {
        let key_at = 4 + if expire_ms.is_some() { 8 } else { 0 };
        let after = key_at + length_bytes(key.len()) + key.len();
        let (kind, total) = match &value {
            NewValue::Int(_) => (KIND_INT, after + 8),
            NewValue::Bytes(bytes) => (KIND_BYTES, after + length_bytes(bytes.len()) + bytes.len()),
            NewValue::Object(_) => (KIND_OBJECT, object_at(after) + size_of::<Object>()),
        };
        let flags = kind | if expire_ms.is_some() { HAS_EXPIRY } else { 0 };
        let layout = block_layout(total);
        // SAFETY: the layout has a non-zero size. Every write below stays inside `total` bytes, which is the sum of exactly
        // these parts; all are written unaligned, but for the object, whose place in the aligned block is aligned.
        unsafe {
            let block = alloc(layout);
            if block.is_null() {
                handle_alloc_error(layout);
            }
            let mut at = block;
            at.cast::<u32>().write(u32::from(flags).to_le());
            at = at.add(4);
            if let Some(expire_ms) = expire_ms {
                at.cast::<i64>().write_unaligned(expire_ms);
                at = at.add(8);
            }
            at = write_bytes(at, key);
            match value {
                NewValue::Int(int) => at.cast::<i64>().write_unaligned(int),
                NewValue::Bytes(bytes) => {
                    write_bytes(at, bytes);
                }
                NewValue::Object(object) => block.add(object_at(after)).cast::<Object>().write(object),
            }
            Entry::from_block(block)
        }
    }

    fn from_block(block: *mut u8) -> Entry {
        let address = block.expose_provenance() as u64;
        assert!(address & !ADDRESS_MASK == 0, "addresses have 48 bits");
        Entry(NonZeroU64::new(address).expect("an allocation is not null"))
    }

    #[inline]
    fn block(&self) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut((self.0.get() & ADDRESS_MASK) as usize)
    }

    /// The 16 bits the table keeps beside the address.
    #[inline]
    pub(crate) fn hash_bits(&self) -> u16 {
        (self.0.get() >> ADDRESS_BITS) as u16
    }

    #[inline]
    pub(crate) fn set_hash_bits(&mut self, bits: u16) {
        let address = self.0.get() & ADDRESS_MASK;
        // SAFETY: the address part is not zero.
        self.0 = unsafe { NonZeroU64::new_unchecked(address | u64::from(bits) << ADDRESS_BITS) };
    }

    /// Asks for the block's first cache line, for a walk that will look at it soon.
    #[inline]
    pub(crate) fn prefetch(&self) {
        prefetch::line(self.block());
    }

    /// The same and the one behind it, for a batch: a key with a short value seldom lies in one line alone.
    #[inline]
    pub(crate) fn prefetch_wide(&self) {
        prefetch::line(self.block());
        prefetch::line(self.block().wrapping_add(64));
    }

    /// One byte of flags and owners, and of the clock its low byte. Both are only accessed atomically once the block is
    /// made: another thread's snapshot may let go of the block while its key is looked up here.
    #[inline]
    fn header(&self) -> &[AtomicU8; 2] {
        // SAFETY: the block begins with these two bytes.
        unsafe { &*self.block().cast::<[AtomicU8; 2]>() }
    }

    /// The upper 16 bits of the clock.
    #[inline]
    fn upper_clock(&self) -> &AtomicU16 {
        // SAFETY: two aligned bytes behind the first two, only accessed atomically.
        unsafe { &*self.block().add(2).cast::<AtomicU16>() }
    }

    /// Acquires, so that who finds no other owner comes after all that the others did.
    #[inline]
    fn flags(&self) -> u8 {
        self.header()[0].load(Ordering::Acquire)
    }

    /// Only for an owner that is alone.
    fn set_flags(&mut self, flags: u8) {
        self.header()[0].store(flags, Ordering::Relaxed);
    }

    /// The 24 clock bits: LRU seconds, or LFU minutes and counter.
    #[inline]
    pub fn clock(&self) -> u32 {
        let low = self.header()[1].load(Ordering::Relaxed);
        u32::from(self.upper_clock().load(Ordering::Relaxed)) << 8 | u32::from(low)
    }

    /// Sets the clock bits; the upper 8 bits of `clock` are ignored. Reads do this too, hence `&self`. A snapshot that
    /// shares the block may see either half of it changed: an idle time is no more than a hint.
    #[inline]
    pub fn set_clock(&self, clock: u32) {
        self.header()[1].store(clock as u8, Ordering::Relaxed);
        self.upper_clock().store((clock >> 8) as u16, Ordering::Relaxed);
    }

    #[inline]
    fn key_at(&self, flags: u8) -> (usize, usize) {
        let at = if flags & HAS_EXPIRY == 0 { 4 } else { 12 };
        // SAFETY: a length follows the header and the expiry.
        unsafe { read_length(self.block(), at) }
    }

    #[inline]
    fn parts(&self) -> Parts {
        let flags = self.flags();
        let (key_at, key_len) = self.key_at(flags);
        let after = key_at + key_len;
        let (value_at, value_len) = match flags & KIND_MASK {
            // SAFETY: behind the key of a bytes entry stands a length.
            KIND_BYTES => unsafe { read_length(self.block(), after) },
            KIND_INT => (after, 8),
            _ => (object_at(after), size_of::<Object>()),
        };
        Parts { flags, key_at, key_len, value_at, value_len, total: value_at + value_len }
    }

    #[inline]
    fn slice(&self, at: usize, len: usize) -> &[u8] {
        // SAFETY: callers pass ranges from `parts` or `key_at`, which lie in the block; it lives as long as self.
        unsafe { std::slice::from_raw_parts(self.block().add(at), len) }
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        let (at, len) = self.key_at(self.flags());
        self.slice(at, len)
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> Value<'_> {
        let parts = self.parts();
        match parts.flags & KIND_MASK {
            KIND_BYTES => Value::Bytes(self.slice(parts.value_at, parts.value_len)),
            // SAFETY: the kind says that eight bytes of an integer stand at value_at.
            KIND_INT => {
                Value::Int(unsafe { self.block().add(parts.value_at).cast::<i64>().read_unaligned() })
            }
            // SAFETY: the kind says that an object stands there; it lives as long as the block.
            _ => Value::Object(unsafe { &*self.object(&parts) }),
        }
    }

    /// Where the object of an entry of that kind stands.
    fn object(&self, parts: &Parts) -> *mut Object {
        // SAFETY: value_at lies in the block.
        unsafe { self.block().add(parts.value_at).cast() }
    }

    /// Copies the block when it has other owners, so that it may be changed.
    #[inline]
    fn alone(&mut self) {
        if self.flags() & OWNERS != 0 {
            *self = self.copied();
        }
    }

    /// The object for changing it, when the value is one. Copies it first when a snapshot still holds it.
    #[inline]
    pub fn object_mut(&mut self) -> Option<&mut Object> {
        if self.flags() & KIND_MASK != KIND_OBJECT {
            return None;
        }
        self.alone();
        let parts = self.parts();
        // SAFETY: the kind says that an object stands there; nobody else owns the block, and the reference is bound to
        // &mut self.
        Some(unsafe { &mut *self.object(&parts) })
    }

    /// Absolute expiry in Unix ms, or None for a key that stays.
    #[inline]
    pub fn expire_ms(&self) -> Option<i64> {
        if self.flags() & HAS_EXPIRY == 0 {
            None
        } else {
            // SAFETY: the flag says that eight bytes of expiry follow the header.
            Some(unsafe { self.block().add(4).cast::<i64>().read_unaligned() })
        }
    }

    /// Is OBJECT ENCODING to say raw although the string is short?
    pub fn is_raw(&self) -> bool {
        self.flags() & RAW != 0
    }

    /// See `is_raw`.
    pub fn set_raw(&mut self, raw: bool) {
        if self.is_raw() == raw {
            return;
        }
        self.alone();
        let flags = self.flags();
        self.set_flags(if raw { flags | RAW } else { flags & !RAW });
    }

    /// Replaces the value; the expiry and the clock stay. In place when the new value has the old one's shape and nobody
    /// else owns the block.
    pub fn set_value(&mut self, value: NewValue<'_>) {
        let parts = self.parts();
        match (&value, parts.flags & (KIND_MASK | OWNERS)) {
            (NewValue::Bytes(bytes), KIND_BYTES) if bytes.len() == parts.value_len => {
                // SAFETY: value_len bytes at value_at belong to this block, and `bytes` cannot overlap a block that
                // is borrowed mutably.
                unsafe {
                    std::ptr::copy_nonoverlapping(
                        bytes.as_ptr(),
                        self.block().add(parts.value_at),
                        bytes.len(),
                    );
                }
                self.set_flags(parts.flags & !RAW);
            }
            (NewValue::Int(int), KIND_INT) => {
                // SAFETY: an integer entry has eight bytes at value_at.
                unsafe { self.block().add(parts.value_at).cast::<i64>().write_unaligned(*int) };
                self.set_flags(parts.flags & !RAW);
            }
            _ => {
                let made = Entry::new(self.slice(parts.key_at, parts.key_len), value, self.expire_ms());
                self.replace(made);
            }
        }
    }

    /// Sets or clears the expiry.
    pub fn set_expire(&mut self, expire_ms: Option<i64>) {
        let parts = self.parts();
        match expire_ms {
            // SAFETY: the flag says that eight bytes of expiry follow the header; nobody else owns the block.
            Some(at) if parts.flags & (HAS_EXPIRY | OWNERS) == HAS_EXPIRY => unsafe {
                self.block().add(4).cast::<i64>().write_unaligned(at);
            },
            None if parts.flags & HAS_EXPIRY == 0 => {}
            _ => {
                let made = self.moved(None, expire_ms);
                self.replace(made);
            }
        }
    }

    /// Takes the place of this entry; clock and hash bits stay.
    fn replace(&mut self, made: Entry) {
        let mut made = made;
        made.set_clock(self.clock());
        made.set_hash_bits(self.hash_bits());
        *self = made;
    }

    /// The same value in a block with another expiry, and another key where one is given. An object goes there, and this
    /// entry is left with an empty one; one that has other owners is copied first.
    fn moved(&mut self, key: Option<&[u8]>, expire_ms: Option<i64>) -> Entry {
        let object = self.object_mut().map(|object| std::mem::replace(object, Object::Str(Vec::new())));
        let value = match (object, self.value()) {
            (Some(object), _) => NewValue::Object(object),
            (None, Value::Int(int)) => NewValue::Int(int),
            (None, Value::Bytes(bytes)) => NewValue::Bytes(bytes),
            (None, Value::Object(object)) => NewValue::Object(object.clone()),
        };
        let mut made = Entry::new(key.unwrap_or(self.key()), value, expire_ms);
        made.set_raw(self.is_raw());
        made
    }

    /// The same value and expiry under another key.
    pub fn renamed(mut self, key: &[u8]) -> Entry {
        let expire_ms = self.expire_ms();
        self.moved(Some(key), expire_ms)
    }

    /// The same in a block of its own; clock and hash bits come along.
    fn copied(&self) -> Entry {
        let parts = self.parts();
        let layout = block_layout(parts.total);
        // SAFETY: both blocks are `total` bytes long. The header, which others may access, is written anew; an object, which
        // stands behind all else, is cloned into its place and not copied.
        unsafe {
            let block = alloc(layout);
            if block.is_null() {
                handle_alloc_error(layout);
            }
            block.cast::<u32>().write(u32::from(parts.flags & !OWNERS).to_le());
            let plain = match self.value() {
                Value::Object(object) => {
                    block.add(parts.value_at).cast::<Object>().write(object.clone());
                    parts.value_at
                }
                _ => parts.total,
            };
            std::ptr::copy_nonoverlapping(self.block().add(4), block.add(4), plain - 4);
            let mut copy = Entry::from_block(block);
            copy.set_clock(self.clock());
            copy.set_hash_bits(self.hash_bits());
            copy
        }
    }

    /// Bytes of the block, as asked of the allocator.
    pub fn block_bytes(&self) -> usize {
        self.parts().total.next_multiple_of(8)
    }
}

fn block_layout(total: usize) -> Layout {
    Layout::from_size_align(total, BLOCK_ALIGN).expect("a block is shorter than isize::MAX")
}

/// SAFETY: `at` must have room for the length and the bytes. Gives the place behind them.
unsafe fn write_bytes(mut at: *mut u8, bytes: &[u8]) -> *mut u8 {
    // SAFETY: as the caller promises.
    unsafe {
        if bytes.len() < 255 {
            at.write(bytes.len() as u8);
            at = at.add(1);
        } else {
            at.write(255);
            at.add(1).cast::<u32>().write_unaligned(bytes.len() as u32);
            at = at.add(5);
        }
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len());
        at.add(bytes.len())
    }
}

/// SAFETY: a length as `write_bytes` makes it must stand at `at`. Gives the place behind it, and the length.
#[inline]
unsafe fn read_length(block: *const u8, at: usize) -> (usize, usize) {
    // SAFETY: as the caller promises.
    unsafe {
        match block.add(at).read() {
            255 => (at + 5, block.add(at + 1).cast::<u32>().read_unaligned() as usize),
            short => (at + 1, short as usize),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.flags() & OWNERS != 0 && self.header()[0].fetch_sub(OWNER, Ordering::AcqRel) & OWNERS != 0 {
            return;
        }
        // Nobody else is left: either there was none at first, or the last one left in between and the count, which
        // nobody will read again, went below zero. Neither the kind nor the lengths depend on it.
        let parts = self.parts();
        // SAFETY: this entry owns the block alone and, when the kind says so, the object in it.
        unsafe {
            if parts.flags & KIND_MASK == KIND_OBJECT {
                self.object(&parts).drop_in_place();
            }
            dealloc(self.block(), block_layout(parts.total));
        }
    }
}

impl Clone for Entry {
    /// Shares the block; copies it when it has as many owners as can be counted.
    #[inline]
    fn clone(&self) -> Self {
        let more = |flags: u8| flags.checked_add(OWNER);
        match self.header()[0].fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Entry(self.0),
            Err(_) => self.copied(),
        }
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Entry")
            .field("key", &String::from_utf8_lossy(self.key()))
            .field("value", &self.value())
            .field("expire_ms", &self.expire_ms())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(entry: &Entry) -> Vec<u8> {
        match entry.value() {
            Value::Int(int) => int.to_string().into_bytes(),
            Value::Bytes(bytes) => bytes.to_vec(),
            Value::Object(Object::Str(bytes)) => bytes.clone(),
            other => panic!("{other:?}"),
        }
    }

    proptest::proptest! {
        #[test]
        fn holds_what_was_put_in(
            key in proptest::collection::vec(0u8.., 0..600), first in proptest::collection::vec(0u8.., 0..600),
            second in proptest::collection::vec(0u8.., 0..600), int: i64, expire: Option<i64>, later: Option<i64>,
            clock in 0u32..1 << 24, bits: u16,
        ) {
            let mut entry = Entry::new(&key, NewValue::Bytes(&first), expire);
            entry.set_clock(clock);
            entry.set_hash_bits(bits);
            let check = |entry: &Entry, value: &[u8], expire: Option<i64>| {
                assert_eq!(entry.key(), key);
                assert_eq!(text(entry), value);
                assert_eq!(entry.expire_ms(), expire);
                assert_eq!((entry.clock(), entry.hash_bits()), (clock, bits));
            };
            check(&entry, &first, expire);
            entry.set_value(NewValue::Bytes(&second));
            check(&entry, &second, expire);
            entry.set_expire(later);
            check(&entry, &second, later);
            entry.set_value(NewValue::Object(Object::Str(first.clone())));
            check(&entry, &first, later);
            let copy = entry.clone();
            entry.set_expire(expire);
            check(&entry, &first, expire);
            if let Some(Object::Str(bytes)) = entry.object_mut() {
                bytes.push(1);
            }
            check(&copy, &first, later);
            entry.set_value(NewValue::Int(int));
            check(&entry, int.to_string().as_bytes(), expire);
            entry.set_expire(later);
            check(&entry, int.to_string().as_bytes(), later);
            let other = copy.renamed(&second);
            assert_eq!((other.key(), other.expire_ms(), text(&other)), (second.as_slice(), later, first));
        }
    }

    #[test]
    fn clones_share_a_block_until_one_is_changed() {
        for value in [NewValue::Int(7), NewValue::Bytes(b"7"), NewValue::Object(Object::Str(b"7".to_vec()))] {
            let entry = Entry::new(b"key", value, Some(5));
            // More than can be counted: the last ones are copies.
            let clones: Vec<Entry> = (0..40).map(|_| entry.clone()).collect();
            let apart = clones.iter().filter(|clone| clone.block() != entry.block()).count();
            assert!((1..40).contains(&apart), "{apart}");
            let changes: [fn(&mut Entry); 6] = [
                |entry| entry.set_value(NewValue::Int(8)),
                |entry| entry.set_value(NewValue::Bytes(b"8")),
                |entry| entry.set_expire(Some(6)),
                |entry| entry.set_expire(None),
                |entry| entry.set_raw(true),
                |entry| {
                    if let Some(Object::Str(bytes)) = entry.object_mut() {
                        bytes.clear();
                    }
                },
            ];
            for (mut clone, change) in clones.into_iter().zip(changes.into_iter().cycle()) {
                change(&mut clone);
                assert_eq!(
                    (text(&entry).as_slice(), entry.expire_ms(), entry.is_raw()),
                    (b"7".as_slice(), Some(5), false)
                );
            }
            assert_eq!(entry.flags() & OWNERS, 0);
        }
    }

    #[test]
    fn owners_on_other_threads_may_let_go_at_any_time() {
        for round in 0..200 {
            let entries: Vec<Entry> = (0..50).map(|n| Entry::new(b"key", NewValue::Int(n), None)).collect();
            let held = entries.clone();
            let reader = std::thread::spawn(move || {
                held.into_iter()
                    .zip(0..)
                    .for_each(|(entry, n)| assert!(matches!(entry.value(), Value::Int(int) if int == n)));
            });
            for mut entry in entries {
                entry.set_clock(round);
                entry.set_value(NewValue::Int(-1));
                assert_eq!((text(&entry), entry.clock()), (b"-1".to_vec(), round));
            }
            reader.join().unwrap();
        }
    }
}
