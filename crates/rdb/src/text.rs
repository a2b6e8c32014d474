//! Strings on the way in: plain, as an integer, or compressed; whole in the chunk, or over many chunks.
//!
//! ```text
//! length bytes     C0 i8     C1 i16     C2 i32     C3 length-compressed length compressed-bytes
//! ```
//!
//! Its one idea: a string that is whole in the chunk is borrowed from it. One that is not is gathered as its bytes
//! come (memory grows with what was received, never with what was announced), so that nothing is read twice.
//! A string that nobody wants is counted, not gathered.

use crate::bytes::{Bytes, Digits};
use crate::error::ErrorKind;
use crate::input::{Halt, Input, Length, Read};
use redtwin_structures::lzf;

/// Redis writes strings up to proto-max-bulk-len (512 MB by default); a block knows its size in 32 bits. Beyond this
/// a length is a lie.
const STRING_BYTES_MAX: u64 = u32::MAX as u64;

/// The string being read, when the last chunk ended within it.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    left: u64,
    bytes: Vec<u8>,
    /// Size when decompressed.
    unpacked: Option<usize>,
}

impl Strings {
    /// The next string. With `keep` false it is stepped over, and an empty one is given in its place.
    #[inline]
    pub(crate) fn read<'a>(&mut self, input: &mut Input<'a>, keep: bool) -> Read<Bytes<'a>> {
        if let Some(partial) = self.partial.take() {
            return self.go_on(input, partial, keep);
        }
        match input.length_or_special()? {
            Length::Plain(length) => {
                if let Ok(slice) =
                    usize::try_from(length).map_err(|_| Halt::More).and_then(|size| input.slice(size))
                {
                    return Ok(Bytes::Borrowed(if keep { slice } else { &[] }));
                }
                self.begin(input, length, None, keep)
            }
            Length::Special(form) => self.special(input, form, keep),
        }
    }

    fn special<'a>(&mut self, input: &mut Input<'a>, form: u8, keep: bool) -> Read<Bytes<'a>> {
        let integer = match form {
            0 => i32::from(i8::from_le_bytes(input.array()?)),
            1 => i32::from(i16::from_le_bytes(input.array()?)),
            2 => i32::from_le_bytes(input.array()?),
            3 => {
                let packed = input.length()?;
                let unpacked = input.length()?;
                let sizes = usize::try_from(packed).ok().zip(usize::try_from(unpacked).ok());
                let Some((size, unpacked)) = sizes.filter(|&(p, u)| lzf::plausible(p, u)) else {
                    return Err(
                        ErrorKind::Corrupt("compressed string that announces an impossible size").into()
                    );
                };
                return match input.slice(size) {
                    Ok(slice) if keep => decompress(slice, unpacked),
                    Ok(_) => Ok(Bytes::Borrowed(&[])),
                    Err(_) => self.begin(input, packed, Some(unpacked), keep),
                };
            }
            _ => return Err(ErrorKind::Corrupt("string with an unknown form").into()),
        };
        Ok(if keep { Bytes::Digits(Digits::new(integer)) } else { Bytes::Borrowed(&[]) })
    }

    fn begin<'a>(
        &mut self,
        input: &mut Input<'a>,
        left: u64,
        unpacked: Option<usize>,
        keep: bool,
    ) -> Read<Bytes<'a>> {
        if left > STRING_BYTES_MAX {
            return Err(ErrorKind::Corrupt("string longer than any server writes").into());
        }
        self.go_on(input, Partial { left, bytes: Vec::new(), unpacked }, keep)
    }

    fn go_on<'a>(&mut self, input: &mut Input<'a>, mut partial: Partial, keep: bool) -> Read<Bytes<'a>> {
        let more = input.upto(partial.left);
        partial.left -= more.len() as u64;
        if keep {
            partial.bytes.extend_from_slice(more);
        }
        if partial.left > 0 {
            self.partial = Some(partial);
            return Err(Halt::Partial);
        }
        match partial.unpacked {
            Some(unpacked) if keep => decompress(&partial.bytes, unpacked),
            _ => Ok(Bytes::Owned(partial.bytes)),
        }
    }
}

fn decompress<'a>(packed: &[u8], unpacked: usize) -> Read<Bytes<'a>> {
    let bytes =
        lzf::decompress(packed, unpacked).map_err(|_| ErrorKind::Corrupt("compressed string is broken"))?;
    Ok(Bytes::Owned(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut input = Input::new(bytes);
        let read = Strings::default().read(&mut input, true).ok()?.into_vec();
        assert_eq!(input.at, bytes.len());
        Some(read)
    }

    fn bytewise(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut strings = Strings::default();
        let mut kept = Vec::new();
        for byte in bytes {
            kept.push(*byte);
            let mut input = Input::new(&kept);
            match strings.read(&mut input, true) {
                Ok(read) => return Some(read.into_vec()),
                Err(Halt::More) => {}
                Err(Halt::Partial) => kept.clear(),
                Err(Halt::Error(_)) => return None,
            }
        }
        None
    }

    #[test]
    fn every_form_whole_and_byte_by_byte() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"\x05hello", b"hello"),
            (b"\x00", b""),
            (&[0xc0, 0x80], b"-128"),
            (&[0xc1, 0xff, 0x7f], b"32767"),
            (&[0xc2, 0, 0, 0, 0x80], b"-2147483648"),
            (&[0xc3, 9, 40, 1, b'a', b'a', 0xe0, 0x1b, 0, 1, b'a', b'a'], &[b'a'; 40]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(whole(bytes).as_deref(), Some(expected));
            assert_eq!(bytewise(bytes).as_deref(), Some(expected));
        }
    }

    #[test]
    fn impossible_sizes_are_refused_before_memory_is_taken() {
        for bytes in [
            &[0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 1][..],
            &[0xc3, 2, 0x80, 0xff, 0xff, 0xff, 0xff, 0, 0][..],
            &[0xc4][..],
            &[0xc3, 2, 9, 0xe0, 0x00][..],
        ] {
            assert!(matches!(Strings::default().read(&mut Input::new(bytes), true), Err(Halt::Error(_))));
        }
    }

    #[test]
    fn an_unwanted_string_is_counted_only() {
        let mut input = Input::new(b"\x05hello\xc3\x02\x09\xff\xff!");
        let mut strings = Strings::default();
        assert!(strings.read(&mut input, false).unwrap().is_empty());
        assert!(strings.read(&mut input, false).unwrap().is_empty());
        assert_eq!(input.rest(), b"!");
    }
}
