//! From a histogram of register values to a cardinality: Otmar Ertl's improved raw estimator.
//! It needs no table of corrections and no switch between ranges; sigma and tau handle the registers that are still at
//! 0 and those that are at their end. Source: arXiv:1702.01284. Every step is in `f64`, in the order Redis computes it,
//! because the result must be the same integer.

use super::{REGISTERS, RUN_BITS};

/// 1 / (2 ln 2), the constant of the harmonic mean for infinitely many registers.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The cardinality for a histogram of `REGISTERS` register values.
pub fn cardinality(histogram: &[u32; 64]) -> u64 {
    let registers = REGISTERS as f64;
    let saturated = f64::from(histogram[RUN_BITS as usize + 1]);
    let mut harmonic = registers * tau((registers - saturated) / registers);
    for &count in histogram[1..=RUN_BITS as usize].iter().rev() {
        harmonic = (harmonic + f64::from(count)) * 0.5;
    }
    harmonic += registers * sigma(f64::from(histogram[0]) / registers);
    let estimate = (ALPHA * registers * registers / harmonic).round();
    // Registers that no hash can produce lead here; x86-64 turns what does not fit into the lowest integer.
    if estimate < i64::MAX as f64 { estimate as u64 } else { 1 << 63 }
}

/// Weight of the registers that are still zero; `share` is their part of all.
fn sigma(share: f64) -> f64 {
    if share == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (share, 1.0, share);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if before == sum {
            return sum;
        }
    }
}

/// Weight of the registers that reached their end; `share` is the part of all that did not.
fn tau(share: f64) -> f64 {
    if share == 0.0 || share == 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        root = root.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root) * (1.0 - root) * weight;
        if before == sum {
            return sum / 3.0;
        }
    }
}
