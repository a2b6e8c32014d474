//! Sparse registers: a row of runs that covers all 16,384 registers in order.
//!
//! ```text
//!  ZERO   00nnnnnn            n + 1 registers (1 to 64) are 0
//!  XZERO  01nnnnnn nnnnnnnn   n + 1 registers (1 to 16,384) are 0
//!  VAL    1vvvvvnn            n + 1 registers (1 to 4) are v + 1 (1 to 32)
//! ```
//!
//! Raising a register splits the run it is in into at most three (five bytes), then merges equal VAL neighbours within
//! five steps from the run before. The same splits and merges as in Redis, so that the same elements in the same order
//! give the same bytes. Runs from outside may lie: each walk checks that they cover exactly all registers.

use super::{Corrupt, HEADER_BYTES, REGISTERS};

const ZERO_RUN_MAX: usize = 64;
const VALUE_RUN_MAX: usize = 4;
const VALUE_MAX: u8 = 32;
/// How many runs are looked at for merging: those that a split can have touched.
const MERGE_STEPS: usize = 5;

/// What became of a request to raise a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// It was that high already.
    No,
    /// It is now.
    Yes,
    /// The sparse form cannot hold it: make it dense first. Nothing was changed.
    DoesNotFit,
}

/// A run: what its registers are (0 for ZERO and XZERO), how many they are and how many bytes say so.
#[derive(Clone, Copy)]
struct Run {
    value: u8,
    registers: usize,
    bytes: usize,
}

/// Reads the run at `at`. None at the end. An XZERO without its second byte reads as if that were 0, as in Redis.
fn run_at(runs: &[u8], at: usize) -> Option<Run> {
    let first = *runs.get(at)?;
    let low = usize::from(first & 0x3f);
    Some(match first >> 6 {
        0 => Run { value: 0, registers: low + 1, bytes: 1 },
        1 => {
            let second = runs.get(at + 1).copied().unwrap_or(0);
            Run { value: 0, registers: (low << 8 | usize::from(second)) + 1, bytes: 2 }
        }
        _ => Run { value: (first >> 2 & 0x1f) + 1, registers: usize::from(first & 3) + 1, bytes: 1 },
    })
}

fn value_run(value: u8, registers: usize) -> u8 {
    0x80 | (value - 1) << 2 | (registers - 1) as u8
}

/// Appends a run of zeros: ZERO when it fits, XZERO otherwise. `registers` is 1 to 16,384.
pub fn push_zeros(runs: &mut Vec<u8>, registers: usize) {
    let [high, low] = (registers as u16 - 1).to_be_bytes();
    if registers <= ZERO_RUN_MAX {
        runs.push(low);
    } else {
        runs.extend_from_slice(&[0x40 | high, low]);
    }
}

/// Walks over all runs and checks that they cover the registers exactly.
fn each_run(runs: &[u8], mut visit: impl FnMut(usize, Run)) -> Result<(), Corrupt> {
    let (mut at, mut index) = (0, 0);
    while let Some(run) = run_at(runs, at) {
        if index + run.registers > REGISTERS {
            return Err(Corrupt);
        }
        visit(index, run);
        index += run.registers;
        at += run.bytes;
    }
    if index == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

/// Calls `visit` with the index and value of every register that is not 0.
pub fn each_value(runs: &[u8], mut visit: impl FnMut(usize, u8)) -> Result<(), Corrupt> {
    each_run(runs, |index, run| {
        if run.value != 0 {
            (index..index + run.registers).for_each(|register| visit(register, run.value));
        }
    })
}

/// Adds every register to the count of its value.
pub fn histogram(runs: &[u8], histogram: &mut [u32; 64]) -> Result<(), Corrupt> {
    each_run(runs, |_, run| histogram[usize::from(run.value)] += run.registers as u32)
}

/// The runs as PFDEBUG DECODE prints them.
pub fn describe(runs: &[u8]) -> String {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(run) = run_at(runs, at) {
        words.push(match run {
            Run { value: 0, bytes: 1, .. } => format!("z:{}", run.registers),
            Run { value: 0, .. } => format!("Z:{}", run.registers),
            _ => format!("v:{},{}", run.value, run.registers),
        });
        at += run.bytes;
    }
    words.join(" ")
}

/// Raises register `index` of the whole `value` (header included) to `target`. `bytes_max` bounds the whole value.
pub fn raise(value: &mut Vec<u8>, index: usize, target: u8, bytes_max: usize) -> Result<Raised, Corrupt> {
    if target > VALUE_MAX {
        return Ok(Raised::DoesNotFit);
    }
    let (mut at, mut first) = (HEADER_BYTES, 0);
    let mut before = HEADER_BYTES;
    let run = loop {
        let run = run_at(value, at).ok_or(Corrupt)?;
        if index < first + run.registers {
            break run;
        }
        before = at;
        first += run.registers;
        at += run.bytes;
    };
    if at + run.bytes > value.len() {
        return Err(Corrupt);
    }
    if run.value >= target {
        return Ok(Raised::No);
    }
    if run.registers == 1 && run.bytes == 1 {
        value[at] = value_run(target, 1);
    } else {
        let mut split = Vec::with_capacity(5);
        let push_rest = |split: &mut Vec<u8>, registers: usize| match (registers, run.value) {
            (0, _) => {}
            (_, 0) => push_zeros(split, registers),
            _ => split.push(value_run(run.value, registers)),
        };
        push_rest(&mut split, index - first);
        split.push(value_run(target, 1));
        push_rest(&mut split, first + run.registers - 1 - index);
        let length = value.len() - run.bytes + split.len();
        if split.len() > run.bytes && length > bytes_max {
            return Ok(Raised::DoesNotFit);
        }
        value.splice(at..at + run.bytes, split);
    }
    merge_neighbours(value, before);
    Ok(Raised::Yes)
}

/// Joins VAL runs of the same value that stand side by side and fit into one, from `at` on.
fn merge_neighbours(value: &mut Vec<u8>, mut at: usize) {
    for _ in 0..MERGE_STEPS {
        let Some(run) = run_at(value, at) else { return };
        if run.value != 0
            && let Some(next) = run_at(value, at + 1)
            && next.value == run.value
            && run.registers + next.registers <= VALUE_RUN_MAX
        {
            value[at + 1] = value_run(run.value, run.registers + next.registers);
            // The joined run is looked at again: it may fit with the one after it.
            value.remove(at);
        } else {
            at += run.bytes;
        }
    }
}
