//! Sets: intersections, unions and differences, as a reply, as a number, or stored.
//!
//! A missing key is an empty set; every key's type is checked before anything is computed.

use super::ranges::{int_within, reply_value};
use super::{Call, Done, Handler, is};
use crate::entry::{NewValue, Value as EntryValue};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::{Keyspace, Stopped};
use crate::object::Object;
use redtwin_structures::limits::Limits;
use redtwin_structures::listpack::Value;
use redtwin_structures::set::{BATCH, Set};
use smallvec::SmallVec;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Sinter => |call| reply(call, Operation::Inter),
        CommandId::Sunion | CommandId::Smembers => |call| reply(call, Operation::Union),
        CommandId::Sdiff => |call| reply(call, Operation::Diff),
        CommandId::Sinterstore => |call| store(call, Operation::Inter, "sinterstore"),
        CommandId::Sunionstore => |call| store(call, Operation::Union, "sunionstore"),
        CommandId::Sdiffstore => |call| store(call, Operation::Diff, "sdiffstore"),
        CommandId::Sintercard => sintercard,
        _ => return None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Inter,
    Union,
    Diff,
}

/// The sets of the keys, for a caller that looks at several at once.
fn sets<'a>(keys: &'a mut Keyspace, names: &[&[u8]]) -> Result<Vec<Option<&'a Set>>, Stopped> {
    for name in names {
        // Expires what has to go, counts hits and misses, and refuses other types.
        keys.set(name)?;
    }
    let keys = &*keys;
    Ok(names
        .iter()
        .map(|name| {
            let table = &keys.dbs[keys.selected].table;
            let entry = table.get(table.hash(name), name)?;
            match entry.value() {
                EntryValue::Object(Object::Set(set)) if !keys.is_expired(entry.expire_ms()) => Some(set),
                _ => None,
            }
        })
        .collect())
}

/// Hands over the members of the intersection until `emit` says false. The members of the smallest set go through the
/// others a batch at a time, so that their look-ups wait for memory together.
fn intersect<'a>(sets: &[Option<&'a Set>], mut emit: impl FnMut(Value<'a>) -> bool) {
    let Some(mut sets) = sets.iter().copied().collect::<Option<SmallVec<[&Set; 4]>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    let mut members = smallest.iter();
    loop {
        let mut batch: SmallVec<[Value<'a>; BATCH]> = members.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return;
        }
        others.iter().for_each(|set| set.retain_common(&mut batch));
        if !batch.into_iter().all(&mut emit) {
            return;
        }
    }
}

/// The union or the difference as a set of its own.
fn collect(operation: Operation, sets: &[Option<&Set>], limits: &Limits) -> Set {
    let mut result = Set::new();
    let mut add = |member: Value<'_>| result.insert(member.as_bytes(&mut itoa::Buffer::new()), limits);
    match (operation, sets) {
        (Operation::Inter, _) => intersect(sets, |member| {
            add(member);
            true
        }),
        (Operation::Union, _) => {
            for set in sets.iter().flatten() {
                set.iter().for_each(|member| {
                    add(member);
                });
            }
        }
        (Operation::Diff, [Some(first), others @ ..]) => {
            for member in first.iter() {
                let digits = &mut itoa::Buffer::new();
                let bytes = member.as_bytes(digits);
                if !others.iter().flatten().any(|set| set.contains(bytes)) {
                    add(member);
                }
            }
        }
        (Operation::Diff, _) => {}
    }
    result
}

fn reply(call: &mut Call<'_>, operation: Operation) -> Done {
    let limits = call.keys.settings.limits;
    let sets = sets(call.keys, &call.args[1..])?;
    if let (Operation::Union, [Some(only)]) = (operation, &sets[..]) {
        call.reply.set(only.len());
        only.iter().for_each(|member| reply_value(call.reply, member));
        return Ok(());
    }
    if operation == Operation::Inter {
        let (head, mut count) = (call.reply.mark(), 0);
        intersect(&sets, |member| {
            reply_value(call.reply, member);
            count += 1;
            true
        });
        call.reply.set_at(head, count);
        return Ok(());
    }
    let result = collect(operation, &sets, &limits);
    call.reply.set(result.len());
    result.iter().for_each(|member| reply_value(call.reply, member));
    Ok(())
}

fn store(call: &mut Call<'_>, operation: Operation, event: &'static str) -> Done {
    let target = call.args[1];
    let limits = call.keys.settings.limits;
    let result = collect(operation, &sets(call.keys, &call.args[2..])?, &limits);
    call.reply.count(result.len());
    if result.is_empty() {
        if call.keys.exists(target) {
            call.keys.remove(target);
            call.keys.touched(b'g', "del", target, 1);
        }
        return Ok(());
    }
    call.keys.put(target, NewValue::Object(Object::Set(result)), false);
    call.keys.touched(b's', event, target, 1);
    Ok(())
}

fn sintercard(call: &mut Call<'_>) -> Done {
    let count = int_within(call.args[1], 1, i64::MAX, "ERR numkeys should be greater than 0")?;
    let names = usize::try_from(count).ok().and_then(|count| call.args.get(2..count.checked_add(2)?));
    let Some(names) = names else {
        return Err("ERR Number of keys can't be greater than number of args".into());
    };
    let mut limit = 0;
    let mut options = &call.args[2 + names.len()..];
    while let [word, rest @ ..] = options {
        let [value, rest @ ..] = rest else { return Err(errors::SYNTAX.into()) };
        if !is(word, "LIMIT") {
            return Err(errors::SYNTAX.into());
        }
        limit = int_within(value, 0, i64::MAX, "ERR LIMIT can't be negative")? as usize;
        options = rest;
    }
    let sets = sets(call.keys, names)?;
    let mut count = 0;
    intersect(&sets, |_| {
        count += 1;
        count != limit
    });
    call.reply.count(count);
    Ok(())
}
