//! Lengths and strings on the way out, in the shortest of their forms, as Redis chooses it.
//!
//! ```text
//! up to 11 characters that are a canonical 32-bit integer     C0, C1 or C2 and the integer
//! above 20 bytes, when asked and when it saves 4 or more      C3, lengths, LZF
//! everything else                                             length, bytes
//! ```

use crate::format::Version;
use redtwin_structures::lzf::Compressor;
use redtwin_structures::number::parse_i64;

const INTEGER_TEXT_MAX: usize = 11;
const COMPRESS_ABOVE: usize = 20;
const COMPRESS_MUST_SAVE: usize = 4;

/// Where everything is written to.
pub(crate) struct Writer {
    pub(crate) out: Vec<u8>,
    pub(crate) version: Version,
    compressor: Option<Compressor>,
    packed: Vec<u8>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("version", &self.version).field("ready", &self.out.len()).finish()
    }
}

impl Writer {
    pub(crate) fn new(version: Version, compress: bool) -> Writer {
        Writer { out: Vec::new(), version, compressor: compress.then(Compressor::new), packed: Vec::new() }
    }

    pub(crate) fn length(&mut self, length: u64) {
        match length {
            0..=0x3f => self.out.push(length as u8),
            0x40..=0x3fff => self.out.extend([0x40 | (length >> 8) as u8, length as u8]),
            0x4000..=0xffff_ffff => {
                self.out.push(0x80);
                self.out.extend((length as u32).to_be_bytes());
            }
            _ => {
                self.out.push(0x81);
                self.out.extend(length.to_be_bytes());
            }
        }
    }

    /// A string that is an integer.
    pub(crate) fn integer(&mut self, integer: i64) {
        let bytes = integer.to_le_bytes();
        let (form, size) = match integer {
            -0x80..=0x7f => (0xc0, 1),
            -0x8000..=0x7fff => (0xc1, 2),
            -0x8000_0000..=0x7fff_ffff => (0xc2, 4),
            _ => {
                let mut digits = itoa::Buffer::new();
                return self.plain(digits.format(integer).as_bytes());
            }
        };
        self.out.push(form);
        self.out.extend_from_slice(bytes.get(..size).unwrap_or_default());
    }

    pub(crate) fn string(&mut self, bytes: &[u8]) {
        if bytes.len() <= INTEGER_TEXT_MAX
            && let Some(integer) = parse_i64(bytes)
        {
            return self.integer(integer);
        }
        if bytes.len() > COMPRESS_ABOVE
            && let Some(compressor) = &mut self.compressor
        {
            self.packed.clear();
            if compressor.compress(bytes, bytes.len() - COMPRESS_MUST_SAVE, &mut self.packed) {
                let packed = std::mem::take(&mut self.packed);
                self.out.push(0xc3);
                self.length(packed.len() as u64);
                self.length(bytes.len() as u64);
                self.out.extend_from_slice(&packed);
                self.packed = packed;
                return;
            }
        }
        self.plain(bytes);
    }

    fn plain(&mut self, bytes: &[u8]) {
        self.length(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use crate::text::Strings;
    use proptest::prelude::*;

    fn written(bytes: &[u8], compress: bool) -> Vec<u8> {
        let mut writer = Writer::new(Version::redis(10), compress);
        writer.string(bytes);
        writer.out
    }

    #[test]
    fn forms_are_those_of_redis() {
        assert_eq!(written(b"127", true), [0xc0, 127]);
        assert_eq!(written(b"-129", true), [0xc1, 0x7f, 0xff]);
        assert_eq!(written(b"-2147483648", true), [0xc2, 0, 0, 0, 0x80]);
        assert_eq!(written(b"2147483648", true), b"\x0a2147483648");
        assert_eq!(written(b"0123", true), b"\x040123");
        assert_eq!(written(&[b'a'; 20], true)[0], 20);
        assert_eq!(written(&[b'a'; 40], true)[0], 0xc3);
        assert_eq!(written(&[b'a'; 40], false)[0], 40);
        assert_eq!(written(&[b'a'; 70], false)[..2], [0x40, 70]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in proptest::collection::vec(0u8..5, 0..300), integer: i64, compress: bool) {
            let out = written(&bytes, compress);
            prop_assert_eq!(&*Strings::default().read(&mut Input::new(&out), true).unwrap(), &bytes[..]);
            let text = integer.to_string();
            let out = written(text.as_bytes(), compress);
            prop_assert_eq!(&*Strings::default().read(&mut Input::new(&out), true).unwrap(), text.as_bytes());
        }

        #[test]
        fn lengths_are_read_back(length: u64, shift in 0u32..64) {
            let mut writer = Writer::new(Version::redis(10), false);
            writer.length(length >> shift);
            prop_assert_eq!(Input::new(&writer.out).length().unwrap(), length >> shift);
        }
    }
}
