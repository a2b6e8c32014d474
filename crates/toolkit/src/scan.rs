//! The driver of a job: chunks in, bytes out, and where it went wrong.
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
}

impl<J: Job> Scan<J> {
    /// A job at the start of a file. Without `checksum` the file's sum is not looked at.
    pub fn new(job: J, filter: Filter, checksum: bool) -> Self {
        Scan { decoder: Decoder::new(checksum), sieve: Sieve::new(job, filter) }
    }

    /// Goes on after keys whose value is broken: see `Sieve::tolerant`.
    #[must_use]
    pub fn tolerant(self) -> Self {
        Scan { sieve: self.sieve.tolerant(), ..self }
    }
}

/// Any job, as the border sees it.
pub trait AnyScan: Send {
    /// Takes a chunk, gives what is ready. Bytes behind the RDB's end are an error.
    ///
    /// # Errors
    /// What is wrong with the RDB, and where. What was ready before it can still be taken with `ready`.
    fn push(&mut self, chunk: &[u8]) -> Result<Vec<u8>, Error>;
    /// What is ready, without taking more.
    fn ready(&mut self) -> Vec<u8>;
    /// No more will come: the rest of what is to be said.
    ///
    /// # Errors
    /// `Truncated` when the end was not seen.
    fn finish(&mut self) -> Result<Vec<u8>, Error>;
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
}

impl<J: Job + Send> AnyScan for Scan<J> {
    fn push(&mut self, chunk: &[u8]) -> Result<Vec<u8>, Error> {
        let progress = self.decoder.push(chunk, &mut self.sieve)?;
        if progress.taken < chunk.len() {
            return Err(Error { kind: ErrorKind::TrailingBytes, offset: self.decoder.bytes() });
        }
        Ok(self.sieve.job.take())
    }

    fn ready(&mut self) -> Vec<u8> {
        self.sieve.job.take()
    }

    fn finish(&mut self) -> Result<Vec<u8>, Error> {
        self.decoder.finish()?;
        let offset = self.decoder.bytes();
        self.sieve.job.finish().map_err(|wrong| Error { kind: ErrorKind::Corrupt(wrong.0), offset })
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
}
