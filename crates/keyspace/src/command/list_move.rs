//! Lists: moves from one to another, pops from the first of several, and those that wait.
//!
//! A waiting command that finds something is fed as the one that would not have waited (BLPOP as LPOP), since a replica must
//! not wait.

use super::list::{pop_event, pop_into, push_event, removed};
use super::ranges::{counted_keys, int_within, parse_timeout, wait_or_null};
use super::{Call, Done, Handler, is};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::Stopped;
use redtwin_structures::list::End;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Lmove => lmove,
        CommandId::Rpoplpush => rpoplpush,
        CommandId::Lmpop => lmpop,
        CommandId::Blmove => blmove,
        CommandId::Brpoplpush => brpoplpush,
        CommandId::Blmpop => blmpop,
        CommandId::Blpop => |call| blocking_pop(call, End::Front),
        CommandId::Brpop => |call| blocking_pop(call, End::Back),
        _ => return None,
    })
}

fn parse_end(text: &[u8]) -> Result<End, Stopped> {
    if is(text, "LEFT") {
        Ok(End::Front)
    } else if is(text, "RIGHT") {
        Ok(End::Back)
    } else {
        Err(errors::SYNTAX.into())
    }
}

fn end_name(end: End) -> &'static [u8] {
    if end == End::Front { b"left" } else { b"right" }
}

fn pop_name(end: End) -> &'static [u8] {
    if end == End::Front { b"LPOP" } else { b"RPOP" }
}

/// Moves one element and replies with it. False, without a reply, when the source is not there.
fn move_element(call: &mut Call<'_>, from: End, to: End) -> Result<bool, Stopped> {
    let (source, target) = (call.args[1], call.args[2]);
    let limits = call.keys.settings.limits;
    if call.keys.list_mut(source)?.is_none() {
        return Ok(false);
    }
    // The target's type matters before anything is taken.
    call.keys.list_mut(target)?;
    let Some(element) = call.keys.list_mut(source)?.and_then(|list| list.pop(from)) else { return Ok(false) };
    call.keys.list_or_new(target)?.push(to, &element, &limits);
    call.reply.bulk(&element);
    call.keys.touched(b'l', push_event(to), target, 1);
    // One change in all.
    removed(call, source, pop_event(from), 0);
    Ok(true)
}

fn lmove(call: &mut Call<'_>) -> Done {
    let (from, to) = (parse_end(call.args[3])?, parse_end(call.args[4])?);
    if !move_element(call, from, to)? {
        call.reply.null();
    }
    Ok(())
}

fn rpoplpush(call: &mut Call<'_>) -> Done {
    if !move_element(call, End::Back, End::Front)? {
        call.reply.null();
    }
    Ok(())
}

/// A key that waiters look at: what is not a list is an error for a first try and nothing for a woken waiter.
fn ignore_when_woken<T: Default>(call: &Call<'_>, found: Result<T, Stopped>) -> Result<T, Stopped> {
    if call.session.woken { Ok(found.unwrap_or_default()) } else { found }
}

fn blmove(call: &mut Call<'_>) -> Done {
    let (from, to) = (parse_end(call.args[3])?, parse_end(call.args[4])?);
    let deadline = parse_timeout(call, call.args[5])?;
    let (source, target) = (call.args[1], call.args[2]);
    if call.session.woken && call.keys.list_mut(source).is_err() {
        return wait_or_null(call, &[source], deadline, false);
    }
    if move_element(call, from, to)? {
        // Who is served late has the ends spelled by the server.
        let (from, to): (&[u8], &[u8]) =
            if call.session.woken { (end_name(from), end_name(to)) } else { (call.args[3], call.args[4]) };
        call.feed(&[b"LMOVE", source, target, from, to]);
        return Ok(());
    }
    wait_or_null(call, &[source], deadline, false)
}

fn brpoplpush(call: &mut Call<'_>) -> Done {
    let deadline = parse_timeout(call, call.args[3])?;
    let (source, target) = (call.args[1], call.args[2]);
    if call.session.woken && call.keys.list_mut(source).is_err() {
        return wait_or_null(call, &[source], deadline, false);
    }
    if move_element(call, End::Back, End::Front)? {
        call.feed(&[b"RPOPLPUSH", source, target]);
        return Ok(());
    }
    wait_or_null(call, &[source], deadline, false)
}

fn blocking_pop(call: &mut Call<'_>, end: End) -> Done {
    let (keys, timeout) = (&call.args[1..call.args.len() - 1], call.args[call.args.len() - 1]);
    let deadline = parse_timeout(call, timeout)?;
    for &key in keys {
        let found = call.keys.list_mut(key).map(|list| list.and_then(|list| list.pop(end)));
        if let Some(element) = ignore_when_woken(call, found)? {
            call.reply.array(2);
            call.reply.bulk(key);
            call.reply.bulk(&element);
            removed(call, key, pop_event(end), 1);
            call.feed(&[pop_name(end), key]);
            return Ok(());
        }
    }
    wait_or_null(call, keys, deadline, true)
}

/// `numkeys key ... LEFT|RIGHT [COUNT n]` from an index on.
fn parse_mpop<'a>(call: &Call<'a>, at: usize) -> Result<(&'a [&'a [u8]], End, usize), Stopped> {
    let (keys, next) = counted_keys(call, at, "ERR numkeys should be greater than 0")?;
    let end = parse_end(call.args.get(next).ok_or(errors::SYNTAX)?)?;
    let count = match &call.args[next + 1..] {
        [] => 1,
        [word, count] if is(word, "COUNT") => {
            int_within(count, 1, i64::MAX, "ERR count should be greater than 0")? as usize
        }
        [word, count, ..] if is(word, "COUNT") => {
            int_within(count, 1, i64::MAX, "ERR count should be greater than 0")?;
            return Err(errors::SYNTAX.into());
        }
        _ => return Err(errors::SYNTAX.into()),
    };
    Ok((keys, end, count))
}

/// Pops from the first list that is there. False, without a reply, when none is.
fn pop_first(call: &mut Call<'_>, keys: &[&[u8]], end: End, count: usize) -> Result<bool, Stopped> {
    for &key in keys {
        let woken = call.session.woken;
        let list = match call.keys.list_mut(key) {
            Ok(Some(list)) => list,
            Ok(None) => continue,
            Err(_) if woken => continue,
            Err(error) => return Err(error),
        };
        let count = count.min(list.len());
        call.reply.array(2);
        call.reply.bulk(key);
        call.reply.array(count);
        pop_into(call.reply, list, end, count);
        removed(call, key, pop_event(end), count);
        call.feed(&[pop_name(end), key, itoa::Buffer::new().format(count).as_bytes()]);
        return Ok(true);
    }
    Ok(false)
}

fn lmpop(call: &mut Call<'_>) -> Done {
    let (keys, end, count) = parse_mpop(call, 1)?;
    if !pop_first(call, keys, end, count)? {
        call.reply.null_array();
    }
    Ok(())
}

fn blmpop(call: &mut Call<'_>) -> Done {
    let (keys, end, count) = parse_mpop(call, 2)?;
    let deadline = parse_timeout(call, call.args[1])?;
    if pop_first(call, keys, end, count)? {
        return Ok(());
    }
    wait_or_null(call, keys, deadline, true)
}
