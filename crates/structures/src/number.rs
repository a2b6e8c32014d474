//! Numbers in text, read and written exactly as Redis does.
//!
//! Three kinds: 64-bit integers (`parse_i64`, Redis's string2ll), doubles (scores: `parse_f64` and `format_f64`,
//! strtod and "%.17g"), and the 80-bit long doubles of INCRBYFLOAT and HINCRBYFLOAT (`LongDouble`). Each is here because
//! the obvious library call differs somewhere: Rust reads "+1" as an integer and no hexadecimal floats, and
//! prints the shortest digits, where Redis 7.0 prints seventeen.

mod bigint;
mod double;
mod long_double;

pub use double::{Scan, format_f64, parse_f64, parse_f64_bound, scan_f64};
pub use long_double::LongDouble;

/// Reads a canonical integer: what printing some i64 gives, and nothing else. No plus sign, no leading zero,
/// no "-0", no spaces. Redis uses this both for arguments and to decide what may be stored as an integer.
#[inline]
pub fn parse_i64(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    // Nineteen digits fit a u64 without overflow.
    let mut value = 0u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + digit as u64;
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_canonical_integers() {
        for bad in [
            "",
            "-",
            "+1",
            "01",
            "-0",
            "-01",
            " 1",
            "1 ",
            "1a",
            "9223372036854775808",
            "-9223372036854775809",
            "0x1",
        ] {
            assert_eq!(parse_i64(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse_i64(b"99999999999999999999"), None);
        for good in [0, 1, -1, 10, i64::MAX, i64::MIN] {
            assert_eq!(parse_i64(good.to_string().as_bytes()), Some(good));
        }
    }

    proptest! {
        #[test]
        fn equals_the_printed_form(text in "[-+0-9 ]{0,21}", value in any::<i64>()) {
            let twin = text.parse::<i64>().ok().filter(|v| v.to_string() == text);
            prop_assert_eq!(parse_i64(text.as_bytes()), twin);
            prop_assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        }
    }
}
