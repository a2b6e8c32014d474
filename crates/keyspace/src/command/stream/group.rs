//! XGROUP and XACK: making, moving and destroying groups and consumers, and acknowledging what they got.
//!
//! The commands that hand entries out are elsewhere (reading, claiming); here nothing is delivered.

use super::super::{Call, Done, is, parse_int};
use super::{all_ids, arguments, reply};
use crate::generated::errors;
use crate::keyspace::Stopped;
use redtwin_structures::stream::StreamId;

const HELP: [&str; 12] = [
    "CREATE <key> <groupname> <id|$> [option]",
    "    Create a new consumer group. Options are:",
    "    * MKSTREAM",
    "      Create the empty stream if it does not exist.",
    "    * ENTRIESREAD entries_read",
    "      Set the group's entries_read counter (internal use).",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Create a new consumer in the specified group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove the specified consumer.",
    "DESTROY <key> <groupname>",
    "    Remove the specified group.",
];
const HELP_SETID: [&str; 2] = [
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Set the current group ID and entries_read counter.",
];

/// The error for a group that is not there.
pub fn no_group(key: &[u8], group: &[u8]) -> Stopped {
    Stopped::Text([b"NOGROUP No such consumer group '", group, b"' for key name '", key, b"'"].concat())
}

#[derive(Default)]
struct Options {
    make_stream: bool,
    entries_read: Option<i64>,
}

fn options(call: &Call<'_>) -> Result<Options, Stopped> {
    let word = call.args[1];
    let (creates, sets) = (is(word, "CREATE"), is(word, "SETID"));
    let mut options = Options::default();
    let mut rest = call.args.get(5..).unwrap_or_default();
    while let [option, after @ ..] = rest {
        if creates && is(option, "MKSTREAM") {
            options.make_stream = true;
            rest = after;
        } else if let [number, after @ ..] = after
            && (creates || sets)
            && is(option, "ENTRIESREAD")
        {
            options.entries_read = match parse_int(number)? {
                -1 => None,
                ..0 => return Err("ERR value for ENTRIESREAD must be positive or -1".into()),
                read => Some(read),
            };
            rest = after;
        } else {
            return Err(reply::unknown_subcommand(call.args));
        }
    }
    Ok(options)
}

pub fn xgroup(call: &mut Call<'_>) -> Done {
    let word = call.args[1];
    if is(word, "HELP") {
        call.help("XGROUP", &[&HELP[..], &HELP_SETID].concat());
        return Ok(());
    }
    let options = options(call)?;
    let (key, name) = (call.args[2], call.args[3]);
    let stream = call.keys.stream_mut(key)?;
    let last_id = stream.as_ref().map(|stream| stream.last_id);
    let known = stream.is_some_and(|stream| stream.group(name).is_some());
    if !options.make_stream {
        if last_id.is_none() {
            return Err(errors::NO_KEY_FOR_STREAM.into());
        }
        let needed = ["SETID", "CREATECONSUMER", "DELCONSUMER"].iter().any(|needs| is(word, needs));
        if needed && !known {
            return Err(no_group(key, name));
        }
    }
    match call.args.len() {
        5..=8 if is(word, "CREATE") => create(call, &options, last_id),
        5 | 7 if is(word, "SETID") => set_id(call, &options, last_id),
        4 if is(word, "DESTROY") => destroy(call),
        5 if is(word, "CREATECONSUMER") => create_consumer(call),
        5 if is(word, "DELCONSUMER") => delete_consumer(call),
        _ => Err(reply::unknown_subcommand(call.args)),
    }
}

fn create(call: &mut Call<'_>, options: &Options, last_id: Option<StreamId>) -> Done {
    let (key, name) = (call.args[2], call.args[3]);
    let id = match call.args[4] {
        b"$" => last_id.unwrap_or(StreamId::MIN),
        text => arguments::strict_id(text)?,
    };
    if last_id.is_none() {
        call.keys.signal(key);
    }
    if !call.keys.stream_or_new(key)?.create_group(name, id, options.entries_read) {
        return Err(errors::BUSY_GROUP.into());
    }
    call.keys.dirty += 1;
    call.keys.notify(b't', "xgroup-create", key);
    call.reply.ok();
    Ok(())
}

fn set_id(call: &mut Call<'_>, options: &Options, last_id: Option<StreamId>) -> Done {
    let (key, name) = (call.args[2], call.args[3]);
    let id = match call.args[4] {
        b"$" => last_id.unwrap_or(StreamId::MIN),
        text => arguments::id(text, 0, arguments::Strict::No)?,
    };
    if let Some(group) = call.keys.stream_mut(key)?.and_then(|stream| stream.group_mut(name)) {
        group.last_id = id;
        group.entries_read = options.entries_read;
    }
    call.keys.dirty += 1;
    call.keys.notify(b't', "xgroup-setid", key);
    call.reply.ok();
    Ok(())
}

fn destroy(call: &mut Call<'_>) -> Done {
    let (key, name) = (call.args[2], call.args[3]);
    let destroyed = call.keys.stream_mut(key)?.is_some_and(|stream| stream.remove_group(name));
    if destroyed {
        call.keys.dirty += 1;
        call.keys.signal_waiters(key);
        call.keys.notify(b't', "xgroup-destroy", key);
    }
    call.reply.flag(destroyed);
    Ok(())
}

fn create_consumer(call: &mut Call<'_>) -> Done {
    let (key, name, consumer) = (call.args[2], call.args[3], call.args[4]);
    let now_ms = call.keys.now_ms;
    let group = call.keys.stream_mut(key)?.and_then(|stream| stream.group_mut(name));
    let created = group.is_some_and(|group| group.create_consumer(consumer, now_ms).is_some());
    if created {
        call.keys.dirty += 1;
        call.keys.notify(b't', "xgroup-createconsumer", key);
    }
    call.reply.flag(created);
    Ok(())
}

fn delete_consumer(call: &mut Call<'_>) -> Done {
    let (key, name, consumer) = (call.args[2], call.args[3], call.args[4]);
    let group = call.keys.stream_mut(key)?.and_then(|stream| stream.group_mut(name));
    let pending = group.and_then(|group| group.remove_consumer(consumer));
    if pending.is_some() {
        call.keys.dirty += 1;
        call.keys.notify(b't', "xgroup-delconsumer", key);
    }
    call.reply.count(pending.unwrap_or(0));
    Ok(())
}

pub fn xack(call: &mut Call<'_>) -> Done {
    let name = call.args[2];
    let Some(group) = call.keys.stream_mut(call.args[1])?.and_then(|stream| stream.group_mut(name)) else {
        call.reply.int(0);
        return Ok(());
    };
    let acknowledged = all_ids(&call.args[3..])?.into_iter().filter(|id| group.acknowledge(*id)).count();
    call.keys.dirty += acknowledged as u64;
    call.reply.count(acknowledged);
    Ok(())
}
