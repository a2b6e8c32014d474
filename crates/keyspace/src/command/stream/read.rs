//! XREAD and XREADGROUP.
//!
//! XREAD gives what comes after an ID. XREADGROUP gives a group's consumer what nobody has got yet (`>`), or, for any
//! other ID, what that consumer got and has not acknowledged.
//!
//! ```text
//!   XREADGROUP GROUP g alice STREAMS s >      fed as, for each entry,
//!                XCLAIM s g alice 0 ID TIME now RETRYCOUNT 1 FORCE JUSTID LASTID ID
//!   ... NOACK ...                             fed as
//!                XGROUP CREATECONSUMER s g alice (when new), XGROUP SETID s g LAST ENTRIESREAD n
//! ```
//!
//! Re-reading one's own pending entries counts as a delivery here, but is not fed (Redis 7.0).

use super::super::{Call, Done, Wait, is, parse_int};
use super::{arguments, claim, reply};
use crate::generated::errors;
use crate::keyspace::Stopped;
use redtwin_resp::Protocol;
use redtwin_structures::stream::{Direction, ID_TEXT_MAX, Pending, StreamId};

/// How much a client gets that waited and did not say how much it wants.
const COUNT_AFTER_WAIT: &[u8] = b"1000";

/// Where a stream is read from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// What comes after this ID; in a group: of the consumer's own.
    After(StreamId),
    /// What the group has not delivered yet.
    New,
}

struct Request<'a> {
    /// Milliseconds to wait, 0 for ever; None not to wait.
    block_ms: Option<i64>,
    /// Most entries per stream; 0 for all.
    count: usize,
    no_acknowledge: bool,
    group: Option<Member<'a>>,
    keys: &'a [&'a [u8]],
    ids: &'a [&'a [u8]],
}

/// A group and the consumer that reads.
#[derive(Clone, Copy)]
struct Member<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
}

fn parse<'a>(args: &'a [&'a [u8]], in_group: bool) -> Result<Request<'a>, Stopped> {
    let mut request =
        Request { block_ms: None, count: 0, no_acknowledge: false, group: None, keys: &[], ids: &[] };
    let mut rest = &args[1..];
    while let [word, after @ ..] = rest {
        rest = after;
        if is(word, "STREAMS") && !rest.is_empty() {
            if !rest.len().is_multiple_of(2) {
                return Err(
                    "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be \
                            specified."
                        .into(),
                );
            }
            (request.keys, request.ids) = rest.split_at(rest.len() / 2);
            break;
        } else if is(word, "BLOCK") && !rest.is_empty() {
            let timeout = parse_int(rest[0]).map_err(|_| "ERR timeout is not an integer or out of range")?;
            if timeout < 0 {
                return Err("ERR timeout is negative".into());
            }
            request.block_ms = Some(timeout);
            rest = &rest[1..];
        } else if is(word, "COUNT") && !rest.is_empty() {
            request.count = parse_int(rest[0])?.max(0) as usize;
            rest = &rest[1..];
        } else if is(word, "GROUP") && rest.len() >= 2 {
            if !in_group {
                return Err(only_for_groups("GROUP"));
            }
            request.group = Some(Member { group: rest[0], consumer: rest[1] });
            rest = &rest[2..];
        } else if is(word, "NOACK") {
            if !in_group {
                return Err(only_for_groups("NOACK"));
            }
            request.no_acknowledge = true;
        } else {
            return Err(errors::SYNTAX.into());
        }
    }
    if request.keys.is_empty() {
        return Err(errors::SYNTAX.into());
    }
    if in_group && request.group.is_none() {
        return Err("ERR Missing GROUP option for XREADGROUP".into());
    }
    Ok(request)
}

fn only_for_groups(option: &str) -> Stopped {
    format!("ERR The {option} option is only supported by XREADGROUP. You called XREAD instead.").into()
}

/// Checks a stream and its ID; nothing is read before all of them are known to be right.
fn starting_point(
    call: &mut Call<'_>,
    key: &[u8],
    text: &[u8],
    group: Option<Member<'_>>,
) -> Result<From, Stopped> {
    let woken = call.session.woken;
    let stream = match call.keys.stream(key) {
        Ok(stream) => stream,
        Err(_) if woken && group.is_some() => return Err(KEY_IS_GONE.into()),
        // Something else came in the stream's place: whoever waits goes on waiting.
        Err(_) if woken => None,
        Err(wrong_type) => return Err(wrong_type),
    };
    if let Some(member) = group {
        let known = stream.map(|stream| stream.group(member.group).is_some());
        match known {
            Some(true) => {}
            None if woken => return Err(KEY_IS_GONE.into()),
            Some(false) if woken => {
                return Err("NOGROUP the consumer group this client was blocked on no longer exists".into());
            }
            _ => {
                let option = b"' in XREADGROUP with GROUP option";
                let parts = [b"NOGROUP No such key '", key, b"' or consumer group '", member.group, option];
                return Err(Stopped::Text(parts.concat()));
            }
        }
        return match text {
            b"$" => Err("ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of \
                         this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID \
                         would just return an empty result set."
                .into()),
            b">" => Ok(From::New),
            // The greatest ID is how Redis itself writes `>`.
            _ => match arguments::strict_id(text)? {
                StreamId::MAX => Ok(From::New),
                id => Ok(From::After(id)),
            },
        };
    }
    match text {
        b"$" => Ok(From::After(stream.map_or(StreamId::MIN, |stream| stream.last_id))),
        b">" => Err(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> \
                     option."
                .into(),
        ),
        _ => arguments::strict_id(text).map(From::After),
    }
}

const KEY_IS_GONE: &str = "UNBLOCKED the stream key no longer exists";

pub fn xread(call: &mut Call<'_>, in_group: bool) -> Done {
    // What it changes is fed by its parts.
    call.keys.effects.none();
    let request = parse(call.args, in_group)?;
    if request.block_ms.is_some() && call.session.in_script {
        let text: [&[u8]; 3] =
            [b"ERR ", call.args[0], b" command is not allowed with BLOCK option from scripts"];
        return Err(Stopped::Text(text.concat()));
    }
    let mut from = Vec::with_capacity(request.keys.len());
    for (key, id) in request.keys.iter().zip(request.ids) {
        from.push(starting_point(call, key, id, request.group)?);
    }
    let mark = call.reply.mark();
    let mut served = 0;
    for (key, from) in request.keys.iter().zip(&from) {
        served += usize::from(match request.group {
            Some(member) => read_as_member(call, &request, key, *from, member)?,
            None => read_plain(call, &request, key, *from)?,
        });
    }
    match (served, request.block_ms) {
        (0, Some(block_ms)) if call.may_wait => call.wait = Some(wait(call, &request, &from, block_ms)),
        (0, _) => call.reply.null_array(),
        _ if call.reply.protocol == Protocol::Resp3 => call.reply.map_at(mark, served),
        _ => call.reply.array_at(mark, served),
    }
    Ok(())
}

/// What to try again when one of the streams has changed: the same command, with `$` resolved to what it meant now.
fn wait(call: &Call<'_>, request: &Request<'_>, from: &[From], block_ms: i64) -> Wait {
    let mut command: Vec<Vec<u8>> =
        call.args[..call.args.len() - request.ids.len()].iter().map(|word| word.to_vec()).collect();
    if request.count == 0 {
        let streams_at = command.len() - request.keys.len() - 1;
        command.splice(streams_at..streams_at, [b"COUNT".to_vec(), COUNT_AFTER_WAIT.to_vec()]);
    }
    command.extend(from.iter().map(|from| match from {
        From::New => b">".to_vec(),
        From::After(id) => id.to_string().into_bytes(),
    }));
    Wait {
        keys: request.keys.iter().map(|key| key.to_vec()).collect(),
        deadline_ms: (block_ms > 0).then(|| call.keys.now_ms.saturating_add(block_ms)),
        command: Some(command),
        null_array: true,
    }
}

/// The head of one stream's part of the reply.
fn reply_key(call: &mut Call<'_>, key: &[u8]) {
    if call.reply.protocol == Protocol::Resp2 {
        call.reply.array(2);
    }
    call.reply.bulk(key);
}

/// Reads for nobody in particular; true when there was something.
fn read_plain(call: &mut Call<'_>, request: &Request<'_>, key: &[u8], from: From) -> Result<bool, Stopped> {
    // A key that waited for has become something else is no stream, see `starting_point`.
    let stream = call.keys.stream(key);
    let (From::After(id), Ok(Some(stream))) = (from, stream) else { return Ok(false) };
    let Some(start) = id.next().filter(|start| stream.last_entry_id() >= *start) else { return Ok(false) };
    if call.reply.protocol == Protocol::Resp2 {
        call.reply.array(2);
    }
    call.reply.bulk(key);
    reply::entries(call.reply, stream.entries(start, StreamId::MAX, Direction::Forward), request.count);
    Ok(true)
}

/// Reads for a consumer; true when the stream has its place in the reply.
fn read_as_member(
    call: &mut Call<'_>,
    request: &Request<'_>,
    key: &[u8],
    from: From,
    member: Member<'_>,
) -> Result<bool, Stopped> {
    let now_ms = call.keys.now_ms;
    let Some(stream) = call.keys.stream_mut(key)? else { return Ok(false) };
    let newest = stream.last_entry_id();
    let Some(group) = stream.group_mut(member.group) else { return Ok(false) };
    if from == From::New && newest <= group.last_id {
        return Ok(false);
    }
    let known = group.find_consumer(member.consumer);
    let Some(consumer) = known.or_else(|| group.create_consumer(member.consumer, now_ms)) else {
        return Ok(false);
    };
    group.set_seen(consumer, now_ms);
    if known.is_none() {
        // Who waited makes a consumer for nothing, as Redis counts.
        call.keys.dirty += u64::from(!call.session.woken);
        call.keys.notify(b't', "xgroup-createconsumer", key);
        if request.no_acknowledge {
            call.feed(&[b"XGROUP", b"CREATECONSUMER", key, member.group, member.consumer]);
        }
    }
    call.keys.dirty += 1;
    reply_key(call, key);
    match from {
        From::After(id) => reread(call, request, key, id, member)?,
        From::New => deliver(call, request, key, member)?,
    }
    Ok(true)
}

/// Gives the consumer entries that nobody has got yet.
fn deliver(call: &mut Call<'_>, request: &Request<'_>, key: &[u8], member: Member<'_>) -> Done {
    let now_ms = call.keys.now_ms;
    let Some(stream) = call.keys.stream_mut(key)? else { return Ok(()) };
    let start = stream.group(member.group).and_then(|group| group.last_id.next()).unwrap_or(StreamId::MAX);
    let most = if request.count == 0 { usize::MAX } else { request.count };
    let mark = call.reply.mark();
    let mut ids = Vec::new();
    for entry in stream.entries(start, StreamId::MAX, Direction::Forward).take(most) {
        reply::entry(call.reply, &entry);
        ids.push(entry.id);
    }
    call.reply.array_at(mark, ids.len());
    for id in &ids {
        stream.advance_group(member.group, *id);
    }
    let Some(group) = stream.group_mut(member.group) else { return Ok(()) };
    let Some(consumer) = group.find_consumer(member.consumer) else { return Ok(()) };
    group.set_active(consumer, now_ms);
    if request.no_acknowledge {
        let (last_id, entries_read) = (group.last_id, group.entries_read);
        if !ids.is_empty() {
            feed_group_position(call, key, member.group, last_id, entries_read);
        }
        return Ok(());
    }
    let pending = Pending { consumer, delivered_ms: now_ms, deliveries: 1 };
    for id in &ids {
        group.assign(*id, pending);
    }
    for id in ids {
        let text = id.to_string();
        claim::feed_claim(
            call,
            key,
            member.group,
            id,
            &claim::Claim::new(text.as_bytes(), member.consumer, pending),
        );
    }
    Ok(())
}

/// Feeds where a group has got to, when no XCLAIM says it.
pub fn feed_group_position(
    call: &mut Call<'_>,
    key: &[u8],
    group: &[u8],
    last_id: StreamId,
    entries_read: Option<i64>,
) {
    let (mut buffer, mut digits) = ([0; ID_TEXT_MAX], itoa::Buffer::new());
    let read = digits.format(entries_read.unwrap_or(-1));
    call.feed(&[b"XGROUP", b"SETID", key, group, last_id.text(&mut buffer), b"ENTRIESREAD", read.as_bytes()]);
}

/// Gives the consumer again what it has not acknowledged. Entries that are gone by now have null for their fields.
fn reread(
    call: &mut Call<'_>,
    request: &Request<'_>,
    key: &[u8],
    after: StreamId,
    member: Member<'_>,
) -> Done {
    let now_ms = call.keys.now_ms;
    let most = if request.count == 0 { usize::MAX } else { request.count };
    let Some(stream) = call.keys.stream_mut(key)? else { return Ok(()) };
    let ids: Vec<StreamId> = match (stream.group(member.group), after.next()) {
        (Some(group), Some(start)) => {
            let consumer = group.find_consumer(member.consumer).and_then(|id| group.consumer(id));
            consumer
                .map(|consumer| consumer.owned().range(start..).take(most).copied().collect())
                .unwrap_or_default()
        }
        _ => Vec::new(),
    };
    call.reply.array(ids.len());
    for id in ids {
        if let Some(entry) = stream.get(id) {
            reply::entry(call.reply, &entry);
        } else {
            call.reply.array(2);
            reply::id(call.reply, id);
            call.reply.null_array();
            continue;
        }
        if let Some(group) = stream.group_mut(member.group)
            && let Some(pending) = group.pending().get(&id).copied()
        {
            let deliveries = pending.deliveries.wrapping_add(1);
            group.assign(id, Pending { delivered_ms: now_ms, deliveries, ..pending });
        }
    }
    Ok(())
}
