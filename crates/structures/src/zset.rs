//! The sorted set: members with scores, in the order of (score, member bytes).
//!
//! ```text
//! Packed  one listpack of member, score, member, score ...   OBJECT ENCODING listpack    (its scores: zset/score.rs)
//! Large   Ordered (zset/ordered.rs): rank, ranges            OBJECT ENCODING skiplist
//!         Buckets: member -> score
//! ```
//!
//! Its one idea: every range, by rank, score or member, is a range of ranks between two `Cut`s. A short member stands twice
//! in a large set, packed, which is less than one copy and the pointers to it would take (16-byte members: about 62
//! bytes each here, 115 in Redis). Not here: aggregation, and reading "(1.5" or "[a", which are the commands' matter.

mod ordered;
mod score;

use crate::buckets::Buckets;
use crate::limits::Limits;
use crate::listpack::{Builder, Distinct, Listpack, Value};
use crate::number::parse_f64;
use ordered::Ordered;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A place between two members. Those with members look at nothing else, as ZRANGEBYLEX, which
/// presumes equal scores.
#[derive(Clone, Copy, Debug)]
pub enum Cut<'a> {
    /// Before all members.
    Start,
    /// Behind all members.
    End,
    /// Before the first member with this score or a higher one.
    BeforeScore(f64),
    /// Behind the last member with this score or a lower one.
    AfterScore(f64),
    /// Before the first member that is this one or greater.
    BeforeMember(&'a [u8]),
    /// Behind the last member that is this one or smaller.
    AfterMember(&'a [u8]),
    /// Where this very pair stands or would stand.
    At(f64, &'a [u8]),
}

impl Cut<'_> {
    /// Whether the cut is behind the member with this score. The member is asked for only when it matters.
    fn is_after<'m>(&self, score: f64, member: impl FnOnce() -> Option<Value<'m>>) -> bool {
        let compared = |with: &[u8]| member().map_or(Ordering::Less, |m| compare(m, with));
        match *self {
            Cut::Start => false,
            Cut::End => true,
            Cut::BeforeScore(at) => score < at,
            Cut::AfterScore(at) => score <= at,
            Cut::BeforeMember(at) => compared(at) == Ordering::Less,
            Cut::AfterMember(at) => compared(at) != Ordering::Greater,
            Cut::At(at, with) => score < at || (score == at && compared(with) == Ordering::Less),
        }
    }
}

fn compare(member: Value<'_>, with: &[u8]) -> Ordering {
    member.as_bytes(&mut itoa::Buffer::new()).cmp(with)
}

/// A sorted set. No score is NaN.
#[derive(Clone)]
pub struct Zset(Repr);

#[derive(Clone)]
enum Repr {
    Packed(Listpack),
    Large(Box<Large>),
}

#[derive(Clone)]
struct Large {
    order: Ordered,
    scores: Buckets,
}

impl Default for Zset {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Zset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.range(0, self.len())).finish()
    }
}

fn raw_score(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Bytes(bytes) => bytes.first_chunk::<8>().map(|b| f64::from_le_bytes(*b)),
        Value::Int(_) => None,
    }
}

impl Large {
    fn score(&self, member: &[u8]) -> Option<f64> {
        raw_score(self.scores.record(self.scores.find(member)?).pair().1)
    }

    fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let raw = score.to_le_bytes();
        if let Some(slot) = self.scores.find(member) {
            let old = raw_score(self.scores.record(slot).pair().1)?;
            if old != score {
                self.order.remove(old, member);
                self.order.insert(score, member);
                self.scores.replace(slot, 1, Value::Bytes(&raw));
            }
            return Some(old);
        }
        self.scores.insert(&[Value::of(member), Value::Bytes(&raw)]);
        self.order.insert(score, member);
        None
    }
}

impl Zset {
    /// The empty sorted set: a listpack.
    pub fn new() -> Self {
        Zset(Repr::Packed(Listpack::new()))
    }

    /// Takes over a valid listpack of members and scores from an RDB. Turned into a large set where the limits want it.
    /// None when it is not one: an odd number of elements, a score that is none, not in order, or a member twice.
    pub fn from_listpack(pack: Listpack, limits: &Limits) -> Option<Self> {
        let mut values = pack.iter();
        let (mut count, mut longest, mut can_shrink) = (0, 0, false);
        let mut last: Option<(Value<'_>, f64)> = None;
        let mut members = Distinct::with_capacity(pack.len() / 2);
        let mut digits = itoa::Buffer::new();
        while let Some(member) = values.next() {
            let written = values.next()?;
            let score = match written {
                Value::Int(value) => value as f64,
                Value::Bytes(text) => parse_f64(text)?,
            };
            can_shrink = can_shrink || score::shortened(written, score).is_some();
            let bytes = member.as_bytes(&mut digits);
            if last.is_some_and(|(m, s)| s > score || (s == score && compare(m, bytes) != Ordering::Less)) {
                return None;
            }
            longest = longest.max(bytes.len());
            if !members.insert(member) {
                return None;
            }
            last = Some((member, score));
            count += 1;
        }
        drop(members);
        let large = count > limits.zset_max_listpack_entries || longest > limits.zset_max_listpack_value;
        let mut zset = Zset(Repr::Packed(if can_shrink && !large { shrunk(&pack) } else { pack }));
        if large {
            zset.enlarge();
        }
        Some(zset)
    }

    /// Asks for what leads to this member, no more than a hint; `prefetch` takes the next step, when that may have come.
    pub fn aim(&self, member: &[u8]) -> usize {
        match &self.0 {
            Repr::Packed(pack) => {
                pack.prefetch();
                0
            }
            Repr::Large(large) => large.scores.aim(member),
        }
    }

    /// Asks for the memory that a look-up goes through last, going by what `aim` gave.
    pub fn prefetch(&self, aim: usize) {
        if let Repr::Large(large) = &self.0 {
            large.scores.prefetch(aim);
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(pack) => pack.len() / 2,
            Repr::Large(large) => large.order.len(),
        }
    }

    /// True without members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// "listpack" or "skiplist", as Redis 7.0 calls it.
    pub fn encoding(&self) -> &'static str {
        if self.is_packed() { "listpack" } else { "skiplist" }
    }

    /// Is it a listpack? Then an RDB has it as one.
    pub fn is_packed(&self) -> bool {
        matches!(self.0, Repr::Packed(_))
    }

    /// The listpack as Redis has it, while it is one. O(members), where a score has a form of ours.
    pub fn listpack(&self) -> Option<Cow<'_, Listpack>> {
        let Repr::Packed(pack) = &self.0 else { return None };
        let is_redis = |value: Value<'_>| score::with_text(value, |text| text == value);
        if pack.iter().skip(1).step_by(2).all(is_redis) {
            return Some(Cow::Borrowed(pack));
        }
        let mut builder = Builder::with_capacity(pack.size_bytes() * 3 / 2);
        let mut values = pack.iter();
        while let (Some(member), Some(score)) = (values.next(), values.next()) {
            builder.push_value(member);
            score::with_text(score, |score| builder.push_value(score));
        }
        Some(Cow::Owned(builder.finish()))
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Repr::Packed(pack) => {
                let position = pack.find(member, pack.first()?, 2)?;
                pack.value(pack.next(position)?).map(score::read)
            }
            Repr::Large(large) => large.score(member),
        }
    }

    /// Gives a member its score; what it had before, None for a new member. `score` must not be NaN.
    pub fn insert(&mut self, member: &[u8], score: f64, limits: &Limits) -> Option<f64> {
        if let Repr::Packed(pack) = &mut self.0 {
            let found = pack.first().and_then(|first| pack.find(member, first, 2));
            if let Some(position) = found {
                let old = pack.next(position).and_then(|p| pack.value(p)).map_or(0.0, score::read);
                if old != score {
                    pack.delete(position, 2);
                    Self::insert_packed(pack, member, score);
                }
                return Some(old);
            }
            let fits = pack.len() / 2 < limits.zset_max_listpack_entries
                && member.len() <= limits.zset_max_listpack_value
                && pack.size_bytes() + member.len() < 1 << 30;
            if fits {
                Self::insert_packed(pack, member, score);
                return None;
            }
            self.enlarge();
        }
        match &mut self.0 {
            Repr::Large(large) => large.insert(member, score),
            Repr::Packed(_) => None,
        }
    }

    /// Removes a member; its score, None when it was not there.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.0 {
            Repr::Packed(pack) => {
                let position = pack.find(member, pack.first()?, 2)?;
                let score = pack.next(position).and_then(|p| pack.value(p)).map(score::read);
                pack.delete(position, 2);
                score
            }
            Repr::Large(large) => {
                let slot = large.scores.find(member)?;
                let score = raw_score(large.scores.record(slot).pair().1)?;
                large.scores.remove(slot);
                large.order.remove(score, member);
                Some(score)
            }
        }
    }

    /// Number of members before a cut.
    pub fn rank_of(&self, cut: Cut<'_>) -> usize {
        match &self.0 {
            Repr::Packed(_) => {
                self.range(0, usize::MAX).take_while(|(m, s)| cut.is_after(*s, || Some(*m))).count()
            }
            Repr::Large(large) => large.order.rank(&cut),
        }
    }

    /// The rank of a member, from the lowest score on, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        Some((self.rank_of(Cut::At(score, member)), score))
    }

    /// Members with ranks from `start` to before `end`, ascending.
    pub fn range(&self, start: usize, end: usize) -> Range<'_> {
        let count = end.min(self.len()).saturating_sub(start);
        match &self.0 {
            Repr::Packed(pack) => {
                let position = pack.seek(start.saturating_mul(2)).unwrap_or(pack.end());
                Range { left: count, walk: Walk::Packed(pack.iter().starting_at(position)) }
            }
            Repr::Large(large) => Range { left: count, walk: Walk::Forward(large.order.iter_from(start)) },
        }
    }

    /// The same members in descending order.
    pub fn range_back(&self, start: usize, end: usize) -> Range<'_> {
        let end = end.min(self.len());
        let count = end.saturating_sub(start);
        match &self.0 {
            Repr::Packed(pack) => {
                let position = pack.seek(end.saturating_mul(2)).unwrap_or(pack.end());
                Range { left: count, walk: Walk::PackedBack(pack.iter().ending_at(position)) }
            }
            Repr::Large(large) => {
                Range { left: count, walk: Walk::Backward(large.order.iter_back_from(end)) }
            }
        }
    }

    /// Removes the members with ranks from `start` to before `end`; how many there were.
    pub fn remove_range(&mut self, start: usize, end: usize) -> usize {
        let end = end.min(self.len());
        let count = end.saturating_sub(start);
        match &mut self.0 {
            Repr::Packed(pack) => {
                if let Some(position) = pack.seek(start.saturating_mul(2)) {
                    pack.delete(position, count * 2);
                }
            }
            Repr::Large(_) => {
                let gone: Vec<Vec<u8>> = self.range(start, end).map(|(member, _)| member.to_vec()).collect();
                gone.iter().for_each(|member| {
                    self.remove(member);
                });
            }
        }
        count
    }

    /// The member that `random` chooses, each with the same probability; None when empty.
    pub fn random(&self, random: u64) -> Option<(Value<'_>, f64)> {
        match &self.0 {
            Repr::Packed(pack) => {
                let mut values = pack
                    .iter()
                    .starting_at(pack.seek(2 * (random % (pack.len() as u64 / 2).max(1)) as usize)?);
                Some((values.next()?, score::read(values.next()?)))
            }
            Repr::Large(large) => {
                let (member, score) = large.scores.random(random)?.pair();
                Some((member, raw_score(score)?))
            }
        }
    }

    /// Hands over some members and gives the cursor to go on with, 0 at the end; small sets come at once.
    pub fn scan<'a>(&'a self, cursor: u64, mut emit: impl FnMut(Value<'a>, f64)) -> u64 {
        match &self.0 {
            Repr::Packed(_) => {
                self.range(0, usize::MAX).for_each(|(member, score)| emit(member, score));
                0
            }
            Repr::Large(large) => large.scores.scan(cursor, |record| {
                let (member, score) = record.pair();
                emit(member, raw_score(score).unwrap_or(0.0));
            }),
        }
    }

    /// Bytes on the heap. O(number of leaves and buckets).
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Repr::Packed(pack) => pack.size_bytes(),
            Repr::Large(large) => {
                size_of::<Large>() + large.order.memory_bytes() + large.scores.memory_bytes()
            }
        }
    }

    /// Puts a new member at its place in a listpack.
    fn insert_packed(pack: &mut Listpack, member: &[u8], score: f64) {
        let mut position = pack.first();
        while let Some(at) = position {
            let (Some(value), Some(score_at)) = (pack.value(at), pack.next(at)) else { break };
            let other = pack.value(score_at).map_or(0.0, score::read);
            if other > score || (other == score && compare(value, member) == Ordering::Greater) {
                break;
            }
            position = pack.next(score_at);
        }
        let at = position.unwrap_or(pack.end());
        score::with(score, |score| pack.insert(at, &[Value::of(member), score]));
    }

    fn enlarge(&mut self) {
        let mut large = Large { order: Ordered::default(), scores: Buckets::new(2) };
        for (member, score) in self.range(0, usize::MAX) {
            large.insert(member.as_bytes(&mut itoa::Buffer::new()), score);
        }
        self.0 = Repr::Large(Box::new(large));
    }

    /// Back to a listpack if the limits allow one: what becomes of the result of a store command.
    pub fn pack(&mut self, limits: &Limits) {
        let short = |member: Value<'_>| {
            member.as_bytes(&mut itoa::Buffer::new()).len() <= limits.zset_max_listpack_value
        };
        if self.len() <= limits.zset_max_listpack_entries && self.range(0, usize::MAX).all(|(m, _)| short(m))
        {
            let mut builder = Builder::default();
            for (member, score) in self.range(0, usize::MAX) {
                builder.push_value(member);
                score::with(score, |score| builder.push_value(score));
            }
            self.0 = Repr::Packed(builder.finish());
        }
    }

    /// To the large form, whatever the size.
    pub fn unpack(&mut self) {
        if self.is_packed() {
            self.enlarge();
        }
    }
}

/// The members and scores of Redis's listpack, the scores as they are to lie here.
fn shrunk(pack: &Listpack) -> Listpack {
    let mut builder = Builder::with_capacity(pack.size_bytes());
    let mut values = pack.iter();
    while let (Some(member), Some(written)) = (values.next(), values.next()) {
        builder.push_value(member);
        match score::shortened(written, score::read(written)) {
            Some(raw) => builder.push_value(Value::Bytes(&raw)),
            None => builder.push_value(written),
        }
    }
    builder.finish()
}

/// Members with their scores, in one direction.
#[derive(Clone)]
pub struct Range<'a> {
    left: usize,
    walk: Walk<'a>,
}

#[derive(Clone)]
enum Walk<'a> {
    Packed(crate::listpack::Iter<'a>),
    PackedBack(crate::listpack::Iter<'a>),
    Forward(ordered::Forward<'a>),
    Backward(ordered::Backward<'a>),
}

impl<'a> Iterator for Range<'a> {
    type Item = (Value<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        match &mut self.walk {
            Walk::Packed(values) => Some((values.next()?, score::read(values.next()?))),
            Walk::PackedBack(values) => {
                let score = score::read(values.next_back()?);
                Some((values.next_back()?, score))
            }
            Walk::Forward(walk) => walk.next(),
            Walk::Backward(walk) => walk.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Range<'_> {}

#[cfg(test)]
mod tests;
