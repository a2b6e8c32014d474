//! XPENDING: what a group's consumers got and have not acknowledged; in short, or entry by entry.
//!
//! Reads only: claiming and acknowledging are in files of their own.

use super::super::{Call, Done, is, parse_int};
use super::claim::no_key_or_group;
use super::{arguments, reply};
use crate::generated::errors;
use crate::keyspace::Stopped;
use redtwin_resp::Reply;
use redtwin_structures::stream::{Group, StreamId};

/// What the long form asks for.
struct Wanted<'a> {
    min_idle_ms: i64,
    start: StreamId,
    stop: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

/// `[IDLE ms] start stop count [consumer]`, in Redis's order of checks.
fn parse<'a>(args: &'a [&'a [u8]]) -> Result<Wanted<'a>, Stopped> {
    let (mut at, mut min_idle_ms) = (3, 0);
    if is(args[3], "IDLE") {
        min_idle_ms = parse_int(args[4])?;
        if args.len() < 8 {
            return Err(errors::SYNTAX.into());
        }
        at = 5;
    }
    let count = parse_int(args[at + 2])?.max(0) as usize;
    let start = arguments::interval_start(args[at])?;
    let stop = arguments::interval_stop(args[at + 1])?;
    Ok(Wanted { min_idle_ms, start, stop, count, consumer: args.get(at + 3).copied() })
}

pub fn xpending(call: &mut Call<'_>) -> Done {
    let (args, now_ms) = (call.args, call.keys.now_ms);
    if args.len() != 3 && !(6..=9).contains(&args.len()) {
        return Err(errors::SYNTAX.into());
    }
    let wanted = if args.len() == 3 { None } else { Some(parse(args)?) };
    let (key, name) = (args[1], args[2]);
    let group = call.keys.stream(key)?.and_then(|stream| stream.group(name));
    let Some(group) = group else { return Err(no_key_or_group(key, name)) };
    match wanted {
        None => summary(call.reply, group),
        Some(wanted) => list(call.reply, group, &wanted, now_ms),
    }
    Ok(())
}

fn summary(to: &mut Reply, group: &Group) {
    to.array(4);
    to.count(group.pending().len());
    let (Some(first), Some(last)) = (group.pending().keys().next(), group.pending().keys().next_back())
    else {
        to.null();
        to.null();
        to.null_array();
        return;
    };
    reply::id(to, *first);
    reply::id(to, *last);
    let busy: Vec<_> = group.consumers().filter(|(_, consumer)| !consumer.owned().is_empty()).collect();
    to.array(busy.len());
    for (_, consumer) in busy {
        to.array(2);
        to.bulk(consumer.name());
        to.bulk_int(consumer.owned().len() as i64);
    }
}

fn list(to: &mut Reply, group: &Group, wanted: &Wanted<'_>, now_ms: i64) {
    let owner = wanted.consumer.map(|name| group.find_consumer(name));
    if wanted.start > wanted.stop || owner == Some(None) {
        to.array(0);
        return;
    }
    let range = wanted.start..=wanted.stop;
    let ids: Box<dyn Iterator<Item = StreamId>> =
        match owner.flatten().and_then(|owner| group.consumer(owner)) {
            Some(consumer) => Box::new(consumer.owned().range(range).copied()),
            None => Box::new(group.pending_in(range).map(|(id, _)| id)),
        };
    let mark = to.mark();
    let mut written = 0;
    for id in ids {
        if written == wanted.count {
            break;
        }
        let Some(pending) = group.pending().get(&id) else { continue };
        let idle_ms = now_ms.wrapping_sub(pending.delivered_ms);
        // A negative minimum is no minimum, but Redis still compares; only 0 is not compared.
        if wanted.min_idle_ms != 0 && idle_ms < wanted.min_idle_ms {
            continue;
        }
        written += 1;
        to.array(4);
        reply::id(to, id);
        to.bulk(group.consumer(pending.consumer).map_or(b"", |consumer| consumer.name()));
        to.int(idle_ms.max(0));
        to.int(pending.deliveries as i64);
    }
    to.array_at(mark, written);
}
