//! What the stream commands read from their arguments: IDs in all their forms, intervals, and how to trim.
//!
//! ```text
//!   5-3  5     an ID; a missing sequence number is 0, or the greatest at the end of an interval
//!   -  +       the least and the greatest, where `Strict::No`
//!   (5-3       the end of an interval that does not belong to it
//!   5-*  *     XADD: choose the sequence number, or all of it
//! ```

use super::super::{Call, is, parse_int};
use crate::generated::errors;
use crate::keyspace::{Caller, Stopped};
use redtwin_structures::stream::{StreamId, Trim};

/// Text longer than this is no ID, whatever is in it.
const TEXT_BYTES_MAX: usize = 127;

/// May `-` and `+` stand for an ID?
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strict {
    /// They are an error.
    Yes,
    /// They may.
    No,
}

/// Reads an ID; `missing_seq` is taken where there is no sequence number.
pub fn id(text: &[u8], missing_seq: u64, strict: Strict) -> Result<StreamId, Stopped> {
    match text {
        b"-" if strict == Strict::No => Ok(StreamId::MIN),
        b"+" if strict == Strict::No => Ok(StreamId::MAX),
        _ => match parts(text) {
            Some((ms, None)) => Ok(StreamId::new(ms, missing_seq)),
            Some((ms, Some(seq))) => match unsigned(seq) {
                Some(seq) => Ok(StreamId::new(ms, seq)),
                None => Err(errors::INVALID_STREAM_ID.into()),
            },
            None => Err(errors::INVALID_STREAM_ID.into()),
        },
    }
}

/// An ID that a command wants exactly.
pub fn strict_id(text: &[u8]) -> Result<StreamId, Stopped> {
    id(text, 0, Strict::Yes)
}

/// The milliseconds and the text of the sequence number, if there is one.
fn parts(text: &[u8]) -> Option<(u64, Option<&[u8]>)> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    // Redis reads the text up to its first zero byte.
    let text = text.split(|byte| *byte == 0).next()?;
    match memchr::memchr(b'-', text) {
        None => Some((unsigned(text)?, None)),
        Some(dash) => Some((unsigned(text.get(..dash)?)?, Some(text.get(dash + 1..)?))),
    }
}

/// An unsigned number as C's `strtoull` reads it: white space and a sign may come first, zeros too, and a minus that
/// is not part of a canonical integer wraps around.
fn unsigned(text: &[u8]) -> Option<u64> {
    if let Ok(int) = parse_int(text) {
        return u64::try_from(int).ok();
    }
    let trimmed = text.trim_ascii_start();
    let (negative, digits) = match trimmed {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse::<u64>().ok()?;
    Some(if negative { number.wrapping_neg() } else { number })
}

/// One end of an interval, with its `(` if it may have one.
fn interval_end(text: &[u8], missing_seq: u64) -> Result<(StreamId, bool), Stopped> {
    match text {
        [b'(', rest @ ..] if !rest.is_empty() => Ok((id(rest, missing_seq, Strict::Yes)?, true)),
        _ => Ok((id(text, missing_seq, Strict::No)?, false)),
    }
}

/// The first ID of an interval.
pub fn interval_start(text: &[u8]) -> Result<StreamId, Stopped> {
    match interval_end(text, 0)? {
        (start, false) => Ok(start),
        (start, true) => start.next().ok_or("ERR invalid start ID for the interval".into()),
    }
}

/// The last ID of an interval.
pub fn interval_stop(text: &[u8]) -> Result<StreamId, Stopped> {
    match interval_end(text, u64::MAX)? {
        (stop, false) => Ok(stop),
        (stop, true) => stop.previous().ok_or("ERR invalid end ID for the interval".into()),
    }
}

/// The ID that XADD asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// `*`
    Auto,
    /// `5-*`
    AutoSeq(u64),
    /// `5-3`
    Given(StreamId),
}

fn new_id(text: &[u8]) -> Result<NewId, Stopped> {
    match parts(text) {
        Some((ms, Some(b"*"))) => Ok(NewId::AutoSeq(ms)),
        _ => strict_id(text).map(NewId::Given),
    }
}

/// How to trim, and where in the arguments that stands, because the feed must say it exactly.
#[derive(Clone, Copy, Debug)]
pub struct TrimPlan {
    pub trim: Trim,
    pub approximate: bool,
    /// Most entries to remove; 0 for no limit.
    pub limit: u64,
    /// Index of the length or ID; `~` or `=`, if there is one, stands before it.
    pub at: usize,
}

/// What XADD and XTRIM say before the ID (or in all, for XTRIM).
#[derive(Debug)]
pub struct AddOrTrim {
    pub plan: Option<TrimPlan>,
    pub no_stream: bool,
    /// XADD: the ID and its index.
    pub id: Option<(NewId, usize)>,
}

/// Reads the options of XADD (`adds`) or XTRIM, in Redis's order of checks.
pub fn add_or_trim(call: &Call<'_>, adds: bool) -> Result<AddOrTrim, Stopped> {
    let args = call.args;
    let (mut plan, mut no_stream, mut new): (Option<TrimPlan>, _, _) = (None, false, None);
    let (mut limit, mut at) = (None, 2);
    while let Some(&word) = args.get(at) {
        let more = args.len() - 1 - at;
        if adds && word == b"*" {
            new = Some((NewId::Auto, at));
            break;
        } else if (is(word, "MAXLEN") || is(word, "MINID")) && more > 0 {
            if plan.is_some() {
                return Err(
                    "ERR syntax error, MAXLEN and MINID options at the same time are not compatible".into()
                );
            }
            let sign =
                if more >= 2 && matches!(args[at + 1], b"~" | b"=") { Some(args[at + 1]) } else { None };
            at += 1 + usize::from(sign.is_some());
            let trim = if is(word, "MAXLEN") {
                let length = parse_int(args[at])?;
                Trim::MaxLength(u64::try_from(length).map_err(|_| "ERR The MAXLEN argument must be >= 0.")?)
            } else {
                Trim::MinId(strict_id(args[at])?)
            };
            plan = Some(TrimPlan { trim, approximate: sign == Some(b"~"), limit: 0, at });
        } else if is(word, "LIMIT") && more > 0 {
            at += 1;
            let entries = parse_int(args[at])?;
            limit = Some(u64::try_from(entries).map_err(|_| "ERR The LIMIT argument must be >= 0.")?);
        } else if adds && is(word, "NOMKSTREAM") {
            no_stream = true;
        } else if adds {
            new = Some((new_id(word)?, at));
            break;
        } else {
            return Err(errors::SYNTAX.into());
        }
        at += 1;
    }
    match &mut plan {
        None if limit.is_some_and(|limit| limit > 0) => {
            return Err(
                "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy".into()
            );
        }
        None if !adds => {
            return Err("ERR syntax error, XTRIM must be called with a trimming strategy".into());
        }
        // LIMIT 0 with nothing to limit is still LIMIT without `~`, except from a primary.
        None if limit.is_some() && call.keys.caller == Caller::Client => {
            return Err(LIMIT_WITHOUT_TILDE.into());
        }
        None => {}
        Some(plan) => plan.limit = effective_limit(call, limit, plan.approximate)?,
    }
    Ok(AddOrTrim { plan, no_stream, id: new })
}

const LIMIT_WITHOUT_TILDE: &str = "ERR syntax error, LIMIT cannot be used without the special ~ option";

fn effective_limit(call: &Call<'_>, limit: Option<u64>, approximate: bool) -> Result<u64, Stopped> {
    // What a primary feeds is exact already.
    if call.keys.caller == Caller::Primary {
        return Ok(0);
    }
    match (limit, approximate) {
        (Some(_), false) => Err(LIMIT_WITHOUT_TILDE.into()),
        (Some(limit), true) => Ok(limit),
        (None, false) => Ok(0),
        // A hundred nodes, so that one command does not take too long.
        (None, true) => Ok(match call.keys.settings.limits.stream_node_max_entries as u64 {
            0 => 10_000,
            entries => entries.saturating_mul(100).min(1_000_000),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_as_redis_reads_them() {
        let read = |text: &str| id(text.as_bytes(), 7, Strict::No).ok();
        assert_eq!(read("5-3"), Some(StreamId::new(5, 3)));
        assert_eq!(read("5"), Some(StreamId::new(5, 7)));
        assert_eq!(read("-"), Some(StreamId::MIN));
        assert_eq!(read("+"), Some(StreamId::MAX));
        assert_eq!(read("18446744073709551615-18446744073709551615"), Some(StreamId::MAX));
        assert_eq!(read("007-+3"), Some(StreamId::new(7, 3)));
        for bad in ["", "-5", "5-", "5-3-1", "a", "5-a", "18446744073709551616", "5-*", "(5", "5--1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(strict_id(b"-").is_err());
        assert!(strict_id(b"+").is_err());
        assert!(id(&[b'1'; 128], 0, Strict::No).is_err());
        assert_eq!(new_id(b"5-*").ok(), Some(NewId::AutoSeq(5)));
        assert_eq!(new_id(b"5-3").ok(), Some(NewId::Given(StreamId::new(5, 3))));
    }

    #[test]
    fn intervals_may_be_open() {
        assert_eq!(interval_start(b"(5-3").ok(), Some(StreamId::new(5, 4)));
        assert_eq!(interval_stop(b"(5-0").ok(), Some(StreamId::new(4, u64::MAX)));
        assert_eq!(interval_stop(b"5").ok(), Some(StreamId::new(5, u64::MAX)));
        assert!(interval_stop(b"(0-0").is_err());
        assert!(interval_start(b"(+").is_err());
        assert!(interval_start(b"(").is_err());
    }
}
