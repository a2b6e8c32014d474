//! Keys and memory under each prefix of their names.
//!
//! ```text
//! user:17:profile   counts for   user:   and   user:17:          the last part is the key's own
//! ```
//!
//! Its one idea: each level counts everything under it, so dropping a deep prefix loses detail and no sum. That is
//! done when there are too many (ids in the middle of names make one each): those with the least memory go.

use hashbrown::HashMap;
use hashbrown::hash_map::RawEntryMut;

/// Prefixes kept, at most. At some 100 bytes each that is 13 MB.
const PREFIXES_MAX: usize = 128 * 1024;
/// And what remains after a cut.
const PREFIXES_KEPT: usize = PREFIXES_MAX / 4;

/// What is under a prefix.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Under {
    pub(crate) keys: u64,
    pub(crate) memory: u64,
}

#[derive(Debug)]
pub(crate) struct Prefixes {
    separators: [bool; 256],
    depth: usize,
    table: HashMap<Box<[u8]>, Under>,
    /// Whether some were dropped: sums of deep prefixes may then be too low.
    pub(crate) cut: bool,
}

impl Prefixes {
    pub(crate) fn new(separators: &[u8], depth: usize) -> Self {
        let mut table = [false; 256];
        separators.iter().for_each(|&byte| table[usize::from(byte)] = true);
        let depth = if separators.is_empty() { 0 } else { depth };
        Prefixes { separators: table, depth, table: HashMap::new(), cut: false }
    }

    /// O(name).
    #[inline]
    pub(crate) fn add(&mut self, name: &[u8], memory: u64) {
        let mut depth = 0;
        for (at, &byte) in name.iter().enumerate() {
            if depth == self.depth {
                break;
            }
            if self.separators[usize::from(byte)] {
                depth += 1;
                if let Some(prefix) = name.get(..=at) {
                    self.count(prefix, Under { keys: 1, memory });
                }
            }
        }
    }

    /// What another has counted among other keys.
    pub(crate) fn absorb(&mut self, other: Prefixes) {
        self.cut |= other.cut;
        other.table.iter().for_each(|(prefix, under)| self.count(prefix, *under));
    }

    fn count(&mut self, prefix: &[u8], more: Under) {
        let under = match self.table.raw_entry_mut().from_key(prefix) {
            RawEntryMut::Occupied(entry) => entry.into_mut(),
            RawEntryMut::Vacant(entry) => entry.insert(prefix.into(), Under::default()).1,
        };
        under.keys += more.keys;
        under.memory += more.memory;
        if self.table.len() > PREFIXES_MAX {
            self.cut_back();
        }
    }

    #[cold]
    fn cut_back(&mut self) {
        self.cut = true;
        let mut sizes: Vec<u64> = self.table.values().map(|under| under.memory).collect();
        let (_, &mut least, _) = sizes.select_nth_unstable(PREFIXES_MAX - PREFIXES_KEPT);
        self.table.retain(|_, under| under.memory > least);
    }

    /// By name, so that a parent comes right before what is under it.
    pub(crate) fn list(&self) -> Vec<(&[u8], Under)> {
        let mut list: Vec<_> = self.table.iter().map(|(name, under)| (&**name, *under)).collect();
        list.sort_unstable_by_key(|&(name, _)| name);
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_counts_what_is_under_it() {
        let mut prefixes = Prefixes::new(b":", 2);
        for name in [&b"user:1:a"[..], b"user:1:b", b"user:2:a:x", b"plain", b"user:3"] {
            prefixes.add(name, 10);
        }
        let found: Vec<_> =
            prefixes.list().iter().map(|(name, under)| (name.to_vec(), under.keys, under.memory)).collect();
        assert_eq!(
            found,
            [(b"user:".to_vec(), 4, 40), (b"user:1:".to_vec(), 2, 20), (b"user:2:".to_vec(), 1, 10)]
        );
    }

    #[test]
    fn too_many_are_cut_and_that_is_said() {
        let mut prefixes = Prefixes::new(b":", 2);
        for id in 0..=PREFIXES_MAX {
            prefixes.add(format!("user:{id}:x").as_bytes(), 1 + (id as u64 % 100));
        }
        assert!(prefixes.cut && prefixes.table.len() <= PREFIXES_KEPT);
        assert_eq!(
            prefixes.list().first().map(|(name, under)| (*name, under.keys)),
            Some((&b"user:"[..], PREFIXES_MAX as u64 + 1))
        );
    }
}
