//! XINFO: what a stream, its groups and their consumers are made of.
//!
//! Idle times are told from the clock of the call, everything else from the stream as it is.

use super::super::{Call, Done, is, parse_int};
use super::group::no_group;
use super::reply;
use crate::generated::errors;
use crate::keyspace::Stopped;
use redtwin_resp::Reply;
use redtwin_structures::stream::{Direction, Group, Stream, StreamId};

const HELP: [&str; 6] = [
    "CONSUMERS <key> <groupname>",
    "    Show consumers of <groupname>.",
    "GROUPS <key>",
    "    Show the stream consumer groups.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Show information about the stream.",
];

/// Entries, pending and owned ones that FULL shows when it is not told how many.
const FULL_COUNT: usize = 10;

pub fn xinfo(call: &mut Call<'_>) -> Done {
    let (args, now_ms) = (call.args, call.keys.now_ms);
    if is(args[1], "HELP") {
        call.help("XINFO", &HELP);
        return Ok(());
    }
    let key = args[2];
    let Some(stream) = call.keys.stream(key)? else { return Err(errors::NO_SUCH_KEY.into()) };
    match args.len() {
        4 if is(args[1], "CONSUMERS") => match stream.group(args[3]) {
            Some(group) => consumers(call.reply, group, now_ms),
            None => return Err(no_group(key, args[3])),
        },
        3 if is(args[1], "GROUPS") => groups(call.reply, stream),
        _ if is(args[1], "STREAM") => match full_count(args)? {
            None => short(call.reply, stream),
            Some(count) => long(call.reply, stream, count),
        },
        _ => return Err(reply::unknown_subcommand(args)),
    }
    Ok(())
}

/// `FULL [COUNT n]` after XINFO STREAM key: None when it is not there, 0 for no limit.
fn full_count(args: &[&[u8]]) -> Result<Option<usize>, Stopped> {
    match args[3..] {
        [] => Ok(None),
        [word] if is(word, "FULL") => Ok(Some(FULL_COUNT)),
        [word, count, number] if is(word, "FULL") && is(count, "COUNT") => {
            Ok(Some(usize::try_from(parse_int(number)?).unwrap_or(FULL_COUNT)))
        }
        _ => Err(reply::unknown_subcommand(args)),
    }
}

fn name_and_int(to: &mut Reply, name: &str, value: i64) {
    to.bulk(name.as_bytes());
    to.int(value);
}

fn name_and_id(to: &mut Reply, name: &str, id: StreamId) {
    to.bulk(name.as_bytes());
    reply::id(to, id);
}

fn name_and_maybe(to: &mut Reply, name: &str, value: Option<i64>) {
    to.bulk(name.as_bytes());
    match value {
        Some(value) => to.int(value),
        None => to.null(),
    }
}

fn consumers(to: &mut Reply, group: &Group, now_ms: i64) {
    to.array(group.consumer_count());
    for (_, consumer) in group.consumers() {
        to.map(3);
        to.bulk(b"name");
        to.bulk(consumer.name());
        name_and_int(to, "pending", consumer.owned().len() as i64);
        name_and_int(to, "idle", now_ms.wrapping_sub(consumer.seen_ms).max(0));
    }
}

fn groups(to: &mut Reply, stream: &Stream) {
    to.array(stream.groups().len());
    for (name, group) in stream.groups() {
        to.map(6);
        to.bulk(b"name");
        to.bulk(name);
        name_and_int(to, "consumers", group.consumer_count() as i64);
        name_and_int(to, "pending", group.pending().len() as i64);
        name_and_id(to, "last-delivered-id", group.last_id);
        name_and_maybe(to, "entries-read", group.entries_read);
        name_and_maybe(to, "lag", stream.lag(group));
    }
}

/// What both forms of XINFO STREAM begin with: seven pairs.
fn counters(to: &mut Reply, stream: &Stream) {
    name_and_int(to, "length", stream.len() as i64);
    name_and_int(to, "radix-tree-keys", stream.nodes().len() as i64);
    name_and_int(to, "radix-tree-nodes", stream.radix_tree_nodes() as i64);
    name_and_id(to, "last-generated-id", stream.last_id);
    name_and_id(to, "max-deleted-entry-id", stream.max_deleted_id);
    name_and_int(to, "entries-added", stream.entries_added as i64);
    name_and_id(to, "recorded-first-entry-id", stream.first_id());
}

fn short(to: &mut Reply, stream: &Stream) {
    to.map(10);
    counters(to, stream);
    name_and_int(to, "groups", stream.groups().len() as i64);
    for (name, direction) in [("first-entry", Direction::Forward), ("last-entry", Direction::Backward)] {
        to.bulk(name.as_bytes());
        match stream.entries(StreamId::MIN, StreamId::MAX, direction).next() {
            Some(entry) => reply::entry(to, &entry),
            None => to.null(),
        }
    }
}

fn long(to: &mut Reply, stream: &Stream, count: usize) {
    let most = if count == 0 { usize::MAX } else { count };
    to.map(9);
    counters(to, stream);
    to.bulk(b"entries");
    reply::entries(to, stream.iter(), count);
    to.bulk(b"groups");
    to.array(stream.groups().len());
    for (name, group) in stream.groups() {
        to.map(7);
        to.bulk(b"name");
        to.bulk(name);
        name_and_id(to, "last-delivered-id", group.last_id);
        name_and_maybe(to, "entries-read", group.entries_read);
        name_and_maybe(to, "lag", stream.lag(group));
        name_and_int(to, "pel-count", group.pending().len() as i64);
        to.bulk(b"pending");
        to.array(group.pending().len().min(most));
        for (id, pending) in group.pending().iter().take(most) {
            to.array(4);
            reply::id(to, *id);
            to.bulk(group.consumer(pending.consumer).map_or(b"", |consumer| consumer.name()));
            to.int(pending.delivered_ms);
            to.int(pending.deliveries as i64);
        }
        to.bulk(b"consumers");
        to.array(group.consumer_count());
        for (_, consumer) in group.consumers() {
            to.map(4);
            to.bulk(b"name");
            to.bulk(consumer.name());
            name_and_int(to, "seen-time", consumer.seen_ms);
            name_and_int(to, "pel-count", consumer.owned().len() as i64);
            to.bulk(b"pending");
            to.array(consumer.owned().len().min(most));
            for id in consumer.owned().iter().take(most) {
                to.array(3);
                reply::id(to, *id);
                let pending = group.pending().get(id);
                to.int(pending.map_or(0, |pending| pending.delivered_ms));
                to.int(pending.map_or(0, |pending| pending.deliveries as i64));
            }
        }
    }
}
