//! Notices an element that comes twice, in a value that passes element by element and is not kept.
//!
//! ```text
//! few:   fingerprint --> one bit of 2048 --- new: it is new --- set: look through those before
//! many:  a hash set of fingerprints, up to as many as memory is meant to hold; those behind are not looked at
//! ```
//!
//! Its one idea: an element is remembered as 64 bits of hash, so the longest field costs no more than the shortest. Two
//! different elements with the same fingerprint would be told as one that comes twice: among a million elements that
//! is one chance in thirty million. A loader, which has the elements, is asked by who must be certain.

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use std::hash::{BuildHasher, Hasher};

/// Up to so many the bits do: then one in thirty elements meets a bit that is set.
const FEW: usize = 64;
const WORDS: usize = 32;
/// Elements of one value that are remembered: as many as a table of two million places holds, which takes 19 MB.
const MANY_MAX: usize = 1_800_000;

/// Elements of one value seen so far.
#[derive(Debug)]
pub(crate) struct Distinct {
    bits: [u64; WORDS],
    few: Vec<u64>,
    many: HashSet<u64, AsItIs>,
    state: FixedState,
}

impl Default for Distinct {
    fn default() -> Self {
        Distinct {
            bits: [0; WORDS],
            few: Vec::with_capacity(FEW),
            many: HashSet::default(),
            state: FixedState::default(),
        }
    }
}

impl Distinct {
    /// Another value begins.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if !self.few.is_empty() {
            self.few.clear();
            self.bits = [0; WORDS];
        }
        if !self.many.is_empty() {
            self.many = HashSet::default();
        }
    }

    /// False when it was there.
    #[inline]
    pub(crate) fn insert(&mut self, element: &[u8]) -> bool {
        let mut hasher = self.state.build_hasher();
        hasher.write(element);
        let print = hasher.finish();
        if self.few.len() == FEW {
            return self.insert_among_many(print);
        }
        let (word, bit) = ((print >> 32) as usize % WORDS, 1u64 << (print % 64));
        let Some(bits) = self.bits.get_mut(word) else { return true };
        let met = *bits & bit != 0;
        *bits |= bit;
        if met && self.few.contains(&print) {
            return false;
        }
        self.few.push(print);
        true
    }

    fn insert_among_many(&mut self, print: u64) -> bool {
        if self.many.is_empty() {
            self.many.extend(self.few.iter().copied());
        }
        if self.many.len() >= MANY_MAX {
            return !self.many.contains(&print);
        }
        // Who comes this far may come to the end: then the table grows once more, not twice, with only a small one beside it.
        if self.many.len() == self.many.capacity() && self.many.len() > MANY_MAX / 8 {
            self.many.reserve(MANY_MAX - self.many.len());
        }
        self.many.insert(print)
    }
}

/// A fingerprint is a hash already.
#[derive(Clone, Copy, Debug, Default)]
struct AsItIs;

impl BuildHasher for AsItIs {
    type Hasher = Given;
    fn build_hasher(&self) -> Given {
        Given(0)
    }
}

#[derive(Debug)]
struct Given(u64);

impl Hasher for Given {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, print: u64) {
        self.0 = print;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_set(values: Vec<Vec<u16>>) {
            let mut distinct = Distinct::default();
            for value in values {
                let mut twin = std::collections::HashSet::new();
                for element in value {
                    // Some come twice, in small values and in those that outgrow the bits.
                    let element = (element % 120).to_string();
                    prop_assert_eq!(distinct.insert(element.as_bytes()), twin.insert(element));
                }
                distinct.clear();
            }
        }
    }
}
