//! How long calls of one command took: counts per span of time, in little memory and with a known error.
//!
//! The buckets are those of an HDR histogram with two significant digits, as Redis keeps: exact below 256 ns, then each
//! doubling of the time is cut into 128 equal spans, so that no time is told more than 1 % wrong.
//!
//! ```text
//!   ns       0 ... 255 | 256 ... 511 | 512 ... 1023 | ... | 2^29 ... 2^30-1
//!   step        1      |      2      |       4      |     |      2^22
//!   index    0 ... 255 | 256 ... 383 | 384 ... 511  | ...
//! ```
//!
//! Only recording is here; what LATENCY HISTOGRAM and INFO show of it is made of `pairs` by the host, once for both
//! engines (src/protocol/latency-histogram.ts).

/// Longest time told apart, in ns: a second. Longer ones count as this one, as in Redis.
const NS_MAX: u64 = 1_000_000_000;
/// Spans per doubling.
const HALF: u64 = 128;
/// Places for every time up to `NS_MAX`.
const PLACES: usize = 24 * HALF as usize;

/// Counts of one command.
#[derive(Clone, Debug)]
pub struct LatencyHistogram {
    counts: Box<[u64]>,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        LatencyHistogram { counts: vec![0; PLACES].into_boxed_slice() }
    }
}

/// The place of a time.
fn index_of(ns: u64) -> usize {
    let ns = ns.clamp(1, NS_MAX);
    let doublings = u64::from((ns | (2 * HALF - 1)).ilog2()) - u64::from(HALF.ilog2());
    (doublings * HALF + (ns >> doublings)) as usize
}

impl LatencyHistogram {
    /// Counts `calls` calls that took `ns` nanoseconds each. O(1).
    pub fn record(&mut self, ns: u64, calls: u64) {
        if let Some(count) = self.counts.get_mut(index_of(ns)) {
            *count += calls;
        }
    }

    /// Places that are not empty, in order, with their counts. O(places).
    pub fn pairs(&self) -> impl Iterator<Item = (usize, u64)> {
        self.counts.iter().copied().enumerate().filter(|&(_, count)| count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_rise_with_time_and_never_leave_the_table() {
        let mut last = 0;
        for ns in (0..4096).chain((12..40).map(|power| 1u64 << power)).chain([NS_MAX, u64::MAX]) {
            let index = index_of(ns);
            assert!(index >= last && index < PLACES, "{ns}");
            last = index;
        }
        assert_eq!([index_of(255), index_of(256), index_of(257), index_of(258)], [255, 256, 256, 257]);
        assert_eq!([index_of(511), index_of(512), index_of(1000), index_of(1003)], [383, 384, 506, 506]);
    }

    #[test]
    fn counts_are_kept_per_place() {
        let mut histogram = LatencyHistogram::default();
        histogram.record(1000, 3);
        histogram.record(1003, 1);
        histogram.record(7, 2);
        assert_eq!(histogram.pairs().collect::<Vec<_>>(), [(7, 2), (506, 4)]);
    }
}
