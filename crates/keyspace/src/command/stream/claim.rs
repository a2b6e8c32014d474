//! XCLAIM and XAUTOCLAIM: pending entries change hands.
//!
//! Both are fed as one XCLAIM for each entry, with everything said outright (owner, time, count, the group's last ID),
//! so that it gives the same anywhere. An entry that is gone from the stream leaves the pending ones at the same
//! occasion; the XCLAIM that says so names it with its old owner, and finds it gone there as well.

use super::super::{Call, Done, is, parse_int};
use super::{arguments, read, reply};
use crate::generated::errors;
use crate::keyspace::Stopped;
use redtwin_resp::Reply;
use redtwin_structures::stream::{ConsumerId, Group, ID_TEXT_MAX, Pending, Stream, StreamId};

/// An entry's new (or last) state among the pending ones, to be fed.
pub struct Claim {
    /// The ID as it is to be fed.
    id: Vec<u8>,
    consumer: Vec<u8>,
    pending: Pending,
}

impl Claim {
    pub fn new(id: &[u8], consumer: &[u8], pending: Pending) -> Claim {
        Claim { id: id.to_vec(), consumer: consumer.to_vec(), pending }
    }
}

/// Feeds a claim. `last_id` is the group's.
pub fn feed_claim(call: &mut Call<'_>, key: &[u8], group: &[u8], last_id: StreamId, claim: &Claim) {
    let (mut time, mut count, mut last) = (itoa::Buffer::new(), itoa::Buffer::new(), [0; ID_TEXT_MAX]);
    let Claim { id, consumer, pending } = claim;
    call.feed(&[
        b"XCLAIM",
        key,
        group,
        consumer,
        b"0",
        id,
        b"TIME",
        time.format(pending.delivered_ms).as_bytes(),
        b"RETRYCOUNT",
        count.format(pending.deliveries as i64).as_bytes(),
        b"FORCE",
        b"JUSTID",
        b"LASTID",
        last_id.text(&mut last),
    ]);
}

pub fn no_key_or_group(key: &[u8], group: &[u8]) -> Stopped {
    Stopped::Text([b"NOGROUP No such key '", key, b"' or consumer group '", group, b"'"].concat())
}

/// Who claims what, how.
struct Claimer<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    min_idle_ms: i64,
    now_ms: i64,
    /// What the entry's time of delivery becomes.
    delivered_ms: i64,
    /// What its count becomes; None to count one more, unless `just_id`.
    deliveries: Option<u64>,
    /// Makes entries pending that were not.
    force: bool,
    just_id: bool,
}

/// What became of one entry.
enum Outcome {
    /// It is not pending, or not idle for long enough.
    Left,
    /// It is gone from the stream, and now from the pending ones too.
    Gone(Claim),
    Claimed(Claim, ConsumerMade),
}

/// The consumer was not there before.
struct ConsumerMade(bool);

impl Claimer<'_> {
    fn claim(&self, stream: &mut Stream, id: StreamId, id_text: &[u8]) -> Outcome {
        let exists = stream.get(id).is_some();
        let Some(group) = stream.group_mut(self.group) else { return Outcome::Left };
        let before = group.pending().get(&id).copied();
        if !exists {
            let Some(pending) = before else { return Outcome::Left };
            let owner = group.consumer(pending.consumer).map_or(&b""[..], |consumer| consumer.name());
            let claim = Claim::new(id_text, owner, pending);
            group.acknowledge(id);
            return Outcome::Gone(claim);
        }
        match before {
            None if !self.force => return Outcome::Left,
            Some(pending)
                if self.min_idle_ms > 0
                    && self.now_ms.wrapping_sub(pending.delivered_ms) < self.min_idle_ms =>
            {
                return Outcome::Left;
            }
            _ => {}
        }
        let Some((consumer, made)) = self.consumer(group) else { return Outcome::Left };
        // One made by force counts as delivered once before this.
        let counted = before.map_or(1, |pending| pending.deliveries);
        let deliveries = self.deliveries.unwrap_or(counted.wrapping_add(u64::from(!self.just_id)));
        let pending = Pending { consumer, delivered_ms: self.delivered_ms, deliveries };
        group.assign(id, pending);
        Outcome::Claimed(Claim::new(id_text, self.consumer, pending), made)
    }

    fn consumer(&self, group: &mut Group) -> Option<(ConsumerId, ConsumerMade)> {
        let known = group.find_consumer(self.consumer);
        let id = known.or_else(|| group.create_consumer(self.consumer, self.now_ms))?;
        group.set_seen(id, self.now_ms);
        group.set_active(id, self.now_ms);
        Some((id, ConsumerMade(known.is_none())))
    }

    fn reply(&self, to: &mut Reply, stream: &Stream, id: StreamId) {
        match stream.get(id) {
            Some(entry) if !self.just_id => reply::entry(to, &entry),
            _ => reply::id(to, id),
        }
    }
}

/// After the stream has been let go: counts, tells and feeds what was done.
fn settle(call: &mut Call<'_>, key: &[u8], group: &[u8], last_id: StreamId, outcomes: &[Outcome]) {
    for outcome in outcomes {
        match outcome {
            Outcome::Left => {}
            Outcome::Gone(claim) => {
                call.keys.dirty += 1;
                feed_claim(call, key, group, last_id, claim);
            }
            Outcome::Claimed(claim, made) => {
                if made.0 {
                    call.keys.dirty += 1;
                    call.keys.notify(b't', "xgroup-createconsumer", key);
                }
                call.keys.dirty += 1;
                feed_claim(call, key, group, last_id, claim);
            }
        }
    }
}

fn named_number(text: &[u8], option: &str, command: &str) -> Result<i64, Stopped> {
    parse_int(text).map_err(|_| format!("ERR Invalid {option} argument for {command}").into())
}

pub fn xclaim(call: &mut Call<'_>) -> Done {
    call.keys.effects.none();
    let (args, now_ms) = (call.args, call.keys.now_ms);
    let (key, group) = (args[1], args[2]);
    if call.keys.stream(key)?.is_none_or(|stream| stream.group(group).is_none()) {
        return Err(no_key_or_group(key, group));
    }
    let mut claimer = Claimer {
        group,
        consumer: args[3],
        min_idle_ms: named_number(args[4], "min-idle-time", "XCLAIM")?.max(0),
        now_ms,
        delivered_ms: now_ms,
        deliveries: None,
        force: false,
        just_id: false,
    };
    // IDs end where something is none; that must then be an option.
    let mut ids = Vec::new();
    let mut rest = &args[5..];
    while let [text, after @ ..] = rest
        && let Ok(id) = arguments::strict_id(text)
    {
        ids.push((id, *text));
        rest = after;
    }
    let mut last_id = StreamId::MIN;
    // -1 is how Redis says "not given", and a client that says it gets just that.
    let (mut delivered_ms, mut deliveries) = (-1_i64, -1);
    while let [option, after @ ..] = rest {
        rest = after;
        if is(option, "FORCE") {
            claimer.force = true;
            continue;
        } else if is(option, "JUSTID") {
            claimer.just_id = true;
            continue;
        }
        let known = ["IDLE", "TIME", "RETRYCOUNT", "LASTID"].into_iter().find(|known| is(option, known));
        let (Some(known), [value, after @ ..]) = (known, rest) else {
            return Err(Stopped::Text([b"ERR Unrecognized XCLAIM option '", *option, b"'"].concat()));
        };
        rest = after;
        match known {
            "LASTID" => last_id = arguments::strict_id(value)?,
            "RETRYCOUNT" => deliveries = named_number(value, "RETRYCOUNT option", "XCLAIM")?,
            "TIME" => delivered_ms = named_number(value, "TIME option", "XCLAIM")?,
            _ => delivered_ms = now_ms.wrapping_sub(named_number(value, "IDLE option", "XCLAIM")?),
        }
    }
    if (0..=now_ms).contains(&delivered_ms) {
        claimer.delivered_ms = delivered_ms;
    }
    claimer.deliveries = u64::try_from(deliveries).ok();

    let Some(stream) = call.keys.stream_mut(key)? else { return Err(no_key_or_group(key, group)) };
    let mut position = None;
    let mut group_last_id = StreamId::MIN;
    if let Some(group) = stream.group_mut(group) {
        if last_id > group.last_id {
            group.last_id = last_id;
            position = Some(group.entries_read);
        }
        group_last_id = group.last_id;
    }
    let mark = call.reply.mark();
    let mut claimed = 0;
    let mut outcomes = Vec::with_capacity(ids.len());
    for (id, text) in ids {
        let outcome = claimer.claim(stream, id, text);
        if let Outcome::Claimed(..) = outcome {
            claimer.reply(call.reply, stream, id);
            claimed += 1;
        }
        if !matches!(outcome, Outcome::Left) {
            // An XCLAIM in the feed says the group's position too.
            position = None;
        }
        outcomes.push(outcome);
    }
    call.reply.array_at(mark, claimed);
    settle(call, key, group, group_last_id, &outcomes);
    if let Some(entries_read) = position {
        call.keys.dirty += 1;
        read::feed_group_position(call, key, group, group_last_id, entries_read);
    }
    Ok(())
}

/// How many pending entries XAUTOCLAIM looks at, for each that it may claim.
const LOOKS_PER_CLAIM: u64 = 10;
/// More than this cannot be remembered as deleted, in any machine's memory.
const AUTOCLAIM_MAX: i64 = 1 << 40;

pub fn xautoclaim(call: &mut Call<'_>) -> Done {
    call.keys.effects.none();
    let (args, now_ms) = (call.args, call.keys.now_ms);
    let (key, group) = (args[1], args[2]);
    let min_idle_ms = named_number(args[4], "min-idle-time", "XAUTOCLAIM")?.max(0);
    let start = arguments::interval_start(args[5])?;
    let (mut count, mut just_id) = (100_i64, false);
    let mut rest = &args[6..];
    while let [option, after @ ..] = rest {
        rest = after;
        if is(option, "JUSTID") {
            just_id = true;
        } else if let [number, after @ ..] = rest
            && is(option, "COUNT")
        {
            let number = parse_int(number).ok().filter(|number| (1..=i64::MAX / 16).contains(number));
            count = number.ok_or("ERR COUNT must be > 0")?;
            rest = after;
        } else {
            return Err(errors::SYNTAX.into());
        }
    }
    let claimer = Claimer {
        group,
        consumer: args[3],
        min_idle_ms,
        now_ms,
        delivered_ms: now_ms,
        deliveries: None,
        force: false,
        just_id,
    };
    let stream = call.keys.stream_mut(key)?.filter(|stream| stream.group(group).is_some());
    let Some(stream) = stream else { return Err(no_key_or_group(key, group)) };
    if count > AUTOCLAIM_MAX {
        return Err("ERR Insufficient memory, failed allocating transient memory, COUNT too high.".into());
    }

    let next_pending = |stream: &Stream, from: Option<StreamId>| {
        stream.group(group)?.pending_in(from?..).next().map(|(id, _)| id)
    };
    let (mut claimed, mut deleted, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    let mut looks = count as u64 * LOOKS_PER_CLAIM;
    let mut cursor = Some(start);
    let last_id = stream.group(group).map_or(StreamId::MIN, |group| group.last_id);
    while looks > 0
        && count > 0
        && let Some(id) = next_pending(stream, cursor)
    {
        looks -= 1;
        cursor = id.next();
        let outcome = claimer.claim(stream, id, id.text(&mut [0; ID_TEXT_MAX]));
        match outcome {
            Outcome::Left => continue,
            Outcome::Gone(_) => deleted.push(id),
            Outcome::Claimed(..) => claimed.push(id),
        }
        count -= 1;
        outcomes.push(outcome);
    }
    let next = next_pending(stream, cursor).unwrap_or(StreamId::MIN);
    call.reply.array(3);
    reply::id(call.reply, next);
    call.reply.array(claimed.len());
    claimed.into_iter().for_each(|id| claimer.reply(call.reply, stream, id));
    call.reply.array(deleted.len());
    deleted.into_iter().for_each(|id| reply::id(call.reply, id));
    settle(call, key, group, last_id, &outcomes);
    Ok(())
}
