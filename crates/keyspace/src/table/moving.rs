//! Moving the entries of a segment: into more groups, or into two segments.
//!
//! ```text
//!   from   | a b c . | d e . . | f g h i |        taken group by group, the slots that are full
//!   into   | a b . . | c . . . | d e . . | f ...  put where the group has been filled up to; counts beside it: 2 1 2 ...
//! ```
//!
//! Its one idea: a key that stays is moved some five times while its table doubles, so a move must cost next to nothing. Places
//! are scaled, so groups are taken and filled in their order, front to back; what is full is known without looking for it;
//! and the blocks behind the entries are not touched where that can be helped, and asked for all at once where not.

use super::{EMPTY, GROUP, GROUPS_MAX, PLACE_BITS, Segment, Table, bits_of, groups_for};
use crate::entry::Entry;
use std::sync::Arc;

/// A segment that is being filled. Nothing is removed from it, so each of its groups is full up to some slot.
struct Filling {
    segment: Segment,
    /// Slots that are taken in each group.
    counts: Box<[u8]>,
}

impl Filling {
    fn new(depth: u32, groups: usize) -> Filling {
        Filling { segment: Segment::new(depth, groups), counts: vec![0; groups].into_boxed_slice() }
    }

    /// Puts an entry into its home or the next group that has room. There must be some.
    #[inline]
    fn put(&mut self, tag: u8, entry: Entry) {
        let Segment { tags, slots, len, .. } = &mut self.segment;
        *len += 1;
        let mut group = super::home_of(entry.hash_bits(), self.counts.len());
        loop {
            let count = &mut self.counts[group];
            let slot = usize::from(*count);
            if slot < GROUP {
                *count += 1;
                tags[group][slot] = tag;
                slots[group][slot] = Some(entry);
                return;
            }
            group += 1;
            if group == self.counts.len() {
                group = 0;
            }
        }
    }

    /// The same in more groups.
    fn widen(&mut self, groups: usize) {
        let mut wider = Filling::new(self.segment.depth, groups);
        wider.segment.bits_known = self.segment.bits_known;
        wider.segment.volatile = self.segment.volatile;
        self.segment.take_all(|tag, entry| wider.put(tag, entry));
        *self = wider;
    }
}

/// Slots of a group that hold an entry, as a bit mask.
#[inline]
fn full(tags: &[u8; GROUP]) -> u32 {
    // Written so that the compiler makes one vector instruction of it: only tags have the highest bit.
    let mut mask = 0;
    for (i, &t) in tags.iter().enumerate() {
        mask |= u32::from(t >> 7) << i;
    }
    mask
}

impl Segment {
    /// Takes all entries out, group by group, with their tags.
    #[inline]
    fn take_all(&mut self, mut give: impl FnMut(u8, Entry)) {
        for (tags, slots) in self.tags.iter().zip(&mut self.slots) {
            let mut mask = full(tags);
            while mask != 0 {
                let slot = mask.trailing_zeros() as usize;
                mask &= mask - 1;
                if let Some(entry) = slots[slot].take() {
                    give(tags[slot], entry);
                }
            }
        }
        self.tags.fill([EMPTY; GROUP]);
        (self.len, self.tombstones, self.volatile) = (0, 0, 0);
    }

    /// The same entries with `groups` groups. This segment is left empty.
    pub(super) fn rebuilt(&mut self, groups: usize) -> Segment {
        let mut made = Filling::new(self.depth, groups);
        made.segment.bits_known = self.bits_known;
        made.segment.volatile = self.volatile;
        self.take_all(|tag, entry| made.put(tag, entry));
        made.segment
    }
}

impl Table {
    /// Makes two segments of one, each with one half of its hashes.
    pub(super) fn split(&mut self, at: usize) {
        let hasher = self.hasher.clone();
        let segment = Arc::make_mut(&mut self.segments[at]);
        let depth = segment.depth;
        let groups = groups_for(segment.len / 2 + segment.len / 16);
        let mut halves = [Filling::new(depth + 1, groups), Filling::new(depth + 1, groups)];
        // One of the 16 hash bits is used up. When too few remain, they are read from the keys again.
        let known = segment.bits_known - 1;
        let reread = known < PLACE_BITS;
        let has_volatile = segment.volatile > 0;
        if reread || has_volatile {
            segment.entries().for_each(Entry::prefetch);
        }
        segment.take_all(|tag, mut entry| {
            let bits = entry.hash_bits();
            let side = usize::from(bits >> 15);
            let bits =
                if reread { bits_of(super::hash_of(&hasher, entry.key()), depth + 1) } else { bits << 1 };
            entry.set_hash_bits(bits);
            let half = &mut halves[side];
            if half.segment.is_full() {
                // A lopsided split; it happens with hashes that are not random.
                let groups = half.counts.len();
                half.widen((groups + groups / 4 + 1).min(GROUPS_MAX * 2));
            }
            half.segment.volatile += usize::from(has_volatile && entry.expire_ms().is_some());
            half.put(tag, entry);
        });
        let [low, high] =
            halves.map(|half| Segment { bits_known: if reread { 16 } else { known }, ..half.segment });
        if depth == self.directory_bits {
            self.directory = self.directory.iter().flat_map(|&index| [index, index]).collect();
            self.directory_bits += 1;
        }
        let high_index = self.segments.len() as u32;
        self.segments[at] = Arc::new(low);
        self.segments.push(Arc::new(high));
        let run = 1usize << (self.directory_bits - depth);
        if let Some(first) = self.directory.iter().position(|&index| index as usize == at) {
            for index in &mut self.directory[first + run / 2..first + run] {
                *index = high_index;
            }
        }
    }
}
