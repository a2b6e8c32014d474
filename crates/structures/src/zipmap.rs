//! Zipmap: the packed hash of Redis 2.0 to 2.4. Read from the oldest RDBs, never written.
//!
//! ```text
//! +-----------+----------------------------------------------------------+-----+------+
//! | count (*) | field length, field, value length, free, value, padding | ... | 0xFF |
//! | u8        |                                     u8          free bytes |     |      |
//! +-----------+----------------------------------------------------------+-----+------+
//! a length is one byte up to 253, or FE and u32 LE        (*) 254 and more: walk to count them.
//! ```
//!
//! Its one idea here: a check and a reader of pairs, so that a loader can make something of today out of it.

use crate::limits::Malformed;

const BIG_LENGTH: u8 = 254;
const END: u8 = 0xFF;

/// Checks bytes that nobody vouches for. Gives the number of fields. O(bytes), allocates nothing.
///
/// # Errors
/// What is wrong, for a log line.
pub fn validate(bytes: &[u8]) -> Result<usize, Malformed> {
    let (&said, rest) = bytes.split_first().ok_or(Malformed("zipmap shorter than its header"))?;
    let Some((&END, mut rest)) = rest.split_last() else {
        return Err(Malformed("zipmap without an end mark"));
    };
    let mut count = 0usize;
    while !rest.is_empty() {
        let (_, after) = pair(rest).ok_or(Malformed("zipmap entry reaches beyond the end"))?;
        rest = after;
        count += 1;
    }
    if said < BIG_LENGTH && usize::from(said) != count {
        return Err(Malformed("zipmap has another number of fields than its header says"));
    }
    Ok(count)
}

type Pair<'a> = (&'a [u8], &'a [u8]);

/// The pair at the start of `bytes`, and what follows it.
fn pair(bytes: &[u8]) -> Option<(Pair<'_>, &[u8])> {
    let (length, rest) = length(bytes)?;
    let (field, rest) = rest.split_at_checked(length)?;
    let (length, rest) = self::length(rest)?;
    let (&free, rest) = rest.split_first()?;
    let (value, rest) = rest.split_at_checked(length)?;
    Some(((field, value), rest.get(usize::from(free)..)?))
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes.split_first()? {
        (&BIG_LENGTH, rest) => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            Some((u32::from_le_bytes(*length) as usize, rest))
        }
        (&END, _) => None,
        (&small, rest) => Some((usize::from(small), rest)),
    }
}

/// Fields and values of a validated zipmap, in order. Ends early, and harmlessly, on bytes that are not valid.
#[derive(Clone)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iter<'a> {
    /// Reads from the whole block.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Iter { rest: bytes.get(1..bytes.len().saturating_sub(1)).unwrap_or_default() }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        let (pair, rest) = pair(self.rest)?;
        self.rest = rest;
        Some(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_redis_documents_it() {
        // The example in the comment at the head of Redis's zipmap: "foo" => "bar", "hello" => "world".
        let bytes = b"\x02\x03foo\x03\x00bar\x05hello\x05\x00world\xff";
        assert_eq!(validate(bytes), Ok(2));
        let pairs: Vec<Pair<'_>> = Iter::new(bytes).collect();
        assert_eq!(pairs, [(&b"foo"[..], &b"bar"[..]), (b"hello", b"world")]);
    }

    #[test]
    fn padding_and_long_values() {
        let mut bytes = b"\xfe\x03foo\xfe\x2c\x01\x00\x00\x02".to_vec();
        bytes.extend([b'v'; 300]);
        bytes.extend(b"??\xff");
        assert_eq!(validate(&bytes), Ok(1));
        assert_eq!(Iter::new(&bytes).next().unwrap().1, vec![b'v'; 300]);
        for cut in 0..bytes.len() {
            assert!(validate(&bytes[..cut]).is_err());
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(count) = validate(&bytes) {
                prop_assert_eq!(Iter::new(&bytes).count(), count);
            }
            prop_assert!(Iter::new(&bytes).count() <= bytes.len());
        }
    }
}
