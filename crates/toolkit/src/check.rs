//! Looks at everything and writes nothing: is the file sound, and if not, which keys are broken.
//!
//! Its one idea: a broken value in a sound frame (a listpack that is none) spoils one key, so the search goes on; a
//! broken frame ends it. The decoder tells where.

use crate::measure::Summary;
use crate::sieve::Job;
use crate::spread::{Elements, StreamPart, spread};
use redtwin_rdb::format::Class;
use redtwin_rdb::{Item, Key, Part, Taken, Wish};
use redtwin_structures::limits::Malformed;
use redtwin_structures::stream::{Fields, StreamId};
use std::collections::BTreeSet;

/// The job. What only a loader finds, because it builds the value (a member twice), is not looked for.
#[derive(Debug, Default)]
pub struct Check {
    looks: Looks,
}

impl Job for Check {
    fn item(&mut self, _: Item<'_>) -> Taken {
        Ok(())
    }

    fn key(&mut self, _: u64, _: Key<'_>) -> Taken<Wish> {
        Ok(Wish::Value)
    }

    #[inline]
    fn part(&mut self, class: Class, part: Part<'_>) -> Taken {
        // Strings and elements need no second look; only what is packed, or a number, can be wrong.
        match part {
            Part::String(_) | Part::Element(_) | Part::Field { .. } | Part::Count(_) => Ok(()),
            part => spread(class, &part, &mut self.looks),
        }
    }

    fn end(&mut self, _: &Summary) -> Taken {
        self.looks.end_of_group()
    }

    fn settle(&mut self) {}

    fn undo(&mut self) {
        self.looks = Looks::default();
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
}

impl Looks {
    /// Each pending entry must have an owner by now.
    pub(crate) fn end_of_group(&mut self) -> Taken {
        if std::mem::take(&mut self.pending).is_empty() {
            Ok(())
        } else {
            Err(Malformed("stream group with a pending entry that no consumer has"))
        }
    }
}

impl Elements for Looks {
    fn text(&mut self, _: &[u8]) -> Taken {
        Ok(())
    }
    fn element(&mut self, _: &[u8]) -> Taken {
        Ok(())
    }
    fn field(&mut self, _: &[u8], _: &[u8], _: Option<u64>) -> Taken {
        Ok(())
    }
    fn member(&mut self, _: &[u8], score: f64) -> Taken {
        if score.is_nan() { Err(Malformed("score that is not a number")) } else { Ok(()) }
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
