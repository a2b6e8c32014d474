//! Sets: members in and out, one at a time or at random. What several sets give together is in set_algebra.rs.

use super::ranges::{int_within, reply_value};
use super::sampling::{Wanted, check_repeated, choose, few_of, parse_wanted, repeat};
use super::scan::{parse_cursor, parse_scan_options};
use super::{Call, Done, Handler};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::rng::Rng;
use crate::{glob, typed};
use redtwin_structures::listpack::Value;
use redtwin_structures::set::Set;
use std::collections::HashSet;

typed!(Set, Set, set, set_mut, set_or_new, Set::new());

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Sadd => sadd,
        CommandId::Srem => srem,
        CommandId::Smove => smove,
        CommandId::Sismember => sismember,
        CommandId::Smismember => smismember,
        CommandId::Scard => scard,
        CommandId::Spop => spop,
        CommandId::Srandmember => srandmember,
        CommandId::Sscan => sscan,
        _ => return None,
    })
}

/// Adds to a set that may have to be made; false when the member was there.
fn add(call: &mut Call<'_>, key: &[u8], member: &[u8]) -> Result<bool, crate::keyspace::Stopped> {
    let limits = call.keys.settings.limits;
    let set = call.keys.set_or_new(key)?;
    if set.is_empty() {
        *set = Set::for_member(member);
    }
    Ok(set.insert(member, &limits))
}

fn sadd(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let limits = call.keys.settings.limits;
    let set = call.keys.set_or_new(key)?;
    if set.is_empty() {
        *set = Set::for_member(call.args[2]);
    }
    let added = call.args[2..].iter().filter(|member| set.insert(member, &limits)).count();
    if added > 0 {
        call.keys.touched(b's', "sadd", key, added as u64);
    }
    call.reply.count(added);
    Ok(())
}

fn srem(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let Some(set) = call.keys.set_mut(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let removed = call.args[2..].iter().filter(|member| set.remove(member)).count();
    if removed > 0 {
        call.keys.touched(b's', "srem", key, removed as u64);
        call.keys.remove_if_empty(key);
    }
    call.reply.count(removed);
    Ok(())
}

fn smove(call: &mut Call<'_>) -> Done {
    let (source, target, member) = (call.args[1], call.args[2], call.args[3]);
    let moved = if call.keys.set_mut(source)?.is_none() {
        false
    } else {
        call.keys.set_mut(target)?;
        match call.keys.set_mut(source)? {
            Some(set) if source == target => {
                let there = set.contains(member);
                call.reply.flag(there);
                return Ok(());
            }
            Some(set) => set.remove(member),
            None => false,
        }
    };
    call.reply.flag(moved);
    if moved {
        call.keys.touched(b's', "srem", source, 1);
        call.keys.remove_if_empty(source);
        if add(call, target, member)? {
            call.keys.touched(b's', "sadd", target, 1);
        }
    }
    Ok(())
}

fn sismember(call: &mut Call<'_>) -> Done {
    let member = call.args[2];
    let found = call.keys.set(call.args[1])?.is_some_and(|set| set.contains(member));
    call.reply.flag(found);
    Ok(())
}

fn smismember(call: &mut Call<'_>) -> Done {
    let members = &call.args[2..];
    let set = call.keys.set(call.args[1])?;
    call.reply.array(members.len());
    members.iter().for_each(|member| call.reply.flag(set.is_some_and(|set| set.contains(member))));
    Ok(())
}

fn scard(call: &mut Call<'_>) -> Done {
    let len = call.keys.set(call.args[1])?.map_or(0, Set::len);
    call.reply.count(len);
    Ok(())
}

fn spop(call: &mut Call<'_>) -> Done {
    match call.args.len() {
        2 => spop_one(call),
        3 => spop_count(call),
        _ => Err(errors::SYNTAX.into()),
    }
}

fn spop_one(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let random = call.keys.rng.next_u64();
    let member = match call.keys.set_mut(key)? {
        Some(set) => {
            let member = set.random(random).map(|member| member.to_vec());
            member.inspect(|member| {
                set.remove(member);
            })
        }
        None => None,
    };
    let Some(member) = member else {
        call.reply.null();
        return Ok(());
    };
    call.keys.touched(b's', "spop", key, 1);
    call.feed(&[b"SREM", key, &member]);
    call.reply.bulk(&member);
    call.keys.remove_if_empty(key);
    Ok(())
}

/// Up to `count` different members.
fn distinct<'a>(set: &'a Set, count: usize, rng: &mut Rng) -> Vec<Value<'a>> {
    let size = set.len();
    if !few_of(count, size) {
        return choose(set.iter(), size, count.min(size), rng);
    }
    let (mut members, mut seen) = (Vec::with_capacity(count), HashSet::with_capacity(count));
    while members.len() < count {
        let Some(member) = set.random(rng.next_u64()) else { break };
        if seen.insert(member.to_vec()) {
            members.push(member);
        }
    }
    members
}

fn spop_count(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let count = int_within(call.args[2], 0, i64::MAX, errors::MUST_BE_POSITIVE)? as usize;
    let mut rng = Rng::new(call.keys.rng.next_u64());
    let Some(set) = call.keys.set_mut(key)? else {
        call.reply.set(0);
        return Ok(());
    };
    if count == 0 {
        call.reply.set(0);
        return Ok(());
    }
    let size = set.len();
    if count >= size {
        call.reply.set(size);
        set.iter().for_each(|member| reply_value(call.reply, member));
        call.keys.remove(key);
        call.keys.touched(b's', "spop", key, size as u64);
        call.keys.notify(b'g', "del", key);
        call.feed(&[b"DEL", key]);
        return Ok(());
    }
    let members: Vec<Vec<u8>> = distinct(set, count, &mut rng).iter().map(Value::to_vec).collect();
    call.reply.set(members.len());
    for member in &members {
        set.remove(member);
        call.reply.bulk(member);
    }
    call.keys.touched(b's', "spop", key, count as u64);
    // One SREM for all, as Redis 8 does; 7.0 feeds one per member.
    for part in members.chunks(1024) {
        let mut command: Vec<&[u8]> = vec![b"SREM", key];
        command.extend(part.iter().map(Vec::as_slice));
        call.feed(&command);
    }
    Ok(())
}

fn srandmember(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    if call.args.len() > 3 {
        return Err(errors::SYNTAX.into());
    }
    let mut rng = Rng::new(call.keys.rng.next_u64());
    let Some(count) = call.args.get(2) else {
        match call.keys.set(key)?.and_then(|set| set.random(rng.next_u64())) {
            Some(member) => reply_value(call.reply, member),
            None => call.reply.null(),
        }
        return Ok(());
    };
    let wanted = parse_wanted(count, false)?;
    let Some(set) = call.keys.set(key)? else {
        call.reply.array(0);
        return Ok(());
    };
    match wanted {
        Wanted::Repeated(count) => {
            check_repeated(count)?;
            call.reply.array(count);
            repeat(call.reply, count, |reply| {
                set.random(rng.next_u64()).into_iter().for_each(|member| reply_value(reply, member));
            })?;
        }
        Wanted::Distinct(count) => {
            let members = distinct(set, count, &mut rng);
            call.reply.array(members.len());
            members.iter().for_each(|member| reply_value(call.reply, *member));
        }
    }
    Ok(())
}

fn sscan(call: &mut Call<'_>) -> Done {
    let mut cursor = parse_cursor(call.args[2])?;
    let Some(set) = call.keys.set(call.args[1])? else {
        return super::hash::empty_scan(call);
    };
    let options = parse_scan_options(&call.args[3..], false)?;
    let (mut found, mut looked_at) = (Vec::new(), 0);
    loop {
        cursor = set.scan(cursor, |member| {
            looked_at += 1;
            let digits = &mut itoa::Buffer::new();
            if options.pattern.is_none_or(|p| glob::matches(p, member.as_bytes(digits), false)) {
                found.push(member);
            }
        });
        if cursor == 0 || looked_at >= options.count {
            break;
        }
    }
    call.reply.array(2);
    call.reply.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    call.reply.array(found.len());
    found.iter().for_each(|member| reply_value(call.reply, *member));
    Ok(())
}
