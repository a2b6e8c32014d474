//! A hash table whose buckets are listpacks: a large set, hash or sorted set is many small ones.
//!
//! ```text
//! hash of the key:  1 0 1 1 ...            read from the top bit down
//!                   | | |
//! bucket number:    bit0 bit1 bit2 ...     so splitting a bucket halves its range of hashes
//!
//!   buckets  [ 0 ][ 1 ][ 2 ][ 3 ][ 4 ][ 5 ]       level 2: 4 buckets are complete, 0 and 1 are split already
//!              |                   |
//!              +----- split -------+              each bucket: a listpack of records of `stride` elements,
//!                                                 the first of which is the key
//! ```
//!
//! Its one idea is linear hashing: the table grows and shrinks by one bucket at a time, so there is never a long pause,
//! and a bucket holds about four records packed together, so there is no allocation and no pointer per record.
//! A scan's cursor is the point in hash space up to which everything was seen; splits and merges do not move points,
//! hence SCAN's guarantee. What it is not: good at huge keys, for an edit moves a bucket's bytes.

mod hasher;

use crate::listpack::{Builder, Iter, Listpack, Value};
use crate::prefetch;
pub use hasher::set_seed;
pub(crate) use hasher::{hash, next_random};
use std::sync::Arc;

/// Records per bucket on average before the table grows.
const LOAD: usize = 4;
/// A random choice looks at this many places in a bucket; a fuller one is all but impossible.
const PLACES: u64 = 32;

/// Buckets that are shared with a snapshot, and copied for a change, together.
const CHUNK: usize = 16;

/// The table. Keys are distinct. A clone shares all chunks until one side changes them, so that a snapshot of a large
/// collection costs a counter per 64 records and a write to it copies no more than those.
#[derive(Clone)]
pub(crate) struct Buckets {
    chunks: Vec<Arc<[Listpack; CHUNK]>>,
    /// Number of buckets; the rest of the last chunk is empty.
    count: usize,
    /// 2^level buckets are complete: level = floor(log2(count)).
    level: u32,
    len: usize,
    stride: usize,
}

/// Where a record stands, until the next edit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    bucket: usize,
    position: usize,
}

/// A record: `stride` elements, of which the first is the key.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pack: &'a Listpack,
    position: usize,
}

impl<'a> Record<'a> {
    /// The elements from the key on, this record's first.
    #[inline]
    pub(crate) fn values(self) -> Iter<'a> {
        self.pack.iter().starting_at(self.position)
    }

    /// Key and what follows it.
    #[inline]
    pub(crate) fn pair(self) -> (Value<'a>, Value<'a>) {
        let mut values = self.values();
        let absent = Value::Bytes(b"");
        (values.next().unwrap_or(absent), values.next().unwrap_or(absent))
    }

    /// The key.
    #[inline]
    pub(crate) fn key(self) -> Value<'a> {
        self.values().next().unwrap_or(Value::Bytes(b""))
    }
}

impl Buckets {
    pub(crate) fn new(stride: usize) -> Self {
        let mut this = Buckets { chunks: Vec::new(), count: 0, level: 0, len: 0, stride };
        this.push_bucket();
        this
    }

    #[inline]
    fn pack(&self, bucket: usize) -> &Listpack {
        &self.chunks[bucket / CHUNK][bucket % CHUNK]
    }

    #[inline]
    fn pack_mut(&mut self, bucket: usize) -> &mut Listpack {
        &mut Arc::make_mut(&mut self.chunks[bucket / CHUNK])[bucket % CHUNK]
    }

    fn push_bucket(&mut self) {
        if self.count.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(std::array::from_fn(|_| Listpack::new())));
        }
        self.count += 1;
    }

    /// Takes the last bucket away and gives what was in it.
    fn pop_bucket(&mut self) -> Listpack {
        self.count -= 1;
        let pack = std::mem::take(self.pack_mut(self.count));
        if self.count.is_multiple_of(CHUNK) {
            self.chunks.pop();
        }
        pack
    }

    fn packs(&self) -> impl Iterator<Item = &Listpack> + Clone {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).take(self.count)
    }

    /// The elements of one bucket, record after record. None behind the last bucket.
    #[inline]
    pub(crate) fn bucket(&self, bucket: usize) -> Option<Iter<'_>> {
        (bucket < self.count).then(|| self.pack(bucket).iter())
    }

    /// Takes over a listpack of records with distinct keys.
    pub(crate) fn from_listpack(pack: &Listpack, stride: usize) -> Self {
        let mut this = Self::new(stride);
        let mut record = Vec::with_capacity(stride);
        for value in pack.iter() {
            record.push(value);
            if record.len() == stride {
                this.insert(&record);
                record.clear();
            }
        }
        this
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Looks a key up.
    #[inline]
    pub(crate) fn find(&self, key: &[u8]) -> Option<Slot> {
        self.find_in(self.bucket_of(hash(key)), key)
    }

    /// Looks a key up whose bucket is known: the one that `aim` gave since the last edit.
    #[inline]
    pub(crate) fn find_in(&self, bucket: usize, key: &[u8]) -> Option<Slot> {
        let pack = self.pack(bucket);
        let position = pack.find(key, pack.first()?, self.stride)?;
        Some(Slot { bucket, position })
    }

    /// Gives the bucket of a key, and asks for what leads to it.
    #[inline]
    pub(crate) fn aim(&self, key: &[u8]) -> usize {
        let bucket = self.bucket_of(hash(key));
        let chunk: *const [Listpack; CHUNK] = Arc::as_ptr(&self.chunks[bucket / CHUNK]);
        // The counts of owners stand before the chunk; a change looks at them.
        prefetch::line(chunk.cast::<usize>().wrapping_sub(1));
        prefetch::line(chunk.cast::<Listpack>().wrapping_add(bucket % CHUNK));
        bucket
    }

    /// Asks for the bucket that `aim` gave.
    #[inline]
    pub(crate) fn prefetch(&self, bucket: usize) {
        if bucket < self.count {
            self.pack(bucket).prefetch();
        }
    }

    pub(crate) fn record(&self, slot: Slot) -> Record<'_> {
        Record { pack: self.pack(slot.bucket), position: slot.position }
    }

    /// Adds a record whose key is not in the table.
    pub(crate) fn insert(&mut self, record: &[Value<'_>]) {
        debug_assert_eq!(record.len(), self.stride);
        let Some(key) = record.first() else { return };
        let bucket = self.bucket_of(hash(key.as_bytes(&mut itoa::Buffer::new())));
        let pack = self.pack_mut(bucket);
        pack.insert(pack.end(), record);
        self.len += 1;
        if self.len > self.count * LOAD {
            self.split();
        }
    }

    /// Replaces the `nth` element of a record; not its key.
    pub(crate) fn replace(&mut self, slot: Slot, nth: usize, value: Value<'_>) {
        let pack = self.pack_mut(slot.bucket);
        let mut position = slot.position;
        for _ in 0..nth {
            position = pack.next(position).unwrap_or(position);
        }
        pack.replace(position, value);
    }

    pub(crate) fn remove(&mut self, slot: Slot) {
        let stride = self.stride;
        self.pack_mut(slot.bucket).delete(slot.position, stride);
        self.len -= 1;
        if self.count > 1 && self.len < self.count * LOAD / 4 {
            self.merge();
        }
    }

    /// All records, bucket by bucket.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Record<'_>> + Clone {
        let stride = self.stride;
        self.packs().flat_map(move |pack| records(pack, stride))
    }

    /// A record chosen by `random`, each with the same probability. None when empty.
    pub(crate) fn random(&self, random: u64) -> Option<Record<'_>> {
        if self.len == 0 {
            return None;
        }
        let mut state = random;
        loop {
            let number = next_random(&mut state);
            let pack = self.pack((number >> 32) as usize % self.count);
            // Places beyond the bucket's end are misses, so that full buckets are not slighted.
            let place = (number as u32 as u64 % PLACES) as usize;
            if place < pack.len() / self.stride {
                return Some(Record { pack, position: pack.seek(place * self.stride)? });
            }
        }
    }

    /// Hands over the records of the next bucket and returns the cursor to go on with; 0 when all was seen.
    /// A record that is there from the first call to the last is handed over at least once.
    pub(crate) fn scan<'a>(&'a self, cursor: u64, mut emit: impl FnMut(Record<'a>)) -> u64 {
        // The cursor is shown to clients with its bits reversed: a small number, as in Redis.
        let point = cursor.reverse_bits();
        let bucket = self.bucket_of(point);
        records(self.pack(bucket), self.stride).for_each(&mut emit);
        let complete = 1usize << self.level;
        let split = bucket >= complete || bucket < self.count - complete;
        let depth = self.level + split as u32;
        if depth == 0 {
            return 0;
        }
        let low = 64 - depth;
        ((point >> low) + 1).checked_shl(low).unwrap_or(0).reverse_bits()
    }

    /// Bytes on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        let chunk = size_of::<[Listpack; CHUNK]>() + 2 * size_of::<usize>();
        let chunks = self.chunks.capacity() * size_of::<usize>() + self.chunks.len() * chunk;
        chunks + self.packs().map(Listpack::size_bytes).sum::<usize>()
    }

    #[inline]
    fn bucket_of(&self, hash: u64) -> usize {
        let bits = hash.reverse_bits() as usize;
        let complete = 1usize << self.level;
        let bucket = bits & (2 * complete - 1);
        if bucket < self.count { bucket } else { bits & (complete - 1) }
    }

    /// Adds a bucket and moves to it what belongs there, all of it from one other bucket.
    fn split(&mut self) {
        let complete = 1usize << self.level;
        let source = self.count - complete;
        let target = self.count;
        if target + 1 == 2 * complete {
            self.level += 1;
        }
        let old = std::mem::take(self.pack_mut(source));
        // While the numbers are worked out the new bucket must exist.
        self.push_bucket();
        let mut stay = Builder::with_capacity(old.size_bytes());
        let mut go = Builder::with_capacity(old.size_bytes());
        let mut position = old.first();
        while let Some(from) = position {
            let Some(key) = old.value(from) else { break };
            let key = hash(key.as_bytes(&mut itoa::Buffer::new()));
            let side = if self.bucket_of(key) == target { &mut go } else { &mut stay };
            position = old.skip(from, self.stride);
            side.push_entries(old.entries(from, position.unwrap_or(old.end())), self.stride);
        }
        *self.pack_mut(source) = stay.finish();
        *self.pack_mut(target) = go.finish();
    }

    /// Takes the last bucket away and puts its records back to where they were split from.
    fn merge(&mut self) {
        let last = self.pop_bucket();
        if self.count < 1 << self.level {
            self.level -= 1;
        }
        let values: Vec<Value<'_>> = last.iter().collect();
        let target = self.count - (1 << self.level);
        let pack = self.pack_mut(target);
        pack.insert(pack.end(), &values);
        if self.chunks.capacity() > 4 * self.chunks.len() {
            self.chunks.shrink_to(2 * self.chunks.len());
        }
    }
}

fn records(pack: &Listpack, stride: usize) -> impl Iterator<Item = Record<'_>> + Clone {
    let mut values = pack.iter();
    std::iter::from_fn(move || {
        let position = values.position();
        values.next()?;
        for _ in 1..stride {
            values.next()?;
        }
        Some(Record { pack, position })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    fn put(table: &mut Buckets, key: &[u8], value: i64) {
        match table.find(key) {
            Some(slot) => table.replace(slot, 1, Value::Int(value)),
            None => table.insert(&[Value::of(key), Value::Int(value)]),
        }
    }

    fn filled(count: usize) -> Buckets {
        let mut table = Buckets::new(2);
        (0..count).for_each(|i| put(&mut table, format!("k{i}").as_bytes(), i as i64));
        table
    }

    #[test]
    fn a_scan_sees_all_that_stays_while_the_table_grows_and_shrinks() {
        for (before, during) in [(1000usize, 5000i64), (5000, -4500), (10, 0), (0, 0), (7, 400)] {
            let mut table = filled(before);
            let stays = before.min(500);
            let mut seen = HashSet::new();
            let (mut cursor, mut calls) = (0, 0i64);
            loop {
                cursor = table.scan(cursor, |r| {
                    seen.insert(r.key().to_vec());
                });
                calls += 1;
                if cursor == 0 {
                    break;
                }
                for i in 0..40 {
                    let n = calls * 40 + i;
                    if during > 0 && n < during {
                        put(&mut table, format!("new{n}").as_bytes(), 0);
                    } else if during < 0
                        && n < -during
                        && let Some(slot) = table.find(format!("k{}", before as i64 - 1 - n).as_bytes())
                    {
                        table.remove(slot);
                    }
                }
            }
            for i in 0..stays {
                assert!(seen.contains(format!("k{i}").as_bytes()), "k{i} of {before}");
            }
        }
    }

    #[test]
    fn any_cursor_comes_to_an_end() {
        let table = filled(300);
        for start in [1, 7, u64::MAX, 1 << 63, 12345678901234567] {
            let (mut cursor, mut calls) = (start, 0);
            while cursor != 0 {
                cursor = table.scan(cursor, |_| {});
                calls += 1;
                assert!(calls < 100);
            }
        }
    }

    #[test]
    fn a_clone_stays_as_it_was() {
        let mut table = filled(3000);
        let before = table.clone();
        for i in 0..2900 {
            let slot = table.find(format!("k{i}").as_bytes()).unwrap();
            table.remove(slot);
        }
        put(&mut table, b"k2999", -1);
        assert_eq!((before.len(), before.iter().count()), (3000, 3000));
        assert_eq!((table.len(), table.iter().count()), (100, 100));
        let slot = before.find(b"k2999").unwrap();
        assert_eq!(before.record(slot).pair().1, Value::Int(2999));
    }

    #[test]
    fn random_choices_are_even() {
        let table = filled(100);
        let mut counts = HashMap::new();
        for i in 0..100_000 {
            *counts.entry(table.random(i).unwrap().key().to_vec()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 100);
        assert!(counts.values().all(|c| (800..1200).contains(c)), "{counts:?}");
    }

    proptest! {
        #[test]
        fn equals_a_map(steps in proptest::collection::vec((0u8..4, 0u32..400, any::<i64>()), 0..1500)) {
            let mut table = Buckets::new(2);
            let mut twin = HashMap::new();
            for (step, key, value) in steps {
                let key = if key % 2 == 0 { key.to_string() } else { format!("key:{key}") }.into_bytes();
                if step > 0 {
                    put(&mut table, &key, value);
                    twin.insert(key, value);
                } else {
                    let slot = table.find(&key);
                    prop_assert_eq!(slot.is_some(), twin.remove(&key).is_some());
                    slot.into_iter().for_each(|s| table.remove(s));
                }
                prop_assert_eq!(table.len(), twin.len());
            }
            let all: HashMap<_, _> = table.iter().map(|r| {
                let (key, value) = r.pair();
                let Value::Int(value) = value else { panic!() };
                (key.to_vec(), value)
            }).collect();
            prop_assert_eq!(all, twin);
        }
    }
}
