//! Sorted sets: members in and out, scores and ranks, pops, random members, scanning.
//!
//! Ranges are in zset_range.rs, what several sorted sets give together is in zset_algebra.rs.

use super::hash::empty_scan;
use super::ranges::{
    counted_keys, int_within, parse_float, parse_timeout, reply_score, reply_value, wait_or_null,
};
use super::sampling::{Wanted, check_repeated, choose, few_of, parse_wanted, repeat};
use super::scan::{parse_cursor, parse_scan_options};
use super::{Call, Done, Handler, is};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::Stopped;
use crate::rng::Rng;
use crate::{glob, typed};
use redtwin_resp::{Protocol, Reply};
use redtwin_structures::listpack::Value;
use redtwin_structures::number::format_f64;
use redtwin_structures::zset::Zset;
use std::collections::HashSet;

typed!(Zset, Zset, zset, zset_mut, zset_or_new, Zset::new());

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Zadd => |call| zadd(call, false),
        CommandId::Zincrby => |call| zadd(call, true),
        CommandId::Zrem => zrem,
        CommandId::Zcard => zcard,
        CommandId::Zscore => zscore,
        CommandId::Zmscore => zmscore,
        CommandId::Zrank => |call| zrank(call, false),
        CommandId::Zrevrank => |call| zrank(call, true),
        CommandId::Zpopmin => |call| zpop(call, Side::Min),
        CommandId::Zpopmax => |call| zpop(call, Side::Max),
        CommandId::Zmpop => zmpop,
        CommandId::Bzpopmin => |call| bzpop(call, Side::Min),
        CommandId::Bzpopmax => |call| bzpop(call, Side::Max),
        CommandId::Bzmpop => bzmpop,
        CommandId::Zrandmember => zrandmember,
        CommandId::Zscan => zscan,
        _ => return None,
    })
}

/// The options of ZADD.
#[derive(Default)]
struct AddOptions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    ch: bool,
    incr: bool,
}

impl AddOptions {
    /// Takes the word if it is an option.
    fn take(&mut self, word: &[u8]) -> bool {
        let option = match () {
            () if is(word, "NX") => &mut self.nx,
            () if is(word, "XX") => &mut self.xx,
            () if is(word, "GT") => &mut self.gt,
            () if is(word, "LT") => &mut self.lt,
            () if is(word, "CH") => &mut self.ch,
            () if is(word, "INCR") => &mut self.incr,
            () => return false,
        };
        *option = true;
        true
    }

    /// The score that a member gets; None when it is left alone.
    fn score(&self, old: Option<f64>, given: f64) -> Result<Option<f64>, Stopped> {
        let Some(old) = old else { return Ok((!self.xx).then_some(given)) };
        if self.nx {
            return Ok(None);
        }
        let new = if self.incr { old + given } else { given };
        if new.is_nan() {
            return Err(errors::ZSET_NAN.into());
        }
        let refused = (self.lt && new >= old) || (self.gt && new <= old);
        Ok((!refused).then_some(new))
    }
}

fn zadd(call: &mut Call<'_>, increment: bool) -> Done {
    let key = call.args[1];
    let mut options = AddOptions { incr: increment, ..AddOptions::default() };
    let words = call.args[2..].iter().take_while(|word| options.take(word)).count();
    let pairs = &call.args[2 + words..];
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(errors::SYNTAX.into());
    }
    if options.nx && options.xx {
        return Err(errors::NX_AND_XX.into());
    }
    if (options.nx && (options.gt || options.lt)) || (options.gt && options.lt) {
        return Err(errors::GT_LT_NX.into());
    }
    if options.incr && pairs.len() > 2 {
        return Err(errors::INCR_ONE_PAIR.into());
    }
    // All scores are read before the first member is added.
    let scores: smallvec::SmallVec<[f64; 8]> =
        pairs.chunks_exact(2).map(|pair| parse_float(pair[0])).collect::<Result<_, _>>()?;
    let limits = call.keys.settings.limits;
    let zset = if options.xx { call.keys.zset_mut(key)? } else { Some(call.keys.zset_or_new(key)?) };
    let (mut added, mut updated, mut result) = (0, 0, None);
    if let Some(zset) = zset {
        for (pair, given) in pairs.chunks_exact(2).zip(scores) {
            let member = pair[1];
            let plain = !(options.nx || options.xx || options.gt || options.lt || options.incr);
            let (old, new) = if plain {
                (zset.insert(member, given, &limits), given)
            } else {
                let old = zset.score(member);
                let Some(new) = options.score(old, given)? else { continue };
                zset.insert(member, new, &limits);
                (old, new)
            };
            match old {
                None => added += 1,
                Some(old) => updated += usize::from(old != new),
            }
            result = Some(new);
        }
    }
    match (options.incr, result) {
        (true, Some(score)) => reply_score(call.reply, score),
        (true, None) => call.reply.null(),
        (false, _) => call.reply.count(if options.ch { added + updated } else { added }),
    }
    if added + updated > 0 {
        let event = if options.incr { "zincr" } else { "zadd" };
        call.keys.touched(b'z', event, key, (added + updated) as u64);
    }
    Ok(())
}

fn zrem(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let Some(zset) = call.keys.zset_mut(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let removed = call.args[2..].iter().filter(|member| zset.remove(member).is_some()).count();
    call.reply.count(removed);
    if removed > 0 {
        call.keys.touched(b'z', "zrem", key, removed as u64);
        call.keys.remove_if_empty(key);
    }
    Ok(())
}

fn zcard(call: &mut Call<'_>) -> Done {
    let len = call.keys.zset(call.args[1])?.map_or(0, Zset::len);
    call.reply.count(len);
    Ok(())
}

fn zscore(call: &mut Call<'_>) -> Done {
    let member = call.args[2];
    match call.keys.zset(call.args[1])?.and_then(|zset| zset.score(member)) {
        Some(score) => reply_score(call.reply, score),
        None => call.reply.null(),
    }
    Ok(())
}

fn zmscore(call: &mut Call<'_>) -> Done {
    let members = &call.args[2..];
    let zset = call.keys.zset(call.args[1])?;
    call.reply.array(members.len());
    for member in members {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => reply_score(call.reply, score),
            None => call.reply.null(),
        }
    }
    Ok(())
}

fn zrank(call: &mut Call<'_>, reverse: bool) -> Done {
    let member = call.args[2];
    let zset = call.keys.zset(call.args[1])?;
    match zset.and_then(|zset| zset.rank(member).map(|(rank, _)| (rank, zset.len()))) {
        Some((rank, len)) => call.reply.count(if reverse { len - 1 - rank } else { rank }),
        None => call.reply.null(),
    }
    Ok(())
}

/// Which end of the order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Min,
    Max,
}

impl Side {
    fn event(self) -> &'static str {
        if self == Side::Min { "zpopmin" } else { "zpopmax" }
    }

    fn command(self) -> &'static [u8] {
        if self == Side::Min { b"ZPOPMIN" } else { b"ZPOPMAX" }
    }
}

/// Takes members from an end into the reply, whose head is written, in pairs of their own or flat.
fn pop_into(reply: &mut Reply, zset: &mut Zset, side: Side, count: usize, nested: bool) {
    let len = zset.len();
    let (range, start) = match side {
        Side::Min => (zset.range(0, count), 0),
        Side::Max => (zset.range_back(len - count, len), len - count),
    };
    for (member, score) in range {
        if nested {
            reply.array(2);
        }
        reply_value(reply, member);
        reply_score(reply, score);
    }
    zset.remove_range(start, start + count);
}

fn popped(call: &mut Call<'_>, key: &[u8], side: Side, count: usize) {
    call.keys.touched(b'z', side.event(), key, count as u64);
    call.keys.remove_if_empty(key);
}

fn zpop(call: &mut Call<'_>, side: Side) -> Done {
    let key = call.args[1];
    if call.args.len() > 3 {
        return Err(errors::SYNTAX.into());
    }
    let count = match call.args.get(2) {
        Some(text) => Some(int_within(text, 0, i64::MAX, errors::MUST_BE_POSITIVE)? as usize),
        None => None,
    };
    let Some(zset) = call.keys.zset_mut(key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let nested = count.is_some() && call.reply.protocol == Protocol::Resp3;
    let count = count.unwrap_or(1).min(zset.len());
    call.reply.array(if nested { count } else { 2 * count });
    pop_into(call.reply, zset, side, count, nested);
    if count > 0 {
        popped(call, key, side, count);
    }
    Ok(())
}

/// Runs `pop` on the first sorted set that is there; what is no sorted set is an error, but nothing for a woken waiter.
fn first_zset(
    call: &mut Call<'_>,
    keys: &[&[u8]],
    mut pop: impl FnMut(&mut Call<'_>, &[u8], usize) -> Done,
) -> Result<bool, Stopped> {
    for &key in keys {
        let len = match call.keys.zset_mut(key) {
            Ok(Some(zset)) => zset.len(),
            Ok(None) => continue,
            Err(_) if call.session.woken => continue,
            Err(error) => return Err(error),
        };
        pop(call, key, len)?;
        return Ok(true);
    }
    Ok(false)
}

fn parse_mpop<'a>(call: &Call<'a>, at: usize) -> Result<(&'a [&'a [u8]], Side, usize), Stopped> {
    let (keys, next) = counted_keys(call, at, "ERR numkeys should be greater than 0")?;
    let side = match call.args.get(next) {
        Some(word) if is(word, "MIN") => Side::Min,
        Some(word) if is(word, "MAX") => Side::Max,
        _ => return Err(errors::SYNTAX.into()),
    };
    let count = match &call.args[next + 1..] {
        [] => 1,
        [word, count, rest @ ..] if is(word, "COUNT") => {
            let count = int_within(count, 1, i64::MAX, "ERR count should be greater than 0")?;
            if !rest.is_empty() {
                return Err(errors::SYNTAX.into());
            }
            count as usize
        }
        _ => return Err(errors::SYNTAX.into()),
    };
    Ok((keys, side, count))
}

/// ZMPOP's work; false, without a reply, when there is nothing to pop.
fn pop_first(call: &mut Call<'_>, keys: &[&[u8]], side: Side, count: usize) -> Result<bool, Stopped> {
    first_zset(call, keys, |call, key, len| {
        let count = count.min(len);
        call.reply.array(2);
        call.reply.bulk(key);
        call.reply.array(count);
        if let Some(zset) = call.keys.zset_mut(key)? {
            pop_into(call.reply, zset, side, count, true);
        }
        popped(call, key, side, count);
        call.feed(&[side.command(), key, itoa::Buffer::new().format(count).as_bytes()]);
        Ok(())
    })
}

fn zmpop(call: &mut Call<'_>) -> Done {
    let (keys, side, count) = parse_mpop(call, 1)?;
    if !pop_first(call, keys, side, count)? {
        call.reply.null_array();
    }
    Ok(())
}

fn bzmpop(call: &mut Call<'_>) -> Done {
    let (keys, side, count) = parse_mpop(call, 2)?;
    let deadline = parse_timeout(call, call.args[1])?;
    if pop_first(call, keys, side, count)? {
        return Ok(());
    }
    wait_or_null(call, keys, deadline, true)
}

fn bzpop(call: &mut Call<'_>, side: Side) -> Done {
    let (keys, timeout) = (&call.args[1..call.args.len() - 1], call.args[call.args.len() - 1]);
    let deadline = parse_timeout(call, timeout)?;
    let found = first_zset(call, keys, |call, key, _| {
        call.reply.array(3);
        call.reply.bulk(key);
        if let Some(zset) = call.keys.zset_mut(key)? {
            pop_into(call.reply, zset, side, 1, false);
        }
        popped(call, key, side, 1);
        call.feed(&[side.command(), key]);
        Ok(())
    })?;
    if found { Ok(()) } else { wait_or_null(call, keys, deadline, true) }
}

fn zrandmember(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let mut rng = Rng::new(call.keys.rng.next_u64());
    let Some(count) = call.args.get(2) else {
        match call.keys.zset(key)?.and_then(|zset| zset.random(rng.next_u64())) {
            Some((member, _)) => reply_value(call.reply, member),
            None => call.reply.null(),
        }
        return Ok(());
    };
    let plain = parse_wanted(count, false)?;
    let (wanted, with_scores) = match &call.args[3..] {
        [] => (plain, false),
        [word] if is(word, "WITHSCORES") => (parse_wanted(count, true)?, true),
        _ => return Err(errors::SYNTAX.into()),
    };
    let Some(zset) = call.keys.zset(key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let members: Vec<(Value<'_>, f64)> = match wanted {
        Wanted::Repeated(count) => {
            check_repeated(count)?;
            scored_head(call.reply, count, with_scores);
            return repeat(call.reply, count, |reply| {
                if let Some((member, score)) = zset.random(rng.next_u64()) {
                    reply_scored(reply, member, score, with_scores);
                }
            });
        }
        Wanted::Distinct(count) if few_of(count, zset.len()) => {
            let (mut seen, mut members) = (HashSet::with_capacity(count), Vec::with_capacity(count));
            while members.len() < count {
                let Some((member, score)) = zset.random(rng.next_u64()) else { break };
                if seen.insert(member.to_vec()) {
                    members.push((member, score));
                }
            }
            members
        }
        Wanted::Distinct(count) => {
            choose(zset.range(0, usize::MAX), zset.len(), count.min(zset.len()), &mut rng)
        }
    };
    scored_head(call.reply, members.len(), with_scores);
    members.into_iter().for_each(|(member, score)| reply_scored(call.reply, member, score, with_scores));
    Ok(())
}

/// The head of a list of members, with scores perhaps: flat in RESP2, pairs in RESP3.
pub fn scored_head(reply: &mut Reply, count: usize, with_scores: bool) {
    let flat = with_scores && reply.protocol == Protocol::Resp2;
    reply.array(if flat { 2 * count } else { count });
}

/// A member of such a list.
#[inline]
pub fn reply_scored(reply: &mut Reply, member: Value<'_>, score: f64, with_scores: bool) {
    if with_scores && reply.protocol == Protocol::Resp3 {
        reply.array(2);
    }
    reply_value(reply, member);
    if with_scores {
        reply_score(reply, score);
    }
}

fn zscan(call: &mut Call<'_>) -> Done {
    let mut cursor = parse_cursor(call.args[2])?;
    let Some(zset) = call.keys.zset(call.args[1])? else {
        return empty_scan(call);
    };
    let options = parse_scan_options(&call.args[3..], false)?;
    let (mut found, mut looked_at) = (Vec::new(), 0);
    loop {
        cursor = zset.scan(cursor, |member, score| {
            looked_at += 1;
            let digits = &mut itoa::Buffer::new();
            if options.pattern.is_none_or(|p| glob::matches(p, member.as_bytes(digits), false)) {
                found.push((member, score));
            }
        });
        if cursor == 0 || looked_at >= options.count {
            break;
        }
    }
    call.reply.array(2);
    call.reply.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    call.reply.array(2 * found.len());
    for (member, score) in found {
        reply_value(call.reply, member);
        // Text in both protocols.
        call.reply.bulk(&format_f64(score));
    }
    Ok(())
}
