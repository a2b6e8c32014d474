//! CRC64 as Redis computes it: the checksum at the end of an RDB and of a DUMP payload.
//!
//! The polynomial is Jones's, 0xad93d23594c935a9, reflected in and out, and, unlike what most catalogues say of
//! "CRC-64/Jones", the register starts at zero and nothing is xored at the end. Because of that the value so far is
//! the whole state: a checksum may be carried on from any value, and the checksum of bytes followed by their own
//! checksum (little-endian) is zero.
//!
//! ```
//! assert_eq!(redtwin_checksum::crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
//! ```
//!
//! The arithmetic is crc-fast's (carry-less multiplication where the processor has it, tables elsewhere; found out
//! at run time). The bit-by-bit twin in the tests says what it must give.

use crc_fast::{CrcAlgorithm, Digest};

/// Continues `crc` (0 to start) over `bytes`. O(bytes); some 28 GB/s on long slices, setup costs about 15 ns.
#[must_use]
pub fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    if bytes.is_empty() {
        return crc;
    }
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc64Redis, crc);
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::crc64;
    use proptest::prelude::*;

    /// The definition, a bit at a time: the polynomial reflected, since the register is.
    fn naive(mut crc: u64, bytes: &[u8]) -> u64 {
        for &byte in bytes {
            crc ^= u64::from(byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 };
            }
        }
        crc
    }

    #[test]
    fn check_values() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc64(0, b"REDIS0011\xff"), 0x6297_3874_8d8a_22c0);
        assert_eq!(crc64(0, b""), 0);
        assert_eq!(crc64(7, b""), 7);
    }

    #[test]
    fn bytes_followed_by_their_checksum_give_zero() {
        let mut bytes = b"a snapshot".to_vec();
        let crc = crc64(0, &bytes);
        bytes.extend(crc.to_le_bytes());
        assert_eq!(crc64(0, &bytes), 0);
    }

    proptest! {
        #[test]
        fn equals_the_naive_twin(start: u64, bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert_eq!(crc64(start, &bytes), naive(start, &bytes));
        }

        #[test]
        fn may_be_cut_anywhere(bytes in proptest::collection::vec(any::<u8>(), 0..1500), cut in 0usize..1500) {
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(crc64(crc64(0, head), tail), crc64(0, &bytes));
        }
    }
}
