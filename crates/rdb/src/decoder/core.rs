//! What every reader of the decoder shares: the string under way, what was read of a group that is not complete, the
//! raw bytes being kept, and the position.
//!
//! Its one idea: "commit". A piece that was read and handed over is committed: the mark moves behind it, the position
//! grows, and when raw bytes are wanted (of a module, of a stream's tail) they are copied from what was committed.

use crate::bytes::Bytes;
use crate::input::{Halt, Input, Read};
use crate::text::Strings;

#[derive(Debug, Default)]
pub(super) struct Core {
    strings: Strings,
    /// Strings of a group (field and value, member and score) whose rest has not come.
    held: [Option<Vec<u8>>; 2],
    /// The number before such a group, for the same reason.
    number: Option<u64>,
    raw: Option<Vec<u8>>,
    /// Committed bytes of a value that is wanted raw, until they are handed over.
    tap: Option<Vec<u8>>,
    /// Position in the RDB of the mark.
    pub(super) offset: u64,
}

impl Core {
    pub(super) fn string<'a>(&mut self, input: &mut Input<'a>, keep: bool) -> Read<Bytes<'a>> {
        self.strings.read(input, keep)
    }

    /// Two strings, either of which may end in a later chunk.
    pub(super) fn pair<'a>(&mut self, input: &mut Input<'a>, keep: bool) -> Read<(Bytes<'a>, Bytes<'a>)> {
        let first = self.held_or_read(0, input, keep)?;
        let here = input.at;
        match self.held_or_read(1, input, keep) {
            Ok(second) => Ok((first, second)),
            Err(halt) => Err(self.hold([Some(first), None], None, halt, input, here)),
        }
    }

    /// A string and something of fixed size.
    pub(super) fn with_string<'a, T>(
        &mut self,
        input: &mut Input<'a>,
        keep: bool,
        fixed: impl FnOnce(&mut Input<'a>) -> Read<T>,
    ) -> Read<(Bytes<'a>, T)> {
        let string = self.held_or_read(0, input, keep)?;
        let here = input.at;
        match fixed(input) {
            Ok(value) => Ok((string, value)),
            Err(halt) => Err(self.hold([Some(string), None], None, halt, input, here)),
        }
    }

    /// Two strings and something of fixed size.
    pub(super) fn pair_with<'a, T>(
        &mut self,
        input: &mut Input<'a>,
        keep: bool,
        fixed: impl FnOnce(&mut Input<'a>) -> Read<T>,
    ) -> Read<(Bytes<'a>, Bytes<'a>, T)> {
        let (first, second) = self.pair(input, keep)?;
        let here = input.at;
        match fixed(input) {
            Ok(value) => Ok((first, second, value)),
            Err(halt) => Err(self.hold([Some(first), Some(second)], None, halt, input, here)),
        }
    }

    /// A length and two strings.
    pub(super) fn number_and_pair<'a>(
        &mut self,
        input: &mut Input<'a>,
        keep: bool,
    ) -> Read<(u64, Bytes<'a>, Bytes<'a>)> {
        let number = match self.number.take() {
            Some(number) => number,
            None => input.length()?,
        };
        let here = input.at;
        match self.pair(input, keep) {
            Ok((first, second)) => Ok((number, first, second)),
            Err(halt) => Err(self.hold([None, None], Some(number), halt, input, here)),
        }
    }

    fn held_or_read<'a>(&mut self, place: usize, input: &mut Input<'a>, keep: bool) -> Read<Bytes<'a>> {
        match self.held.get_mut(place).and_then(Option::take) {
            Some(held) => Ok(Bytes::Owned(held)),
            None => self.strings.read(input, keep),
        }
    }

    /// Keeps what was read of a group; what follows `here` is read again when more has come.
    #[cold]
    fn hold(
        &mut self,
        strings: [Option<Bytes<'_>>; 2],
        number: Option<u64>,
        halt: Halt,
        input: &mut Input<'_>,
        here: usize,
    ) -> Halt {
        for (place, string) in self.held.iter_mut().zip(strings) {
            if let Some(string) = string {
                *place = Some(string.into_vec());
            }
        }
        self.number = self.number.or(number);
        match halt {
            Halt::More => {
                input.at = here;
                Halt::Partial
            }
            other => other,
        }
    }

    /// What was read since the mark is done with.
    #[inline]
    pub(super) fn commit(&mut self, input: &mut Input<'_>) {
        if let Some(raw) = &mut self.raw {
            raw.extend_from_slice(input.since_mark());
        }
        if let Some(tap) = &mut self.tap {
            tap.extend_from_slice(input.since_mark());
        }
        self.offset += (input.at - input.mark) as u64;
        input.mark = input.at;
    }

    /// From the next commit on, a copy of all bytes is wanted, or is not any more.
    pub(super) fn tap(&mut self, wanted: bool) {
        self.tap = wanted.then(Vec::new);
    }

    /// What has gathered since the last time. The vector comes back with `tapped`, to be used again.
    #[inline]
    pub(super) fn take_tapped(&mut self) -> Option<Vec<u8>> {
        self.tap.as_mut().filter(|tap| !tap.is_empty()).map(std::mem::take)
    }

    /// A vector that was handed over.
    pub(super) fn tapped(&mut self, mut vector: Vec<u8>) {
        vector.clear();
        if let Some(tap) = self.tap.as_mut().filter(|tap| tap.is_empty()) {
            *tap = vector;
        }
    }

    /// From here on, keep all bytes as they are.
    pub(super) fn keep_raw(&mut self, input: &mut Input<'_>) {
        self.commit(input);
        self.raw = Some(Vec::new());
    }

    /// The bytes since `keep_raw`, those not yet committed included. None when none were kept.
    pub(super) fn take_raw(&mut self, input: &Input<'_>) -> Option<Vec<u8>> {
        let mut raw = self.raw.take()?;
        raw.extend_from_slice(input.since_mark());
        Some(raw)
    }
}
