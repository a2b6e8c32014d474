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

/// Order: memory, and among equals the one met first is the bigger, so that a run gives the same list each time.
type Rank = (u64, Reverse<u64>);

#[derive(Debug)]
pub(crate) struct Top {
    wanted: usize,
    met: u64,
    heap: BinaryHeap<Reverse<(Rank, usize)>>,
    keys: Vec<Big>,
}

impl Top {
    pub(crate) fn new(wanted: usize) -> Self {
        Top { wanted, met: 0, heap: BinaryHeap::new(), keys: Vec::new() }
    }

    /// O(1) for nearly all keys, O(log wanted) for one that enters.
    #[inline]
    pub(crate) fn offer(&mut self, db: u64, name: &[u8], expire_at_ms: Option<i64>, summary: &Summary) {
        self.met += 1;
        let rank = (summary.memory, Reverse(self.met));
        let place = if self.heap.len() < self.wanted {
            self.keys.len()
        } else {
            match self.heap.peek() {
                Some(Reverse((least, place))) if *least < rank => *place,
                _ => return,
            }
        };
        let big = Big { db, name: name.to_vec(), expire_at_ms, summary: *summary };
        if let Some(old) = self.keys.get_mut(place) {
            *old = big;
            self.heap.pop();
        } else {
            self.keys.push(big);
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
            let mut top = Top::new(wanted);
            for (index, &size) in sizes.iter().enumerate() {
                let summary = Summary {
                    class: Class::String, encoding: Encoding::Raw, elements: 0, longest: 0, memory: size.into(), encoded: 0,
                };
                top.offer(0, index.to_string().as_bytes(), None, &summary);
            }
            let found: Vec<u64> = top.list().iter().map(|big| big.summary.memory).collect();
            let mut expected: Vec<u64> = sizes.iter().map(|&size| size.into()).collect();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            expected.truncate(wanted);
            proptest::prop_assert_eq!(found, expected);
        }
    }
}
