//! HyperLogLog in the very bytes Redis stores: a string value that counts distinct elements.
//!
//! The idea: hash every element; 14 bits of the hash choose one of 16,384 registers, and the register remembers the
//! longest run of zeros seen in the rest. The registers alone then tell how many different elements there were, with a
//! standard error of 0.81 %. A HyperLogLog is an ordinary string to SET, GET and DUMP, so its bytes are a format:
//!
//! ```text
//!  0        4      5        8                    16
//!  | "HYLL" | enc  | unused | cached cardinality | registers ...
//!             0 dense: 16,384 x 6 bits, least significant bit first, 12,288 bytes
//!             1 sparse: runs, see sparse.rs
//! ```
//!
//! The cached cardinality is little-endian; the top bit of its last byte says that it is out of date. This file is the
//! header and the whole; `sparse`, `dense`, `murmur` and `estimate` are its parts. It knows no command and no error text.
//! Source: behaviour of Redis 7.0.15.

mod dense;
mod estimate;
mod murmur;
mod self_test;
mod sparse;

pub use self_test::self_test;

/// Number of registers: 2^14.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// Bytes before the registers.
pub const HEADER_BYTES: usize = 16;
/// Length of every dense HyperLogLog: the header and 16,384 registers of 6 bits.
pub const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * 6 / 8;

const INDEX_BITS: u32 = 14;
/// Hash bits that are left for the run of zeros: a register is at most 51 (`RUN_BITS` zeros and the one after them).
const RUN_BITS: u32 = 64 - INDEX_BITS;
const ENCODING_AT: usize = 4;
const CACHE_AT: usize = 8;
const STALE_BIT: u8 = 0x80;
/// The seed of Redis's MurmurHash64A: registers are only comparable between servers that share it.
const HASH_SEED: u64 = 0xadc8_3b19;

/// How the registers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 6 bits for every register.
    Dense,
    /// Runs of equal registers, as long as few are set.
    Sparse,
}

impl Encoding {
    /// The word PFDEBUG ENCODING answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        }
    }
}

/// The registers contradict themselves: Redis answers INVALIDOBJ. The value may be half changed, as in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Says how `value` is encoded, or None when it is not a HyperLogLog at all. Looks only at the header and, for dense
/// ones, at the length; a sparse body can still prove `Corrupt` later. O(1).
#[must_use]
pub fn encoding(value: &[u8]) -> Option<Encoding> {
    if value.len() < HEADER_BYTES || !value.starts_with(b"HYLL") {
        return None;
    }
    match value.get(ENCODING_AT)? {
        0 if value.len() == DENSE_BYTES => Some(Encoding::Dense),
        1 => Some(Encoding::Sparse),
        _ => None,
    }
}

/// An empty HyperLogLog: sparse, 18 bytes, with a valid cached cardinality of 0.
#[must_use]
pub fn empty() -> Vec<u8> {
    let mut value = vec![0; HEADER_BYTES];
    value[..4].copy_from_slice(b"HYLL");
    value[ENCODING_AT] = 1;
    sparse::push_zeros(&mut value, REGISTERS);
    value
}

/// Adds an element and says whether a register grew. A sparse value that would exceed `sparse_max_bytes` (config
/// `hll-sparse-max-bytes`, header included) or a register above 32 becomes dense. A dense add leaves the cache alone:
/// the caller marks it with [`invalidate`], once per command, as Redis does.
/// O(1) when dense, O(bytes) when sparse.
pub fn add(value: &mut Vec<u8>, element: &[u8], sparse_max_bytes: usize) -> Result<bool, Corrupt> {
    let (index, run) = place(element);
    raise(value, index, run, sparse_max_bytes)
}

/// Marks the cached cardinality as out of date.
pub fn invalidate(value: &mut [u8]) {
    if let Some(byte) = value.get_mut(CACHE_AT + 7) {
        *byte |= STALE_BIT;
    }
}

/// The cached cardinality, or None when it is out of date.
#[must_use]
pub fn cached(value: &[u8]) -> Option<u64> {
    let bytes = value.get(CACHE_AT..CACHE_AT + 8)?.try_into().ok()?;
    let cardinality = u64::from_le_bytes(bytes);
    (cardinality >> 63 == 0).then_some(cardinality)
}

/// Stores the cardinality that [`count`] computed.
pub fn set_cached(value: &mut [u8], cardinality: u64) {
    if let Some(bytes) = value.get_mut(CACHE_AT..CACHE_AT + 8) {
        bytes.copy_from_slice(&cardinality.to_le_bytes());
    }
}

/// The cardinality from the registers, whatever the cache says. O(registers).
pub fn count(value: &[u8]) -> Result<u64, Corrupt> {
    let mut histogram = [0; 64];
    match encoding(value) {
        Some(Encoding::Dense) => dense::histogram(body(value), &mut histogram),
        Some(Encoding::Sparse) => sparse::histogram(body(value), &mut histogram)?,
        None => return Err(Corrupt),
    }
    Ok(estimate::cardinality(&histogram))
}

/// Makes a sparse value dense and says whether it was sparse. The cache is kept.
pub fn make_dense(value: &mut Vec<u8>) -> Result<bool, Corrupt> {
    match encoding(value) {
        Some(Encoding::Dense) => Ok(false),
        Some(Encoding::Sparse) => {
            let mut grown = vec![0; DENSE_BYTES];
            grown[..HEADER_BYTES].copy_from_slice(&value[..HEADER_BYTES]);
            grown[ENCODING_AT] = 0;
            let registers = &mut grown[HEADER_BYTES..];
            sparse::each_value(body(value), |index, register| dense::set(registers, index, register))?;
            *value = grown;
            Ok(true)
        }
        None => Err(Corrupt),
    }
}

/// The runs of a sparse value as PFDEBUG DECODE prints them (`Z:1000 v:2,1 z:3`), or None when it is dense.
#[must_use]
pub fn describe_runs(value: &[u8]) -> Option<String> {
    (encoding(value) == Some(Encoding::Sparse)).then(|| sparse::describe(body(value)))
}

/// All registers, one byte each.
pub fn registers(value: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut union = Union::default();
    union.merge(value)?;
    Ok(union.registers)
}

/// The union of HyperLogLogs: the largest of each register, one byte each so that merging is quick.
#[derive(Clone, Debug)]
pub struct Union {
    registers: Vec<u8>,
}

impl Default for Union {
    fn default() -> Self {
        Union { registers: vec![0; REGISTERS] }
    }
}

impl Union {
    /// Takes another HyperLogLog in. On `Corrupt` a part of it may have been taken.
    pub fn merge(&mut self, value: &[u8]) -> Result<(), Corrupt> {
        match encoding(value) {
            Some(Encoding::Dense) => {
                for (register, other) in self.registers.iter_mut().zip(dense::iter(body(value))) {
                    *register = other.max(*register);
                }
                Ok(())
            }
            Some(Encoding::Sparse) => sparse::each_value(body(value), |index, other| {
                if let Some(register) = self.registers.get_mut(index) {
                    *register = other.max(*register);
                }
            }),
            None => Err(Corrupt),
        }
    }

    /// The cardinality of the union.
    #[must_use]
    pub fn count(&self) -> u64 {
        let mut histogram = [0; 64];
        for &register in &self.registers {
            histogram[usize::from(register & 63)] += 1;
        }
        estimate::cardinality(&histogram)
    }

    /// Raises the registers of `value` to this union, in the order and with the promotions of Redis's PFMERGE, so that
    /// the bytes come out equal. Marks the cache as out of date.
    pub fn write_into(&self, value: &mut Vec<u8>, sparse_max_bytes: usize) -> Result<(), Corrupt> {
        for (index, &register) in self.registers.iter().enumerate() {
            if register != 0 {
                raise(value, index, register, sparse_max_bytes)?;
            }
        }
        invalidate(value);
        Ok(())
    }
}

/// Raises one register to `run` and says whether it was lower. Promotes a sparse value that cannot hold it.
fn raise(value: &mut Vec<u8>, index: usize, run: u8, sparse_max_bytes: usize) -> Result<bool, Corrupt> {
    if encoding(value) == Some(Encoding::Sparse) {
        match sparse::raise(value, index, run, sparse_max_bytes)? {
            sparse::Raised::No => return Ok(false),
            sparse::Raised::Yes => {
                invalidate(value);
                return Ok(true);
            }
            sparse::Raised::DoesNotFit => {
                make_dense(value)?;
            }
        }
    }
    let registers = value.get_mut(HEADER_BYTES..).ok_or(Corrupt)?;
    if dense::get(registers, index) >= run {
        return Ok(false);
    }
    dense::set(registers, index, run);
    Ok(true)
}

/// The register an element belongs to, and one more than the zeros its hash begins with there.
fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur::hash64a(element, HASH_SEED);
    let index = hash as usize & (REGISTERS - 1);
    // The extra one bounds the run for a hash whose upper bits are all zero.
    let rest = (hash >> INDEX_BITS) | 1 << RUN_BITS;
    (index, rest.trailing_zeros() as u8 + 1)
}

fn body(value: &[u8]) -> &[u8] {
    value.get(HEADER_BYTES..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// The obvious twin: one byte per register, in a map.
    #[derive(Default)]
    struct Naive(HashMap<usize, u8>);

    impl Naive {
        fn add(&mut self, element: &[u8]) -> bool {
            let (index, run) = place(element);
            let old = self.0.entry(index).or_default();
            let grew = run > *old;
            *old = run.max(*old);
            grew
        }

        fn registers(&self) -> Vec<u8> {
            (0..REGISTERS).map(|index| self.0.get(&index).copied().unwrap_or(0)).collect()
        }
    }

    fn hex(value: &[u8]) -> String {
        value.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Taken from redis-server 7.0.15: `PFADD h a b c d`, then `GET h`, before and after `PFCOUNT h`.
    #[test]
    fn equals_redis_byte_for_byte() {
        let mut value = empty();
        for element in ["a", "b", "c", "d"] {
            assert_eq!(add(&mut value, element.as_bytes(), 3000), Ok(true));
        }
        invalidate(&mut value);
        assert_eq!(hex(&value), "48594c4c0100000000000000000000805c7b8044768050b1844bfb80425a");
        assert_eq!(count(&value), Ok(4));
        set_cached(&mut value, 4);
        assert_eq!(cached(&value), Some(4));
    }

    #[test]
    fn knows_what_is_none() {
        assert_eq!(encoding(b"HYLL"), None);
        assert_eq!(encoding(b"HYLM\x01\0\0\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(encoding(b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(encoding(b"HYLL\x00\0\0\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(encoding(&empty()), Some(Encoding::Sparse));
        assert_eq!(cached(&empty()), Some(0));
        assert_eq!(count(&empty()), Ok(0));
    }

    #[test]
    fn estimates_within_the_error() {
        let mut value = empty();
        let mut checkpoint = 1;
        for number in 1..=100_000_u64 {
            add(&mut value, &number.to_le_bytes(), 3000).unwrap();
            if number == checkpoint {
                let counted = count(&value).unwrap();
                let error = counted.abs_diff(number) as f64 / number as f64;
                assert!(error < 6.0 * 0.0081 || counted.abs_diff(number) <= 1, "{number}: {counted}");
                checkpoint *= 10;
            }
        }
        assert_eq!(encoding(&value), Some(Encoding::Dense));
    }

    #[test]
    fn sparse_and_dense_agree() {
        let mut sparse = empty();
        let mut dense = empty();
        make_dense(&mut dense).unwrap();
        for number in 0..400_u32 {
            let element = number.to_string();
            let grew = add(&mut sparse, element.as_bytes(), 1 << 20);
            assert_eq!(grew, add(&mut dense, element.as_bytes(), 1 << 20));
            assert_eq!(count(&sparse), count(&dense));
        }
        assert_eq!(encoding(&sparse), Some(Encoding::Sparse));
        assert_eq!(registers(&sparse), registers(&dense));
    }

    #[test]
    fn all_registers_at_their_top_do_not_trap() {
        let mut value = empty();
        make_dense(&mut value).unwrap();
        for index in 0..REGISTERS {
            dense::set(&mut value[HEADER_BYTES..], index, 51);
        }
        // The harmonic mean is infinite; Redis shows what its conversion to an integer yields.
        assert_eq!(count(&value), Ok(1 << 63));
    }

    proptest! {
        #[test]
        fn equals_the_naive_twin(
            elements in prop::collection::vec(0..5000_u32, 0..800),
            limit in prop::sample::select(vec![20_usize, 60, 300, 3000]),
        ) {
            let mut value = empty();
            let mut naive = Naive::default();
            for element in elements {
                let element = element.to_string();
                prop_assert_eq!(add(&mut value, element.as_bytes(), limit), Ok(naive.add(element.as_bytes())));
                prop_assert!(value.len() <= limit || encoding(&value) == Some(Encoding::Dense));
            }
            prop_assert_eq!(registers(&value).unwrap(), naive.registers());
            let mut merged = empty();
            let mut union = Union::default();
            union.merge(&value).unwrap();
            union.write_into(&mut merged, limit).unwrap();
            prop_assert_eq!(registers(&merged).unwrap(), naive.registers());
            prop_assert_eq!(union.count(), count(&value).unwrap());
        }

        #[test]
        fn garbage_never_panics(
            body in prop::collection::vec(any::<u8>(), 0..200),
            element in any::<u32>(),
        ) {
            let mut value = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0".to_vec();
            value.extend_from_slice(&body);
            let _ = count(&value);
            let _ = describe_runs(&value);
            let _ = Union::default().merge(&value);
            let _ = add(&mut value, &element.to_le_bytes(), 100);
            let _ = make_dense(&mut value);
        }
    }
}
