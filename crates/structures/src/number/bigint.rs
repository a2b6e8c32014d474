//! Just enough big integers to read and print 80-bit long doubles far outside the everyday range.
//!
//! Base 2^32 digits, least significant first, without leading zero digits. Nothing here is fast; numbers of
//! everyday size never come here.

use std::cmp::Ordering;

/// A natural number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BigInt(Vec<u32>);

impl BigInt {
    pub(super) fn from_u64(value: u64) -> Self {
        let mut this = BigInt(vec![value as u32, (value >> 32) as u32]);
        this.trim();
        this
    }

    /// From decimal digits (values, not characters).
    pub(super) fn from_digits(digits: impl Iterator<Item = u8>) -> Self {
        let mut this = BigInt(Vec::new());
        for digit in digits {
            this.multiply_add(10, digit as u32);
        }
        this
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// Position of the highest set bit plus one; 0 for zero.
    pub(super) fn bits(&self) -> u32 {
        self.0.last().map_or(0, |top| self.0.len() as u32 * 32 - top.leading_zeros())
    }

    pub(super) fn multiply_add(&mut self, factor: u32, summand: u32) {
        let mut carry = summand as u64;
        for digit in &mut self.0 {
            carry += *digit as u64 * factor as u64;
            *digit = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    pub(super) fn multiply_by_power_of_ten(&mut self, exponent: u32) {
        for _ in 0..exponent / 9 {
            self.multiply_add(1_000_000_000, 0);
        }
        self.multiply_add(10u32.pow(exponent % 9), 0);
    }

    pub(super) fn shift_left(&mut self, bits: u32) {
        if self.is_zero() {
            return;
        }
        self.multiply_add(1 << (bits % 32), 0);
        self.0.splice(0..0, std::iter::repeat_n(0, (bits / 32) as usize));
    }

    /// The top 66 bits at most, as a number; how many bits were cut off; and whether any of those was set.
    pub(super) fn top(&self) -> (u128, u32, bool) {
        let cut = self.bits().saturating_sub(66);
        let (skip, shift) = ((cut / 32) as usize, cut % 32);
        let mut value = 0u128;
        for (index, digit) in self.0.iter().enumerate().skip(skip).rev() {
            let place = (index - skip) as u32 * 32;
            value |= if place >= shift {
                (*digit as u128) << (place - shift)
            } else {
                *digit as u128 >> (shift - place)
            };
        }
        let lost = self.0[..skip].iter().any(|d| *d != 0)
            || self.0.get(skip).is_some_and(|d| d & ((1u32 << shift) - 1) != 0);
        (value, cut, lost)
    }

    /// The first 66 bits of `self / divisor`: quotient, binary exponent, and whether there is a remainder.
    pub(super) fn divide(mut self, mut divisor: BigInt) -> (u128, i32, bool) {
        let shift = divisor.bits() as i32 + 66 - self.bits() as i32;
        if shift > 0 {
            self.shift_left(shift as u32);
        } else {
            divisor.shift_left(-shift as u32);
        }
        // Now the quotient has 66 or 67 bits: long division, one bit at a time, from the top.
        divisor.shift_left(67);
        let mut quotient = 0u128;
        for _ in 0..68 {
            quotient <<= 1;
            if self.compare(&divisor) != Ordering::Less {
                self.subtract(&divisor);
                quotient |= 1;
            }
            divisor.halve();
        }
        (quotient, -shift, !self.is_zero())
    }

    /// Decimal digits as characters.
    pub(super) fn to_decimal(&self) -> Vec<u8> {
        let mut rest = self.clone();
        let mut reversed = Vec::new();
        while !rest.is_zero() {
            let mut chunk = rest.divide_small(1_000_000_000);
            let last = rest.is_zero();
            for _ in 0..9 {
                if last && chunk == 0 {
                    break;
                }
                reversed.push(b'0' + (chunk % 10) as u8);
                chunk /= 10;
            }
        }
        if reversed.is_empty() {
            reversed.push(b'0');
        }
        reversed.reverse();
        reversed
    }

    fn divide_small(&mut self, divisor: u32) -> u32 {
        let mut remainder = 0u64;
        for digit in self.0.iter_mut().rev() {
            let value = (remainder << 32) | *digit as u64;
            *digit = (value / divisor as u64) as u32;
            remainder = value % divisor as u64;
        }
        self.trim();
        remainder as u32
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for digit in self.0.iter_mut().rev() {
            let low = *digit & 1;
            *digit = (*digit >> 1) | (carry << 31);
            carry = low;
        }
        self.trim();
    }

    fn compare(&self, other: &BigInt) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Takes `other`, which is not larger, away.
    fn subtract(&mut self, other: &BigInt) {
        let mut borrow = false;
        for (index, digit) in self.0.iter_mut().enumerate() {
            let taken = other.0.get(index).copied().unwrap_or(0);
            let (value, a) = digit.overflowing_sub(taken);
            let (value, b) = value.overflowing_sub(borrow as u32);
            *digit = value;
            borrow = a || b;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}
