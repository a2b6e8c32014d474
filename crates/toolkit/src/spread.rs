//! Takes the packed blocks among a value's parts apart, so that a job sees elements whatever the file's encoding.
//!
//! ```text
//! Packed(listpack of a hash)  --> field, field, field       Element / Field / Member  --> the same
//! StreamNode                  --> entry, entry, entry        everything else of a stream --> as it is
//! ```
//!
//! Its one idea: encodings end here. Blocks have been checked before (`check_block`); iterators over a block that was
//! not would end early, never panic.

use redtwin_rdb::format::Class;
use redtwin_rdb::{Packing, Part, StreamInfo, Taken};
use redtwin_structures::limits::Malformed;
use redtwin_structures::listpack::{self, Value};
use redtwin_structures::number::parse_f64;
use redtwin_structures::stream::{Fields, Stream, StreamId};
use redtwin_structures::{intset, ziplist, zipmap};

/// Takes the elements of one value, in the order of the file.
pub trait Elements {
    /// Nobody looks at scores and entries of streams: a score that is a number for certain may come as 0, and entries, whose node
    /// was checked, need not come at all.
    const ONLY_CHECKS: bool = false;

    /// The whole of a string.
    ///
    /// # Errors
    /// Why it cannot be taken (as for all of these).
    fn text(&mut self, bytes: &[u8]) -> Taken;
    /// An element of a list or a member of a set.
    ///
    /// # Errors
    /// As `text`.
    fn element(&mut self, bytes: &[u8]) -> Taken;
    /// A field of a hash. `expire_at_ms`: Unix ms.
    ///
    /// # Errors
    /// As `text`.
    fn field(&mut self, field: &[u8], value: &[u8], expire_at_ms: Option<u64>) -> Taken;
    /// A member of a sorted set.
    ///
    /// # Errors
    /// As `text`.
    fn member(&mut self, member: &[u8], score: f64) -> Taken;
    /// An entry of a stream that is not deleted.
    ///
    /// # Errors
    /// As `text`.
    fn entry(&mut self, id: StreamId, fields: Fields<'_>) -> Taken;
    /// What follows a stream's entries.
    ///
    /// # Errors
    /// As `text`.
    fn stream_part(&mut self, part: StreamPart<'_>) -> Taken;
    /// A module's value, raw.
    ///
    /// # Errors
    /// As `text`.
    fn module(&mut self, id: u64, raw: &[u8]) -> Taken;
}

/// What follows a stream's entries, in this order: info, then each group with its pending entries, then each of its
/// consumers with the ids it owns.
#[derive(Clone, Copy, Debug)]
pub enum StreamPart<'a> {
    /// Length and ids.
    Info(StreamInfo),
    /// A group: its name, the last id delivered, entries read (None: the writer did not know).
    Group(&'a [u8], StreamId, Option<u64>),
    /// An entry delivered and not acknowledged: id, Unix ms, how often.
    Pending(StreamId, i64, u64),
    /// A consumer: its name, when it was seen and active last (Unix ms; -1: never).
    Consumer(&'a [u8], i64, i64),
    /// The last consumer owns this pending entry.
    Owned(StreamId),
    /// What Redis 8.6 writes behind the groups, raw.
    Tail(&'a [u8]),
}

/// Checks a block's form. Everything else has none. Gives the number of elements in it (pairs count twice).
///
/// # Errors
/// What is wrong with it.
pub fn check_block(packing: Packing, bytes: &[u8]) -> Taken<u64> {
    let count = match packing {
        Packing::Listpack | Packing::ExpiringListpack => listpack::validate(bytes)?,
        Packing::Ziplist => ziplist::validate(bytes)?,
        Packing::Intset => intset::validate(bytes)?,
        Packing::Zipmap => zipmap::validate(bytes)? * 2,
    };
    Ok(count as u64)
}

/// Calls `take` with the elements of a checked block, one after the other.
///
/// # Errors
/// Those of `take`, and what is wrong with an intset or a zipmap.
pub fn each_value<'a>(packing: Packing, bytes: &'a [u8], mut take: impl FnMut(Value<'a>) -> Taken) -> Taken {
    match packing {
        Packing::Listpack | Packing::ExpiringListpack => listpack::Iter::new(bytes).try_for_each(take),
        Packing::Ziplist => ziplist::Iter::new(bytes).try_for_each(take),
        Packing::Intset => intset::Intset::from_bytes(bytes)?.iter().map(Value::Int).try_for_each(take),
        Packing::Zipmap => zipmap::Iter::new(bytes).try_for_each(|(field, value)| {
            take(Value::Bytes(field))?;
            take(Value::Bytes(value))
        }),
    }
}

/// Hands the elements of a part over.
///
/// # Errors
/// Those of the taker, and blocks that are not what their kind says.
pub fn spread(class: Class, part: &Part<'_>, to: &mut impl Elements) -> Taken {
    match part {
        Part::Count(_) | Part::Raw(_) => Ok(()),
        Part::String(bytes) => to.text(bytes),
        Part::Element(bytes) => to.element(bytes),
        Part::Field { field, value, expire_at_ms } => to.field(field, value, *expire_at_ms),
        Part::Member { member, score } => to.member(member, *score),
        Part::Packed(packing, bytes) => block(class, *packing, bytes, to),
        Part::StreamNode { base, listpack } => {
            let mut node = Stream::default();
            node.load_node(*base, listpack.to_vec())?;
            if only_checks(to) {
                return Ok(());
            }
            node.iter().try_for_each(|entry| to.entry(entry.id, entry.fields()))
        }
        Part::StreamInfo(info) => to.stream_part(StreamPart::Info(*info)),
        Part::StreamGroup { name, last, entries_read } => {
            to.stream_part(StreamPart::Group(name, *last, entries_read.filter(|&read| read != u64::MAX)))
        }
        Part::StreamPending { id, delivery_ms, deliveries } => {
            to.stream_part(StreamPart::Pending(*id, *delivery_ms, *deliveries))
        }
        Part::StreamConsumer { name, seen_ms, active_ms } => {
            // Before 7.2 nobody wrote when a consumer was active: as loaders do, it is taken to have been when it was seen.
            to.stream_part(StreamPart::Consumer(name, *seen_ms, active_ms.unwrap_or(*seen_ms)))
        }
        Part::StreamOwned(id) => to.stream_part(StreamPart::Owned(*id)),
        Part::StreamTail(raw) => to.stream_part(StreamPart::Tail(raw)),
        Part::Module { id, raw } => to.module(*id, raw),
    }
}

fn block(class: Class, packing: Packing, bytes: &[u8], to: &mut impl Elements) -> Taken {
    let (mut a, mut b) = (itoa::Buffer::new(), itoa::Buffer::new());
    if matches!(class, Class::List | Class::Set) {
        return each_value(packing, bytes, |value| to.element(value.as_bytes(&mut a)));
    }
    match (class, packing) {
        (Class::Zset, _) => each_pair(packing, bytes, |member, value| {
            let score = if only_checks(to) && is_decimal(value) { 0.0 } else { score(value)? };
            to.member(member.as_bytes(&mut a), score)
        }),
        (Class::Hash, Packing::ExpiringListpack) => {
            let mut values = listpack::Iter::new(bytes);
            while let Some(field) = values.next() {
                let (Some(value), Some(at)) = (values.next(), values.next()) else { return Err(UNEVEN) };
                let Value::Int(at) = at else { return Err(UNEVEN) };
                let at = u64::try_from(at).map_err(|_| Malformed("field expiry out of range"))?;
                let at = Some(at).filter(|&at| at != 0);
                to.field(field.as_bytes(&mut a), value.as_bytes(&mut b), at)?;
            }
            Ok(())
        }
        (Class::Hash, _) => each_pair(packing, bytes, |field, value| {
            to.field(field.as_bytes(&mut a), value.as_bytes(&mut b), None)
        }),
        _ => Err(Malformed("a packed block in a value that has none")),
    }
}

/// As `each_value`, by twos.
fn each_pair<'a>(
    packing: Packing,
    bytes: &'a [u8],
    mut take: impl FnMut(Value<'a>, Value<'a>) -> Taken,
) -> Taken {
    // Most are listpacks. Nothing is kept from one value to the next, so their halves stay in registers.
    if packing == Packing::Listpack {
        let mut values = listpack::Iter::new(bytes);
        while let Some(first) = values.next() {
            take(first, values.next().ok_or(UNEVEN)?)?;
        }
        return Ok(());
    }
    let mut first = None;
    each_value(packing, bytes, |value| match first.take() {
        Some(first) => take(first, value),
        None => {
            first = Some(value);
            Ok(())
        }
    })?;
    if first.is_none() { Ok(()) } else { Err(UNEVEN) }
}

const UNEVEN: Malformed = Malformed("a packed block that ends within a group of elements");

fn only_checks<E: Elements>(_: &E) -> bool {
    E::ONLY_CHECKS
}

/// Digits around a point, as servers write nearly all scores.
fn is_decimal(value: Value<'_>) -> bool {
    let Value::Bytes(text) = value else { return true };
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (mut points, mut others) = (0, 0);
    for &byte in digits {
        points += usize::from(byte == b'.');
        others += usize::from(!byte.is_ascii_digit());
    }
    // A point is no digit: where there are no others, it is the only one.
    points <= 1 && others == points && digits.len() > points
}

fn score(value: Value<'_>) -> Taken<f64> {
    match value {
        Value::Int(score) => Ok(score as f64),
        Value::Bytes(text) => {
            parse_f64(text).filter(|score| !score.is_nan()).ok_or(Malformed("score that is not a number"))
        }
    }
}
