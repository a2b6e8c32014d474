//! Intset: a sorted array of distinct integers, all as wide as the widest needs, byte-exact with Redis.
//!
//! ```text
//! +--------------------+---------------+------+------+-----+
//! | width 2, 4 or 8    | count         | int  | int  | ... |   little-endian, ascending
//! | u32 LE             | u32 LE        |      |      |     |
//! +--------------------+---------------+------+------+-----+
//! ```
//!
//! Its one idea: membership by binary search in as few bytes as integers can take. The width only grows.

use crate::limits::Malformed;

const HEADER_BYTES: usize = 8;

/// An owned, valid intset. 16 bytes in place; its block is exactly as large as its content.
#[derive(Clone, PartialEq, Eq)]
pub struct Intset(Box<[u8]>);

impl Default for Intset {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Intset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

/// Checks bytes that nobody vouches for: width, size, strict order. Gives the number of members. O(count).
///
/// # Errors
/// What is wrong, for a log line.
pub fn validate(bytes: &[u8]) -> Result<usize, Malformed> {
    let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(Malformed("intset shorter than its header"))?;
    let [w0, w1, w2, w3, c0, c1, c2, c3] = *header;
    let width = u32::from_le_bytes([w0, w1, w2, w3]) as usize;
    let count = u32::from_le_bytes([c0, c1, c2, c3]) as usize;
    if !matches!(width, 2 | 4 | 8) {
        return Err(Malformed("intset with a width other than 2, 4 or 8"));
    }
    if (bytes.len() - HEADER_BYTES) as u64 != width as u64 * count as u64 {
        return Err(Malformed("intset has another size than its header says"));
    }
    let mut before = None;
    for index in 0..count {
        let value = read(bytes, width, index);
        if before.is_some_and(|b| b >= value) {
            return Err(Malformed("intset is not in ascending order"));
        }
        before = Some(value);
    }
    Ok(count)
}

/// The integer with this index; 0 when the bytes do not reach that far, which a valid intset never shows.
#[inline]
fn read(bytes: &[u8], width: usize, index: usize) -> i64 {
    let rest = bytes.get(HEADER_BYTES + index * width..).unwrap_or_default();
    match width {
        2 => rest.first_chunk::<2>().map_or(0, |b| i16::from_le_bytes(*b) as i64),
        4 => rest.first_chunk::<4>().map_or(0, |b| i32::from_le_bytes(*b) as i64),
        _ => rest.first_chunk::<8>().map_or(0, |b| i64::from_le_bytes(*b)),
    }
}

impl Intset {
    /// The empty intset.
    pub fn new() -> Self {
        Intset(Box::new([2, 0, 0, 0, 0, 0, 0, 0]))
    }

    /// Takes bytes from outside, after `validate`.
    ///
    /// # Errors
    /// Those of `validate`.
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Result<Self, Malformed> {
        let bytes = bytes.into();
        validate(&bytes)?;
        Ok(Intset(bytes))
    }

    /// The whole block, as it stands in an RDB.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        (self.0.len() - HEADER_BYTES) / self.width()
    }

    /// True without members.
    pub fn is_empty(&self) -> bool {
        self.0.len() == HEADER_BYTES
    }

    /// The member with this index in ascending order.
    pub fn get(&self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| read(&self.0, self.width(), index))
    }

    /// Whether `value` is a member. O(log count).
    pub fn contains(&self, value: i64) -> bool {
        self.search(value).is_ok()
    }

    /// Members in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + '_ {
        let width = self.width();
        (0..self.len()).map(move |index| read(&self.0, width, index))
    }

    /// Adds a member; false when it was there. O(count), for the move.
    pub fn insert(&mut self, value: i64) -> bool {
        let width = width_of(value);
        if width > self.width() {
            self.widen(width);
        }
        let Err(index) = self.search(value) else { return false };
        let width = self.width();
        let at = HEADER_BYTES + index * width;
        let mut block = std::mem::take(&mut self.0).into_vec();
        let old = block.len();
        block.reserve_exact(width);
        block.resize(old + width, 0);
        block.copy_within(at..old, at + width);
        block[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        self.0 = block.into_boxed_slice();
        self.write_header(width);
        true
    }

    /// Removes a member; false when it was not there. The width stays.
    pub fn remove(&mut self, value: i64) -> bool {
        let Ok(index) = self.search(value) else { return false };
        let width = self.width();
        let at = HEADER_BYTES + index * width;
        let mut block = std::mem::take(&mut self.0).into_vec();
        block.drain(at..at + width);
        self.0 = block.into_boxed_slice();
        self.write_header(width);
        true
    }

    fn width(&self) -> usize {
        self.0[0] as usize
    }

    fn write_header(&mut self, width: usize) {
        let count = (self.0.len() - HEADER_BYTES) / width;
        self.0[0] = width as u8;
        self.0[4..8].copy_from_slice(&(count as u32).to_le_bytes());
    }

    fn search(&self, value: i64) -> Result<usize, usize> {
        let width = self.width();
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match read(&self.0, width, middle).cmp(&value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    fn widen(&mut self, width: usize) {
        let mut block = vec![0; HEADER_BYTES];
        block.reserve_exact(self.len() * width);
        for value in self.iter() {
            block.extend_from_slice(&value.to_le_bytes()[..width]);
        }
        self.0 = block.into_boxed_slice();
        self.write_header(width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn member() -> impl Strategy<Value = i64> {
        prop_oneof![-20i64..20, -40_000i64..40_000, any::<i32>().prop_map(i64::from), any::<i64>()]
    }

    #[test]
    fn bytes_are_those_of_redis() {
        let mut set = Intset::new();
        for value in [5, -3, 70_000] {
            assert!(set.insert(value));
        }
        let mut expected = vec![4, 0, 0, 0, 3, 0, 0, 0];
        for value in [-3i32, 5, 70_000] {
            expected.extend_from_slice(&value.to_le_bytes());
        }
        assert_eq!(set.as_bytes(), &expected[..]);
    }

    #[test]
    fn broken_bytes_are_refused() {
        assert!(validate(&[2, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(validate(&[3, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(validate(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0]).is_err());
        assert!(validate(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0]).is_err());
        assert!(validate(&[8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1]).is_err());
        assert_eq!(validate(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0]), Ok(2));
    }

    proptest! {
        #[test]
        fn equals_an_ordered_set(steps in proptest::collection::vec((any::<bool>(), member()), 0..60)) {
            let mut set = Intset::new();
            let mut twin = BTreeSet::new();
            for (add, value) in steps {
                if add {
                    prop_assert_eq!(set.insert(value), twin.insert(value));
                } else {
                    prop_assert_eq!(set.remove(value), twin.remove(&value));
                }
                prop_assert_eq!(validate(set.as_bytes()), Ok(twin.len()));
                prop_assert_eq!(set.contains(value), twin.contains(&value));
            }
            prop_assert!(set.iter().eq(twin.iter().copied()));
        }

        #[test]
        fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(set) = Intset::from_bytes(bytes) {
                prop_assert_eq!(set.iter().count(), set.len());
            }
        }
    }
}
