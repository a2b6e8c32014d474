//! Sorted sets: ranges by rank, score or member, as a reply, counted, removed or stored.
//!
//! Whatever a range is given by, it is a range of ranks in the end.

use super::ranges::index_range;
use super::zset::{reply_scored, scored_head};
use super::{Call, Done, Handler, is};
use crate::entry::NewValue;
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::Stopped;
use crate::object::Object;
use redtwin_structures::number::parse_f64_bound;
use redtwin_structures::zset::{Cut, Zset};
use std::ops::Range;

pub fn handler(id: CommandId) -> Option<Handler> {
    use By::{Lex, Rank, Score};
    Some(match id {
        CommandId::Zrange => |call| zrange(call, None, None),
        CommandId::Zrevrange => |call| zrange(call, Some(Rank), Some(true)),
        CommandId::Zrangebyscore => |call| zrange(call, Some(Score), Some(false)),
        CommandId::Zrevrangebyscore => |call| zrange(call, Some(Score), Some(true)),
        CommandId::Zrangebylex => |call| zrange(call, Some(Lex), Some(false)),
        CommandId::Zrevrangebylex => |call| zrange(call, Some(Lex), Some(true)),
        CommandId::Zrangestore => zrangestore,
        CommandId::Zcount => |call| count(call, Score),
        CommandId::Zlexcount => |call| count(call, Lex),
        CommandId::Zremrangebyrank => |call| remove(call, Rank, "zremrangebyrank"),
        CommandId::Zremrangebyscore => |call| remove(call, Score, "zremrangebyscore"),
        CommandId::Zremrangebylex => |call| remove(call, Lex, "zremrangebylex"),
        _ => return None,
    })
}

/// What a range is given by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// A range that has been read from the arguments.
enum Bounds<'a> {
    Rank(i64, i64),
    Cuts(Cut<'a>, Cut<'a>),
}

/// A score bound; '(' before it leaves the score itself out. `low` is the side that it bounds.
fn score_cut(text: &[u8], low: bool) -> Result<Cut<'static>, Stopped> {
    let (exclusive, text) = match text {
        [b'(', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let score = parse_f64_bound(text).ok_or(errors::MIN_OR_MAX_NOT_FLOAT)?;
    Ok(if exclusive == low { Cut::AfterScore(score) } else { Cut::BeforeScore(score) })
}

/// A member bound: "-", "+", "(member" or "[member".
fn lex_cut(text: &[u8], low: bool) -> Result<Cut<'_>, Stopped> {
    Ok(match text {
        b"-" => Cut::Start,
        b"+" => Cut::End,
        [b'(', member @ ..] if low => Cut::AfterMember(member),
        [b'(', member @ ..] => Cut::BeforeMember(member),
        [b'[', member @ ..] if low => Cut::BeforeMember(member),
        [b'[', member @ ..] => Cut::AfterMember(member),
        _ => return Err(errors::MIN_OR_MAX_NOT_STRING.into()),
    })
}

impl<'a> Bounds<'a> {
    fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self, Stopped> {
        Ok(match by {
            By::Rank => Bounds::Rank(super::parse_int(min)?, super::parse_int(max)?),
            By::Score => Bounds::Cuts(score_cut(min, true)?, score_cut(max, false)?),
            By::Lex => Bounds::Cuts(lex_cut(min, true)?, lex_cut(max, false)?),
        })
    }

    /// The ranks, counted from the lowest score; for a rank range in reverse they are counted from the highest.
    fn ranks(&self, zset: &Zset, reverse: bool) -> Range<usize> {
        match *self {
            Bounds::Rank(start, end) => match index_range(start, end, zset.len()) {
                Some((start, count)) if reverse => zset.len() - start - count..zset.len() - start,
                Some((start, count)) => start..start + count,
                None => 0..0,
            },
            Bounds::Cuts(low, high) => {
                let start = zset.rank_of(low);
                start..zset.rank_of(high).max(start)
            }
        }
    }
}

/// Everything that ZRANGE and its older kin may say behind the key.
struct Query<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    offset: i64,
    limit: i64,
    with_scores: bool,
}

impl<'a> Query<'a> {
    /// `args` begin with the two bounds.
    fn parse(
        args: &[&'a [u8]],
        mut by: Option<By>,
        mut reverse: Option<bool>,
        store: bool,
    ) -> Result<Self, Stopped> {
        let (mut offset, mut limit, mut with_scores) = (0, -1, false);
        let mut rest = &args[2..];
        while let [word, after @ ..] = rest {
            rest = after;
            if !store && is(word, "WITHSCORES") {
                with_scores = true;
            } else if is(word, "LIMIT") && after.len() >= 2 {
                (offset, limit) = (super::parse_int(after[0])?, super::parse_int(after[1])?);
                rest = &after[2..];
            } else if reverse.is_none() && is(word, "REV") {
                reverse = Some(true);
            } else if by.is_none() && is(word, "BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && is(word, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(errors::SYNTAX.into());
            }
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
                    .into(),
            );
        }
        if with_scores && by == By::Lex {
            return Err("ERR syntax error, WITHSCORES not supported in combination with BYLEX".into());
        }
        if by == By::Rank {
            // LIMIT with -1 slips through, and means nothing.
            offset = 0;
        }
        // Whoever asks backwards by score or member names the maximum first.
        let swapped = reverse && by != By::Rank;
        let (min, max) = if swapped { (args[1], args[0]) } else { (args[0], args[1]) };
        Ok(Query { bounds: Bounds::parse(by, min, max)?, reverse, offset, limit, with_scores })
    }

    /// The ranks that the query is about, LIMIT applied.
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        let all = self.bounds.ranks(zset, self.reverse);
        let Ok(offset) = usize::try_from(self.offset) else { return 0..0 };
        let left = all.len().saturating_sub(offset);
        let count = usize::try_from(self.limit).map_or(left, |limit| limit.min(left));
        if count == 0 {
            0..0
        } else if self.reverse {
            let end = all.end - offset;
            end - count..end
        } else {
            let start = all.start + offset;
            start..start + count
        }
    }
}

fn zrange(call: &mut Call<'_>, by: Option<By>, reverse: Option<bool>) -> Done {
    let query = Query::parse(&call.args[2..], by, reverse, false)?;
    let Some(zset) = call.keys.zset(call.args[1])? else {
        call.reply.array(0);
        return Ok(());
    };
    let ranks = query.ranks(zset);
    let members = if query.reverse {
        zset.range_back(ranks.start, ranks.end)
    } else {
        zset.range(ranks.start, ranks.end)
    };
    scored_head(call.reply, ranks.len(), query.with_scores);
    members.for_each(|(member, score)| reply_scored(call.reply, member, score, query.with_scores));
    Ok(())
}

fn zrangestore(call: &mut Call<'_>) -> Done {
    let (target, source) = (call.args[1], call.args[2]);
    let query = Query::parse(&call.args[3..], None, None, true)?;
    let mut limits = call.keys.settings.limits;
    let mut result = Zset::new();
    if let Some(zset) = call.keys.zset(source)? {
        let ranks = query.ranks(zset);
        // Redis knows the length of a range of ranks before it begins, and begins large where it will be; which shows in
        // a score of -0, for a listpack makes it 0.
        if matches!(query.bounds, Bounds::Rank(..)) && ranks.len() > limits.zset_max_listpack_entries {
            limits.zset_max_listpack_entries = 0;
        }
        for (member, score) in zset.range(ranks.start, ranks.end) {
            result.insert(member.as_bytes(&mut itoa::Buffer::new()), score, &limits);
        }
    }
    store_result(call, target, result, "zrangestore")
}

/// Puts a result in the place of a key; an empty one removes it. Replies with the number of members.
pub fn store_result(call: &mut Call<'_>, target: &[u8], result: Zset, event: &'static str) -> Done {
    call.reply.count(result.len());
    if !result.is_empty() {
        call.keys.put(target, NewValue::Object(Object::Zset(result)), false);
        call.keys.touched(b'z', event, target, 1);
    } else if call.keys.exists(target) {
        call.keys.remove(target);
        call.keys.touched(b'g', "del", target, 1);
    }
    Ok(())
}

fn count(call: &mut Call<'_>, by: By) -> Done {
    let bounds = Bounds::parse(by, call.args[2], call.args[3])?;
    let count = call.keys.zset(call.args[1])?.map_or(0, |zset| bounds.ranks(zset, false).len());
    call.reply.count(count);
    Ok(())
}

fn remove(call: &mut Call<'_>, by: By, event: &'static str) -> Done {
    let key = call.args[1];
    let bounds = Bounds::parse(by, call.args[2], call.args[3])?;
    let Some(zset) = call.keys.zset_mut(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let ranks = bounds.ranks(zset, false);
    let removed = zset.remove_range(ranks.start, ranks.end);
    call.reply.count(removed);
    if removed > 0 {
        call.keys.touched(b'z', event, key, removed as u64);
        call.keys.remove_if_empty(key);
    }
    Ok(())
}
