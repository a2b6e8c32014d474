//! What PFSELFTEST runs on the live server: do the registers hold what is put in, and is the estimate within bounds?
//! It adds ten million elements, twice; that takes about a second.

use super::{Encoding, REGISTERS, add, count, dense, empty, encoding, make_dense};

const ROUNDS: usize = 1000;
const ELEMENTS: u64 = 10_000_000;

/// Runs the test with elements chosen by `seed`. The error is a sentence in Redis's words.
pub fn self_test(seed: u64, sparse_max_bytes: usize) -> Result<(), String> {
    registers_hold(seed)?;
    estimates_hold(seed, sparse_max_bytes)
}

fn registers_hold(seed: u64) -> Result<(), String> {
    let mut packed = vec![0; super::DENSE_BYTES - super::HEADER_BYTES];
    let mut plain = vec![0; REGISTERS];
    let mut state = seed | 1;
    for _ in 0..ROUNDS {
        for (index, register) in plain.iter_mut().enumerate() {
            // A xorshift is random enough to find registers that overlap.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *register = (state >> 32) as u8 & 63;
            dense::set(&mut packed, index, *register);
        }
        for (index, (found, &expected)) in dense::iter(&packed).zip(&plain).enumerate() {
            if found != expected {
                return Err(format!("TESTFAILED Register {index} should be {expected} but is {found}"));
            }
        }
    }
    Ok(())
}

fn estimates_hold(seed: u64, sparse_max_bytes: usize) -> Result<(), String> {
    let corrupt = |_| "TESTFAILED registers are corrupt".to_string();
    let standard_error = 1.04 / (REGISTERS as f64).sqrt();
    let (mut dense, mut sparse) = (empty(), empty());
    make_dense(&mut dense).map_err(corrupt)?;
    let mut checkpoint = 1;
    for number in 1..=ELEMENTS {
        let element = (number ^ seed).to_le_bytes();
        add(&mut dense, &element, sparse_max_bytes).map_err(corrupt)?;
        add(&mut sparse, &element, sparse_max_bytes).map_err(corrupt)?;
        if number != checkpoint {
            continue;
        }
        if number < sparse_max_bytes as u64 / 2 && encoding(&sparse) != Some(Encoding::Sparse) {
            return Err("TESTFAILED sparse encoding not used".into());
        }
        let counted = count(&dense).map_err(corrupt)?;
        if counted != count(&sparse).map_err(corrupt)? {
            return Err("TESTFAILED dense/sparse disagree".into());
        }
        let error = counted.abs_diff(number);
        // Among ten elements a collision is likely enough to be let pass.
        let error_max = if number == 10 { 1 } else { (standard_error * 6.0 * number as f64).ceil() as u64 };
        if error > error_max {
            return Err(format!("TESTFAILED Too big error. card:{number} abserr:{error}"));
        }
        checkpoint *= 10;
    }
    Ok(())
}
