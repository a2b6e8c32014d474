//! The biggest keys: a heap of as many as are wanted, whose smallest is on top and gives way.

use crate::measure::Summary;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A key that is among the biggest.
#[derive(Clone, Debug)]
pub(crate) struct Big {
    pub(crate) db: u64,
    pub(crate) name: Vec<u8>,
    pub(crate) expire_at_ms: Option<i64>,
    pub(crate) summary: Summary,
}

/// Order: memory, and among equals the one that stands first in the file is the bigger, so that a run gives the same list each
/// time, whoever looked at which keys.
type Rank = (u64, Reverse<u64>);

#[derive(Debug)]
pub(crate) struct Top {
    wanted: usize,
    heap: BinaryHeap<Reverse<(Rank, usize)>>,
    keys: Vec<Big>,
}

impl Top {
    pub(crate) fn new(wanted: usize) -> Self {
        Top { wanted, heap: BinaryHeap::new(), keys: Vec::new() }
    }

    /// A key of this memory that begins at `offset` in the file. O(1) for nearly all keys, O(log wanted) for one that enters.
    #[inline]
    pub(crate) fn offer(&mut self, offset: u64, key: impl FnOnce() -> Big, memory: u64) {
        self.enter((memory, Reverse(offset)), key);
    }

    /// Those of another, which looked at other keys of the file.
    pub(crate) fn absorb(&mut self, other: Top) {
        for Reverse((rank, place)) in other.heap {
            if let Some(key) = other.keys.get(place) {
                self.enter(rank, || key.clone());
            }
        }
    }

    #[inline]
    fn enter(&mut self, rank: Rank, key: impl FnOnce() -> Big) {
        let place = if self.heap.len() < self.wanted {
            self.keys.len()
        } else {
            match self.heap.peek() {
                Some(Reverse((least, place))) if *least < rank => *place,
                _ => return,
            }
        };
        if let Some(old) = self.keys.get_mut(place) {
            *old = key();
            self.heap.pop();
        } else {
            self.keys.push(key());
        }
        self.heap.push(Reverse((rank, place)));
    }

    /// The biggest first.
    pub(crate) fn list(&self) -> Vec<&Big> {
        let mut ranked: Vec<_> = self.heap.iter().map(|Reverse(entry)| *entry).collect();
        ranked.sort_unstable_by(|a, b| b.cmp(a));
        ranked.iter().filter_map(|&(_, place)| self.keys.get(place)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Encoding;
    use redtwin_rdb::format::Class;

    proptest::proptest! {
        #[test]
        fn are_the_biggest(sizes: Vec<u16>, wanted in 0usize..8) {
            let (mut top, mut other) = (Top::new(wanted), Top::new(wanted));
            for (index, &size) in sizes.iter().enumerate() {
                let summary = Summary {
                    class: Class::String, encoding: Encoding::Raw, elements: 0, longest: 0, memory: size.into(), encoded: 0,
                };
                let half = if index % 2 == 0 { &mut top } else { &mut other };
                half.offer(
                    index as u64,
                    || Big { db: 0, name: index.to_string().into_bytes(), expire_at_ms: None, summary },
                    size.into(),
                );
            }
            top.absorb(other);
            let found: Vec<u64> = top.list().iter().map(|big| big.summary.memory).collect();
            let mut expected: Vec<u64> = sizes.iter().map(|&size| size.into()).collect();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            expected.truncate(wanted);
            proptest::prop_assert_eq!(found, expected);
        }
    }
}
