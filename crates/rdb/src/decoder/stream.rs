//! Streams, in the four forms that Redis 5.0, 7.0, 7.2 and 8.6 write.
//!
//! ```text
//! nodes:   count { id of 16 bytes as a string, listpack }
//! info:    length, last id [, first id, greatest deleted id, entries added]            [ ]: from 7.0 on
//! groups:  count { name, last id [, entries read]
//!                  count { id of 16 raw bytes, i64 delivery ms, deliveries }
//!                  count { name, i64 seen ms [, i64 active ms]                          [ ]: from 7.2 on
//!                          count { id of 16 raw bytes } } }
//! tail:    duration, entries max, count { producer, count { name, id } }, added, duplicates      from 8.6 on
//! ```
//!
//! Its one idea: every loop of the format is a state that knows how many rounds are left.

use super::core::Core;
use crate::error::ErrorKind;
use crate::input::{Input, Read};
use crate::sink::{Part, Sink, StreamInfo};

#[derive(Clone, Copy, Debug)]
enum State {
    NodeCount,
    Nodes(u64),
    Info,
    GroupCount,
    /// Groups left, this one included.
    Group,
    PendingCount,
    Pending(u64),
    ConsumerCount,
    Consumers,
    Owned(u64),
    Tail(Tail),
}

#[derive(Clone, Copy, Debug)]
enum Tail {
    Head,
    Producers(u64),
    Entries { producers: u64, left: u64 },
    Counters,
}

/// A stream being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// 1 to 4.
    revision: u8,
    state: State,
    groups: u64,
    consumers: u64,
}

impl Stream {
    pub(super) const fn new(revision: u8) -> Self {
        Stream { revision, state: State::NodeCount, groups: 0, consumers: 0 }
    }

    /// Reads one piece. True when the stream is complete.
    pub(super) fn step<S: Sink>(
        &mut self,
        core: &mut Core,
        input: &mut Input<'_>,
        sink: &mut S,
        keep: bool,
    ) -> Read<bool> {
        match self.state {
            State::NodeCount => {
                let count = input.length()?;
                if keep {
                    sink.part(Part::Count(count))?;
                }
                self.state = if count == 0 { State::Info } else { State::Nodes(count) };
            }
            State::Nodes(left) => {
                let (name, listpack) = core.pair(input, keep)?;
                if keep {
                    let base = Input::new(&name).raw_id().ok().filter(|_| name.len() == 16);
                    let base = base.ok_or(ErrorKind::Corrupt("stream node whose name is not an id"))?;
                    sink.part(Part::StreamNode { base, listpack })?;
                }
                self.state = if left == 1 { State::Info } else { State::Nodes(left - 1) };
            }
            State::Info => {
                let (length, last) = (input.length()?, input.id()?);
                let mut info =
                    StreamInfo { length, last, first: None, max_deleted: None, entries_added: None };
                if self.revision >= 2 {
                    info.first = Some(input.id()?);
                    info.max_deleted = Some(input.id()?);
                    info.entries_added = Some(input.length()?);
                }
                if keep {
                    sink.part(Part::StreamInfo(info))?;
                }
                self.state = State::GroupCount;
            }
            State::GroupCount => {
                self.groups = input.length()?;
                self.state = State::Group;
                return Ok(self.next_group());
            }
            State::Group => {
                let revision = self.revision;
                let (name, (last, entries_read)) = core.with_string(input, keep, |input| {
                    let last = input.id()?;
                    let read = if revision >= 2 { Some(input.length()?) } else { None };
                    Ok((last, read))
                })?;
                if keep {
                    sink.part(Part::StreamGroup { name, last, entries_read })?;
                }
                self.groups -= 1;
                self.state = State::PendingCount;
            }
            State::PendingCount => {
                let count = input.length()?;
                self.state = if count == 0 { State::ConsumerCount } else { State::Pending(count) };
            }
            State::Pending(left) => {
                let (id, delivery_ms, deliveries) = (input.raw_id()?, input.i64()?, input.length()?);
                if keep {
                    sink.part(Part::StreamPending { id, delivery_ms, deliveries })?;
                }
                self.state = if left == 1 { State::ConsumerCount } else { State::Pending(left - 1) };
            }
            State::ConsumerCount => {
                self.consumers = input.length()?;
                return Ok(self.next_consumer());
            }
            State::Consumers => {
                let revision = self.revision;
                let (name, (seen_ms, active_ms, owned)) = core.with_string(input, keep, |input| {
                    let seen = input.i64()?;
                    let active = if revision >= 3 { Some(input.i64()?) } else { None };
                    Ok((seen, active, input.length()?))
                })?;
                if keep {
                    sink.part(Part::StreamConsumer { name, seen_ms, active_ms })?;
                }
                self.consumers -= 1;
                if owned == 0 {
                    return Ok(self.next_consumer());
                }
                self.state = State::Owned(owned);
            }
            State::Owned(left) => {
                let id = input.raw_id()?;
                if keep {
                    sink.part(Part::StreamOwned(id))?;
                }
                if left == 1 {
                    return Ok(self.next_consumer());
                }
                self.state = State::Owned(left - 1);
            }
            State::Tail(tail) => return self.tail(tail, core, input, sink, keep),
        }
        Ok(false)
    }

    fn next_consumer(&mut self) -> bool {
        if self.consumers == 0 {
            return self.next_group();
        }
        self.state = State::Consumers;
        false
    }

    fn next_group(&mut self) -> bool {
        if self.groups > 0 {
            self.state = State::Group;
            return false;
        }
        if self.revision < 4 {
            return true;
        }
        self.state = State::Tail(Tail::Head);
        false
    }

    fn tail<S: Sink>(
        &mut self,
        tail: Tail,
        core: &mut Core,
        input: &mut Input<'_>,
        sink: &mut S,
        keep: bool,
    ) -> Read<bool> {
        let producers_left = |left| if left == 0 { Tail::Counters } else { Tail::Producers(left) };
        self.state = State::Tail(match tail {
            Tail::Head => {
                // Again when the head comes in two chunks, which does no harm: nothing was committed in between.
                if keep {
                    core.keep_raw(input);
                }
                input.length()?;
                input.length()?;
                producers_left(input.length()?)
            }
            Tail::Producers(left) => {
                let (_, entries) = core.with_string(input, false, Input::length)?;
                if entries == 0 {
                    producers_left(left - 1)
                } else {
                    Tail::Entries { producers: left - 1, left: entries }
                }
            }
            Tail::Entries { producers, left } => {
                core.with_string(input, false, Input::id)?;
                if left == 1 {
                    producers_left(producers)
                } else {
                    Tail::Entries { producers, left: left - 1 }
                }
            }
            Tail::Counters => {
                input.length()?;
                input.length()?;
                if let Some(raw) = core.take_raw(input) {
                    sink.part(Part::StreamTail(&raw))?;
                }
                return Ok(true);
            }
        });
        Ok(false)
    }
}
