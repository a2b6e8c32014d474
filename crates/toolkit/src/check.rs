//! Looks at everything and writes nothing: is the file sound, and if not, which keys are broken.
//!
//! Its one idea: a broken value in a sound frame (a listpack that is none) spoils one key, so the search goes on; a
//! broken frame ends it. The decoder tells where.

use crate::crew::Shared;
use crate::distinct::Distinct;
use crate::measure::Summary;
use crate::sieve::Job;
use crate::spread::{Elements, StreamPart, spread};
use redtwin_rdb::format::Class;
use redtwin_rdb::{Item, Key, Part, Taken, Wish};
use redtwin_structures::limits::Malformed;
use redtwin_structures::stream::{Fields, StreamId};
use std::collections::BTreeSet;

/// The job.
#[derive(Debug, Default)]
pub struct Check {
    looks: Looks,
}

impl Shared for Check {}

impl Job for Check {
    // Nothing about a string can be wrong that the decoder does not see.
    const TAKES_STRINGS: bool = true;

    fn item(&mut self, _: Item<'_>) -> Taken {
        Ok(())
    }

    fn key(&mut self, _: u64, _: Key<'_>) -> Taken<Wish> {
        Ok(Wish::Value)
    }

    #[inline]
    fn part(&mut self, class: Class, part: Part<'_>) -> Taken {
        // Strings need no second look, and elements of a list may be the same (its blocks were looked at by the sieve).
        match part {
            Part::String(_) | Part::Count(_) => Ok(()),
            _ if class == Class::List => Ok(()),
            part => spread(class, &part, &mut self.looks),
        }
    }

    fn end(&mut self, _: &Summary) -> Taken {
        self.looks.end_of_value()
    }

    fn settle(&mut self) {}

    fn undo(&mut self) {
        // Whether its groups were complete does not matter any more.
        let _ = self.looks.end_of_value();
    }

    fn take(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn finish(&mut self) -> Taken<Vec<u8>> {
        Ok(Vec::new())
    }
}

/// Takes elements and only looks whether they can be.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    /// Pending entries of the stream's group under way that no consumer has claimed yet.
    pending: BTreeSet<StreamId>,
    /// Members or fields of the value under way.
    members: Distinct,
}

impl Looks {
    /// What follows belongs to another key.
    pub(crate) fn end_of_value(&mut self) -> Taken {
        self.members.clear();
        self.end_of_group()
    }

    /// Each pending entry must have an owner by now.
    fn end_of_group(&mut self) -> Taken {
        if std::mem::take(&mut self.pending).is_empty() {
            Ok(())
        } else {
            Err(Malformed("stream group with a pending entry that no consumer has"))
        }
    }
}

#[inline]
fn once(holds: bool, why: &'static str) -> Taken {
    if holds { Ok(()) } else { Err(Malformed(why)) }
}

impl Elements for Looks {
    const ONLY_CHECKS: bool = true;

    fn text(&mut self, _: &[u8]) -> Taken {
        Ok(())
    }
    fn element(&mut self, member: &[u8]) -> Taken {
        once(self.members.insert(member), "set with a member twice")
    }
    fn field(&mut self, field: &[u8], _: &[u8], _: Option<u64>) -> Taken {
        once(self.members.insert(field), "hash with a field twice")
    }
    fn member(&mut self, member: &[u8], score: f64) -> Taken {
        once(!score.is_nan(), "score that is not a number")?;
        once(self.members.insert(member), "sorted set with a member twice")
    }
    fn entry(&mut self, _: StreamId, _: Fields<'_>) -> Taken {
        Ok(())
    }
    fn stream_part(&mut self, part: StreamPart<'_>) -> Taken {
        match part {
            StreamPart::Group(..) => self.end_of_group(),
            StreamPart::Pending(id, ..) if !self.pending.insert(id) => {
                Err(Malformed("stream group with the same pending entry twice"))
            }
            StreamPart::Owned(id) if !self.pending.remove(&id) => {
                Err(Malformed("stream consumer with an entry that its group does not hold pending for it"))
            }
            _ => Ok(()),
        }
    }
    fn module(&mut self, _: u64, _: &[u8]) -> Taken {
        Ok(())
    }
}
