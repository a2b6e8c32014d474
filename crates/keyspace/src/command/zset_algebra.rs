//! Sorted sets: unions, intersections and differences, with weights; plain sets count as members with score 1.
//!
//! The order in which inputs are visited is Redis's, because sums of floating-point scores depend on it.

use super::ranges::int_within;
use super::zset::{reply_scored, scored_head};
use super::zset_range::store_result;
use super::{Call, Done, Handler, is};
use crate::entry::Value as EntryValue;
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::{Keyspace, Stopped};
use crate::object::Object;
use redtwin_structures::limits::Limits;
use redtwin_structures::number::parse_f64;
use redtwin_structures::set::Set;
use redtwin_structures::zset::Zset;

pub fn handler(id: CommandId) -> Option<Handler> {
    use Operation::{Diff, Inter, Union};
    Some(match id {
        CommandId::Zunion => |call| reply(call, Union),
        CommandId::Zinter => |call| reply(call, Inter),
        CommandId::Zdiff => |call| reply(call, Diff),
        CommandId::Zunionstore => |call| store(call, Union, "zunionstore"),
        CommandId::Zinterstore => |call| store(call, Inter, "zinterstore"),
        CommandId::Zdiffstore => |call| store(call, Diff, "zdiffstore"),
        CommandId::Zintercard => zintercard,
        _ => return None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Inter,
    Diff,
}

#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            // Infinities of both signs cancel out.
            Aggregate::Sum => number_or_zero(a + b),
            Aggregate::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Aggregate::Max => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        }
    }
}

fn number_or_zero(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value }
}

/// One operand.
#[derive(Clone, Copy)]
enum Source<'a> {
    Missing,
    Set(&'a Set),
    Zset(&'a Zset),
}

impl Source<'_> {
    fn len(self) -> usize {
        match self {
            Source::Missing => 0,
            Source::Set(set) => set.len(),
            Source::Zset(zset) => zset.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Source::Missing => None,
            Source::Set(set) => set.contains(member).then_some(1.0),
            Source::Zset(zset) => zset.score(member),
        }
    }

    /// Hands over all members until `emit` says false.
    fn each(self, mut emit: impl FnMut(&[u8], f64) -> bool) {
        let digits = &mut itoa::Buffer::new();
        match self {
            Source::Missing => {}
            Source::Set(set) => {
                set.iter().all(|member| emit(member.as_bytes(digits), 1.0));
            }
            Source::Zset(zset) => {
                zset.range(0, usize::MAX).all(|(member, score)| emit(member.as_bytes(digits), score));
            }
        }
    }
}

/// A whole command behind its name, or behind the key it stores to.
struct Query<'a> {
    names: &'a [&'a [u8]],
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    limit: usize,
}

/// Which options a command takes besides its keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Reply,
    Store,
    Count,
}

impl<'a> Query<'a> {
    fn parse(call: &mut Call<'a>, at: usize, operation: Operation, form: Form) -> Result<Self, Stopped> {
        let count = call.int(at)?;
        if count < 1 {
            let name = String::from_utf8_lossy(call.args[0]).to_lowercase();
            return Err(format!("ERR at least 1 input key is needed for '{name}' command").into());
        }
        let names =
            usize::try_from(count).ok().and_then(|count| call.args.get(at + 1..(at + 1).checked_add(count)?));
        let names = names.ok_or(errors::SYNTAX)?;
        // Redis looks at the keys before it looks at the options.
        check_types(call.keys, names)?;
        let mut query = Query {
            names,
            weights: vec![1.0; names.len()],
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: 0,
        };
        let weighted = operation != Operation::Diff && form != Form::Count;
        let mut rest = &call.args[at + 1 + names.len()..];
        while let [word, after @ ..] = rest {
            rest = after;
            if weighted && is(word, "WEIGHTS") && after.len() >= names.len() {
                for (weight, text) in query.weights.iter_mut().zip(after) {
                    *weight = parse_f64(text).ok_or("ERR weight value is not a float")?;
                }
                rest = &after[names.len()..];
            } else if weighted && is(word, "AGGREGATE") && !after.is_empty() {
                query.aggregate = match () {
                    () if is(after[0], "SUM") => Aggregate::Sum,
                    () if is(after[0], "MIN") => Aggregate::Min,
                    () if is(after[0], "MAX") => Aggregate::Max,
                    () => return Err(errors::SYNTAX.into()),
                };
                rest = &after[1..];
            } else if form == Form::Reply && is(word, "WITHSCORES") {
                query.with_scores = true;
            } else if form == Form::Count && is(word, "LIMIT") && !after.is_empty() {
                query.limit = int_within(after[0], 0, i64::MAX, "ERR LIMIT can't be negative")? as usize;
                rest = &after[1..];
            } else {
                return Err(errors::SYNTAX.into());
            }
        }
        Ok(query)
    }

    /// The result of the operation, in the large form, as Redis makes it: only that one tells -0 from 0.
    fn run(&self, keys: &Keyspace, operation: Operation) -> Zset {
        let limits = &Limits { zset_max_listpack_entries: 0, ..Limits::default() };
        let mut sources: Vec<(Source<'_>, f64)> =
            self.names.iter().map(|name| source(keys, name)).zip(self.weights.iter().copied()).collect();
        let mut result = Zset::new();
        if operation == Operation::Diff {
            if let [(first, _), others @ ..] = &sources[..] {
                first.each(|member, score| {
                    if others.iter().all(|(other, _)| other.score(member).is_none()) {
                        result.insert(member, score, limits);
                    }
                    true
                });
            }
            return result;
        }
        // The smallest comes first, and so does its part of every sum.
        sources.sort_by_key(|(source, _)| source.len());
        if operation == Operation::Union {
            for (source, weight) in &sources {
                source.each(|member, score| {
                    let score = number_or_zero(weight * score);
                    let old = result.score(member);
                    let score = old.map_or(score, |old| self.aggregate.of(old, score));
                    // Inserting an equal score changes nothing, and -0 equals 0; but the last one counts.
                    if old
                        .is_some_and(|old| old == score && old.is_sign_negative() != score.is_sign_negative())
                    {
                        result.remove(member);
                    }
                    result.insert(member, score, limits);
                    true
                });
            }
            return result;
        }
        if let [(first, weight), others @ ..] = &sources[..] {
            first.each(|member, score| {
                let mut score = number_or_zero(weight * score);
                for (other, weight) in others {
                    let Some(value) = other.score(member) else { return true };
                    score = self.aggregate.of(score, weight * value);
                }
                result.insert(member, score, limits);
                true
            });
        }
        result
    }
}

/// Expires what has to go, counts hits and misses, and refuses what is neither a set nor a sorted set.
fn check_types(keys: &mut Keyspace, names: &[&[u8]]) -> Done {
    for name in names {
        match keys.read(name) {
            None | Some(EntryValue::Object(Object::Set(_) | Object::Zset(_))) => {}
            Some(_) => return Err(errors::WRONG_TYPE.into()),
        }
    }
    Ok(())
}

fn source<'a>(keys: &'a Keyspace, name: &[u8]) -> Source<'a> {
    let table = &keys.dbs[keys.selected].table;
    match table.get(table.hash(name), name) {
        Some(entry) if !keys.is_expired(entry.expire_ms()) => match entry.value() {
            EntryValue::Object(Object::Set(set)) => Source::Set(set),
            EntryValue::Object(Object::Zset(zset)) => Source::Zset(zset),
            _ => Source::Missing,
        },
        _ => Source::Missing,
    }
}

fn reply(call: &mut Call<'_>, operation: Operation) -> Done {
    let query = Query::parse(call, 1, operation, Form::Reply)?;
    let result = query.run(call.keys, operation);
    scored_head(call.reply, result.len(), query.with_scores);
    for (member, score) in result.range(0, usize::MAX) {
        reply_scored(call.reply, member, score, query.with_scores);
    }
    Ok(())
}

fn store(call: &mut Call<'_>, operation: Operation, event: &'static str) -> Done {
    let query = Query::parse(call, 2, operation, Form::Store)?;
    let mut result = query.run(call.keys, operation);
    result.pack(&call.keys.settings.limits);
    store_result(call, call.args[1], result, event)
}

fn zintercard(call: &mut Call<'_>) -> Done {
    let query = Query::parse(call, 1, Operation::Inter, Form::Count)?;
    let mut sources: Vec<Source<'_>> = query.names.iter().map(|name| source(call.keys, name)).collect();
    sources.sort_by_key(|source| source.len());
    let mut count = 0;
    if let [first, others @ ..] = &sources[..] {
        first.each(|member, _| {
            count += usize::from(others.iter().all(|other| other.score(member).is_some()));
            count == 0 || count != query.limit
        });
    }
    call.reply.count(count);
    Ok(())
}
