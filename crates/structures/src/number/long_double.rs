//! The 80-bit long double of x86, in software: what INCRBYFLOAT and HINCRBYFLOAT compute with in Redis.
//!
//! ```text
//! value = mantissa * 2^exponent        64 bits of mantissa, highest bit set unless subnormal or zero
//! ```
//!
//! Its one idea: a primary on x86 answers 10.6 to INCRBYFLOAT 10.5 0.1 because 64 bits of mantissa, cut to 17 decimals,
//! hide the error that 53 bits show. Reading, adding and printing are exact and then rounded once (to nearest, ties to
//! even), so every finite result equals that of Redis on x86. Not here: any other arithmetic, and NaN.

use super::bigint::BigInt;
use super::double::{Kind, Shape, exponent_value};

/// Lowest exponent of the least significant bit: that of subnormal numbers.
const EXPONENT_MIN: i64 = -16445;
/// Numbers from 2^this on are infinite.
const TOP_MAX: i64 = 16384;
/// Redis reads floats through a buffer of this size, so longer text is no float.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;

/// A number, possibly infinite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    mantissa: u64,
    exponent: i64,
    finite: bool,
}

impl LongDouble {
    /// Reads the whole of `bytes` as strtold does. None for leading spaces, garbage, NaN, overflow and underflow to zero;
    /// "inf" is read, since Redis refuses it later, with another error.
    pub fn parse(bytes: &[u8]) -> Option<LongDouble> {
        if bytes.len() > TEXT_BYTES_MAX {
            return None;
        }
        let shape = Shape::of(bytes);
        if shape.used != bytes.len() {
            return None;
        }
        let (mantissa, exponent, lost) = match shape.kind {
            Kind::None | Kind::NotANumber => return None,
            Kind::Infinity => return Some(Self::infinite(shape.negative)),
            Kind::Hexadecimal => shape.hexadecimal(bytes),
            Kind::Decimal => decimal(&bytes[shape.sign_bytes..])?,
        };
        let value = Self::rounded(shape.negative, mantissa, exponent, lost);
        let vanished = value.mantissa == 0 && (mantissa != 0 || lost);
        (value.finite && !vanished).then_some(value)
    }

    /// False for infinities.
    pub fn is_finite(self) -> bool {
        self.finite
    }

    /// Prints as Redis does for people: "%.17Lf" without the trailing zeros, "-0" as "0". Infinities as "inf".
    pub fn to_text(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        if !self.finite {
            out.extend_from_slice(if self.negative { b"-inf" } else { b"inf" });
            return out;
        }
        if self.mantissa == 0 {
            return b"0".to_vec();
        }
        if self.negative {
            out.push(b'-');
        }
        if self.exponent >= 0 {
            let mut whole = BigInt::from_u64(self.mantissa);
            whole.shift_left(self.exponent as u32);
            out.extend_from_slice(&whole.to_decimal());
            return out;
        }
        const SCALE: u128 = 100_000_000_000_000_000;
        // 64 + 57 bits fit. A shift beyond that leaves less than half a unit in the last place.
        let scaled = self.mantissa as u128 * SCALE;
        let shift = (-self.exponent).min(127) as u32;
        let (floor, rest, half) = (scaled >> shift, scaled & ((1 << shift) - 1), 1u128 << (shift - 1));
        let units = floor + (rest > half || (rest == half && floor & 1 == 1)) as u128;
        if units == 0 {
            return b"0".to_vec();
        }
        out.extend_from_slice(itoa::Buffer::new().format(units / SCALE).as_bytes());
        let fraction = format!("{:017}", units % SCALE);
        let fraction = fraction.trim_end_matches('0');
        if !fraction.is_empty() {
            out.push(b'.');
            out.extend_from_slice(fraction.as_bytes());
        }
        out
    }

    fn infinite(negative: bool) -> Self {
        LongDouble { negative, mantissa: 0, exponent: 0, finite: false }
    }

    fn rounded(negative: bool, mantissa: u128, exponent: i64, lost: bool) -> Self {
        let (mantissa, exponent) = round_bits(mantissa, exponent, lost, 64, EXPONENT_MIN);
        let top = exponent + (64 - mantissa.leading_zeros()) as i64;
        if mantissa != 0 && top > TOP_MAX {
            return Self::infinite(negative);
        }
        LongDouble { negative, mantissa, exponent: if mantissa == 0 { 0 } else { exponent }, finite: true }
    }
}

impl std::ops::Add for LongDouble {
    type Output = LongDouble;

    /// The sum; adding infinities of both signs gives an infinity (Redis refuses both it and NaN with one error).
    fn add(self, other: LongDouble) -> LongDouble {
        if !self.finite || !other.finite {
            return Self::infinite(self.negative);
        }
        if self.mantissa == 0 && other.mantissa == 0 {
            // Zeros of both signs add up to the positive one.
            return if self.negative { other } else { self };
        }
        if self.mantissa == 0 || other.mantissa == 0 {
            return if self.mantissa == 0 { other } else { self };
        }
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        // Sixty-three bits of room below the higher number; what the lower one has below that only breaks ties.
        let distance = high.exponent - low.exponent;
        let a = (high.mantissa as u128) << 63;
        let (b, lost) = if distance <= 63 {
            ((low.mantissa as u128) << (63 - distance), false)
        } else if distance < 127 {
            let cut = distance - 63;
            (low.mantissa as u128 >> cut, low.mantissa & ((1u64 << cut) - 1) != 0)
        } else {
            (0, true)
        };
        let exponent = high.exponent - 63;
        if high.negative == low.negative {
            return Self::rounded(high.negative, a + b, exponent, lost);
        }
        // With bits lost the true difference lies just below a - b: take one unit less and keep "some bits lost".
        let b = b + lost as u128;
        match a.cmp(&b) {
            std::cmp::Ordering::Equal => Self::rounded(false, 0, 0, false),
            std::cmp::Ordering::Greater => Self::rounded(high.negative, a - b, exponent, lost),
            std::cmp::Ordering::Less => Self::rounded(low.negative, b - a, exponent, lost),
        }
    }
}

/// Rounds `mantissa * 2^exponent` to `bits` bits, ties to even, with no bit below `2^exponent_min`.
/// `lost` says that the true value is a little larger than given. A mantissa of 64 bits comes back with its
/// highest bit set; shorter ones are not normalised (a double does not care).
pub(super) fn round_bits(
    mantissa: u128,
    exponent: i64,
    lost: bool,
    bits: u32,
    exponent_min: i64,
) -> (u64, i64) {
    if mantissa == 0 {
        return (0, 0);
    }
    let size = 128 - mantissa.leading_zeros();
    // Where the lowest kept bit must be.
    let lowest = (exponent + size as i64 - bits as i64).max(exponent_min);
    let cut = lowest - exponent;
    if cut <= 0 {
        // At most 64 bits, all kept; move them up so that the highest bit is set where that is allowed.
        return ((mantissa << -cut) as u64, lowest);
    }
    if cut > 127 {
        return (0, 0);
    }
    let (floor, rest, half) = (mantissa >> cut, mantissa & ((1 << cut) - 1), 1u128 << (cut - 1));
    let up = rest > half || (rest == half && (lost || floor & 1 == 1));
    let rounded = floor + up as u128;
    if rounded >> bits != 0 { ((rounded >> 1) as u64, lowest + 1) } else { (rounded as u64, lowest) }
}

/// Reads `digits[.digits][e[sign]digits]`: the first bits of its value, their exponent, and whether bits were left out.
/// None when it is out of the range of long doubles by far.
fn decimal(bytes: &[u8]) -> Option<(u128, i64, bool)> {
    let mark = bytes.iter().position(|b| matches!(b, b'e' | b'E'));
    let (text, exponent) = match mark {
        Some(at) => (&bytes[..at], exponent_value(&bytes[at + 1..])),
        None => (bytes, 0),
    };
    let fraction = text.iter().position(|b| *b == b'.').map_or(0, |at| text.len() - at - 1);
    let digits = || text.iter().filter(|b| **b != b'.').map(|b| b - b'0').skip_while(|d| *d == 0);
    let count = digits().count();
    let exponent = exponent - fraction as i64;
    if count == 0 {
        return Some((0, 0, false));
    }
    if count <= 19 && (-18..=19).contains(&exponent) {
        return Some(everyday(digits().fold(0, |v, d| v * 10 + d as u128), exponent));
    }
    let magnitude = count as i64 + exponent;
    if !(-5000..=5000).contains(&magnitude) {
        return None;
    }
    let mut number = BigInt::from_digits(digits());
    if exponent >= 0 {
        number.multiply_by_power_of_ten(exponent as u32);
        let (mantissa, cut, lost) = number.top();
        return Some((mantissa, cut as i64, lost));
    }
    let mut divisor = BigInt::from_u64(1);
    divisor.multiply_by_power_of_ten(-exponent as u32);
    let (mantissa, exponent, lost) = number.divide(divisor);
    Some((mantissa, exponent as i64, lost))
}

/// `number * 10^exponent` for a number below 2^64 and an exponent of -18 to 19, in 128 bits.
fn everyday(number: u128, exponent: i64) -> (u128, i64, bool) {
    if exponent >= 0 {
        return (number * 10u128.pow(exponent as u32), 0, false);
    }
    let shift = number.leading_zeros();
    let divisor = 10u128.pow(-exponent as u32);
    let shifted = number << shift;
    (shifted / divisor, -(shift as i64), !shifted.is_multiple_of(divisor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(a: &str, b: &str) -> Option<String> {
        let sum = LongDouble::parse(a.as_bytes())? + LongDouble::parse(b.as_bytes())?;
        Some(String::from_utf8(sum.to_text()).unwrap())
    }

    #[test]
    fn says_what_redis_says() {
        // INCRBYFLOAT of Redis 7.0.15 on x86-64, on a key that holds 10.5.
        for (increment, reply) in [
            ("3.0", "13.5"),
            ("0.1", "10.6"),
            ("0x10", "26.5"),
            ("5.0e3", "5010.5"),
            ("3.14159265358979323846", "13.64159265358979324"),
            ("1e-5", "10.50001"),
            ("1e-18", "10.5"),
            ("1e-17", "10.50000000000000001"),
            ("123456789012345678901234567890", "123456789012345678899921813504"),
            ("-10.5", "0"),
            ("-21", "-10.5"),
        ] {
            assert_eq!(sum("10.5", increment).as_deref(), Some(reply), "{increment}");
        }
        assert!(
            sum("10.5", "1e300")
                .unwrap()
                .starts_with("10000000000000000000089973240795591938705239442732907479382600823212")
        );
        assert!(
            sum("10.5", "1e4000").unwrap().starts_with(
                "99999999999999999999654638730996237849324925835069576313015083330432619433063423"
            )
        );
        for bad in ["1e4933", "1e-5000", "nan", " 1", "1 ", "", "1e99999999999999999999"] {
            assert_eq!(LongDouble::parse(bad.as_bytes()), None, "{bad}");
        }
        assert!(!LongDouble::parse(b"inf").unwrap().is_finite());
    }

    proptest! {
        /// The exact path for big numbers and the short one for everyday numbers must agree.
        #[test]
        fn both_ways_of_reading_agree(digits in 1u64.., exponent in -18i64..=19) {
            let text = format!("{digits}e{exponent}");
            prop_assume!(digits.to_string().len() <= 19);
            let short = LongDouble::parse(text.as_bytes());
            // Ten more zeros leave the short path.
            let long = LongDouble::parse(format!("{digits}0000000000e{}", exponent - 10).as_bytes());
            prop_assert_eq!(short, long);
        }

        #[test]
        fn integers_stay_integers(a in any::<i32>(), b in any::<i32>()) {
            prop_assert_eq!(sum(&a.to_string(), &b.to_string()), Some((a as i64 + b as i64).to_string()));
        }

        #[test]
        fn noise_never_panics(a in "[-+0-9.ex]{0,12}", b in "[-+]?[0-9]{1,30}(\\.[0-9]{0,30})?(e[-+]?[0-9]{1,4})?") {
            sum(&a, &b);
            sum(&b, &b);
        }
    }
}
