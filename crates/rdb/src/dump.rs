//! DUMP payloads: one value, the version it is written in, and a checksum over both.
//!
//! ```text
//! type byte | value | version u16 LE | CRC64 of all before it, LE
//! ```
//!
//! There is no magic, so the version's number tells whose table the type byte is read in: 80 and above is Valkey's.

use crate::decoder::Decoder;
use crate::encoder::{Source, value_alone};
use crate::error::{Error, ErrorKind};
use crate::format::{Kind, Version};
use crate::sink::Sink;
use redtwin_checksum::crc64;

const FOOTER_BYTES: usize = 10;

/// What is wrong with a payload, in the two ways that RESTORE tells apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DumpError {
    /// Too short, of a version that is not read here, or damaged.
    VersionOrChecksum,
    /// The value in it is none.
    Value(Error),
}

/// The payload of a value. The version must be writable, or the value one that needs nothing of it.
#[must_use]
pub fn encode(value: Source<'_>, version: Version, compress: bool) -> Vec<u8> {
    let mut payload = value_alone(version, compress, value);
    payload.extend(version.number.to_le_bytes());
    let crc = crc64(0, &payload);
    payload.extend(crc.to_le_bytes());
    payload
}

/// A payload whose footer is right.
#[derive(Clone, Copy, Debug)]
pub struct Dump<'a> {
    /// How the value is written.
    pub kind: Kind,
    /// In which version.
    pub version: Version,
    body: &'a [u8],
}

/// Looks at a payload's footer and type.
///
/// # Errors
/// As `DumpError` says; an unknown type is a wrong value.
pub fn open(payload: &[u8]) -> Result<Dump<'_>, DumpError> {
    opened(payload, true)
}

/// The same of a payload whose checksum is not looked at (DEBUG SET-SKIP-CHECKSUM-VALIDATION).
///
/// # Errors
/// As `open`.
pub fn open_unsummed(payload: &[u8]) -> Result<Dump<'_>, DumpError> {
    opened(payload, false)
}

fn opened(payload: &[u8], sums: bool) -> Result<Dump<'_>, DumpError> {
    let wrong = DumpError::VersionOrChecksum;
    let (value, footer) =
        match payload.len().checked_sub(FOOTER_BYTES).and_then(|at| payload.split_at_checked(at)) {
            Some((value, footer)) => (value, footer),
            None => return Err(wrong),
        };
    let (Some(number), Some(crc)) = (footer.first_chunk::<2>(), footer.last_chunk::<8>()) else {
        return Err(wrong);
    };
    let version = Version::of_number(u16::from_le_bytes(*number));
    let summed = payload.len() - crc.len();
    let is_right = || crc64(0, payload.get(..summed).unwrap_or_default()) == u64::from_le_bytes(*crc);
    if !version.is_known() || (sums && !is_right()) {
        return Err(wrong);
    }
    let value_error = |kind| DumpError::Value(Error { kind, offset: 0 });
    let (&byte, body) = value.split_first().ok_or_else(|| value_error(ErrorKind::Truncated))?;
    let kind = Kind::of_byte(version.vendor, byte)
        .ok_or_else(|| value_error(ErrorKind::UnknownType(byte, version)))?;
    Ok(Dump { kind, version, body })
}

impl Dump<'_> {
    /// Hands the value over, in parts. Bytes behind it are passed over, as Redis does.
    ///
    /// # Errors
    /// What is wrong with it; `offset` counts from the byte behind the type.
    pub fn read<S: Sink>(&self, sink: &mut S) -> Result<(), Error> {
        let mut decoder = Decoder::of_value(self.kind);
        if decoder.push(self.body, sink)?.done {
            Ok(())
        } else {
            Err(Error { kind: ErrorKind::Truncated, offset: self.body.len() as u64 })
        }
    }
}
