//! LZF, the light compression of long strings in an RDB.
//!
//! The format knows two kinds of records and nothing else: no header, no length, no end mark. Both lengths stand
//! beside the data, in the RDB.
//!
//! ```text
//!  000nnnnn  n+1 bytes                     a run of n+1 literal bytes (1..32)
//!  lllddddd  [l == 7: 1 byte more length]  dddddddd
//!            copy l+2 (3..264) bytes from (d+1) bytes back; the copy may overlap what it writes
//! ```
//!
//! So three bytes can become 264 at most: a declared length beyond 88 times the input is a lie, and it is refused
//! before memory is taken for it.
//!
//! The compressor is greedy with one candidate per hash, and makes the same choices as liblzf 3.6 with its default
//! settings: a DUMP payload made here equals that of a real Redis byte for byte.

/// The furthest a copy may reach back.
const DISTANCE_MAX: usize = 1 << 13;
/// The longest copy.
const COPY_MAX: usize = 264;
/// The longest run of literals.
const RUN_MAX: usize = 32;
const HASH_BITS: u32 = 16;

/// Why bytes are not LZF of the declared length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LzfError {
    /// The input ends within a record.
    Truncated,
    /// A copy reaches back beyond the start.
    BadDistance,
    /// The output is not as long as was declared.
    BadLength,
}

impl std::fmt::Display for LzfError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            LzfError::Truncated => "LZF data ends within a record",
            LzfError::BadDistance => "LZF copy from before the start",
            LzfError::BadLength => "LZF data has not the declared length",
        })
    }
}

impl std::error::Error for LzfError {}

/// Whether `input_len` bytes of LZF can possibly give `output_len` bytes. O(1): ask before taking memory.
#[must_use]
pub fn plausible(input_len: usize, output_len: usize) -> bool {
    output_len <= input_len.saturating_mul(COPY_MAX / 3)
}

/// The `output_len` bytes that `input` stands for. O(output). Takes no more memory than 88 times the input.
///
/// # Errors
/// When the input is not LZF or does not give exactly `output_len` bytes.
pub fn decompress(input: &[u8], output_len: usize) -> Result<Vec<u8>, LzfError> {
    if !plausible(input.len(), output_len) {
        return Err(LzfError::BadLength);
    }
    let mut out = vec![0; output_len];
    expand(input, &mut out)?;
    Ok(out)
}

/// The most bytes that are moved as one register's worth or two, whether all of them belong to the record or not:
/// records are short, and what is too much is written over by the next.
const WIDE: usize = 32;
/// What most copies are no longer than.
const NARROW: usize = 16;

fn expand(input: &[u8], out: &mut [u8]) -> Result<(), LzfError> {
    let (mut from, mut to) = (0, 0);
    while let Some(&control) = input.get(from) {
        let control = usize::from(control);
        from += 1;
        if control < RUN_MAX {
            let run = control + 1;
            if let (Some(wide), Some(place)) = (chunk::<WIDE>(input, from), chunk_mut::<WIDE>(out, to)) {
                *place = *wide;
            } else {
                let run = input.get(from..from + run).ok_or(LzfError::Truncated)?;
                out.get_mut(to..to + run.len()).ok_or(LzfError::BadLength)?.copy_from_slice(run);
            }
            from += run;
            to += run;
            continue;
        }
        let mut length = control >> 5;
        if length == 7 {
            length += usize::from(*input.get(from).ok_or(LzfError::Truncated)?);
            from += 1;
        }
        length += 2;
        let low = *input.get(from).ok_or(LzfError::Truncated)?;
        from += 1;
        let distance = ((control & 0x1f) << 8 | usize::from(low)) + 1;
        let start = to.checked_sub(distance).ok_or(LzfError::BadDistance)?;
        // Short copies from further away than they are moved at once: most.
        if length <= NARROW
            && distance >= NARROW
            && let Some((before, behind)) = out.split_at_mut_checked(to)
            && let (Some(wide), Some(place)) =
                (chunk::<NARROW>(before, start), chunk_mut::<NARROW>(behind, 0))
        {
            *place = *wide;
            to += length;
            continue;
        }
        let end = to + length;
        if end > out.len() {
            return Err(LzfError::BadLength);
        }
        copy(out, start, to, end);
        to = end;
    }
    if to == out.len() { Ok(()) } else { Err(LzfError::BadLength) }
}

/// Copies what begins at `start` to `to..end`, which may overlap it: then the bytes between the two are repeated.
fn copy(out: &mut [u8], start: usize, to: usize, end: usize) {
    const STEP: usize = 16;
    let distance = to - start;
    let room = (end - to).next_multiple_of(STEP);
    if distance >= STEP && to + room <= out.len() {
        for at in (0..room).step_by(STEP) {
            out.copy_within(start + at..start + at + STEP, to + at);
        }
    } else {
        for at in to..end {
            out[at] = out[at - distance];
        }
    }
}

fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

fn chunk_mut<const N: usize>(bytes: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    bytes.get_mut(at..)?.first_chunk_mut()
}

/// Compresses strings, one after the other, with one table (32 KiB) that is never cleared between them.
#[derive(Clone)]
pub struct Compressor {
    /// Where a three-byte prefix was seen last, counted over all strings so far; what lies before `base` is old.
    table: Box<[u32]>,
    base: u32,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Compressor { table: vec![0; 1 << HASH_BITS].into_boxed_slice(), base: 1 }
    }

    /// Appends `input` compressed to `out`, if that takes at most `output_max` bytes; otherwise `out` is left as it
    /// was and the answer is false. O(input). Inputs of 2 GiB and more are not compressed.
    pub fn compress(&mut self, input: &[u8], output_max: usize, out: &mut Vec<u8>) -> bool {
        let Ok(length) = u32::try_from(input.len()) else { return false };
        if length >= u32::MAX / 2 {
            return false;
        }
        if self.base.checked_add(length).is_none() {
            self.table.fill(0);
            self.base = 1;
        }
        let start = out.len();
        let fits = self.emit(input, start.saturating_add(output_max), out);
        self.base += length;
        if !fits {
            out.truncate(start);
        }
        fits
    }

    fn emit(&mut self, input: &[u8], end: usize, out: &mut Vec<u8>) -> bool {
        let size = input.len();
        if size < 4 || end < out.len() + 4 {
            return false;
        }
        // One byte is kept free in front of each run of literals for its control byte.
        let mut literals = 0;
        out.push(0);
        let mut at = 0;
        while at + 2 < size {
            let slot = hash(input, at);
            let seen = self.table[slot];
            self.table[slot] = self.base + at as u32;
            // The first byte of the input is never found again: a quirk of liblzf, which keeps 0 for "nothing".
            let from = seen.checked_sub(self.base).map_or(0, |place| place as usize);
            let found = from > 0 && at - from <= DISTANCE_MAX && input[from..from + 3] == input[at..at + 3];
            if !found {
                if !literal(input[at], &mut literals, end, out) {
                    return false;
                }
                at += 1;
                continue;
            }
            if out.len() - usize::from(literals == 0) + 4 >= end {
                return false;
            }
            close_run(literals, out);
            literals = 0;
            let distance = at - from - 1;
            let length = match_length(input, from, at, COPY_MAX.min(size - at - 2));
            let code = length - 2;
            if code < 7 {
                out.push((code << 5 | distance >> 8) as u8);
            } else {
                out.push((7 << 5 | distance >> 8) as u8);
                out.push((code - 7) as u8);
            }
            out.push(distance as u8);
            out.push(0);
            at += length;
            if at + 2 >= size {
                break;
            }
            // Of the bytes that were skipped only the last two are remembered: the price of speed.
            for inside in [at - 2, at - 1] {
                self.table[hash(input, inside)] = self.base + inside as u32;
            }
        }
        if out.len() + 3 > end {
            return false;
        }
        for &byte in &input[at..] {
            if !literal(byte, &mut literals, usize::MAX, out) {
                return false;
            }
        }
        close_run(literals, out);
        true
    }
}

fn hash(input: &[u8], at: usize) -> usize {
    let prefix = u32::from(input[at]) << 16 | u32::from(input[at + 1]) << 8 | u32::from(input[at + 2]);
    ((prefix >> (24 - HASH_BITS)).wrapping_sub(prefix.wrapping_mul(5)) & ((1 << HASH_BITS) - 1)) as usize
}

/// How many bytes at `at` repeat those at `from`, three of which are known to. Liblzf's unrolled start may pass `limit`.
fn match_length(input: &[u8], from: usize, at: usize, limit: usize) -> usize {
    let same = |length: usize| input[from + length] == input[at + length];
    let mut length = 2;
    if limit > 16 {
        while length < 18 {
            length += 1;
            if !same(length) {
                return length;
            }
        }
    }
    loop {
        length += 1;
        if length >= limit || !same(length) {
            return length;
        }
    }
}

/// Adds a byte to the run; a full run gets its control byte and a new one begins.
fn literal(byte: u8, literals: &mut usize, end: usize, out: &mut Vec<u8>) -> bool {
    if out.len() >= end {
        return false;
    }
    out.push(byte);
    *literals += 1;
    if *literals == RUN_MAX {
        close_run(*literals, out);
        *literals = 0;
        out.push(0);
    }
    true
}

/// Writes the control byte of a run, or takes its place back when the run is empty.
fn close_run(literals: usize, out: &mut Vec<u8>) {
    if literals == 0 {
        out.pop();
    } else {
        let place = out.len() - literals - 1;
        out[place] = (literals - 1) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Byte by byte, as the format says.
    fn naive(input: &[u8]) -> Option<Vec<u8>> {
        let (mut out, mut i) = (Vec::new(), 0);
        while i < input.len() {
            let c = usize::from(input[i]);
            i += 1;
            if c < 32 {
                for _ in 0..=c {
                    out.push(*input.get(i)?);
                    i += 1;
                }
            } else {
                let mut n = c >> 5;
                if n == 7 {
                    n += usize::from(*input.get(i)?);
                    i += 1;
                }
                let back = ((c & 31) << 8 | usize::from(*input.get(i)?)) + 1;
                i += 1;
                for _ in 0..n + 2 {
                    let from = out.len().checked_sub(back)?;
                    out.push(out[from]);
                }
            }
        }
        Some(out)
    }

    fn packed(input: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        Compressor::new().compress(input, input.len().saturating_sub(4), &mut out).then_some(out)
    }

    #[test]
    fn what_redis_writes_for_a_run_of_one_letter() {
        // DUMP of a string of forty 'a', seen from redis-server 7.0.15.
        let bytes = [0x01, b'a', b'a', 0xe0, 0x1b, 0x00, 0x01, b'a', b'a'];
        assert_eq!(decompress(&bytes, 40).unwrap(), vec![b'a'; 40]);
    }

    #[test]
    fn repetition_shrinks_and_comes_back() {
        let input: Vec<u8> = b"the quick brown fox ".iter().copied().cycle().take(20_000).collect();
        let small = packed(&input).unwrap();
        assert!(small.len() < 400, "{}", small.len());
        assert_eq!(decompress(&small, input.len()).unwrap(), input);
        assert_eq!(packed(b"abcdefghijklmnopqrstuvwxyz"), None);
    }

    #[test]
    fn lies_are_refused() {
        assert_eq!(decompress(&[0xe0, 0xff, 0x00], 264), Err(LzfError::BadDistance));
        assert_eq!(decompress(&[0x05, b'a'], 6), Err(LzfError::Truncated));
        assert_eq!(decompress(&[0x00, b'a'], 2), Err(LzfError::BadLength));
        assert_eq!(decompress(&[0x01, b'a', b'b'], 1), Err(LzfError::BadLength));
        assert_eq!(decompress(&[0x00, b'a'], usize::MAX), Err(LzfError::BadLength));
        assert_eq!(decompress(&[0xe0], 5), Err(LzfError::Truncated));
        assert_eq!(decompress(&[0x00, b'a', 0x20], 5), Err(LzfError::Truncated));
    }

    proptest! {
        #[test]
        fn round_trip(words in proptest::collection::vec(0u8..6, 1..4000), spread in 1u8..40) {
            let input: Vec<u8> = words.iter().map(|w| w.wrapping_mul(spread)).collect();
            if let Some(small) = packed(&input) {
                prop_assert!(small.len() + 4 <= input.len());
                prop_assert_eq!(decompress(&small, input.len()).unwrap(), input);
            }
        }

        #[test]
        fn one_compressor_for_many_strings(strings in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..300), 1..8)) {
            let mut compressor = Compressor::new();
            // Near the end of the counter, so that the wrap is passed too.
            compressor.base = u32::MAX - 500;
            for input in strings {
                let mut out = b"kept".to_vec();
                if compressor.compress(&input, input.len(), &mut out) {
                    prop_assert_eq!(decompress(&out[4..], input.len()).unwrap(), input);
                } else {
                    prop_assert_eq!(out, b"kept");
                }
            }
        }

        #[test]
        fn garbage_is_judged_as_the_naive_twin_does(input in proptest::collection::vec(any::<u8>(), 0..60), length in 0usize..600) {
            let expected = naive(&input).filter(|o| o.len() == length);
            prop_assert_eq!(decompress(&input, length).ok(), expected);
        }
    }
}
