//! Streams: appending, reading ranges, deleting, trimming. The other commands are in the files beside:
//!
//! ```text
//!   arguments.rs  IDs, intervals, trimming options      reply.rs    entries and IDs as replies
//!   read.rs       XREAD, XREADGROUP                     group.rs    XGROUP, XACK
//!   claim.rs      XCLAIM, XAUTOCLAIM                    pending.rs  XPENDING
//!   info.rs       XINFO
//! ```
//!
//! What leaves for the feed is what gives the same stream anywhere: IDs as they were chosen, trims as they came out.

mod arguments;
mod claim;
mod group;
mod info;
mod pending;
mod read;
mod reply;

use super::{Call, Done, Handler, is, parse_int};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::Stopped;
use arguments::{AddOrTrim, NewId, TrimPlan};
use redtwin_structures::stream::{AppendError, Direction, ID_TEXT_MAX, Stream, StreamId, Trim};

crate::typed!(Stream, Box<Stream>, stream, stream_mut, stream_or_new, Box::default());

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Xadd => xadd,
        CommandId::Xrange => |call| xrange(call, Direction::Forward),
        CommandId::Xrevrange => |call| xrange(call, Direction::Backward),
        CommandId::Xlen => xlen,
        CommandId::Xdel => xdel,
        CommandId::Xtrim => xtrim,
        CommandId::Xsetid => xsetid,
        CommandId::Xread => |call| read::xread(call, false),
        CommandId::Xreadgroup => |call| read::xread(call, true),
        CommandId::Xgroup => group::xgroup,
        CommandId::Xack => group::xack,
        CommandId::Xpending => pending::xpending,
        CommandId::Xclaim => claim::xclaim,
        CommandId::Xautoclaim => claim::xautoclaim,
        CommandId::Xinfo => info::xinfo,
        _ => return None,
    })
}

/// The next ID after `last` for a clock that shows `now_ms`. None after the greatest.
fn next_id(last: StreamId, now_ms: i64) -> Option<StreamId> {
    let now = StreamId::new(now_ms.max(0) as u64, 0);
    if now.ms > last.ms { Some(now) } else { last.next() }
}

fn xadd(call: &mut Call<'_>) -> Done {
    let (args, key) = (call.args, call.args[1]);
    let AddOrTrim { plan, no_stream, id } = arguments::add_or_trim(call, true)?;
    let pairs_at = id.map_or(args.len(), |(_, at)| at + 1);
    let pairs = args.get(pairs_at..).unwrap_or_default();
    let Some((wanted, id_at)) = id.filter(|_| !pairs.is_empty() && pairs.len().is_multiple_of(2)) else {
        return Err("ERR wrong number of arguments for 'xadd' command".into());
    };
    if wanted == NewId::Given(StreamId::MIN) {
        return Err(errors::STREAM_ID_ZERO.into());
    }
    let now_ms = call.keys.now_ms;
    let limits = call.keys.settings.limits;
    if no_stream && call.keys.stream_mut(key)?.is_none() {
        call.reply.null();
        return Ok(());
    }
    let stream = call.keys.stream_or_new(key)?;
    let last = stream.last_id;
    if last == StreamId::MAX {
        return Err("ERR The stream has exhausted the last possible ID, unable to add more items".into());
    }
    let id = match wanted {
        NewId::Given(id) => id,
        NewId::Auto => next_id(last, now_ms).ok_or(errors::STREAM_ID_TOO_SMALL)?,
        NewId::AutoSeq(ms) if ms == last.ms => {
            StreamId::new(ms, last.seq.checked_add(1).ok_or(errors::STREAM_ID_TOO_SMALL)?)
        }
        NewId::AutoSeq(ms) => StreamId::new(ms, 0),
    };
    stream.append(id, pairs, &limits).map_err(|error| match error {
        AppendError::IdTooSmall => errors::STREAM_ID_TOO_SMALL,
        AppendError::TooLarge => "ERR Elements are too large to be stored",
    })?;
    let removed = plan.map_or(0, |plan| stream.trim(plan.trim, plan.approximate, plan.limit));
    let exact = plan.filter(|plan| plan.approximate).map(|plan| exact_trim(stream, &plan));
    let mut buffer = [0; ID_TEXT_MAX];
    let id = id.text(&mut buffer);
    if exact.is_some() || !matches!(wanted, NewId::Given(_)) {
        let mut fed = args.to_vec();
        if !matches!(wanted, NewId::Given(_)) {
            fed[id_at] = id;
        }
        feed_with_exact_trim(call, fed, plan, exact.as_deref());
    }
    call.keys.touched(b't', "xadd", key, 1);
    if removed > 0 {
        call.keys.notify(b't', "xtrim", key);
    }
    call.reply.bulk(id);
    Ok(())
}

/// What an approximate trim came to, as an exact one would say it.
fn exact_trim(stream: &Stream, plan: &TrimPlan) -> Vec<u8> {
    match plan.trim {
        Trim::MaxLength(_) => stream.len().to_string().into_bytes(),
        Trim::MinId(_) => stream.first_stored_id().to_string().into_bytes(),
    }
}

fn feed_with_exact_trim<'a>(
    call: &mut Call<'_>,
    mut fed: Vec<&'a [u8]>,
    plan: Option<TrimPlan>,
    exact: Option<&'a [u8]>,
) {
    if let (Some(plan), Some(exact)) = (plan, exact) {
        fed[plan.at - 1] = b"=";
        fed[plan.at] = exact;
    }
    call.feed(&fed);
}

fn xtrim(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let AddOrTrim { plan, .. } = arguments::add_or_trim(call, false)?;
    let (Some(plan), Some(stream)) = (plan, call.keys.stream_mut(key)?) else {
        call.reply.int(0);
        return Ok(());
    };
    let removed = stream.trim(plan.trim, plan.approximate, plan.limit);
    if removed > 0 {
        if plan.approximate {
            let exact = exact_trim(stream, &plan);
            feed_with_exact_trim(call, call.args.to_vec(), Some(plan), Some(&exact));
        }
        call.keys.touched(b't', "xtrim", key, removed);
    }
    call.reply.int(removed as i64);
    Ok(())
}

fn xrange(call: &mut Call<'_>, direction: Direction) -> Done {
    let args = call.args;
    let (start, stop) = if direction == Direction::Forward { (args[2], args[3]) } else { (args[3], args[2]) };
    let (start, stop) = (arguments::interval_start(start)?, arguments::interval_stop(stop)?);
    let mut count = None;
    let mut rest = &args[4..];
    while let [word, after @ ..] = rest {
        let ([number, after @ ..], true) = (after, is(word, "COUNT")) else {
            return Err(errors::SYNTAX.into());
        };
        count = Some(parse_int(number)?.max(0) as usize);
        rest = after;
    }
    match (call.keys.stream(args[1])?, count) {
        (None, _) => call.reply.array(0),
        (Some(_), Some(0)) => call.reply.null_array(),
        (Some(stream), count) => {
            reply::entries(call.reply, stream.entries(start, stop, direction), count.unwrap_or(0));
        }
    }
    Ok(())
}

fn xlen(call: &mut Call<'_>) -> Done {
    let length = call.keys.stream(call.args[1])?.map_or(0, |stream| stream.len());
    call.reply.int(length as i64);
    Ok(())
}

/// All of the arguments as IDs, or none of the command.
fn all_ids(args: &[&[u8]]) -> Result<Vec<StreamId>, Stopped> {
    args.iter().map(|text| arguments::strict_id(text)).collect()
}

fn xdel(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let Some(stream) = call.keys.stream_mut(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let deleted = all_ids(&call.args[2..])?.into_iter().filter(|id| stream.delete(*id)).count();
    if deleted > 0 {
        call.keys.touched(b't', "xdel", key, deleted as u64);
    }
    call.reply.count(deleted);
    Ok(())
}

fn xsetid(call: &mut Call<'_>) -> Done {
    let (args, key) = (call.args, call.args[1]);
    let last_id = arguments::strict_id(args[2])?;
    let (mut entries_added, mut max_deleted_id) = (None, StreamId::MIN);
    let mut rest = &args[3..];
    while let [word, after @ ..] = rest {
        let [value, after @ ..] = after else { return Err(errors::SYNTAX.into()) };
        if is(word, "ENTRIESADDED") {
            let added = u64::try_from(parse_int(value)?).map_err(|_| "ERR entries_added must be positive")?;
            entries_added = Some(added);
        } else if is(word, "MAXDELETEDID") {
            max_deleted_id = arguments::strict_id(value)?;
            if last_id < max_deleted_id {
                return Err(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id".into(),
                );
            }
        } else {
            return Err(errors::SYNTAX.into());
        }
        rest = after;
    }
    let Some(stream) = call.keys.stream_mut(key)? else { return Err(errors::NO_SUCH_KEY.into()) };
    if !stream.is_empty() {
        if last_id < stream.last_entry_id() {
            return Err("ERR The ID specified in XSETID is smaller than the target stream top item".into());
        }
        if entries_added.is_some_and(|added| added < stream.len()) {
            return Err(
                "ERR The entries_added specified in XSETID is smaller than the target stream length".into()
            );
        }
    }
    stream.last_id = last_id;
    stream.entries_added = entries_added.unwrap_or(stream.entries_added);
    if max_deleted_id != StreamId::MIN {
        stream.max_deleted_id = max_deleted_id;
    }
    // Redis tells no watchers of this one.
    call.keys.dirty += 1;
    call.keys.notify(b't', "xsetid", key);
    call.reply.ok();
    Ok(())
}
