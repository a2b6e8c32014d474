//! Integers as Redis reads them: plain decimal, no sign but '-', no spaces, no leading zeros, all of i64.

/// Reads a whole slice as an i64 by Redis's rules (string2ll); None when it is anything else.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [] | [b'0', ..] => return None,
        _ if digits.len() > 19 => return None,
        _ => {}
    }
    let mut value: u64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits are below 10^19, which fits into 64 bits.
        value = value * 10 + u64::from(digit);
    }
    if negative {
        if value <= 1 << 63 { Some((value as i64).wrapping_neg()) } else { None }
    } else {
        i64::try_from(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::parse_i64;

    #[test]
    fn takes_what_redis_takes() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", None),
            ("1", Some(1)),
            ("-1", Some(-1)),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("", None),
            ("-", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("-9223372036854775808", Some(i64::MIN)),
            ("-9223372036854775809", None),
            ("18446744073709551616", None),
            ("99999999999999999999", None),
            ("1x", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), value, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_the_standard_library(value: i64) {
            proptest::prop_assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        }
    }
}
