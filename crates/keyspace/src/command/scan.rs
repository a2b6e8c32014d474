//! Walking the keyspace: SCAN, KEYS, RANDOMKEY.
//!
//! SCAN's cursor walks segments so that every key that stays from start to end is told at least once, whatever else moves.

use super::keys::has_type;
use super::{Call, Done, Handler, is};
use crate::entry::Entry;
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::glob;
use crate::keyspace::Stopped;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Scan => scan,
        CommandId::Keys => keys,
        CommandId::Randomkey => randomkey,
        _ => return None,
    })
}

/// The options of SCAN, HSCAN, SSCAN and ZSCAN.
#[derive(Debug)]
pub struct ScanOptions<'a> {
    /// About how many elements to look at.
    pub count: usize,
    /// Glob that an element must match.
    pub pattern: Option<&'a [u8]>,
    /// SCAN only: the type a key must have.
    pub type_name: Option<&'a [u8]>,
}

/// A cursor argument.
pub fn parse_cursor(text: &[u8]) -> Result<u64, Stopped> {
    // What strtoul takes: nothing is 0, and a negative number is counted from the top.
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        [] => return Ok(0),
        digits => (false, digits),
    };
    std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))
        .and_then(|digits| digits.parse::<u64>().ok())
        .map(|cursor| if negative { cursor.wrapping_neg() } else { cursor })
        .ok_or(Stopped::Error(errors::INVALID_CURSOR))
}

/// Reads the options behind the cursor.
pub fn parse_scan_options<'a>(args: &[&'a [u8]], with_type: bool) -> Result<ScanOptions<'a>, Stopped> {
    let mut options = ScanOptions { count: 10, pattern: None, type_name: None };
    let mut rest = args;
    while let [word, value, after @ ..] = rest {
        if is(word, "COUNT") {
            let count = super::parse_int(value)?;
            if count < 1 {
                return Err(errors::SYNTAX.into());
            }
            options.count = usize::try_from(count).unwrap_or(usize::MAX);
        } else if is(word, "MATCH") {
            options.pattern = (*value != b"*").then_some(value);
        } else if with_type && is(word, "TYPE") {
            options.type_name = Some(value);
        } else {
            return Err(errors::SYNTAX.into());
        }
        rest = after;
    }
    if rest.is_empty() { Ok(options) } else { Err(errors::SYNTAX.into()) }
}

fn scan(call: &mut Call<'_>) -> Done {
    let cursor = parse_cursor(call.args[1])?;
    let options = parse_scan_options(&call.args[2..], true)?;
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut expired: Vec<Vec<u8>> = Vec::new();
    let (now_ms, keys) = (call.keys.now_ms, &*call.keys);
    let next = keys.dbs[keys.selected].table.scan(cursor, options.count, |entry: &Entry| {
        let key = entry.key();
        if options.pattern.is_some_and(|pattern| !glob::matches(pattern, key, false))
            || options.type_name.is_some_and(|name| !has_type(entry.value(), name))
        {
            return;
        }
        if entry.expire_ms().is_some_and(|at| at < now_ms) {
            expired.push(key.to_vec());
        } else {
            found.push(key.to_vec());
        }
    });
    expired.iter().for_each(|key| call.keys.expire(key));
    feed_apart(call);
    call.reply.array(2);
    call.reply.bulk(next.to_string().as_bytes());
    call.reply.array(found.len());
    found.iter().for_each(|key| call.reply.bulk(key));
    Ok(())
}

fn keys(call: &mut Call<'_>) -> Done {
    let pattern = call.args[1];
    let mut found = 0;
    let mark = call.reply.mark();
    let now_ms = call.keys.now_ms;
    for entry in call.keys.dbs[call.keys.selected].table.iter() {
        // Expired keys are left out, but not deleted.
        let expired = entry.expire_ms().is_some_and(|at| at < now_ms);
        if !expired && glob::matches(pattern, entry.key(), false) {
            call.reply.bulk(entry.key());
            found += 1;
        }
    }
    call.reply.array_at(mark, found);
    Ok(())
}

/// Keys met by chance have nothing to do with each other: the feed tells of the expired ones one by one. Inside a
/// transaction or a script (where nothing may wait either) everything stays one unit.
fn feed_apart(call: &mut Call<'_>) {
    if call.may_wait && !call.keys.effects.is_empty() {
        call.keys.effects.apart();
    }
}

fn randomkey(call: &mut Call<'_>) -> Done {
    pick_random(call);
    feed_apart(call);
    Ok(())
}

fn pick_random(call: &mut Call<'_>) {
    // Where expired keys are not deleted and all may have expired, one of them is answered in the end, as in Redis.
    for attempt in 0.. {
        let random = call.keys.rng.next_u64();
        let now_ms = call.keys.now_ms;
        let Some(entry) = call.keys.dbs[call.keys.selected].table.random(random) else {
            return call.reply.null();
        };
        let expired = entry.expire_ms().is_some_and(|at| at < now_ms);
        if !expired || (call.keys.gates.keep_expired() && attempt >= 100) {
            return call.reply.bulk(entry.key());
        }
        let key = entry.key().to_vec();
        call.keys.expire(&key);
    }
}
