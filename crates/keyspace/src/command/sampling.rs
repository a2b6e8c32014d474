//! Choosing members at random: SRANDMEMBER, SPOP, HRANDFIELD, ZRANDMEMBER.
//!
//! The choice comes from the store's seeded generator. What SPOP chose is fed as SREM, because a replica must not choose anew.

use crate::generated::errors;
use crate::keyspace::Stopped;
use crate::rng::Rng;
use redtwin_resp::Reply;

/// More repeated choices than this are refused: Redis would try and run out of memory.
const REPEATED_MAX: usize = 1 << 27;

/// What the count argument asks for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// Up to so many, each at most once.
    Distinct(usize),
    /// Exactly so many, with repetitions.
    Repeated(usize),
}

/// Reads a count; a negative one asks for repetitions. With values it may be half as large.
pub fn parse_wanted(text: &[u8], with_values: bool) -> Result<Wanted, Stopped> {
    let count = super::ranges::int_negatable(text)?;
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(errors::OUT_OF_RANGE.into());
    }
    match count {
        0.. => Ok(Wanted::Distinct(count as usize)),
        _ => Ok(Wanted::Repeated(count.unsigned_abs() as usize)),
    }
}

/// No reply of repetitions grows beyond this: few of them can be long too.
const REPLY_BYTES_MAX: usize = 1 << 30;

/// Writes an item `count` times over, choosing anew each time; gives up when that becomes too much for one reply.
pub fn repeat(reply: &mut Reply, count: usize, mut one: impl FnMut(&mut Reply)) -> Result<(), Stopped> {
    for _ in 0..count {
        one(reply);
        if reply.len() > REPLY_BYTES_MAX {
            return Err(errors::OUT_OF_RANGE.into());
        }
    }
    Ok(())
}

/// Refuses a number of repetitions that no reply could hold. Asked only once there is something to repeat.
pub fn check_repeated(count: usize) -> Result<(), Stopped> {
    if count > REPEATED_MAX { Err(errors::OUT_OF_RANGE.into()) } else { Ok(()) }
}

/// Chooses `count` of the `size` items of an iterator, every choice equally likely, in one pass.
pub fn choose<T>(items: impl Iterator<Item = T>, size: usize, count: usize, rng: &mut Rng) -> Vec<T> {
    let mut chosen = Vec::with_capacity(count.min(size));
    for (seen, item) in items.enumerate() {
        let missing = count - chosen.len();
        if missing == 0 {
            break;
        }
        // Of the items that are left, so many are still wanted.
        if rng.below(size.saturating_sub(seen)) < missing {
            chosen.push(item);
        }
    }
    chosen
}

/// Whether picking single items until `count` different ones are found is quicker than a pass over all.
pub fn few_of(count: usize, size: usize) -> bool {
    count.saturating_mul(3) < size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_equally_likely() {
        let mut rng = Rng::new(7);
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            let chosen = choose(0..10, 10, 3, &mut rng);
            assert_eq!(chosen.len(), 3);
            chosen.into_iter().for_each(|i: usize| counts[i] += 1);
        }
        assert!(counts.iter().all(|c| (2800..3200).contains(c)), "{counts:?}");
        assert_eq!(choose(0..3, 3, 9, &mut rng), [0, 1, 2]);
    }

    #[test]
    fn counts_are_bounded() {
        assert!(matches!(parse_wanted(b"-5", true), Ok(Wanted::Repeated(5))));
        assert!(matches!(parse_wanted(b"9223372036854775807", false), Ok(Wanted::Distinct(_))));
        assert!(parse_wanted(b"-4611686018427387904", true).is_err());
        assert!(check_repeated(4611686018427387904).is_err());
        assert!(parse_wanted(b"4611686018427387904", true).is_err());
        assert!(parse_wanted(b"-9223372036854775808", false).is_err());
    }
}
