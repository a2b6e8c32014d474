//! The hash table of a database: many small segments that grow and split on their own.
//!
//! Nothing here ever touches more than one segment (at most 1,024 slots) at a time, so growth has no pause, and
//! a snapshot can hold segments one by one: a writer that meets a held segment copies just that one (9 KB of tags and
//! slots; the entries' blocks stay shared, see `entry.rs`).
//!
//! ```text
//!   hash, 64 bits:  [ directory | place in the segment .......... | tag ]
//!                        |              |                           '- low 7 bits, beside each slot
//!   directory  0 1 2 3 4 5 6 7          '- scaled to the groups of the segment
//!              | | |/  |/__/__/
//!   segments   A B C   D            each: tags [u8; 16] a group, slots [Entry]
//! ```
//!
//! Places are scaled, not masked, so that walking the groups walks the hashes in ascending order, whatever the
//! size of a segment. A scan's cursor is simply the hash where it goes on: splits cannot make it miss a key.

mod moving;

use crate::entry::Entry;
use redtwin_structures::prefetch;
use std::hash::BuildHasher;
use std::sync::Arc;

const GROUP: usize = 16;
const GROUPS_MAX: usize = 64;
const EMPTY: u8 = 0;
const TOMBSTONE: u8 = 1;
/// How many bits behind the directory's decide the group.
const PLACE_BITS: u32 = 12;

/// More hash bits than this are never used up by splits; a segment that deep grows instead.
const DEPTH_MAX: u32 = 40;

/// An expected size is believed up to 2^18 segments, about 170 million keys: 60 MB when the expectation was a lie.
const EXPECT_BITS_MAX: u32 = 18;

/// Keys a segment should hold at most when the table's size is known before: below seven eighths of the slots, by
/// enough that chance rarely makes one split all the same.
const EXPECT_KEYS: usize = 800;

/// How many times its size a segment grows to at once, up to what is expected of it. Each step moves all its entries and
/// leaves memory of its old size behind; one of 48 groups is there in two.
const EXPECT_GROWTH: usize = 8;

/// Hash of a key; a table's own.
pub type Hash = u64;

/// Where an entry stands, until the table changes.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    segment: usize,
    group: usize,
    slot: usize,
}

#[derive(Debug)]
struct Segment {
    /// Leading hash bits that all its keys share.
    depth: u32,
    /// Of the 16 hash bits in each entry, how many (from the left) are known.
    bits_known: u32,
    len: usize,
    tombstones: usize,
    /// Entries with an expiry.
    volatile: usize,
    tags: Box<[[u8; GROUP]]>,
    slots: Box<[[Option<Entry>; GROUP]]>,
}

#[inline]
fn tag_of(hash: Hash) -> u8 {
    hash as u8 | 0x80
}

/// The 16 bits behind the first `depth` ones.
#[inline]
fn bits_of(hash: Hash, depth: u32) -> u16 {
    ((hash << depth) >> 48) as u16
}

/// The group where these bits belong, of so many.
#[inline]
fn home_of(bits: u16, groups: usize) -> usize {
    (usize::from(bits >> (16 - PLACE_BITS)) * groups) >> PLACE_BITS
}

/// Hash of a key with a table's hasher.
#[inline]
fn hash_of(hasher: &foldhash::quality::FixedState, key: &[u8]) -> Hash {
    hasher.hash_one(key)
}

/// Slots of a group whose tag is `tag`, as a bit mask.
#[inline]
fn matches(tags: &[u8; GROUP], tag: u8) -> u32 {
    // Written so that the compiler makes one vector comparison of it.
    let mut mask = 0;
    for (i, &t) in tags.iter().enumerate() {
        mask |= u32::from(t == tag) << i;
    }
    mask
}

impl Clone for Segment {
    /// A segment of its own that shares the entries' blocks. Blocks lie anywhere, so they are asked for some steps ahead:
    /// otherwise each would cost a cache miss.
    fn clone(&self) -> Segment {
        let mut ahead = self.entries();
        ahead.by_ref().take(AHEAD).for_each(Entry::prefetch);
        let mut share = |slot: &Option<Entry>| {
            let entry = slot.as_ref()?;
            if let Some(later) = ahead.next() {
                later.prefetch();
            }
            Some(entry.clone())
        };
        let slots = self.slots.iter().map(|group| std::array::from_fn(|slot| share(&group[slot]))).collect();
        Segment { tags: self.tags.clone(), slots, ..*self }
    }
}

/// How many entries ahead a block is asked for.
const AHEAD: usize = 12;

/// A table of one moment, for a walk over all its segments on any thread.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// Those that were not walked yet, the next one last.
    segments: Vec<Arc<Segment>>,
    /// Number of keys.
    pub(crate) len: usize,
    /// Number of keys with an expiry.
    pub(crate) volatile: usize,
}

impl Frozen {
    /// Shows the entries of the next segment, and lets go of it, so that a writer may change it in place again. False
    /// when there is none.
    pub(crate) fn next(&mut self, mut visit: impl FnMut(&Entry)) -> bool {
        let Some(segment) = self.segments.pop() else { return false };
        let mut ahead = segment.entries();
        ahead.by_ref().take(AHEAD).for_each(Entry::prefetch);
        for entry in segment.entries() {
            if let Some(later) = ahead.next() {
                later.prefetch();
            }
            visit(entry);
        }
        true
    }
}

impl Segment {
    fn new(depth: u32, groups: usize) -> Segment {
        Segment {
            depth,
            bits_known: 16,
            len: 0,
            tombstones: 0,
            volatile: 0,
            tags: vec![[EMPTY; GROUP]; groups].into_boxed_slice(),
            slots: (0..groups).map(|_| [const { None }; GROUP]).collect(),
        }
    }

    #[inline]
    fn home(&self, bits: u16) -> usize {
        home_of(bits, self.tags.len())
    }

    #[inline]
    fn find(&self, hash: Hash, key: &[u8]) -> Option<(usize, usize)> {
        let tag = tag_of(hash);
        let bits = bits_of(hash, self.depth);
        let mut group = self.home(bits);
        // One in ten keys that are not there shares its tag with one that is. The bits beside the address tell most of them
        // apart without a look at the block, which would be a cache miss.
        let known = !0 << (16 - self.bits_known);
        for _ in 0..self.tags.len() {
            let tags = &self.tags[group];
            let mut mask = matches(tags, tag);
            while mask != 0 {
                let slot = mask.trailing_zeros() as usize;
                if let Some(entry) = &self.slots[group][slot]
                    && (entry.hash_bits() ^ bits) & known == 0
                    && entry.key() == key
                {
                    return Some((group, slot));
                }
                mask &= mask - 1;
            }
            if matches(tags, EMPTY) != 0 {
                return None;
            }
            group += 1;
            if group == self.tags.len() {
                group = 0;
            }
        }
        None
    }

    fn is_full(&self) -> bool {
        // Seven eighths, tombstones included.
        (self.len + self.tombstones + 1) * 8 > self.tags.len() * GROUP * 7
    }

    /// Puts an entry whose hash bits are set into the first free slot from its home on. There must be one. The block
    /// behind the entry is not looked at: moving entries about must not cost a cache miss each.
    fn place(&mut self, tag: u8, entry: Entry) -> (usize, usize) {
        let mut group = self.home(entry.hash_bits());
        loop {
            let free = matches(&self.tags[group], EMPTY) | matches(&self.tags[group], TOMBSTONE);
            if free != 0 {
                let slot = free.trailing_zeros() as usize;
                if self.tags[group][slot] == TOMBSTONE {
                    self.tombstones -= 1;
                }
                self.tags[group][slot] = tag;
                self.len += 1;
                self.slots[group][slot] = Some(entry);
                return (group, slot);
            }
            group = (group + 1) % self.tags.len();
        }
    }

    fn remove(&mut self, group: usize, slot: usize) -> Option<Entry> {
        let entry = self.slots[group][slot].take()?;
        self.len -= 1;
        self.volatile -= usize::from(entry.expire_ms().is_some());
        // A group that has an empty slot ends every probe, so nothing beyond it depends on this slot.
        if matches(&self.tags[group], EMPTY) != 0 {
            self.tags[group][slot] = EMPTY;
        } else {
            self.tags[group][slot] = TOMBSTONE;
            self.tombstones += 1;
        }
        Some(entry)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flatten().flatten()
    }
}

/// Groups that hold `len` entries with some room to grow.
fn groups_for(len: usize) -> usize {
    (len * 5 / 4).div_ceil(GROUP).clamp(1, GROUPS_MAX)
}

/// A map from keys to entries. Single-threaded; segments may be shared with a snapshot.
#[derive(Clone)]
pub struct Table {
    directory: Vec<u32>,
    directory_bits: u32,
    segments: Vec<Arc<Segment>>,
    len: usize,
    /// Groups that a segment will have when all is there that `expect_in_half` was told of; 0 when nothing is expected.
    groups_expected: usize,
    hasher: foldhash::quality::FixedState,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Table").field("len", &self.len).field("segments", &self.segments.len()).finish()
    }
}

impl Table {
    /// An empty table. The seed keeps others from choosing keys that collide.
    pub fn new(seed: u64) -> Table {
        Table {
            directory: vec![0],
            directory_bits: 0,
            segments: vec![Arc::new(Segment::new(0, 1))],
            len: 0,
            groups_expected: 0,
            hasher: foldhash::quality::FixedState::with_seed(seed),
        }
    }

    /// An empty table in which keys have the same hashes.
    pub fn emptied(&self) -> Table {
        Table { hasher: self.hasher.clone(), ..Table::new(0) }
    }

    /// The same, its halves apart from the start: what `join` needs.
    pub(crate) fn emptied_in_halves(&self) -> Table {
        Table {
            directory: vec![0, 1],
            directory_bits: 1,
            segments: vec![Arc::new(Segment::new(1, 1)), Arc::new(Segment::new(1, 1))],
            ..self.emptied()
        }
    }

    /// One table of the lower half of one and the upper half of another, both begun by `emptied_in_halves`. What is in the
    /// other halves is dropped. O(segments): a half is a range of the directory, and segments do not know where they are.
    pub(crate) fn join(low: Table, high: Table) -> Table {
        let bits = low.directory_bits.max(high.directory_bits);
        let mut joined = Table {
            directory: Vec::with_capacity(1 << bits),
            directory_bits: bits,
            segments: Vec::new(),
            len: low.len + high.len,
            groups_expected: 0,
            hasher: low.hasher.clone(),
        };
        for (side, half) in [low, high].into_iter().enumerate() {
            let own = half.directory.len() / 2;
            let mut last = None;
            for &index in &half.directory[side * own..(side + 1) * own] {
                if last != Some(index) {
                    joined.segments.push(Arc::clone(&half.segments[index as usize]));
                    last = Some(index);
                }
                let at = joined.segments.len() as u32 - 1;
                joined.directory.extend(std::iter::repeat_n(at, 1 << (bits - half.directory_bits)));
            }
        }
        joined
    }

    /// Makes an empty table ready for about `keys` keys, those of one half (0 or 1) of all hashes: growth up to there splits
    /// nothing, and is done in few steps. The expectation may be a lie: until the keys come it costs some 250 bytes per
    /// 800 of them.
    pub(crate) fn expect_in_half(&mut self, keys: usize, half: usize) {
        if self.len > 0 {
            return;
        }
        let bits = (keys / EXPECT_KEYS).max(1).next_power_of_two().ilog2().min(EXPECT_BITS_MAX);
        self.groups_expected = groups_for(keys >> bits);
        if bits <= self.directory_bits {
            return;
        }
        // The other half is one segment, all of it.
        let own = 1u32 << (bits - 1);
        let other = std::iter::repeat_n(own, own as usize);
        self.directory =
            if half == 0 { (0..own).chain(other).collect() } else { other.chain(0..own).collect() };
        self.directory_bits = bits;
        self.segments = (0..own).map(|_| Arc::new(Segment::new(bits, 1))).collect();
        self.segments.push(Arc::new(Segment::new(1, 1)));
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.len
    }

    /// No keys at all?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of keys with an expiry. O(segments).
    pub fn volatile(&self) -> usize {
        self.segments.iter().map(|segment| segment.volatile).sum()
    }

    /// Hash of a key in this table.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> Hash {
        hash_of(&self.hasher, key)
    }

    #[inline]
    fn segment_index(&self, hash: Hash) -> usize {
        // A shift by 64 is no shift: the directory of one has no bits.
        let at = if self.directory_bits == 0 { 0 } else { (hash >> (64 - self.directory_bits)) as usize };
        self.directory[at] as usize
    }

    /// First of three steps before many look-ups: asks for the segment of this hash, without waiting for it. Each step goes
    /// over all hashes before the next, so that what one asks for has come when the other needs it.
    #[inline]
    pub fn prefetch_segment(&self, hash: Hash) {
        let segment = Arc::as_ptr(&self.segments[self.segment_index(hash)]).cast::<u8>();
        prefetch::line(segment);
        prefetch::line(segment.wrapping_add(64));
    }

    /// Second step, when the segment has come: asks for the group where the entry is, or will be. For `insert_new` it is the
    /// last.
    #[inline]
    pub fn prefetch_group(&self, hash: Hash) {
        let segment = &self.segments[self.segment_index(hash)];
        let group = segment.home(bits_of(hash, segment.depth));
        prefetch::line(segment.tags.as_ptr().wrapping_add(group).cast::<u8>());
        let slots = segment.slots.as_ptr().wrapping_add(group).cast::<u8>();
        prefetch::line(slots);
        prefetch::line(slots.wrapping_add(64));
    }

    /// Third step: asks for the block of the entry that stands where a look-up of this hash begins, if its tag fits.
    #[inline]
    pub fn prefetch_entry(&self, hash: Hash) {
        let segment = &self.segments[self.segment_index(hash)];
        let group = segment.home(bits_of(hash, segment.depth));
        let mask = matches(&segment.tags[group], tag_of(hash));
        if mask != 0
            && let Some(entry) = &segment.slots[group][mask.trailing_zeros() as usize]
        {
            entry.prefetch_wide();
        }
    }

    /// Where the entry of a key is. O(1).
    #[inline]
    pub fn locate(&self, hash: Hash, key: &[u8]) -> Option<Place> {
        let segment = self.segment_index(hash);
        let (group, slot) = self.segments[segment].find(hash, key)?;
        Some(Place { segment, group, slot })
    }

    /// The entry at a place that `locate` gave, if the table has not changed since.
    #[inline]
    pub fn at(&self, place: Place) -> Option<&Entry> {
        self.segments.get(place.segment)?.slots.get(place.group)?[place.slot].as_ref()
    }

    /// The same, for changing its value. Its expiry is changed with `set_expire`, which counts.
    #[inline]
    pub fn at_mut(&mut self, place: Place) -> Option<&mut Entry> {
        Arc::make_mut(self.segments.get_mut(place.segment)?).slots.get_mut(place.group)?[place.slot].as_mut()
    }

    /// The entry of a key. O(1).
    #[inline]
    pub fn get(&self, hash: Hash, key: &[u8]) -> Option<&Entry> {
        self.at(self.locate(hash, key)?)
    }

    /// The entry of a key for changing its value. Its expiry is changed with `set_expire`, which counts.
    #[inline]
    pub fn get_mut(&mut self, hash: Hash, key: &[u8]) -> Option<&mut Entry> {
        self.at_mut(self.locate(hash, key)?)
    }

    /// Changes an entry's expiry; false when there is no such key.
    pub fn set_expire(&mut self, hash: Hash, key: &[u8], expire_ms: Option<i64>) -> bool {
        let at = self.segment_index(hash);
        let Some((group, slot)) = self.segments[at].find(hash, key) else { return false };
        let segment = Arc::make_mut(&mut self.segments[at]);
        let Some(entry) = segment.slots[group][slot].as_mut() else { return false };
        let before = usize::from(entry.expire_ms().is_some());
        entry.set_expire(expire_ms);
        segment.volatile = segment.volatile - before + usize::from(expire_ms.is_some());
        true
    }

    /// Puts an entry in whose key is not there yet, and tells where. O(1), amortised; at worst one segment is split.
    pub fn insert_new(&mut self, hash: Hash, mut entry: Entry) -> Place {
        let mut at = self.segment_index(hash);
        while self.segments[at].is_full() {
            self.grow(at);
            at = self.segment_index(hash);
        }
        self.len += 1;
        let segment = Arc::make_mut(&mut self.segments[at]);
        entry.set_hash_bits(bits_of(hash, segment.depth));
        segment.volatile += usize::from(entry.expire_ms().is_some());
        let (group, slot) = segment.place(tag_of(hash), entry);
        Place { segment: at, group, slot }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, hash: Hash, key: &[u8]) -> Option<Entry> {
        let at = self.segment_index(hash);
        let (group, slot) = self.segments[at].find(hash, key)?;
        self.len -= 1;
        let segment = Arc::make_mut(&mut self.segments[at]);
        let entry = segment.remove(group, slot);
        // A segment that has become nearly empty gives its memory back.
        if segment.tags.len() > 2 && segment.len * 8 < segment.tags.len() * GROUP {
            let groups = groups_for(segment.len.max(1));
            *segment = segment.rebuilt(groups);
        }
        entry
    }

    /// Makes room in a segment: more groups, fewer tombstones, or two segments.
    fn grow(&mut self, at: usize) {
        let expected = self.groups_expected;
        let segment = Arc::make_mut(&mut self.segments[at]);
        let groups = segment.tags.len();
        let wanted = (segment.len * 5 / 4 / GROUP + 1).max(1);
        if segment.tombstones > segment.len / 8 {
            *segment = segment.rebuilt(wanted.max(groups_for(segment.len)).min(GROUPS_MAX));
        } else if groups < GROUPS_MAX || segment.depth >= DEPTH_MAX {
            // Doubling while it is small, a quarter at a time when memory counts. Where more is known to come the steps
            // are larger, but still go by what is there, for the expectation may be a lie.
            let more = match groups {
                _ if groups < expected => (groups * EXPECT_GROWTH).min(expected) - groups,
                _ if groups < GROUPS_MAX / 2 => groups,
                _ => groups / 4,
            };
            *segment = segment.rebuilt(groups + more);
        } else {
            self.split(at);
        }
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.directory = vec![0];
        self.directory_bits = 0;
        self.segments = vec![Arc::new(Segment::new(0, 1))];
        self.len = 0;
    }

    /// All entries, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.segments.iter().flat_map(|segment| segment.entries())
    }

    /// Number of segments, for walks that go on later (`segment_entries`).
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Entries of one segment.
    pub fn segment_entries(&self, index: usize) -> impl Iterator<Item = &Entry> {
        self.segments.get(index).into_iter().flat_map(|segment| segment.entries())
    }

    /// The table as it is now: a reference to each segment. O(segments).
    pub(crate) fn frozen(&self) -> Frozen {
        Frozen {
            segments: self.segments.iter().rev().cloned().collect(),
            len: self.len,
            volatile: self.volatile(),
        }
    }

    /// Entries with an expiry in one segment.
    pub fn segment_volatile(&self, index: usize) -> usize {
        self.segments.get(index).map_or(0, |segment| segment.volatile)
    }

    /// Visits entries from the cursor on until about `count` slots were seen, and gives the next cursor, 0 at the
    /// end. A key that is there from the first call to the last is visited at least once.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(&'a Entry)) -> u64 {
        let mut from = cursor;
        let mut seen = 0;
        loop {
            let segment = &self.segments[self.segment_index(from)];
            let groups = segment.tags.len();
            let depth = segment.depth;
            // The range of hashes of the group where `from` falls: [from, until), until = 0 behind the last hash.
            let home = segment.home(bits_of(from, depth));
            let prefix = if depth == 0 { 0 } else { from >> (64 - depth) << (64 - depth) };
            // First place of the next group: the least p with p * groups >> PLACE_BITS == home + 1.
            let next_place = (((home + 1) << PLACE_BITS) as u64).div_ceil(groups as u64);
            let until = if next_place >= 1 << PLACE_BITS {
                // Behind the segment.
                if depth == 0 { 0 } else { prefix.wrapping_add(1 << (64 - depth)) }
            } else {
                prefix | (next_place << (64 - PLACE_BITS - depth))
            };
            // Its keys stand in the home group or, when that was full, in the groups behind it.
            let mut group = home;
            for _ in 0..groups {
                for entry in segment.slots[group].iter().flatten() {
                    if segment.home(entry.hash_bits()) == home {
                        visit(entry);
                        seen += 1;
                    }
                }
                if matches(&segment.tags[group], EMPTY) != 0 {
                    break;
                }
                group = (group + 1) % groups;
            }
            from = until;
            if from == 0 || seen >= count {
                return from;
            }
            // Empty places count too, so that a call is bounded.
            seen += usize::from(segment.len == 0);
        }
    }

    /// Some entry, decided by a random number; None when there are none. Close to uniform, as Redis's is.
    pub fn random(&self, random: u64) -> Option<&Entry> {
        self.random_where(random, false)
    }

    /// Some entry, or some entry with an expiry.
    pub fn random_where(&self, random: u64, volatile: bool) -> Option<&Entry> {
        let start = self.segment_index(random);
        let count = self.segments.len();
        let segment = (0..count)
            .map(|i| &self.segments[(start + i) % count])
            .find(|segment| if volatile { segment.volatile > 0 } else { segment.len > 0 })?;
        let slots = segment.tags.len() * GROUP;
        // Other bits than those that chose the segment.
        let first = (random.rotate_left(32) as usize) % slots;
        (0..slots)
            .map(|i| (first + i) % slots)
            .filter_map(|i| segment.slots[i / GROUP][i % GROUP].as_ref())
            .find(|entry| !volatile || entry.expire_ms().is_some())
    }

    /// Bytes of the table itself, without the entries' blocks.
    pub fn memory_bytes(&self) -> usize {
        self.directory.capacity() * 4
            + self
                .segments
                .iter()
                .map(|s| s.tags.len() * GROUP * 9 + size_of::<Segment>() + 24)
                .sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{NewValue, Value};
    use std::collections::{HashMap, HashSet};

    fn insert(table: &mut Table, key: &[u8], value: i64) {
        let hash = table.hash(key);
        match table.get_mut(hash, key) {
            Some(entry) => entry.set_value(NewValue::Int(value)),
            None => {
                table.insert_new(hash, Entry::new(key, NewValue::Int(value), None));
            }
        }
    }

    fn get(table: &Table, key: &[u8]) -> Option<i64> {
        match table.get(table.hash(key), key)?.value() {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    fn scan_all(table: &Table) -> HashSet<Vec<u8>> {
        let (mut seen, mut cursor) = (HashSet::new(), 0);
        loop {
            cursor = table.scan(cursor, 10, |entry| assert!(seen.insert(entry.key().to_vec())));
            if cursor == 0 {
                return seen;
            }
        }
    }

    #[test]
    fn agrees_with_a_plain_map() {
        let mut table = Table::new(7);
        let mut model = HashMap::new();
        let mut random = 1u64;
        for step in 0..200_000i64 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let key = format!("key:{}", (random >> 40) % 60_000).into_bytes();
            // Phases of growth and of shrinking.
            if (random >> 33) % 10 < if (step / 50_000) % 2 == 0 { 8 } else { 2 } {
                insert(&mut table, &key, step);
                model.insert(key, step);
            } else {
                let hash = table.hash(&key);
                assert_eq!(table.remove(hash, &key).is_some(), model.remove(&key).is_some());
            }
        }
        assert_eq!(table.len(), model.len());
        for (key, value) in &model {
            assert_eq!(get(&table, key), Some(*value));
        }
        assert_eq!(table.iter().count(), model.len());
        assert_eq!(scan_all(&table), model.keys().cloned().collect());
        assert!(table.random(random).is_some());
    }

    #[test]
    fn a_scan_misses_nothing_while_the_table_grows_and_shrinks() {
        for grow in [true, false] {
            let mut table = Table::new(3);
            (0..20_000).for_each(|i| insert(&mut table, format!("stay{i}").as_bytes(), i));
            if !grow {
                (0..60_000).for_each(|i| insert(&mut table, format!("go{i}").as_bytes(), i));
            }
            let (mut seen, mut cursor, mut step) = (HashSet::new(), 0, 0);
            loop {
                cursor = table.scan(cursor, 10, |entry| {
                    seen.insert(entry.key().to_vec());
                });
                if cursor == 0 {
                    break;
                }
                for _ in 0..40 {
                    let key = format!("go{step}");
                    if grow {
                        insert(&mut table, key.as_bytes(), step);
                    } else {
                        let hash = table.hash(key.as_bytes());
                        table.remove(hash, key.as_bytes());
                    }
                    step += 1;
                }
            }
            assert!((0..20_000).all(|i| seen.contains(format!("stay{i}").as_bytes())), "grow {grow}");
        }
    }

    #[test]
    fn a_copy_shares_until_written() {
        let mut table = Table::new(1);
        (0..5_000).for_each(|i| insert(&mut table, format!("k{i}").as_bytes(), i));
        let copy = table.clone();
        (0..5_000).for_each(|i| insert(&mut table, format!("k{i}").as_bytes(), -i));
        (5_000..9_000).for_each(|i| insert(&mut table, format!("k{i}").as_bytes(), i));
        assert!((0..5_000).all(|i| get(&copy, format!("k{i}").as_bytes()) == Some(i)));
        assert!((0..5_000).all(|i| get(&table, format!("k{i}").as_bytes()) == Some(-i)));
        assert_eq!((copy.len(), table.len()), (5_000, 9_000));
    }

    #[test]
    fn halves_make_one_table() {
        for (keys, expected) in
            [(0, 0), (1, 0), (10, 5000), (3_000, 0), (3_000, 3_000), (20_000, 100), (20_000, 40_000)]
        {
            let empty = Table::new(5);
            let mut halves = [empty.emptied_in_halves(), empty.emptied_in_halves()];
            halves.iter_mut().enumerate().for_each(|(which, half)| half.expect_in_half(expected, which));
            for i in 0..keys {
                let key = format!("k{i}");
                let which = (empty.hash(key.as_bytes()) >> 63) as usize;
                // Uneven on purpose: the upper half gets a third of its keys.
                if which == 0 || i % 3 == 0 {
                    insert(&mut halves[which], key.as_bytes(), i);
                }
            }
            let len = halves[0].len() + halves[1].len();
            let [low, high] = halves;
            let mut joined = Table::join(low, high);
            assert_eq!((joined.len(), joined.iter().count(), scan_all(&joined).len()), (len, len, len));
            for i in 0..keys {
                let key = format!("k{i}");
                let there = empty.hash(key.as_bytes()) >> 63 == 0 || i % 3 == 0;
                assert_eq!(get(&joined, key.as_bytes()), there.then_some(i));
            }
            (0..keys).for_each(|i| insert(&mut joined, format!("more{i}").as_bytes(), i));
            assert!((0..keys).all(|i| get(&joined, format!("more{i}").as_bytes()) == Some(i)));
            assert_eq!(joined.len(), len + keys as usize);
        }
    }

    #[test]
    fn counts_what_expires() {
        let mut table = Table::new(1);
        insert(&mut table, b"a", 1);
        insert(&mut table, b"b", 1);
        let hash = table.hash(b"a");
        assert!(table.set_expire(hash, b"a", Some(5)));
        assert!(table.set_expire(hash, b"a", Some(6)));
        assert_eq!(table.volatile(), 1);
        assert!(!table.set_expire(table.hash(b"c"), b"c", Some(5)));
        table.remove(hash, b"a");
        assert_eq!(table.volatile(), 0);
    }
}
