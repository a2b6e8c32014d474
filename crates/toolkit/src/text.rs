//! Bytes as JSON strings, and as CSV fields.
//!
//! ```text
//! valid UTF-8                  as it is; " \ and control characters escaped
//! a byte that is part of none  \udc80 to \udcff: the lone surrogate for it (Python calls this surrogateescape)
//! ```
//!
//! Its one idea: nothing is lost and nothing is ambiguous. UTF-8 cannot hold a lone surrogate, so each of these stands for one
//! byte, and the text is JSON that every parser reads.

use redtwin_structures::number::format_f64;
use redtwin_structures::stream::StreamId;

const fn needs_escape() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
}

static ESCAPED: [bool; 256] = needs_escape();
const HEX: &[u8; 16] = b"0123456789abcdef";

fn hex(out: &mut Vec<u8>, head: &[u8], byte: u8) {
    out.extend_from_slice(head);
    out.push(HEX[usize::from(byte >> 4)]);
    out.push(HEX[usize::from(byte & 15)]);
}

fn valid(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| ESCAPED[usize::from(byte)]) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        if let Some((&byte, later)) = from.split_first() {
            match byte {
                b'"' | b'\\' => out.extend([b'\\', byte]),
                b'\n' => out.extend(b"\\n"),
                b'\r' => out.extend(b"\\r"),
                b'\t' => out.extend(b"\\t"),
                _ => hex(out, b"\\u00", byte),
            }
            rest = later;
        }
    }
    out.extend_from_slice(rest);
}

/// Whether a JSON string is its bytes: printable ASCII without `"` and `\`. Looks at all of them, which a processor does
/// sixteen or more at a time, instead of stopping early; what is left at the end, eight at a time.
fn is_plain(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let found = words.iter().fold(0, |found, word| found | odd_bytes(u64::from_le_bytes(*word)));
    let last = rest.iter().fold(PLAIN_WORD, |word, &byte| word << 8 | u64::from(byte));
    (found | odd_bytes(last)) & HIGH_BITS == 0
}

const PLAIN_WORD: u64 = u64::from_le_bytes([b' '; 8]);
const LOW_BITS: u64 = u64::from_le_bytes([1; 8]);
const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);

/// Some of the high bits are set if, and only if, one of the eight bytes is not plain. (A byte less than `n` gives its high bit to
/// `x - n`; so does one above that a byte below it borrowed from, but then that one had given its own.)
const fn odd_bytes(word: u64) -> u64 {
    let (quote, slash) = (word ^ (LOW_BITS * b'"' as u64), word ^ (LOW_BITS * b'\\' as u64));
    let control = word.wrapping_sub(LOW_BITS * 0x20) & !word;
    control | word | quote.wrapping_sub(LOW_BITS) & !quote | slash.wrapping_sub(LOW_BITS) & !slash
}

/// A JSON string with its quotes. O(bytes).
#[inline]
pub(crate) fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_plain(bytes) {
        out.reserve(bytes.len() + 2);
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
    } else {
        escaped(out, bytes);
    }
}

#[inline(never)]
fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    if std::str::from_utf8(bytes).is_ok() {
        valid(out, bytes);
    } else {
        for chunk in bytes.utf8_chunks() {
            valid(out, chunk.valid().as_bytes());
            chunk.invalid().iter().for_each(|&byte| hex(out, b"\\udc", byte));
        }
    }
    out.push(b'"');
}

/// A decimal number.
pub(crate) fn number(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The id of a stream's entry.
pub(crate) fn stream_id(out: &mut Vec<u8>, id: StreamId) {
    number(out, id.ms);
    out.push(b'-');
    number(out, id.seq);
}

/// A score as commands take it: in the fewest digits that give it back.
pub(crate) fn score(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() && (value != 0.0 || value.is_sign_positive()) {
        double(out, value);
    } else {
        out.extend_from_slice(&format_f64(value));
    }
}

/// A finite double in the fewest digits that give it back, written as JavaScript writes numbers (ECMA-262, Number::toString), so that
/// both engines print the same.
pub(crate) fn double(out: &mut Vec<u8>, value: f64) {
    if let Some((negative, digits)) = few_decimals(value) {
        return fixed(out, negative, digits);
    }
    // Rust's exponent form has those digits: "-1.234e-7".
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(|&c| c != '.').collect();
    if value == 0.0 {
        return out.push(b'0');
    }
    out.extend_from_slice(sign.as_bytes());
    let count = digits.len() as i32;
    let text = match exponent {
        21.. | ..=-7 => {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            format!("{first}{point}{rest}e{exponent:+}")
        }
        0.. if count <= exponent + 1 => digits + &"0".repeat((exponent + 1 - count) as usize),
        0.. => {
            let (whole, rest) = digits.split_at((exponent + 1) as usize);
            format!("{whole}.{rest}")
        }
        _ => format!("0.{}{digits}", "0".repeat((-exponent - 1) as usize)),
    };
    out.extend_from_slice(text.as_bytes());
}

const DECIMALS: u64 = 1_000_000;

/// A double that is the nearest to a decimal of at most 15 digits, six of them behind the point: its sign, and that decimal in
/// millionths. Decimals so short are told apart by doubles, so this one, its zeros at the end left out, is the shortest.
fn few_decimals(value: f64) -> Option<(bool, u64)> {
    let scaled = value * DECIMALS as f64;
    // Whichever whole number this is, what follows tells whether it is the one.
    let millionths = (scaled.abs() + 0.5) as u64;
    let is_it = scaled.abs() < 1e15 && millionths as f64 / DECIMALS as f64 == value.abs();
    is_it.then_some((scaled < 0.0, millionths))
}

fn fixed(out: &mut Vec<u8>, negative: bool, millionths: u64) {
    if negative {
        out.push(b'-');
    }
    number(out, millionths / DECIMALS);
    let mut behind = (millionths % DECIMALS) as u32;
    if behind > 0 {
        let mut decimals = *b".000000";
        for digit in decimals.iter_mut().skip(1).rev() {
            *digit += (behind % 10) as u8;
            behind /= 10;
        }
        let zeros = decimals.iter().rev().take_while(|&&digit| digit == b'0').count();
        out.extend_from_slice(decimals.get(..decimals.len() - zeros).unwrap_or_default());
    }
}

/// A CSV field: quoted only where it must be, as RFC 4180 says; bytes that are no UTF-8 and control characters as `\xNN`.
pub(crate) fn csv(out: &mut Vec<u8>, bytes: &[u8]) {
    let quoted = bytes.iter().any(|byte| matches!(byte, b',' | b'"' | b' ' | b'\t'));
    if !quoted {
        return line(out, bytes);
    }
    out.push(b'"');
    for (index, part) in bytes.split(|&byte| byte == b'"').enumerate() {
        if index > 0 {
            out.extend(b"\"\"");
        }
        line(out, part);
    }
    out.push(b'"');
}

/// Bytes on a line: those that are no UTF-8, and control characters, as `\xNN`.
pub(crate) fn line(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                0..0x20 | 0x7f => hex(out, b"\\x", byte),
                _ => out.push(byte),
            }
        }
        chunk.invalid().iter().for_each(|&byte| hex(out, b"\\x", byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_json(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        json(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_strings() {
        assert_eq!(as_json(b"plain"), r#""plain""#);
        assert_eq!(as_json(b"a\"b\\c\n\x01\x7f"), "\"a\\\"b\\\\c\\n\\u0001\x7f\"");
        assert_eq!(as_json("naïve €".as_bytes()), "\"naïve €\"");
        assert_eq!(as_json(b"\xff\xc3x"), r#""\udcff\udcc3x""#);
    }

    #[test]
    fn doubles_are_written_as_javascript_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (100.0, "100"),
            (123_456.789, "123456.789"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.25e-7, "1.25e-7"),
            (0.000_001, "0.000001"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            let mut out = Vec::new();
            double(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn short_doubles_are_the_shortest_that_give_them_back(digits in -1_000_000_000_000_000i64..1_000_000_000_000_000, places in 0i32..9) {
            let value: f64 = format!("{digits}e-{places}").parse().unwrap();
            let mut out = Vec::new();
            double(&mut out, value);
            let text = String::from_utf8(out).unwrap();
            // Rust prints the fewest digits too, and no exponent.
            let expected = format!("{value}");
            proptest::prop_assert!(text == expected || text.contains('e') || (text == "0" && expected == "-0"), "{text} {expected}");
        }

        #[test]
        fn plain_strings_are_those_without_escapes(bytes: Vec<u8>) {
            let naive = bytes.iter().all(|&byte| (0x20..0x80).contains(&byte) && byte != b'"' && byte != b'\\');
            proptest::prop_assert_eq!(is_plain(&bytes), naive);
        }
    }

    #[test]
    fn csv_fields() {
        let field = |bytes: &[u8]| {
            let mut out = Vec::new();
            csv(&mut out, bytes);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(field(b"user:1"), "user:1");
        assert_eq!(field(b"a,b"), "\"a,b\"");
        assert_eq!(field(b"say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(field(b"\x00\xff"), "\\x00\\xff");
    }
}
