//! A string on its way out of the decoder: borrowed from the chunk where possible, owned where it had to be made.
//!
//! Its one idea: whoever keeps a string pays for one copy at most. A long or a decompressed string is already owned
//! and can be kept as it is; a short one is copied by the keeper straight to its last place.

use std::ops::Deref;

/// Bytes of a string. Reads as a slice.
#[derive(Debug)]
pub enum Bytes<'a> {
    /// Within the chunk that was pushed: valid until the sink returns.
    Borrowed(&'a [u8]),
    /// Gathered from several chunks, or decompressed.
    Owned(Vec<u8>),
    /// The digits of a string that was written as an integer.
    Digits(Digits),
}

/// Decimal digits of a 32-bit integer, in place.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    length: u8,
    text: [u8; 11],
}

impl Digits {
    /// The canonical text of `value`.
    #[must_use]
    pub fn new(value: i32) -> Self {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value).as_bytes();
        let mut text = [0; 11];
        // An i32 has 11 characters at most, sign included.
        for (to, from) in text.iter_mut().zip(digits) {
            *to = *from;
        }
        Digits { length: digits.len() as u8, text }
    }
}

impl From<i32> for Bytes<'_> {
    fn from(value: i32) -> Self {
        Bytes::Digits(Digits::new(value))
    }
}

impl Bytes<'_> {
    /// The bytes to keep. Copies unless they are owned already.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Bytes::Owned(bytes) => bytes,
            other => other.to_vec(),
        }
    }
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::Owned(bytes) => bytes,
            Bytes::Digits(digits) => digits.text.get(..usize::from(digits.length)).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_canonical() {
        for value in [0, -1, 7, i32::MIN, i32::MAX] {
            assert_eq!(&*Bytes::Digits(Digits::new(value)), value.to_string().as_bytes());
        }
    }

    #[test]
    fn an_owned_string_is_kept_without_a_copy() {
        let bytes = vec![1, 2, 3];
        let address = bytes.as_ptr();
        let kept = Bytes::Owned(bytes).into_vec();
        assert_eq!(kept.as_ptr(), address);
        assert_eq!(Bytes::Borrowed(b"ab").into_vec(), b"ab");
    }
}
