//! The keys among a command's arguments, with what the command does to them.
//!
//! Key specifications are data (COMMAND INFO); a few commands need code because flags or places depend on other words. Arguments
//! that contradict a specification (more keys than words, a count that is no number) give no keys at all, as in Redis:
//! the command itself will say what is wrong.

use crate::command::is;
use crate::generated::commands::{Begin, CommandId, Find, KeySpec};

/// Calls `found(position, reads, writes)` for each key.
pub fn each(id: CommandId, specs: &[KeySpec], args: &[&[u8]], mut found: impl FnMut(usize, bool, bool)) {
    match id {
        CommandId::Set => {
            let reads = args.iter().skip(3).any(|word| is(word, "GET"));
            found(1, reads, true);
        }
        CommandId::Bitfield => found(1, true, bitfield_writes(args)),
        CommandId::Sort => {
            found(1, true, false);
            if let Some(at) = sort_target(args) {
                found(at, false, true);
            }
        }
        CommandId::SortRo => found(1, true, false),
        CommandId::Migrate => migrate_keys(args).for_each(|at| found(at, true, true)),
        _ => {
            // All specifications must fit before one of them counts.
            let mut keys = Vec::new();
            for spec in specs {
                if positions(spec, args, |at| keys.push((at, spec.reads, spec.writes))).is_none() {
                    return;
                }
            }
            keys.into_iter().for_each(|(at, reads, writes)| found(at, reads, writes));
        }
    }
}

/// The keys of one specification; None when the arguments contradict it.
fn positions(spec: &KeySpec, args: &[&[u8]], mut found: impl FnMut(usize)) -> Option<()> {
    let first = match spec.begin {
        Begin::Index(index) => index,
        Begin::Keyword(word, from) => match keyword(args, word, from) {
            Some(at) => at + 1,
            None => return Some(()),
        },
        Begin::Unknown => return Some(()),
    };
    if first >= args.len() {
        return Some(());
    }
    match spec.find {
        Find::Range { last, step, limit } => {
            let end = match usize::try_from(last) {
                Ok(last) => first + last + 1,
                // Only half of the rest are keys when the limit is 2 (XREAD STREAMS a b 0 0).
                Err(_) if last == -1 && limit > 1 => first + (args.len() - first) / limit,
                Err(_) => (args.len() + 1).checked_sub(last.unsigned_abs() as usize)?,
            };
            if end > args.len() {
                return None;
            }
            (first..end).step_by(step.max(1)).for_each(&mut found);
        }
        Find::Count { at, first: skip, step } => {
            let count = usize::try_from(redtwin_resp::parse_i64(args.get(first + at)?)?).ok()?;
            let start = first + skip;
            if count > args.len() || (count > 0 && start + (count - 1) * step >= args.len()) {
                return None;
            }
            (0..count).for_each(|nth| found(start + nth * step));
        }
        Find::Unknown => {}
    }
    Some(())
}

/// Where a word stands: from an argument on, or from one counted from the end, backwards.
fn keyword(args: &[&[u8]], word: &str, from: i32) -> Option<usize> {
    match usize::try_from(from) {
        Ok(from) => (from..args.len()).find(|&at| is(args[at], word)),
        Err(_) => {
            let start = args.len().checked_sub(from.unsigned_abs() as usize)?;
            (1..=start).rev().find(|&at| is(args[at], word))
        }
    }
}

/// BITFIELD with nothing but GET only reads.
fn bitfield_writes(args: &[&[u8]]) -> bool {
    args.get(2..).unwrap_or_default().chunks(3).any(|chunk| !is(chunk[0], "GET"))
}

/// SORT's destination is behind the last STORE; words that take arguments are stepped over.
fn sort_target(args: &[&[u8]]) -> Option<usize> {
    let (mut at, mut target) = (2, None);
    while let Some(word) = args.get(at) {
        if is(word, "STORE") && at + 1 < args.len() {
            at += 1;
            target = Some(at);
        } else if is(word, "LIMIT") {
            at += 2;
        } else if is(word, "GET") || is(word, "BY") {
            at += 1;
        }
        at += 1;
    }
    target
}

/// MIGRATE has one key in front or, when that is empty, many behind KEYS; a password may be called KEYS.
fn migrate_keys(args: &[&[u8]]) -> std::ops::Range<usize> {
    if args.get(3).is_some_and(|key| !key.is_empty()) {
        return 3..4;
    }
    let mut at = 6;
    while let Some(word) = args.get(at) {
        if is(word, "KEYS") {
            return at + 1..args.len();
        }
        at += if is(word, "AUTH") {
            2
        } else if is(word, "AUTH2") {
            3
        } else {
            1
        };
    }
    0..0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys as `position` with `r` and `w`.
    fn keys(line: &str) -> String {
        let args: Vec<&[u8]> =
            line.split(' ').map(|word| if word == "''" { b"" } else { word.as_bytes() }).collect();
        let (spec, _) = crate::lookup::find(args[0]).unwrap();
        let mut text = Vec::new();
        each(spec.id, spec.key_specs, &args, |at, reads, writes| {
            text.push(format!("{at}{}{}", if reads { "r" } else { "" }, if writes { "w" } else { "" }));
        });
        text.join(" ")
    }

    #[test]
    fn ranges_counts_and_keywords() {
        assert_eq!(keys("GET a"), "1r");
        assert_eq!(keys("MSET a 1 b 2"), "1w 3w");
        assert_eq!(keys("MGET a b c"), "1r 2r 3r");
        assert_eq!(keys("BLPOP a b 0"), "1rw 2rw");
        assert_eq!(keys("ZUNIONSTORE t 2 a b WEIGHTS 1 2"), "1w 3r 4r");
        assert_eq!(keys("ZUNION 3 a b"), "");
        assert_eq!(keys("ZUNION 9223372036854775807 a b"), "");
        assert_eq!(keys("EVAL x 0 a"), "");
        assert_eq!(keys("XREAD COUNT 1 STREAMS a b 0 0"), "4r 5r");
        assert_eq!(keys("GEORADIUS a 1 2 3 m STORE x STOREDIST y"), "1r 7w 9w");
    }

    #[test]
    fn commands_with_code_of_their_own() {
        assert_eq!(keys("SET a b"), "1w");
        assert_eq!(keys("SET get b"), "1w");
        assert_eq!(keys("SET a b EX 1 GET"), "1rw");
        assert_eq!(keys("BITFIELD a"), "1r");
        assert_eq!(keys("BITFIELD a GET u8 0 GET u8 1"), "1r");
        assert_eq!(keys("BITFIELD a GET u8 0 SET u8 1 2"), "1rw");
        assert_eq!(keys("SORT a BY STORE GET b LIMIT 0 STORE STORE x STORE y"), "1r 12w");
        assert_eq!(keys("MIGRATE h 1 k 0 5"), "3rw");
        assert_eq!(keys("MIGRATE h 1 '' 0 5 AUTH KEYS KEYS a b"), "9rw 10rw");
    }
}
