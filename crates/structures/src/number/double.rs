//! Doubles as C's strtod reads them and as "%.17g" prints them: scores, and SORT's weights.
//!
//! strtod takes more than Rust's parser does (leading spaces, hexadecimal, a valid prefix of garbage), and each Redis
//! command forbids another part of that. So `scan_f64` does what strtod does and says what it saw, and
//! the two readers above it add their refusals.

use super::long_double::round_bits;
use smallvec::SmallVec;

/// What strtod would say of some text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scan {
    /// The value; infinite after an overflow, 0 or subnormal after an underflow.
    pub value: f64,
    /// Bytes that belong to the number, leading spaces included; 0 when there is none.
    pub used: usize,
    /// errno would be ERANGE: overflow or underflow (every subnormal number counts as one, which glibc says
    /// of inexact ones only).
    pub out_of_range: bool,
}

/// Reads a score or another double argument: the whole text, no leading space, not NaN, and neither an overflow nor an
/// underflow to zero. "inf", "infinity" (any case, any sign) and hexadecimal floats are fine.
pub fn parse_f64(bytes: &[u8]) -> Option<f64> {
    if let Some(value) = short_decimal(bytes) {
        return Some(value);
    }
    let scan = scan_f64(bytes);
    let whole = scan.used == bytes.len() && scan.used > 0 && !is_space(bytes[0]);
    let lost = scan.out_of_range && (scan.value.is_infinite() || scan.value == 0.0);
    (whole && !lost && !scan.value.is_nan()).then_some(scan.value)
}

/// Reads a bound of a score range, without its '(' : as `parse_f64`, but as in Redis leading spaces, an empty text (0),
/// overflow (infinity) and anything behind a zero byte are let through.
pub fn parse_f64_bound(bytes: &[u8]) -> Option<f64> {
    let text = &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())];
    let scan = scan_f64(text);
    (scan.used == text.len() && !scan.value.is_nan()).then_some(scan.value)
}

/// Most scores are digits, with a point or without, and need no float parser: none with up to 19 digits, which a u64 holds.
#[inline]
fn short_decimal(bytes: &[u8]) -> Option<f64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    if digits.len() > DIGITS_MAX + 1 {
        return None;
    }
    let (mut value, mut point) = (0u64, None);
    for (at, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            // Twenty digits wrap, and are refused below.
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        } else if *byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let count = digits.len() - usize::from(point.is_some());
    let behind = point.map_or(0, |at| digits.len() - at - 1);
    if count == 0 || count > DIGITS_MAX {
        return None;
    }
    let value = shifted(value, behind)?;
    Some(if negative { -value } else { value })
}

/// A u64 holds as many.
const DIGITS_MAX: usize = 19;

/// `value / 10^places`, rounded once, to the nearest double. None where this is not the way to it.
#[inline]
fn shifted(value: u64, places: usize) -> Option<f64> {
    const POWERS: [u64; 17] = {
        let mut powers = [1; 17];
        let mut at = 1;
        while at < powers.len() {
            powers[at] = powers[at - 1] * 10;
            at += 1;
        }
        powers
    };
    /// A double holds every whole number up to here.
    const EXACT_MAX: u64 = 1 << 53;
    let power = *POWERS.get(places)?;
    if value <= EXACT_MAX {
        // The power is exact as well (10^16 = 5^16 * 2^16), so only the quotient is rounded.
        return Some(value as f64 / power as f64);
    }
    // In fixed point with 64 bits behind the point: 2^53 / 10^16 leaves some 63 significant ones, more than a double's 53, and
    // the last of them says whether anything follows. The scaling back is exact.
    let wide = u128::from(value) << 64;
    let quotient = wide / u128::from(power);
    let is_exact = quotient * u128::from(power) == wide;
    Some((quotient | u128::from(!is_exact)) as f64 * 2f64.powi(-64))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Reads the number at the start of `bytes` as strtod does in the C locale.
pub fn scan_f64(bytes: &[u8]) -> Scan {
    let spaces = bytes.iter().take_while(|b| is_space(**b)).count();
    let shape = Shape::of(&bytes[spaces..]);
    let (value, out_of_range) = match shape.kind {
        Kind::None => return Scan { value: 0.0, used: 0, out_of_range: false },
        Kind::Infinity => (f64::INFINITY, false),
        Kind::NotANumber => (f64::NAN, false),
        Kind::Decimal => {
            let digits = &bytes[spaces + shape.sign_bytes..spaces + shape.used];
            let value = std::str::from_utf8(digits).ok().and_then(|t| t.parse().ok()).unwrap_or(0.0);
            let mantissa = digits.iter().take_while(|b| !matches!(b, b'e' | b'E'));
            let zero = mantissa.filter(|b| **b != b'.').all(|b| *b == b'0');
            (value, !zero && !f64::is_normal(value))
        }
        Kind::Hexadecimal => {
            let (mantissa, exponent, lost) = shape.hexadecimal(&bytes[spaces..]);
            let value = double_from(mantissa, exponent, lost);
            (value, mantissa != 0 && !value.is_normal())
        }
    };
    let value = if shape.negative { -value } else { value };
    Scan { value, used: spaces + shape.used, out_of_range }
}

/// `mantissa * 2^exponent`, rounded to nearest even; `lost` says that the mantissa lacks some low bits.
fn double_from(mantissa: u128, exponent: i64, lost: bool) -> f64 {
    // Subnormal numbers end at 2^-1074; normal ones keep 53 bits.
    let (bits, exponent) = round_bits(mantissa, exponent, lost, 53, -1074);
    let top = exponent + (64 - bits.leading_zeros()) as i64;
    if bits == 0 {
        0.0
    } else if top > 1024 {
        f64::INFINITY
    } else {
        // Both steps are exact: the rounding has been done.
        let half = exponent / 2;
        bits as f64 * 2f64.powi(half as i32) * 2f64.powi((exponent - half) as i32)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    None,
    Infinity,
    NotANumber,
    Decimal,
    Hexadecimal,
}

/// The extent of a number in text, shared by doubles and long doubles.
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) negative: bool,
    pub(super) sign_bytes: usize,
    /// Bytes from the sign to the end of the number.
    pub(super) used: usize,
}

impl Shape {
    /// Looks at text without leading spaces.
    pub(super) fn of(bytes: &[u8]) -> Shape {
        let sign_bytes = matches!(bytes.first(), Some(b'-' | b'+')) as usize;
        let rest = &bytes[sign_bytes..];
        let word = |w: &[u8]| rest.get(..w.len()).is_some_and(|r| r.eq_ignore_ascii_case(w));
        let (kind, size) = if word(b"infinity") {
            (Kind::Infinity, 8)
        } else if word(b"inf") {
            (Kind::Infinity, 3)
        } else if word(b"nan") {
            (Kind::NotANumber, 3 + nan_payload(&rest[3..]))
        } else if let (true, Some(size)) = (word(b"0x"), number_size(&rest[2.min(rest.len())..], true)) {
            (Kind::Hexadecimal, 2 + size)
        } else if let Some(size) = number_size(rest, false) {
            (Kind::Decimal, size)
        } else {
            (Kind::None, 0)
        };
        let used = if kind == Kind::None { 0 } else { sign_bytes + size };
        Shape { kind, negative: bytes.first() == Some(&b'-'), sign_bytes, used }
    }

    /// Mantissa (its first 124 bits), binary exponent, and whether lower bits were left out.
    pub(super) fn hexadecimal(&self, bytes: &[u8]) -> (u128, i64, bool) {
        let (mut mantissa, mut exponent, mut lost, mut point) = (0u128, 0i64, false, false);
        let mut rest = bytes[self.sign_bytes + 2..self.used].iter();
        for byte in rest.by_ref() {
            match (*byte as char).to_digit(16) {
                Some(digit) if mantissa >> 120 == 0 => {
                    mantissa = mantissa << 4 | digit as u128;
                    exponent -= if point { 4 } else { 0 };
                }
                Some(digit) => {
                    lost |= digit != 0;
                    exponent += if point { 0 } else { 4 };
                }
                None if *byte == b'.' => point = true,
                None => break,
            }
        }
        (mantissa, exponent.saturating_add(exponent_value(rest.as_slice())), lost)
    }
}

/// The value of `[sign]digits`, kept within a range that no sum overflows.
pub(super) fn exponent_value(bytes: &[u8]) -> i64 {
    let negative = bytes.first() == Some(&b'-');
    let digits = bytes.iter().filter(|b| b.is_ascii_digit());
    let size = digits.fold(0i64, |value, byte| (value * 10 + (byte - b'0') as i64).min(1_000_000_000));
    if negative { -size } else { size }
}

/// "(chars)" behind nan.
fn nan_payload(bytes: &[u8]) -> usize {
    if bytes.first() != Some(&b'(') {
        return 0;
    }
    let chars = bytes[1..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    if bytes.get(1 + chars) == Some(&b')') { chars + 2 } else { 0 }
}

/// Bytes of `digits[.digits][exponent]` with at least one digit in the mantissa.
fn number_size(bytes: &[u8], hexadecimal: bool) -> Option<usize> {
    let is_digit = |b: &&u8| if hexadecimal { b.is_ascii_hexdigit() } else { b.is_ascii_digit() };
    let whole = bytes.iter().take_while(is_digit).count();
    let mut size = whole;
    let mut fraction = 0;
    if bytes.get(whole) == Some(&b'.') {
        fraction = bytes[whole + 1..].iter().take_while(is_digit).count();
        size += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    let mark = if hexadecimal { b'p' } else { b'e' };
    if bytes.get(size).is_some_and(|b| b.eq_ignore_ascii_case(&mark)) {
        let sign = matches!(bytes.get(size + 1), Some(b'-' | b'+')) as usize;
        let digits = bytes[size + 1 + sign..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 {
            size += 1 + sign + digits;
        }
    }
    Some(size)
}

/// Prints a double as Redis 7.0 does: "%.17g", "inf" and "-inf"; NaN as "nan", though no reply ever holds one.
pub fn format_f64(value: f64) -> SmallVec<[u8; 32]> {
    let mut out = SmallVec::new();
    if value.is_nan() {
        out.extend_from_slice(if value.is_sign_negative() { b"-nan" } else { b"nan" });
        return out;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let size = value.abs();
    if size.is_infinite() {
        out.extend_from_slice(b"inf");
    } else if size < 1e17 && size.trunc() == size {
        out.extend_from_slice(itoa::Buffer::new().format(size as u64).as_bytes());
    } else {
        format_digits(size, &mut out);
    }
    out
}

/// "%.17g" of most fractions: those whose 17 digits come out of one multiplication of 128 bits. False for others, and then
/// nothing has been written.
///
/// A double from 1/10 to 2^52 is `mantissa / 2^shift`, with a shift of at most 56; of its digits `k` stand behind the point,
/// at most 17. So `mantissa * 10^k` is below 2^53 * 2^57, and its quotient by the power of two has all 17 digits.
fn format_fraction(size: f64, out: &mut SmallVec<[u8; 32]>) -> bool {
    if !(0.1..4_503_599_627_370_496.0).contains(&size) {
        return false;
    }
    let mantissa = size.to_bits() & ((1 << 52) - 1) | 1 << 52;
    let shift = 1075 - (size.to_bits() >> 52);
    let whole = size as u64;
    // Digits before the point; a zero there is none of the 17.
    let before = whole.checked_ilog10().map_or(0, |log| log + 1);
    let behind = 17 - before;
    let product = u128::from(mantissa) * 10u128.pow(behind);
    let (quotient, rest) = (product >> shift, product & ((1 << shift) - 1));
    let half = 1u128 << (shift - 1);
    if rest == half {
        return false;
    }
    let digits = quotient as u64 + u64::from(rest > half);
    if !(10_000_000_000_000_000..100_000_000_000_000_000).contains(&digits) {
        return false;
    }
    let power = 10u64.pow(behind);
    let (whole, mut fraction, mut width) = (digits / power, digits % power, behind as usize);
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    if fraction == 0 {
        return true;
    }
    while fraction.is_multiple_of(10) {
        fraction /= 10;
        width -= 1;
    }
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(fraction).as_bytes();
    out.push(b'.');
    out.extend(std::iter::repeat_n(b'0', width - text.len()));
    out.extend_from_slice(text);
    true
}

/// "%.17g" for what is not an integer below 1e17.
fn format_digits(size: f64, out: &mut SmallVec<[u8; 32]>) {
    if !format_fraction(size, out) {
        format_slowly(size, out);
    }
}

/// 17 significant digits of anything, in fixed notation for exponents -4 to 16.
fn format_slowly(size: f64, out: &mut SmallVec<[u8; 32]>) {
    use std::io::Write;
    // d.dddddddddddddddde-308: the exact decimal value, correctly rounded.
    let mut text = [0u8; 32];
    let mut rest = &mut text[..];
    // Thirty-two bytes hold every such text, so the write cannot fail.
    let _ = write!(rest, "{size:.16e}");
    let used = 32 - rest.len();
    let mark = text[..used].iter().position(|b| *b == b'e').unwrap_or(used);
    let exponent = exponent_value(&text[(mark + 1).min(used)..used]);
    let mut digits: SmallVec<[u8; 32]> = text[..mark].iter().copied().filter(|b| *b != b'.').collect();
    while digits.len() > 1 && digits.last() == Some(&b'0') {
        digits.pop();
    }
    let count = digits.len() as i64;
    if !(-4..17).contains(&exponent) {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        let size = exponent.unsigned_abs();
        if size < 10 {
            out.push(b'0');
        }
        out.extend_from_slice(itoa::Buffer::new().format(size).as_bytes());
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        out.extend_from_slice(&digits);
    } else {
        let whole = (exponent + 1) as usize;
        let (before, after) = digits.split_at(whole.min(digits.len()));
        out.extend_from_slice(before);
        out.extend(std::iter::repeat_n(b'0', whole - before.len()));
        if !after.is_empty() {
            out.push(b'.');
            out.extend_from_slice(after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: f64) -> String {
        String::from_utf8(format_f64(value).to_vec()).unwrap()
    }

    /// Left column: the argument of ZADD; right column: ZSCORE of Redis 7.0.15, None for "not a valid float".
    const ASKED: &[(&str, Option<&str>)] = &[
        ("3.0", Some("3")),
        ("0.1", Some("0.10000000000000001")),
        ("1e300", Some("1.0000000000000001e+300")),
        ("inf", Some("inf")),
        ("-inf", Some("-inf")),
        ("+inf", Some("inf")),
        ("InFinity", Some("inf")),
        ("nan", None),
        ("-nan", None),
        ("nan(1)", None),
        ("infin", None),
        ("0x10", Some("16")),
        ("0x1p3", Some("8")),
        ("0x.8", Some("0.5")),
        ("0x", None),
        ("0x.", None),
        ("1e400", None),
        ("1e-400", None),
        ("2e-324", None),
        ("4.9e-324", Some("4.9406564584124654e-324")),
        ("1e-320", Some("9.9998886718268301e-321")),
        (" 1", None),
        ("1 ", None),
        ("", None),
        (".", None),
        ("1e", None),
        ("1e+", None),
        ("1_0", None),
        ("1d", None),
        ("+5", Some("5")),
        (".5", Some("0.5")),
        ("5.", Some("5")),
        ("1e16", Some("10000000000000000")),
        ("1e17", Some("1e+17")),
        ("99999999999999999", Some("1e+17")),
        ("123456789012345678", Some("1.2345678901234568e+17")),
        ("1e21", Some("1e+21")),
        ("3.14159265358979", Some("3.14159265358979")),
        ("1e-5", Some("1.0000000000000001e-05")),
        ("0.0001", Some("0.0001")),
        ("1e5", Some("100000")),
    ];

    proptest! {
        #[test]
        fn digits_are_read_as_the_standard_library_reads_them(digits: u64, places in 0usize..24, fewer in 0u32..64) {
            let mut text = (digits >> fewer).to_string();
            if places < text.len() {
                text.insert(text.len() - places, '.');
            }
            prop_assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{}", text);
        }
    }

    #[test]
    fn says_what_redis_says() {
        for (argument, score) in ASKED {
            assert_eq!(parse_f64(argument.as_bytes()).map(text).as_deref(), *score, "{argument}");
        }
    }

    #[test]
    fn bounds_are_lax() {
        assert_eq!(parse_f64_bound(b""), Some(0.0));
        assert_eq!(parse_f64_bound(b" 1"), Some(1.0));
        assert_eq!(parse_f64_bound(b"1\0x"), Some(1.0));
        assert_eq!(parse_f64_bound(b"1e400"), Some(f64::INFINITY));
        assert_eq!(parse_f64_bound(b"1 "), None);
        assert_eq!(parse_f64_bound(b"nan"), None);
        assert_eq!(parse_f64_bound(b"(1"), None);
    }

    #[test]
    fn hexadecimal_is_rounded_to_even() {
        assert_eq!(parse_f64(b"0x1.00000000000008p0"), Some(1.0));
        assert_eq!(parse_f64(b"0x1.000000000000080000000000000000000000001p0"), Some(1.0 + f64::EPSILON));
        assert_eq!(parse_f64(b"0x1.00000000000018p0"), Some(1.0 + 2.0 * f64::EPSILON));
        assert_eq!(parse_f64(b"0x1p-1074"), Some(5e-324));
        assert_eq!(parse_f64(b"0x1p-1076"), None);
        assert_eq!(parse_f64(b"0x1p1023"), Some(2f64.powi(1023)));
        assert_eq!(parse_f64(b"0x1p1024"), None);
        assert_eq!(parse_f64(b"-0x1.8p+1"), Some(-3.0));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            if !value.is_nan() {
                prop_assert_eq!(parse_f64(&format_f64(value)).map(f64::to_bits), Some(value.to_bits()));
            }
        }

        #[test]
        fn fractions_are_printed_as_the_long_way_prints_them(
            bits in 0x3FB0_0000_0000_0000u64..0x4340_0000_0000_0000, decimal in 0u64..10_000_000_000, digits in 0u32..10,
        ) {
            for size in [f64::from_bits(bits), decimal as f64 / 10f64.powi(digits as i32), (bits >> 30) as f64 / 65536.0] {
                let (mut short, mut long) = (SmallVec::new(), SmallVec::new());
                if format_fraction(size, &mut short) {
                    format_slowly(size, &mut long);
                    prop_assert_eq!(short, long);
                } else {
                    prop_assert!(short.is_empty());
                }
            }
        }

        #[test]
        fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in "[-+0-9a-fpxeinft. (_)]{0,20}") {
            for input in [&bytes[..], text.as_bytes()] {
                prop_assert!(scan_f64(input).used <= input.len());
                parse_f64(input);
                parse_f64_bound(input);
            }
        }
    }
}
