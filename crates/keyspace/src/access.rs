//! How recently (LRU) or how often (LFU) a key is used: the 24 clock bits of its entry, kept as Redis 7.0 keeps them.
//!
//! ```text
//!   LRU   seconds, 24 bits                     idle = now - clock, modulo 2^24
//!   LFU   minutes, 16 bits | counter, 8 bits   the counter grows ever more slowly, and decays with time
//! ```

use crate::rng::Rng;

/// A new key's counter: enough to survive until it is used again.
const LFU_START: u32 = 5;
const LRU_MASK: u32 = 0xff_ffff;

/// The LRU clock of a moment.
pub fn lru_clock(now_ms: i64) -> u32 {
    (now_ms / 1000) as u32 & LRU_MASK
}

/// The clock bits of a key that comes with a use of its own (in an RDB, or RESTORE with FREQ or IDLETIME). None when
/// what was said does not suit the policy.
pub fn told_clock(lfu: bool, frequency: Option<u8>, idle_seconds: Option<i64>, now_ms: i64) -> Option<u32> {
    if lfu {
        return frequency.map(|frequency| lfu_with(frequency, now_ms));
    }
    idle_seconds.map(|idle| lru_clock(now_ms.saturating_sub(idle.saturating_mul(1000))))
}

/// Seconds since the clock was set.
pub fn idle_seconds(clock: u32, now_ms: i64) -> u32 {
    lru_clock(now_ms).wrapping_sub(clock) & LRU_MASK
}

fn minutes(now_ms: i64) -> u32 {
    (now_ms / 60_000) as u32 & 0xffff
}

/// The LFU bits of a new key.
pub fn lfu_new(now_ms: i64) -> u32 {
    minutes(now_ms) << 8 | LFU_START
}

/// LFU bits with a given counter, as RESTORE and an RDB give it.
pub fn lfu_with(counter: u8, now_ms: i64) -> u32 {
    minutes(now_ms) << 8 | u32::from(counter)
}

/// The counter now: less one for every `decay_minutes` since it was set.
pub fn lfu_counter(clock: u32, now_ms: i64, decay_minutes: u32) -> u32 {
    let elapsed = minutes(now_ms).wrapping_sub(clock >> 8) & 0xffff;
    let lost = elapsed.checked_div(decay_minutes).unwrap_or(0);
    (clock & 0xff).saturating_sub(lost)
}

/// The LFU bits after a use.
pub fn lfu_used(clock: u32, now_ms: i64, decay_minutes: u32, log_factor: u32, rng: &mut Rng) -> u32 {
    let counter = lfu_counter(clock, now_ms, decay_minutes);
    let over = counter.saturating_sub(LFU_START);
    let grows = counter < 255 && rng.unit() < 1.0 / f64::from(over * log_factor + 1);
    minutes(now_ms) << 8 | (counter + u32::from(grows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_wraps_with_the_clock() {
        let second = 1000;
        assert_eq!(idle_seconds(lru_clock(5 * second), 65 * second), 60);
        let wrap = 1i64 << 24;
        assert_eq!(idle_seconds(lru_clock((wrap - 2) * second), (wrap + 3) * second), 5);
    }

    #[test]
    fn counters_grow_slowly_and_decay() {
        let mut rng = Rng::new(1);
        let mut clock = lfu_new(0);
        for _ in 0..1000 {
            clock = lfu_used(clock, 0, 1, 10, &mut rng);
        }
        let counter = lfu_counter(clock, 0, 1);
        // Redis documents about 18 after 1,000 hits with the factor 10.
        assert!((12..25).contains(&counter), "{counter}");
        assert_eq!(lfu_counter(clock, 5 * 60_000, 1), counter - 5);
        assert_eq!(lfu_counter(clock, 5 * 60_000, 0), counter);
    }
}
