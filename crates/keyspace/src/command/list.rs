//! Lists: pushes and pops, reads, edits in place. Moves between lists and waiting pops are in list_move.rs.

use super::ranges::{index_range, int_within, reply_value};
use super::{Call, Done, Handler, is};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::Caller;
use crate::typed;
use redtwin_resp::Reply;
use redtwin_structures::list::{End, List};

typed!(List, List, list, list_mut, list_or_new, List::new());

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Lpush => |call| push(call, End::Front, false),
        CommandId::Rpush => |call| push(call, End::Back, false),
        CommandId::Lpushx => |call| push(call, End::Front, true),
        CommandId::Rpushx => |call| push(call, End::Back, true),
        CommandId::Lpop => |call| pop(call, End::Front),
        CommandId::Rpop => |call| pop(call, End::Back),
        CommandId::Llen => llen,
        CommandId::Lindex => lindex,
        CommandId::Lrange => lrange,
        CommandId::Lpos => lpos,
        CommandId::Lset => lset,
        CommandId::Linsert => linsert,
        CommandId::Lrem => lrem,
        CommandId::Ltrim => ltrim,
        _ => return None,
    })
}

/// The event of a push.
pub fn push_event(end: End) -> &'static str {
    if end == End::Front { "lpush" } else { "rpush" }
}

/// The event of a pop.
pub fn pop_event(end: End) -> &'static str {
    if end == End::Front { "lpop" } else { "rpop" }
}

fn push(call: &mut Call<'_>, end: End, only_existing: bool) -> Done {
    let key = call.args[1];
    let limits = call.keys.settings.limits;
    if only_existing && call.keys.list_mut(key)?.is_none() {
        call.reply.int(0);
        return Ok(());
    }
    let list = call.keys.list_or_new(key)?;
    for element in &call.args[2..] {
        list.push(end, element, &limits);
    }
    call.reply.count(list.len());
    call.keys.touched(b'l', push_event(end), key, call.args.len() as u64 - 2);
    Ok(())
}

/// What every removal ends with: the event, and the end of an empty list.
pub fn removed(call: &mut Call<'_>, key: &[u8], event: &'static str, count: usize) {
    call.keys.touched(b'l', event, key, count as u64);
    call.keys.remove_if_empty(key);
}

/// Takes elements from an end, one by one, into the reply; the caller has written the head.
pub fn pop_into(reply: &mut Reply, list: &mut List, end: End, count: usize) {
    for _ in 0..count {
        match list.pop(end) {
            Some(element) => reply.bulk(&element),
            None => break,
        }
    }
}

fn pop(call: &mut Call<'_>, end: End) -> Done {
    if call.args.len() > 3 {
        let name = pop_event(end);
        return Err(format!("ERR wrong number of arguments for '{name}' command").into());
    }
    let count = match call.args.get(2) {
        Some(text) => Some(int_within(text, 0, i64::MAX, errors::MUST_BE_POSITIVE)? as usize),
        None => None,
    };
    let key = call.args[1];
    let Some(list) = call.keys.list_mut(key)? else {
        match count {
            Some(_) => call.reply.null_array(),
            None => call.reply.null(),
        }
        return Ok(());
    };
    let count = match count {
        Some(count) => {
            let count = count.min(list.len());
            call.reply.array(count);
            count
        }
        None => 1,
    };
    pop_into(call.reply, list, end, count);
    if count > 0 {
        removed(call, key, pop_event(end), count);
    }
    Ok(())
}

fn llen(call: &mut Call<'_>) -> Done {
    let len = call.keys.list(call.args[1])?.map_or(0, List::len);
    call.reply.count(len);
    Ok(())
}

/// An index as Redis means it: negative ones count from the end. None when it is outside.
fn index_in(list: &List, index: i64) -> Option<usize> {
    let len = list.len();
    let index = if index < 0 {
        len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
    } else {
        index as usize
    };
    (index < len).then_some(index)
}

fn lindex(call: &mut Call<'_>) -> Done {
    let Some(list) = call.keys.list(call.args[1])? else {
        call.reply.null();
        return Ok(());
    };
    let index = super::parse_int(call.args[2])?;
    match index_in(list, index).and_then(|index| list.get(index)) {
        Some(value) => reply_value(call.reply, value),
        None => call.reply.null(),
    }
    Ok(())
}

fn lrange(call: &mut Call<'_>) -> Done {
    let (start, end) = (call.int(2)?, call.int(3)?);
    let Some(list) = call.keys.list(call.args[1])? else {
        call.reply.array(0);
        return Ok(());
    };
    let (start, count) = index_range(start, end, list.len()).unwrap_or((0, 0));
    call.reply.array(count);
    list.iter_from(start).take(count).for_each(|value| reply_value(call.reply, value));
    Ok(())
}

fn lpos(call: &mut Call<'_>) -> Done {
    let (mut rank, mut count, mut max_len) = (1i64, None, usize::MAX);
    let mut options = call.args[3..].iter();
    while let Some(word) = options.next() {
        let value = options.next().ok_or(errors::SYNTAX);
        if is(word, "RANK") && value.is_ok() {
            rank = super::parse_int(value?)?;
            if rank == 0 {
                return Err("ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list".into());
            }
        } else if is(word, "COUNT") && value.is_ok() {
            count = Some(int_within(value?, 0, i64::MAX, "ERR COUNT can't be negative")? as usize);
        } else if is(word, "MAXLEN") && value.is_ok() {
            let max = int_within(value?, 0, i64::MAX, "ERR MAXLEN can't be negative")? as usize;
            max_len = if max == 0 { usize::MAX } else { max };
        } else {
            return Err(errors::SYNTAX.into());
        }
    }
    let element = call.args[2];
    let Some(list) = call.keys.list(call.args[1])? else {
        match count {
            Some(_) => call.reply.array(0),
            None => call.reply.null(),
        }
        return Ok(());
    };
    // The least integer has no positive twin; Redis overflows there, skips nothing and never has enough.
    let overflows = rank == i64::MIN;
    let skip = if overflows { 0 } else { (rank.unsigned_abs() - 1) as usize };
    // COUNT 0 asks for all matches.
    let wanted = count.map_or(1, |count| if count == 0 || overflows { usize::MAX } else { count });
    let len = list.len();
    let found: Vec<usize> = if rank > 0 {
        let matches = list.iter().take(max_len).enumerate().filter(|(_, value)| value.is(element));
        matches.map(|(index, _)| index).skip(skip).take(wanted).collect()
    } else {
        let matches = list.iter_back(0).take(max_len).enumerate().filter(|(_, value)| value.is(element));
        matches.map(|(index, _)| len - 1 - index).skip(skip).take(wanted).collect()
    };
    match (count, found.first()) {
        (None, None) => call.reply.null(),
        (None, Some(index)) => call.reply.count(*index),
        (Some(_), _) => {
            call.reply.array(found.len());
            found.iter().for_each(|index| call.reply.count(*index));
        }
    }
    Ok(())
}

fn lset(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let limits = call.keys.settings.limits;
    let from_primary = call.keys.caller == Caller::Primary;
    let Some(list) = call.keys.list_mut(key)? else { return Err(errors::NO_SUCH_KEY.into()) };
    let mut index = super::parse_int(call.args[2])?;
    if from_primary {
        // From Redis 7.2 (and Valkey) on, LSET keeps the low 32 bits of its index only; a 7.0 feeds no index so large.
        index = i64::from(index as i32);
    }
    let Some(index) = index_in(list, index) else { return Err(errors::INDEX_OUT_OF_RANGE.into()) };
    list.set(index, call.args[3], &limits);
    call.reply.ok();
    call.keys.touched(b'l', "lset", key, 1);
    Ok(())
}

fn linsert(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let limits = call.keys.settings.limits;
    let after = is(call.args[2], "AFTER");
    if !after && !is(call.args[2], "BEFORE") {
        return Err(errors::SYNTAX.into());
    }
    let Some(list) = call.keys.list_mut(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let Some(index) = list.iter().position(|value| value.is(call.args[3])) else {
        call.reply.int(-1);
        return Ok(());
    };
    list.insert(index + usize::from(after), call.args[4], &limits);
    call.reply.count(list.len());
    call.keys.touched(b'l', "linsert", key, 1);
    Ok(())
}

fn lrem(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let count = call.int(2)?;
    let Some(list) = call.keys.list_mut(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let from = if count < 0 { End::Back } else { End::Front };
    let max = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let gone = list.remove_equal(from, call.args[3], max);
    call.reply.count(gone);
    if gone > 0 {
        removed(call, key, "lrem", gone);
    }
    Ok(())
}

fn ltrim(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let (start, end) = (call.int(2)?, call.int(3)?);
    let Some(list) = call.keys.list_mut(key)? else {
        call.reply.ok();
        return Ok(());
    };
    let len = list.len();
    let (start, count) = index_range(start, end, len).unwrap_or((len, 0));
    list.remove_range(start + count, len);
    list.remove_range(0, start);
    call.reply.ok();
    removed(call, key, "ltrim", len - count);
    Ok(())
}
