//! The driver of a job: chunks in, bytes out, and where it went wrong.
//!
//! ```text
//! push(chunk) --> decoder --> sieve --> job --take--> ready --take(into)--> the caller's buffer
//!                                        ^--------- the room, once it was emptied
//! ```
//!
//! Its one idea: a `Scan` is what crosses the border to JavaScript. It hides which job runs behind one small trait, so
//! that each job is compiled together with the decoder (no call per key goes through a table).

use crate::sieve::{BrokenKey, Counts, Filter, Job, Sieve};
use redtwin_rdb::{Decoder, Error, ErrorKind};

/// A job under way.
#[derive(Debug)]
pub struct Scan<J> {
    decoder: Decoder,
    /// The job, behind its filter.
    pub sieve: Sieve<J>,
    /// What was made and not yet taken: what lies behind `taken`.
    ready: Vec<u8>,
    taken: usize,
    /// What was wrong behind the RDB's end.
    failed: Option<Error>,
}

/// Room for more than this is given back instead of being used again: one huge value should not be paid for to the end.
const ROOM_MAX: usize = 8 * 1024 * 1024;

impl<J: Job> Scan<J> {
    /// A job at the start of a file. Without `checksum` the file's sum is not looked at.
    pub fn new(job: J, filter: Filter, checksum: bool) -> Self {
        Scan {
            decoder: Decoder::new(checksum),
            sieve: Sieve::new(job, filter),
            ready: Vec::new(),
            taken: 0,
            failed: None,
        }
    }

    /// Goes on after keys whose value is broken: see `Sieve::tolerant`.
    #[must_use]
    pub fn tolerant(self) -> Self {
        Scan { sieve: self.sieve.tolerant(), ..self }
    }

    fn add(&mut self, made: Vec<u8>) {
        if self.taken < self.ready.len() {
            self.ready.extend_from_slice(&made);
            return;
        }
        let mut room = std::mem::replace(&mut self.ready, made);
        self.taken = 0;
        room.clear();
        if room.capacity() <= ROOM_MAX {
            self.sieve.job.reuse(room);
        }
    }
}

/// Any job, as the border sees it.
pub trait AnyScan: Send {
    /// Takes a chunk. Bytes behind the RDB's end are an error.
    ///
    /// # Errors
    /// What is wrong with the RDB, and where. What was made before it can still be taken.
    fn push(&mut self, chunk: &[u8]) -> Result<(), Error>;
    /// No more will come: makes the rest of what is to be said.
    ///
    /// # Errors
    /// `Truncated` when the end was not seen.
    fn finish(&mut self) -> Result<(), Error>;
    /// Moves what was made to the front of `into`, as much as fits; gives how many bytes. 0: all was taken.
    fn take(&mut self, into: &mut [u8]) -> usize;
    /// Bytes taken so far.
    fn bytes(&self) -> u64;
    /// Whether the RDB's end was seen.
    fn is_done(&self) -> bool;
    /// Keys that passed the filter and those that did not.
    fn counts(&self) -> Counts;
    /// The first keys that a tolerant scan left out.
    fn broken_keys(&self) -> &[BrokenKey];
    /// Database and name of the last key begun.
    fn last_key(&self) -> (u64, Vec<u8>);
    /// What the output has no place for: what, and how often it was met.
    fn losses(&self) -> Vec<(&'static str, u64)>;
}

impl<J: Job + Send> AnyScan for Scan<J> {
    fn push(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let pushed = self.decoder.push(chunk, &mut self.sieve);
        let made = self.sieve.job.take();
        self.add(made);
        if pushed?.taken < chunk.len() {
            self.failed = Some(Error { kind: ErrorKind::TrailingBytes, offset: self.decoder.bytes() });
        }
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.decoder.finish()?;
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let offset = self.decoder.bytes();
        let made = self.sieve.job.finish();
        self.add(made.map_err(|wrong| Error { kind: ErrorKind::Corrupt(wrong.0), offset })?);
        Ok(())
    }

    fn take(&mut self, into: &mut [u8]) -> usize {
        let rest = self.ready.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..count), rest.get(..count)) {
            into.copy_from_slice(from);
        }
        self.taken += count;
        count
    }

    fn bytes(&self) -> u64 {
        self.decoder.bytes()
    }

    fn is_done(&self) -> bool {
        self.decoder.finish().is_ok()
    }

    fn counts(&self) -> Counts {
        self.sieve.counts
    }

    fn broken_keys(&self) -> &[BrokenKey] {
        &self.sieve.broken_keys
    }

    fn last_key(&self) -> (u64, Vec<u8>) {
        let (db, name) = self.sieve.last_key();
        (db, name.to_vec())
    }

    fn losses(&self) -> Vec<(&'static str, u64)> {
        self.sieve.job.losses()
    }
}
