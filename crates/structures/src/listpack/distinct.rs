//! Notices an element that comes twice: what a block from outside must not hold where members are distinct.
//!
//! ```text
//! few:   hash --> one bit of 2048 --- new: it is new --- set: look through those before (one in a hundred)
//! many:  a hash set
//! ```
//!
//! Its one idea: most blocks are small and right, so the question must cost next to nothing there: no table is made, and
//! no element is compared with another unless their bits meet.

use super::Value;
use crate::buckets::hash;
use smallvec::SmallVec;

/// Up to so many the bits do.
const FEW: usize = 64;
const WORDS: usize = 32;

/// Elements seen so far. Borrows, copies nothing. The text "12" is the integer 12, however it is written.
#[allow(clippy::large_enum_variant, reason = "lives on the stack for the time of a look")]
pub(crate) enum Distinct<'a> {
    Few { bits: [u64; WORDS], seen: SmallVec<[Value<'a>; FEW]> },
    Many(hashbrown::HashSet<Value<'a>>),
}

impl<'a> Distinct<'a> {
    /// For this many elements of a block that is there, so the number can be trusted.
    pub(crate) fn with_capacity(count: usize) -> Self {
        if count <= FEW {
            Distinct::Few { bits: [0; WORDS], seen: SmallVec::new() }
        } else {
            Distinct::Many(hashbrown::HashSet::with_capacity(count))
        }
    }

    /// False when it was there.
    #[inline]
    pub(crate) fn insert(&mut self, value: Value<'a>) -> bool {
        let value = match value {
            Value::Bytes(text) => Value::of(text),
            integer => integer,
        };
        match self {
            Distinct::Few { bits, seen } => {
                let hash = match value {
                    Value::Bytes(text) => hash(text),
                    Value::Int(int) => hash(&int.to_le_bytes()),
                } as usize;
                let (word, bit) = (hash / 64 % WORDS, 1u64 << (hash % 64));
                let met = bits[word] & bit != 0;
                bits[word] |= bit;
                let new = !met || !seen.contains(&value);
                seen.push(value);
                new
            }
            Distinct::Many(seen) => seen.insert(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn equals_a_set(numbers in proptest::collection::vec(0u16..200, 0..150), capacity in 0usize..150) {
            let texts: Vec<String> = numbers.iter().map(u16::to_string).collect();
            let mut twin = HashSet::new();
            let mut distinct = Distinct::with_capacity(capacity);
            for (number, text) in numbers.iter().zip(&texts) {
                // Integers in both forms, and texts that are none.
                let value = match number % 3 {
                    0 => Value::Int(i64::from(*number)),
                    _ => Value::Bytes(text.as_bytes()),
                };
                prop_assert_eq!(distinct.insert(value), twin.insert(number));
            }
        }
    }
}
