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

/// The job.
#[derive(Clone, Copy, Debug, Default)]
pub struct Check;

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
            Part::Packed(..) | Part::StreamNode { .. } | Part::Member { .. } => {
                spread(class, &part, &mut Looks)
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, _: &Summary) -> Taken {
        Ok(())
    }

    fn settle(&mut self) {}

    fn undo(&mut self) {}

    fn take(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn finish(&mut self) -> Taken<Vec<u8>> {
        Ok(Vec::new())
    }
}

/// Takes elements and only looks whether they can be.
pub(crate) struct Looks;

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
    fn stream_part(&mut self, _: StreamPart<'_>) -> Taken {
        Ok(())
    }
    fn module(&mut self, _: u64, _: &[u8]) -> Taken {
        Ok(())
    }
}
