//! How a score lies in the listpack of a small sorted set.
//!
//! ```text
//! 3                       an integer          as in Redis
//! 0.5                     its text "0.5"      as in Redis, while that is no longer than eight bytes
//! 0.10000000000000001     3F B9 99 99 99 99 99 9A     the double itself, highest byte first: ours
//! ```
//!
//! Its one idea: most fractions are no short text ("%.17g" prints 17 digits of them), and eight bytes are half of that. No
//! text of a number begins with the byte that marks a double, so the three forms need nothing that tells them apart; a
//! double whose first byte would not do stays text. Redis's form, which goes into an RDB, is made when it is asked for.

use crate::listpack::Value;
use crate::number::{format_f64, parse_f64};

/// Longer texts are kept as doubles.
const TEXT_BYTES_MAX: usize = size_of::<f64>();

/// The first byte of doubles of 2^-15 to 2^64, and of their negatives: `?@ABC`, and bytes that no text of a number holds.
fn marks_double(byte: u8) -> bool {
    matches!(byte, 0x3F..=0x43 | 0xBF..=0xC3)
}

/// Reads a score.
#[inline]
pub(super) fn read(value: Value<'_>) -> f64 {
    match value {
        Value::Int(value) => value as f64,
        Value::Bytes(bytes) => double(bytes).or_else(|| parse_f64(bytes)).unwrap_or(0.0),
    }
}

#[inline]
fn double(bytes: &[u8]) -> Option<f64> {
    let bytes: [u8; 8] = bytes.try_into().ok()?;
    marks_double(bytes[0]).then(|| f64::from_be_bytes(bytes))
}

/// A score that Redis writes as an integer: every double that an i64 holds without loss, a negative zero too.
fn integer(score: f64) -> Option<Value<'static>> {
    (score.trunc() == score && score.abs() < (1u64 << 52) as f64).then_some(Value::Int(score as i64))
}

/// Hands a score over as it is to lie here.
pub(super) fn with<T>(score: f64, then: impl FnOnce(Value<'_>) -> T) -> T {
    if let Some(integer) = integer(score) {
        return then(integer);
    }
    let (text, raw) = (format_f64(score), score.to_be_bytes());
    match Value::of(&text) {
        Value::Bytes(text) if text.len() > TEXT_BYTES_MAX && marks_double(raw[0]) => then(Value::Bytes(&raw)),
        value => then(value),
    }
}

/// Hands over what lies here in the form of Redis.
pub(super) fn with_text<T>(value: Value<'_>, then: impl FnOnce(Value<'_>) -> T) -> T {
    match value {
        Value::Bytes(bytes) => match double(bytes) {
            Some(score) => then(Value::of(&format_f64(score))),
            None => then(value),
        },
        Value::Int(_) => then(value),
    }
}

/// The double that is to lie here for a score as Redis wrote it; None where that stays as it is, because it is as short or
/// is not what we would write for this double again.
pub(super) fn shortened(value: Value<'_>, score: f64) -> Option<[u8; 8]> {
    let Value::Bytes(text) = value else { return None };
    let raw = score.to_be_bytes();
    (text.len() > TEXT_BYTES_MAX && marks_double(raw[0]) && format_f64(score)[..] == *text).then_some(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lies(score: f64) -> Vec<u8> {
        with(score, |value| value.to_vec())
    }

    #[test]
    fn the_shortest_form_is_taken() {
        for (score, form) in [
            (3.0, &b"3"[..]),
            (-0.0, b"0"),
            (1.5, b"1.5"),
            (-12.34375, b"\xC0\x28\xB0\0\0\0\0\0"),
            (0.015625, b"0.015625"),
            (0.1, b"\x3F\xB9\x99\x99\x99\x99\x99\x9A"),
            (1e300, b"1.0000000000000001e+300"),
            (f64::INFINITY, b"inf"),
            (1e-9, b"1.0000000000000001e-09"),
        ] {
            assert_eq!(lies(score), form, "{score}");
        }
    }

    #[test]
    fn what_another_writer_printed_otherwise_is_kept() {
        assert_eq!(shortened(Value::Bytes(b"123456.78899999999"), 123456.789), None);
        assert_eq!(shortened(Value::Bytes(b"0.1000000"), 0.1), None);
        assert_eq!(shortened(Value::Bytes(b"0.10000000000000001"), 0.1), Some(0.1f64.to_be_bytes()));
    }

    proptest! {
        #[test]
        fn every_form_is_read_back(bits: u64, small in -1e7..1e7f64, digits in 0..9usize) {
            let short: f64 = format!("{small:.digits$}").parse().unwrap();
            for score in [f64::from_bits(bits), small, short] {
                if score.is_nan() {
                    continue;
                }
                let read_back = with(score, read);
                prop_assert_eq!(read_back, score);
                let text = with(score, |value| with_text(value, |text| text.to_vec()));
                prop_assert_eq!(parse_f64(&text), Some(score));
                // From Redis's form it comes to lie here as a command would put it.
                let from_text = shortened(Value::of(&text), score).map_or(text, |raw| raw.to_vec());
                prop_assert_eq!(from_text, lies(score));
            }
        }
    }
}
