//! Hashes: fields in and out, counters, reads, random fields, scanning. Expiry of fields is in hash_expiry.rs.
//!
//! A field that has expired is hidden from clients as if it were gone; the primary's feed sees it until its HDEL comes.

use super::ranges::reply_value;
use super::sampling::{Wanted, check_repeated, choose, few_of, parse_wanted, repeat};
use super::scan::{parse_cursor, parse_scan_options};
use super::{Call, Done, Handler, is};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::{Caller, Keyspace, Stopped};
use crate::rng::Rng;
use crate::{glob, typed};
use redtwin_structures::hash::{Field, Hash, LOOK_AT_ALL};
use redtwin_structures::listpack::Value;
use redtwin_structures::number::{LongDouble, parse_i64};
use std::collections::HashSet;

typed!(Hash, Hash, hash_at, hash_mut, hash_or_new, Hash::new());

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Hset => |call| hset(call, "hset"),
        CommandId::Hmset => |call| hset(call, "hmset"),
        CommandId::Hsetnx => hsetnx,
        CommandId::Hdel => hdel,
        CommandId::Hincrby => hincrby,
        CommandId::Hincrbyfloat => hincrbyfloat,
        CommandId::Hget => hget,
        CommandId::Hmget => hmget,
        CommandId::Hexists => hexists,
        CommandId::Hstrlen => hstrlen,
        CommandId::Hlen => hlen,
        CommandId::Hgetall => hgetall,
        CommandId::Hkeys => |call| one_side(call, |field| field.name),
        CommandId::Hvals => |call| one_side(call, |field| field.value),
        CommandId::Hrandfield => hrandfield,
        CommandId::Hscan => hscan,
        _ => return None,
    })
}

/// The time that decides which fields this caller sees.
pub fn field_clock(keys: &Keyspace) -> i64 {
    if keys.caller == Caller::Primary { LOOK_AT_ALL } else { keys.now_ms }
}

/// Removes a field that this caller does not see, so that what follows makes it anew.
pub fn forget_expired(hash: &mut Hash, field: &[u8], now_ms: i64) {
    if hash.expiring_len() > 0 && hash.get(field, now_ms).is_none() {
        hash.remove(field);
    }
}

fn hset(call: &mut Call<'_>, name: &str) -> Done {
    if !call.args.len().is_multiple_of(2) {
        return Err(format!("ERR wrong number of arguments for '{name}' command").into());
    }
    let (key, pairs) = (call.args[1], &call.args[2..]);
    let (limits, now_ms) = (call.keys.settings.limits, field_clock(call.keys));
    let hash = call.keys.hash_or_new(key)?;
    let mut created = 0;
    for pair in pairs.chunks_exact(2) {
        forget_expired(hash, pair[0], now_ms);
        created += usize::from(hash.insert(pair[0], pair[1], &limits));
    }
    if name == "hset" {
        call.reply.count(created);
    } else {
        call.reply.ok();
    }
    call.keys.touched(b'h', "hset", key, pairs.len() as u64 / 2);
    Ok(())
}

fn hsetnx(call: &mut Call<'_>) -> Done {
    let (key, field) = (call.args[1], call.args[2]);
    let (limits, now_ms) = (call.keys.settings.limits, field_clock(call.keys));
    let hash = call.keys.hash_or_new(key)?;
    forget_expired(hash, field, now_ms);
    let free = hash.get(field, now_ms).is_none();
    if free {
        hash.insert(field, call.args[3], &limits);
        call.keys.touched(b'h', "hset", key, 1);
    }
    call.reply.flag(free);
    Ok(())
}

fn hdel(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let now_ms = field_clock(call.keys);
    let Some(hash) = call.keys.hash_mut(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let mut removed = 0;
    for field in &call.args[2..] {
        if hash.get(field, now_ms).is_some() {
            hash.remove(field);
            removed += 1;
        }
    }
    if removed > 0 {
        call.keys.touched(b'h', "hdel", key, removed);
        call.keys.remove_if_empty(key);
    }
    call.reply.int(removed as i64);
    Ok(())
}

/// Makes sure that a hash which a command made and then gave up on does not stay.
fn give_up(call: &mut Call<'_>, key: &[u8], error: &'static str) -> Done {
    if let Ok(Some(hash)) = call.keys.hash_mut(key)
        && hash.is_empty()
    {
        call.keys.remove(key);
    }
    Err(error.into())
}

fn hincrby(call: &mut Call<'_>) -> Done {
    let (key, field) = (call.args[1], call.args[2]);
    let increment = call.int(3)?;
    let (limits, now_ms) = (call.keys.settings.limits, field_clock(call.keys));
    let hash = call.keys.hash_or_new(key)?;
    forget_expired(hash, field, now_ms);
    let old = match hash.get(field, now_ms).map(|field| field.value) {
        None => Some(0),
        Some(Value::Int(int)) => Some(int),
        Some(Value::Bytes(bytes)) => parse_i64(bytes),
    };
    let Some(old) = old else { return Err(errors::HASH_NOT_INTEGER.into()) };
    let Some(new) = old.checked_add(increment) else { return Err(errors::OVERFLOW.into()) };
    hash.insert_keeping_expiry(field, itoa::Buffer::new().format(new).as_bytes(), &limits);
    call.reply.int(new);
    call.keys.touched(b'h', "hincrby", key, 1);
    Ok(())
}

fn hincrbyfloat(call: &mut Call<'_>) -> Done {
    let (key, field) = (call.args[1], call.args[2]);
    let increment = LongDouble::parse(call.args[3]).ok_or(errors::NOT_FLOAT)?;
    if !increment.is_finite() {
        return Err("ERR value is NaN or Infinity".into());
    }
    let (limits, now_ms) = (call.keys.settings.limits, field_clock(call.keys));
    let hash = call.keys.hash_or_new(key)?;
    forget_expired(hash, field, now_ms);
    let digits = &mut itoa::Buffer::new();
    let old = match hash.get(field, now_ms) {
        None => LongDouble::parse(b"0"),
        Some(found) => LongDouble::parse(found.value.as_bytes(digits)),
    };
    let Some(old) = old else { return Err(errors::HASH_NOT_FLOAT.into()) };
    let sum = old + increment;
    if !sum.is_finite() {
        return give_up(call, key, errors::NAN_OR_INFINITY);
    }
    let text = sum.to_text();
    hash.insert_keeping_expiry(field, &text, &limits);
    let expires_ms = hash.get(field, LOOK_AT_ALL).and_then(|field| field.expires_ms);
    call.reply.bulk(&text);
    call.keys.touched(b'h', "hincrbyfloat", key, 1);
    // The replica gets the sum: its arithmetic might differ. HSET clears an expiry, so that is fed again.
    call.feed(&[b"HSET", key, field, &text]);
    if let Some(at) = expires_ms {
        call.feed(&[b"HPEXPIREAT", key, itoa::Buffer::new().format(at).as_bytes(), b"FIELDS", b"1", field]);
    }
    Ok(())
}

fn hget(call: &mut Call<'_>) -> Done {
    let (field, now_ms) = (call.args[2], field_clock(call.keys));
    match call.keys.hash_at(call.args[1])?.and_then(|hash| hash.get(field, now_ms)) {
        Some(found) => reply_value(call.reply, found.value),
        None => call.reply.null(),
    }
    Ok(())
}

fn hmget(call: &mut Call<'_>) -> Done {
    let (fields, now_ms) = (&call.args[2..], field_clock(call.keys));
    let hash = call.keys.hash_at(call.args[1])?;
    call.reply.array(fields.len());
    for field in fields {
        match hash.and_then(|hash| hash.get(field, now_ms)) {
            Some(found) => reply_value(call.reply, found.value),
            None => call.reply.null(),
        }
    }
    Ok(())
}

fn hexists(call: &mut Call<'_>) -> Done {
    let (field, now_ms) = (call.args[2], field_clock(call.keys));
    let found = call.keys.hash_at(call.args[1])?.is_some_and(|hash| hash.get(field, now_ms).is_some());
    call.reply.flag(found);
    Ok(())
}

fn hstrlen(call: &mut Call<'_>) -> Done {
    let (field, now_ms) = (call.args[2], field_clock(call.keys));
    let found = call.keys.hash_at(call.args[1])?.and_then(|hash| hash.get(field, now_ms));
    call.reply.count(found.map_or(0, |found| found.value.as_bytes(&mut itoa::Buffer::new()).len()));
    Ok(())
}

fn hlen(call: &mut Call<'_>) -> Done {
    let len = call.keys.hash_at(call.args[1])?.map_or(0, Hash::len);
    call.reply.count(len);
    Ok(())
}

/// The fields that are not hidden, and how many.
fn live(hash: &Hash, now_ms: i64) -> (impl Iterator<Item = Field<'_>>, usize) {
    let hidden = match hash.earliest_expiry_ms() {
        Some(at) if at < now_ms => hash.iter().filter(|field| field.is_expired(now_ms)).count(),
        _ => 0,
    };
    (hash.iter().filter(move |field| !field.is_expired(now_ms)), hash.len() - hidden)
}

fn hgetall(call: &mut Call<'_>) -> Done {
    let now_ms = field_clock(call.keys);
    let Some(hash) = call.keys.hash_at(call.args[1])? else {
        call.reply.map(0);
        return Ok(());
    };
    let (fields, count) = live(hash, now_ms);
    call.reply.map(count);
    for field in fields {
        reply_value(call.reply, field.name);
        reply_value(call.reply, field.value);
    }
    Ok(())
}

/// HKEYS and HVALS.
fn one_side(call: &mut Call<'_>, side: for<'a> fn(&Field<'a>) -> Value<'a>) -> Done {
    let now_ms = field_clock(call.keys);
    let Some(hash) = call.keys.hash_at(call.args[1])? else {
        call.reply.array(0);
        return Ok(());
    };
    let (fields, count) = live(hash, now_ms);
    call.reply.array(count);
    fields.for_each(|field| reply_value(call.reply, side(&field)));
    Ok(())
}

/// A random field that is not hidden; a few tries, then a pass.
fn random_field<'a>(hash: &'a Hash, now_ms: i64, rng: &mut Rng) -> Option<Field<'a>> {
    for _ in 0..16 {
        let field = hash.random(rng.next_u64())?;
        if !field.is_expired(now_ms) {
            return Some(field);
        }
    }
    let (fields, count) = live(hash, now_ms);
    choose(fields, count, 1, rng).pop()
}

fn hrandfield(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let now_ms = field_clock(call.keys);
    let mut rng = Rng::new(call.keys.rng.next_u64());
    let Some(count) = call.args.get(2) else {
        match call.keys.hash_at(key)?.and_then(|hash| random_field(hash, now_ms, &mut rng)) {
            Some(field) => reply_value(call.reply, field.name),
            None => call.reply.null(),
        }
        return Ok(());
    };
    let plain = parse_wanted(count, false)?;
    let (wanted, with_values) = match &call.args[3..] {
        [] => (plain, false),
        [word] if is(word, "WITHVALUES") => (parse_wanted(count, true)?, true),
        _ => return Err(errors::SYNTAX.into()),
    };
    let Some(hash) = call.keys.hash_at(key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let pairs = with_values && call.reply.protocol == redtwin_resp::Protocol::Resp3;
    let head = |call: &mut redtwin_resp::Reply, count: usize| {
        call.array(if with_values && !pairs { 2 * count } else { count });
    };
    let one = |reply: &mut redtwin_resp::Reply, field: Field<'_>| {
        if pairs {
            reply.array(2);
        }
        reply_value(reply, field.name);
        if with_values {
            reply_value(reply, field.value);
        }
    };
    let (fields, size) = live(hash, now_ms);
    match wanted {
        Wanted::Repeated(count) if size > 0 => {
            check_repeated(count)?;
            head(call.reply, count);
            repeat(call.reply, count, |reply| {
                random_field(hash, now_ms, &mut rng).into_iter().for_each(|field| one(reply, field));
            })?;
        }
        Wanted::Repeated(_) => call.reply.array(0),
        Wanted::Distinct(count) if few_of(count, size) => {
            let mut seen = HashSet::with_capacity(count);
            head(call.reply, count);
            while seen.len() < count {
                let Some(field) = random_field(hash, now_ms, &mut rng) else { break };
                if seen.insert(field.name.to_vec()) {
                    one(call.reply, field);
                }
            }
        }
        Wanted::Distinct(count) => {
            let chosen = choose(fields, size, count.min(size), &mut rng);
            head(call.reply, chosen.len());
            chosen.into_iter().for_each(|field| one(call.reply, field));
        }
    }
    Ok(())
}

fn hscan(call: &mut Call<'_>) -> Done {
    let mut cursor = parse_cursor(call.args[2])?;
    let now_ms = field_clock(call.keys);
    let Some(hash) = call.keys.hash_at(call.args[1])? else {
        return empty_scan(call);
    };
    let options = parse_scan_options(&call.args[3..], false)?;
    let (mut found, mut looked_at) = (Vec::new(), 0);
    loop {
        cursor = hash.scan(cursor, |field| {
            looked_at += 1;
            let digits = &mut itoa::Buffer::new();
            if !field.is_expired(now_ms)
                && options.pattern.is_none_or(|p| glob::matches(p, field.name.as_bytes(digits), false))
            {
                found.push(field);
            }
        });
        if cursor == 0 || looked_at >= options.count {
            break;
        }
    }
    call.reply.array(2);
    call.reply.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    call.reply.array(2 * found.len());
    for field in found {
        reply_value(call.reply, field.name);
        reply_value(call.reply, field.value);
    }
    Ok(())
}

/// The reply of a scan where there is nothing; its options are not even read.
pub fn empty_scan(call: &mut Call<'_>) -> Result<(), Stopped> {
    call.reply.array(2);
    call.reply.bulk(b"0");
    call.reply.array(0);
    Ok(())
}
