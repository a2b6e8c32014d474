//! Bytes seen as a row of bits, the way SETBIT and its kin number them: bit 0 is the highest of the first byte.
//!
//! ```text
//!   byte       0         1
//!   bit     01234567  89.....
//!           00000001  01110000     the unsigned field of 5 bits at 7 is 10111
//! ```
//!
//! Counting, searching and integer fields of any width up to 64 at any place. What is beyond the end reads as zeros.

use std::ops::RangeInclusive;

/// The number of ones among the bits in `range`, which may reach beyond the end. O(bytes).
#[must_use]
pub fn count_ones(bytes: &[u8], range: RangeInclusive<u64>) -> u64 {
    let Some((span, first_mask, last_mask)) = span(bytes, &range) else { return 0 };
    let ones = |byte: u8| u64::from(byte.count_ones());
    let (words, rest) = span.as_chunks::<8>();
    let all: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum::<u64>()
        + rest.iter().map(|&byte| ones(byte)).sum::<u64>();
    let before = span.first().map_or(0, |&byte| ones(byte & !first_mask));
    let after = span.last().map_or(0, |&byte| ones(byte & !last_mask));
    all - before - after
}

/// Number of the first bit in `range` that is `one`. None when there is none before the end of the bytes.
/// O(bytes that are passed over).
#[must_use]
pub fn find(bytes: &[u8], range: RangeInclusive<u64>, one: bool) -> Option<u64> {
    let (span, first_mask, last_mask) = span(bytes, &range)?;
    let dull = if one { 0 } else { 0xff };
    let last = span.len() - 1;
    let mut index = 0;
    loop {
        // The middle is passed over in words where it is all the same.
        if index > 0 {
            let words = span.get(index..).unwrap_or_default().as_chunks::<8>().0;
            index += 8 * words.iter().take_while(|word| **word == [dull; 8]).count();
        }
        let byte = span.get(index)?;
        let mut mask = 0xff;
        if index == 0 {
            mask &= first_mask;
        }
        if index == last {
            mask &= last_mask;
        }
        let hits = (byte ^ dull) & mask;
        if hits != 0 {
            let first_byte = range.start() / 8;
            return Some((first_byte + index as u64) * 8 + u64::from(hits.leading_zeros()));
        }
        index += 1;
    }
}

/// The bytes that a range of bits touches, and which bits of the first and the last of them belong to it.
fn span<'a>(bytes: &'a [u8], range: &RangeInclusive<u64>) -> Option<(&'a [u8], u8, u8)> {
    let (start, end) = (*range.start(), (*range.end()).min((bytes.len() as u64 * 8).checked_sub(1)?));
    if start > end {
        return None;
    }
    let span = bytes.get((start / 8) as usize..=(end / 8) as usize)?;
    Some((span, 0xff >> (start % 8), !(0x7f >> (end % 8))))
}

/// Bit number `at`.
#[must_use]
pub fn get(bytes: &[u8], at: u64) -> bool {
    usize::try_from(at / 8)
        .ok()
        .and_then(|index| bytes.get(index))
        .is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
}

/// Sets bit number `at`. Nothing happens beyond the end.
pub fn set(bytes: &mut [u8], at: u64, one: bool) {
    if let Some(byte) = usize::try_from(at / 8).ok().and_then(|index| bytes.get_mut(index)) {
        let bit = 0x80 >> (at % 8);
        *byte = if one { *byte | bit } else { *byte & !bit };
    }
}

/// The `width` (1 to 64) bits from `at` on as an unsigned number.
#[must_use]
pub fn get_field(bytes: &[u8], at: u64, width: u32) -> u64 {
    let mut window = [0; 16];
    let from = usize::try_from(at / 8).unwrap_or(usize::MAX);
    let there = bytes.get(from..).unwrap_or_default();
    let take = there.len().min(9);
    window[..take].copy_from_slice(&there[..take]);
    let bits = u128::from_be_bytes(window) << (at % 8);
    (bits >> (128 - width)) as u64
}

/// Writes the lower `width` (1 to 64) bits of `number` at `at`. What would be beyond the end is dropped.
pub fn set_field(bytes: &mut [u8], at: u64, width: u32, number: u64) {
    let from = usize::try_from(at / 8).unwrap_or(usize::MAX);
    let there = bytes.get_mut(from..).unwrap_or_default();
    let take = there.len().min(9);
    let mut window = [0; 16];
    window[..take].copy_from_slice(&there[..take]);
    let shift = 128 - width - (at % 8) as u32;
    let mask = (u128::MAX >> (128 - width)) << shift;
    let bits = u128::from_be_bytes(window) & !mask | u128::from(number) << shift & mask;
    there[..take].copy_from_slice(&bits.to_be_bytes()[..take]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The twin: a vector of truths.
    fn naive(bytes: &[u8]) -> Vec<bool> {
        bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> (7 - bit) & 1 == 1)).collect()
    }

    #[test]
    fn nothing_in_nothing() {
        assert_eq!(count_ones(b"", 0..=u64::MAX), 0);
        assert_eq!(find(b"", 0..=u64::MAX, false), None);
        assert_eq!(find(b"\xff", 8..=9, true), None);
        assert_eq!(get_field(b"\xff", 100, 64), 0);
        assert_eq!(get_field(&[0xff; 9], 7, 64), u64::MAX);
        assert!(!get(b"\xff", u64::MAX));
    }

    fn dull_bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![0_u8, 0, 0, 0xff, 0xff, 0xff, 0x10, 0xfe]), 0..40)
    }

    proptest! {
        #[test]
        fn equals_the_naive_twin(bytes in dull_bytes(), start in 0..330_u64, end in 0..330_u64, one: bool) {
            let bits = naive(&bytes);
            let range = (start as usize).min(bits.len())..(end as usize + 1).min(bits.len());
            let inside = bits.get(range).unwrap_or_default();
            prop_assert_eq!(count_ones(&bytes, start..=end), inside.iter().filter(|bit| **bit).count() as u64);
            let found = inside.iter().position(|bit| *bit == one).map(|index| index as u64 + start);
            prop_assert_eq!(find(&bytes, start..=end, one), found);
            prop_assert_eq!(get(&bytes, start), bits.get(start as usize).copied().unwrap_or(false));
        }

        #[test]
        fn fields_come_back(mut bytes in dull_bytes(), at in 0..330_u64, width in 1..=64_u32, number: u64) {
            let before = naive(&bytes);
            set_field(&mut bytes, at, width, number);
            let after = naive(&bytes);
            for (index, bit) in after.iter().enumerate() {
                let place = (index as u64).checked_sub(at).filter(|place| *place < u64::from(width));
                let expected = match place {
                    Some(place) => number >> (u64::from(width) - 1 - place) & 1 == 1,
                    None => before[index],
                };
                prop_assert_eq!(*bit, expected);
            }
            let read = (0..u64::from(width)).fold(0, |sum, place| sum << 1 | u64::from(get(&bytes, at + place)));
            prop_assert_eq!(get_field(&bytes, at, width), read);
            set(&mut bytes, at, number & 1 == 1);
            if at < bytes.len() as u64 * 8 {
                prop_assert_eq!(get(&bytes, at), number & 1 == 1);
            }
        }
    }
}
