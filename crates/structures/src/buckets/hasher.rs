//! The hash of members and fields: seeded, 64 bits, made of 128-bit multiplications folded in half.
//!
//! Clients choose the keys, so the seed must not be guessable where that matters; it belongs to the process, as in
//! Redis, because one number for every small table would cost more than the tables' own bookkeeping.

use std::sync::OnceLock;

static SEED: OnceLock<u64> = OnceLock::new();

/// Sets the seed, once, before the first collection is made. False when it was set or used before.
pub fn set_seed(seed: u64) -> bool {
    SEED.set(seed).is_ok()
}

const K: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03, 0x8cb9_2ba7_2f3d_8dd7];

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// The hash of `bytes` under the process's seed.
#[inline]
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    hash_with(*SEED.get_or_init(|| 0x5bd1_e995_1234_5678), bytes)
}

fn hash_with(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = seed ^ K[0];
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), K[1] ^ seed.rotate_left(32));
    }
    let tail = match bytes.last_chunk::<8>() {
        _ if rest.is_empty() => 0,
        // Some bytes come twice, which harms nothing and spares a copy of unknown length.
        Some(word) => u64::from_le_bytes(*word),
        None => short_word(rest),
    };
    state = fold(state ^ tail, K[2]);
    fold(state ^ bytes.len() as u64, K[0] ^ seed)
}

/// One to seven bytes as a number, another one for other bytes of the same length.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    let byte = |at: usize| u64::from(bytes.get(at).copied().unwrap_or(0));
    byte(0) | byte(1) << 8 | byte(2) << 16
}

/// A stream of numbers from one: for choices that need more than the one number given (splitmix64).
#[inline]
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(K[0]);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_used() {
        // Similar keys must spread over the top bits, which choose the bucket.
        for shift in [0, 48, 56] {
            let mut counts = [0u32; 256];
            for i in 0..25_600 {
                counts[(hash_with(1, format!("element:{i:012}").as_bytes()) >> shift) as usize & 255] += 1;
            }
            assert!(counts.iter().all(|c| (40..200).contains(c)), "{counts:?}");
        }
        assert_ne!(hash_with(1, b"a"), hash_with(2, b"a"));
        assert_ne!(hash_with(1, b"a"), hash_with(1, b"a\0"));
        assert_ne!(hash_with(1, b""), hash_with(1, b"\0\0\0\0\0\0\0\0"));
        // Every byte counts, at every length.
        for len in 0..40usize {
            let plain = vec![b'x'; len];
            let others = (0..len).map(|at| {
                let mut other = plain.clone();
                other[at] = b'y';
                hash_with(1, &other)
            });
            let hashes: std::collections::HashSet<u64> = others.chain([hash_with(1, &plain)]).collect();
            assert_eq!(hashes.len(), len + 1);
        }
    }
}
