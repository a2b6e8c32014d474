//! A cursor over the bytes at hand, and the small things that are read whole or not at all: lengths, numbers, ids.
//!
//! ```text
//!   committed | the piece being read        | not yet looked at
//!   ----------+-----------------------------+------------------
//!             mark                          at
//! ```
//!
//! Its one idea: a reader that runs out of bytes says `Halt::More` and leaves no trace. The driver then goes back to
//! the mark and keeps what lies behind it until more comes. Strings, which may be too long for that, are in `text.rs`.

use crate::bytes::Bytes;
use crate::error::ErrorKind;
use redtwin_structures::stream::StreamId;

/// Why a step stopped.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The piece is not complete: go back to the mark.
    More,
    /// All bytes at hand were taken and what they gave is kept: commit, and wait.
    Partial,
    /// It cannot go on.
    Error(ErrorKind),
}

impl From<ErrorKind> for Halt {
    fn from(kind: ErrorKind) -> Self {
        Halt::Error(kind)
    }
}

impl From<redtwin_structures::limits::Malformed> for Halt {
    fn from(malformed: redtwin_structures::limits::Malformed) -> Self {
        Halt::Error(ErrorKind::Corrupt(malformed.0))
    }
}

pub(crate) type Read<T> = Result<T, Halt>;

/// A length, or one of the forms that stand in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Plain(u64),
    /// The low six bits of a byte whose two high bits are set.
    Special(u8),
}

pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    pub(crate) at: usize,
    pub(crate) mark: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Input { bytes, at: 0, mark: 0 }
    }

    /// What was read since the mark.
    pub(crate) fn since_mark(&self) -> &'a [u8] {
        self.bytes.get(self.mark..self.at).unwrap_or_default()
    }

    /// What was read since a position.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// What was not yet looked at.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Read<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Halt::More)?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let array = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(Halt::More)?;
        self.at += N;
        Ok(*array)
    }

    #[inline]
    pub(crate) fn slice(&mut self, size: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(size).ok_or(Halt::More)?;
        let slice = self.bytes.get(self.at..end).ok_or(Halt::More)?;
        self.at = end;
        Ok(slice)
    }

    /// Up to `size` bytes: what there is.
    pub(crate) fn upto(&mut self, size: u64) -> &'a [u8] {
        let rest = self.rest();
        let take = usize::try_from(size).map_or(rest.len(), |size| size.min(rest.len()));
        self.at += take;
        rest.get(..take).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn length_or_special(&mut self) -> Read<Length> {
        let first = self.byte()?;
        Ok(match first >> 6 {
            0 => Length::Plain(u64::from(first)),
            1 => Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?)),
            3 => Length::Special(first & 0x3f),
            _ => match first {
                0x80 => Length::Plain(u64::from(u32::from_be_bytes(self.array()?))),
                0x81 => Length::Plain(u64::from_be_bytes(self.array()?)),
                _ => return Err(ErrorKind::Corrupt("length with an unknown form").into()),
            },
        })
    }

    /// A length that nothing else may stand for.
    #[inline]
    pub(crate) fn length(&mut self) -> Read<u64> {
        match self.length_or_special()? {
            Length::Plain(length) => Ok(length),
            Length::Special(_) => {
                Err(ErrorKind::Corrupt("special string form where a length must stand").into())
            }
        }
    }

    /// The next string, if it is whole in the chunk and not compressed; nothing is taken otherwise.
    #[inline]
    pub(crate) fn simple_string(&mut self) -> Option<Bytes<'a>> {
        let start = self.at;
        let string = match self.length_or_special() {
            Ok(Length::Plain(length)) => {
                usize::try_from(length).ok().and_then(|size| self.slice(size).ok()).map(Bytes::Borrowed)
            }
            Ok(Length::Special(0)) => self.array().ok().map(|int| i32::from(i8::from_le_bytes(int)).into()),
            Ok(Length::Special(1)) => self.array().ok().map(|int| i32::from(i16::from_le_bytes(int)).into()),
            Ok(Length::Special(2)) => self.array().ok().map(|int| i32::from_le_bytes(int).into()),
            _ => None,
        };
        if string.is_none() {
            self.at = start;
        }
        string
    }

    pub(crate) fn i64(&mut self) -> Read<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Read<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// A double in text, as sorted sets had it before 4.0.
    pub(crate) fn text_f64(&mut self) -> Read<f64> {
        match self.byte()? {
            255 => Ok(f64::NEG_INFINITY),
            254 => Ok(f64::INFINITY),
            253 => Ok(f64::NAN),
            size => std::str::from_utf8(self.slice(usize::from(size))?)
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .ok_or_else(|| ErrorKind::Corrupt("score is not a number").into()),
        }
    }

    /// An id of a stream's entry in 16 bytes.
    pub(crate) fn raw_id(&mut self) -> Read<StreamId> {
        self.array().map(StreamId::from_bytes)
    }

    /// An id of a stream's entry as two lengths.
    pub(crate) fn id(&mut self) -> Read<StreamId> {
        Ok(StreamId { ms: self.length()?, seq: self.length()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_in_all_forms() {
        let cases: [(&[u8], u64); 6] = [
            (&[0x00], 0),
            (&[0x3f], 63),
            (&[0x40, 0x40], 64),
            (&[0x7f, 0xff], 16383),
            (&[0x80, 0, 0, 0x40, 0], 16384),
            (&[0x81, 0, 0, 0, 1, 0, 0, 0, 0], 1 << 32),
        ];
        for (bytes, length) in cases {
            assert_eq!(Input::new(bytes).length().ok(), Some(length));
            for cut in 0..bytes.len() {
                assert!(matches!(Input::new(&bytes[..cut]).length(), Err(Halt::More)));
            }
        }
        assert_eq!(Input::new(&[0xc3]).length_or_special().ok(), Some(Length::Special(3)));
        assert!(matches!(Input::new(&[0xc3]).length(), Err(Halt::Error(_))));
        assert!(matches!(Input::new(&[0x82]).length(), Err(Halt::Error(_))));
    }

    #[test]
    fn simple_strings_are_taken_whole_or_not_at_all() {
        for (bytes, text) in [
            (&b"\x02hi"[..], &b"hi"[..]),
            (&[0], b""),
            (&[0xc0, 0xff], b"-1"),
            (&[0xc1, 0, 1], b"256"),
            (&[0xc2, 0, 0, 1, 0], b"65536"),
        ] {
            let mut input = Input::new(bytes);
            assert_eq!(input.simple_string().as_deref(), Some(text));
            assert_eq!(input.at, bytes.len());
            for cut in 0..bytes.len() {
                let mut input = Input::new(&bytes[..cut]);
                assert!(input.simple_string().is_none());
                assert_eq!(input.at, 0);
            }
        }
        assert!(Input::new(&[0xc3, 1, 1, 0, b'a']).simple_string().is_none());
    }

    #[test]
    fn scores_in_text() {
        assert_eq!(Input::new(b"\x042.25").text_f64().ok(), Some(2.25));
        assert_eq!(Input::new(b"\x0517e-1").text_f64().ok(), Some(1.7));
        assert_eq!(Input::new(&[254]).text_f64().ok(), Some(f64::INFINITY));
        assert!(Input::new(&[253]).text_f64().unwrap().is_nan());
        assert!(matches!(Input::new(b"\x03abc").text_f64(), Err(Halt::Error(_))));
        assert!(matches!(Input::new(b"\x03ab").text_f64(), Err(Halt::More)));
    }
}
