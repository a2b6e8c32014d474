//! Ziplist: the packed list that Redis used before the listpack (until 6.2). Read from old RDBs, written for old readers.
//!
//! ```text
//! +-------------+----------------------+-----------+---------+-----+------+
//! | total bytes | offset of last entry | count (*) | entry   | ... | 0xFF |
//! | u32 LE      | u32 LE               | u16 LE    |         |     |      |
//! +-------------+----------------------+-----------+---------+-----+------+
//! entry = size of the entry before (1 byte below 254, or FE and u32 LE), encoding, data
//! (*) 65535 = more than fit: walk to count them.
//!
//! 00nnnnnn              text of up to 63 bytes        C0 i16   D0 i32   E0 i64   F0 i24   FE i8    (little-endian)
//! 01nnnnnn n            text, 14 bits big-endian      F1..FD   integer 0..12 within the encoding
//! 80 n n n n            text, 32 bits big-endian
//! ```
//!
//! Its one idea here: nobody edits a ziplist any more. There is a check, a reader from left to right, and a builder.
//! Elements are the listpack's `Value`, because a ziplist on its way in becomes a listpack.

use crate::limits::Malformed;
use crate::listpack::Value;
use crate::number::parse_i64;

const HEADER_BYTES: usize = 10;
const END: u8 = 0xFF;
const COUNT_UNKNOWN: u16 = u16::MAX;
/// From this size on the size of the entry before takes five bytes.
const BIG_PREVIOUS: u8 = 254;

/// Checks bytes that nobody vouches for: header, every entry, its note of the size before it, tail and end mark.
/// Gives the number of elements. O(bytes), allocates nothing.
///
/// # Errors
/// What is wrong, for a log line.
pub fn validate(bytes: &[u8]) -> Result<usize, Malformed> {
    let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(Malformed("ziplist shorter than its header"))?;
    let [t0, t1, t2, t3, l0, l1, l2, l3, c0, c1] = *header;
    if u32::from_le_bytes([t0, t1, t2, t3]) as usize != bytes.len() {
        return Err(Malformed("ziplist has another size than its header says"));
    }
    if bytes.len() <= HEADER_BYTES || bytes.last() != Some(&END) {
        return Err(Malformed("ziplist without an end mark"));
    }
    let end = bytes.len() - 1;
    let (mut at, mut before, mut last, mut count) = (HEADER_BYTES, 0usize, HEADER_BYTES, 0usize);
    while at < end {
        let entry =
            bytes.get(at..end).and_then(entry).ok_or(Malformed("ziplist entry with a bad encoding"))?;
        if entry.previous != before {
            return Err(Malformed("ziplist entry with a wrong size of the entry before it"));
        }
        before = entry.size;
        last = at;
        at += entry.size;
        count += 1;
    }
    if u32::from_le_bytes([l0, l1, l2, l3]) as usize != last {
        return Err(Malformed("ziplist whose tail is not its last entry"));
    }
    let said = u16::from_le_bytes([c0, c1]);
    if said != COUNT_UNKNOWN && usize::from(said) != count {
        return Err(Malformed("ziplist has another number of elements than its header says"));
    }
    Ok(count)
}

struct Entry<'a> {
    previous: usize,
    value: Value<'a>,
    size: usize,
}

/// The entry at the start of `bytes`, which end before the end mark.
fn entry(bytes: &[u8]) -> Option<Entry<'_>> {
    let (previous, head) = match *bytes.first()? {
        BIG_PREVIOUS => (u32::from_le_bytes(*bytes.get(1..)?.first_chunk::<4>()?) as usize, 5),
        END => return None,
        small => (usize::from(small), 1),
    };
    let rest = bytes.get(head..)?;
    let encoding = *rest.first()?;
    let data = rest.get(1..)?;
    let text = |skip: usize, length: usize| {
        let text = data.get(skip..)?.get(..length)?;
        Some((Value::Bytes(text), 1 + skip + length))
    };
    let (value, size) = match encoding {
        0x00..=0x3f => text(0, usize::from(encoding))?,
        0x40..=0x7f => text(1, usize::from(encoding & 0x3f) << 8 | usize::from(*data.first()?))?,
        0x80 => text(4, u32::from_be_bytes(*data.first_chunk::<4>()?) as usize)?,
        0xc0 => (Value::Int(i16::from_le_bytes(*data.first_chunk::<2>()?).into()), 3),
        0xd0 => (Value::Int(i32::from_le_bytes(*data.first_chunk::<4>()?).into()), 5),
        0xe0 => (Value::Int(i64::from_le_bytes(*data.first_chunk::<8>()?)), 9),
        0xf0 => {
            let [a, b, c] = *data.first_chunk::<3>()?;
            (Value::Int((i32::from_le_bytes([0, a, b, c]) >> 8).into()), 4)
        }
        0xfe => (Value::Int((*data.first()? as i8).into()), 2),
        0xf1..=0xfd => (Value::Int(i64::from(encoding & 0x0f) - 1), 1),
        _ => return None,
    };
    Some(Entry { previous, value, size: head + size })
}

/// The elements of a validated ziplist, from left to right. Ends early, and harmlessly, on bytes that are not valid.
#[derive(Clone)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iter<'a> {
    /// Reads from the whole block.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Iter { rest: bytes.get(HEADER_BYTES..bytes.len().saturating_sub(1)).unwrap_or_default() }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let entry = entry(self.rest)?;
        self.rest = self.rest.get(entry.size..)?;
        Some(entry.value)
    }
}

/// Makes a ziplist from left to right.
pub struct Builder {
    block: Vec<u8>,
    count: usize,
    last: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// Without elements yet.
    #[must_use]
    pub fn new() -> Self {
        Builder { block: vec![0; HEADER_BYTES], count: 0, last: HEADER_BYTES }
    }

    /// Appends text, as an integer when it is a canonical one of at most 31 characters, as Redis does.
    pub fn push(&mut self, bytes: &[u8]) {
        match if bytes.len() < 32 { parse_i64(bytes) } else { None } {
            Some(integer) => self.push_value(Value::Int(integer)),
            None => self.push_value(Value::Bytes(bytes)),
        }
    }

    /// Appends a value as it is.
    pub fn push_value(&mut self, value: Value<'_>) {
        let at = self.block.len();
        let before = if self.count == 0 { 0 } else { at - self.last };
        if before < usize::from(BIG_PREVIOUS) {
            self.block.push(before as u8);
        } else {
            self.block.push(BIG_PREVIOUS);
            self.block.extend((before as u32).to_le_bytes());
        }
        match value {
            Value::Int(integer) => self.push_integer(integer),
            Value::Bytes(bytes) => {
                match bytes.len() {
                    length @ 0..=0x3f => self.block.push(length as u8),
                    length @ 0x40..=0x3fff => self.block.extend([0x40 | (length >> 8) as u8, length as u8]),
                    length => {
                        self.block.push(0x80);
                        self.block.extend((length as u32).to_be_bytes());
                    }
                }
                self.block.extend_from_slice(bytes);
            }
        }
        self.last = at;
        self.count += 1;
    }

    fn push_integer(&mut self, integer: i64) {
        let bytes = integer.to_le_bytes();
        let (encoding, width) = match integer {
            0..=12 => (0xf1 + integer as u8, 0),
            -0x80..=0x7f => (0xfe, 1),
            -0x8000..=0x7fff => (0xc0, 2),
            -0x80_0000..=0x7f_ffff => (0xf0, 3),
            -0x8000_0000..=0x7fff_ffff => (0xd0, 4),
            _ => (0xe0, 8),
        };
        self.block.push(encoding);
        self.block.extend_from_slice(bytes.get(..width).unwrap_or_default());
    }

    /// The block, as it stands in an RDB.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.block.push(END);
        let total = self.block.len() as u32;
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN);
        self.block[0..4].copy_from_slice(&total.to_le_bytes());
        self.block[4..8].copy_from_slice(&(self.last as u32).to_le_bytes());
        self.block[8..10].copy_from_slice(&count.to_le_bytes());
        self.block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn built(values: &[Vec<u8>]) -> Vec<u8> {
        let mut builder = Builder::new();
        values.iter().for_each(|v| builder.push(v));
        builder.finish()
    }

    #[test]
    fn as_redis_documents_it() {
        // The example in the comment at the head of Redis's ziplist: the elements "2" and "5".
        let bytes = [0x0f, 0, 0, 0, 0x0c, 0, 0, 0, 2, 0, 0, 0xf3, 2, 0xf6, 0xff];
        assert_eq!(built(&[b"2".to_vec(), b"5".to_vec()]), bytes);
        assert_eq!(validate(&bytes), Ok(2));
        assert_eq!(Iter::new(&bytes).collect::<Vec<_>>(), [Value::Int(2), Value::Int(5)]);
        assert_eq!(validate(&Builder::new().finish()), Ok(0));
    }

    #[test]
    fn every_width_of_integer() {
        for integer in [
            0,
            12,
            13,
            -1,
            -128,
            127,
            128,
            -32768,
            32767,
            32768,
            -8388608,
            8388607,
            8388608,
            i64::from(i32::MIN),
            i64::from(i32::MAX) + 1,
            i64::MIN,
            i64::MAX,
        ] {
            let bytes = built(&[integer.to_string().into_bytes()]);
            assert_eq!(validate(&bytes), Ok(1));
            assert_eq!(Iter::new(&bytes).collect::<Vec<_>>(), [Value::Int(integer)]);
        }
    }

    #[test]
    fn a_wide_note_of_a_small_entry_is_valid() {
        // Redis leaves these behind when it shrinks an entry.
        let bytes = [0x13, 0, 0, 0, 0x0c, 0, 0, 0, 2, 0, 0, 0xf3, 0xfe, 2, 0, 0, 0, 0xf6, 0xff];
        assert_eq!(validate(&bytes), Ok(2));
    }

    #[test]
    fn lies_are_refused() {
        let good = built(&[b"hello".to_vec(), vec![b'x'; 300], b"77".to_vec()]);
        assert_eq!(validate(&good), Ok(3));
        for cut in 0..good.len() {
            assert!(validate(&good[..cut]).is_err());
        }
        for (at, value) in [(0, 1), (4, 99), (8, 9), (10, 7), (11, 0x3f), (good.len() - 1, 0)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert!(validate(&bad).is_err(), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(values in proptest::collection::vec(prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..400), any::<i64>().prop_map(|i| i.to_string().into_bytes()),
            any::<i16>().prop_map(|i| i.to_string().into_bytes())], 0..40)) {
            let bytes = built(&values);
            prop_assert_eq!(validate(&bytes), Ok(values.len()));
            let read: Vec<Vec<u8>> = Iter::new(&bytes).map(|v| v.to_vec()).collect();
            prop_assert_eq!(read, values);
        }

        #[test]
        fn flipped_bytes_never_panic(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..20),
            flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
            let mut bytes = built(&values);
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(count) = validate(&bytes) {
                prop_assert_eq!(Iter::new(&bytes).count(), count);
            }
            prop_assert!(Iter::new(&bytes).count() <= bytes.len());
        }
    }
}
