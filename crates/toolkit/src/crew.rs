//! A job on several threads: each works on pieces of the file, and what they make comes out in the order of the file.
//!
//! ```text
//! push(chunk) --> Splitter: where do keys end? --> piece 0 --> thread 0: decoder, sieve, job --+
//!                 (and the checksum)               piece 1 --> thread 1: the same -------------+--> in order --> take
//!                                                  piece 2 --> thread 0 ...                    |
//!        spare room for pieces and for what is made of them <----------------------------------'
//! ```
//!
//! Its one idea: walking over keys by their lengths costs a small part of looking into them, so one walks ahead and the
//! others look. A piece begins where a key has ended; a key larger than a chunk goes to its thread in parts, so memory is
//! bounded by the pieces under way, whatever the file. Threads decide nothing: what comes out, and which error, is what one
//! `Scan` would have said, which is why only jobs whose keys know nothing of each other can work so (`Shared`).
//!
//! `push` runs on the caller's thread and waits while too many pieces are under way.

mod splitter;
mod worker;

use self::splitter::Splitter;
use self::worker::{Begin, Made, Order, Worker};
use crate::scan::AnyScan;
use crate::sieve::{BROKEN_KEYS_MAX, BrokenKey, Counts, Filter, Job, Sieve};
use redtwin_rdb::{Decoder, Error, ErrorKind};
use std::collections::VecDeque;

/// A job that can begin in the middle of a file: another like it makes what stands before.
pub trait Shared: Job {
    /// What follows is a piece of the file that begins between two keys.
    fn resume(&mut self) {}

    /// The databases of the first and the last key of the piece that the job was told of, when its output says where they
    /// change: then what says so of the first key is left to `select`.
    fn span(&self) -> Option<(u64, u64)> {
        None
    }

    /// What says that keys of database `db` follow.
    fn select(_db: u64) -> Vec<u8> {
        Vec::new()
    }

    /// Takes over what another has found in its pieces, and has not given out yet.
    fn absorb(&mut self, _other: Self)
    where
        Self: Sized,
    {
    }
}

/// Orders given and not yet seen to: enough that no thread waits for the next, few enough to stay in the cache.
const ORDERS_MAX: usize = 10;
/// Room for more than this is given back instead of being used again.
const ROOM_MAX: usize = 8 * 1024 * 1024;
/// A part of a key that is larger than a chunk.
const PART_BYTES: usize = 256 * 1024;

/// Threads that share a job.
#[derive(Debug)]
pub struct Crew<J> {
    decoder: Decoder,
    splitter: Splitter,
    workers: Vec<Worker<J>>,
    /// Who works on the piece that is being cut.
    turn: usize,
    /// Bytes of it that were not handed over yet, and where it begins if none were.
    piece: Vec<u8>,
    begin: Option<Begin>,
    /// Whose results are awaited, in the order of the file.
    awaited: VecDeque<usize>,
    /// The database that the output is in, and whether the piece whose results come has said so.
    db: u64,
    is_selected: bool,
    ready: VecDeque<Vec<u8>>,
    /// Of the first of them.
    taken: usize,
    spare_pieces: Vec<Vec<u8>>,
    spare_room: Vec<Vec<u8>>,
    counts: Counts,
    broken_keys: Vec<BrokenKey>,
    last_key: (u64, Vec<u8>),
    /// Of each thread, what its job has had no place for.
    losses: Vec<Vec<(&'static str, u64)>>,
    failed: Option<Error>,
}

impl<J: Shared + Send + 'static> Crew<J> {
    /// `threads` of them, each with a job of its own; None when the system has none to give.
    ///
    /// `checksum` and `tolerant` as with `Scan`.
    pub fn start(
        threads: usize,
        job: impl Fn() -> J,
        filter: &Filter,
        checksum: bool,
        tolerant: bool,
    ) -> Option<Self> {
        let sieve = || {
            let sieve = Sieve::new(job(), filter.clone());
            if tolerant { sieve.tolerant() } else { sieve }
        };
        let workers: Option<Vec<Worker<J>>> = (0..threads.max(1)).map(|_| Worker::start(sieve())).collect();
        Some(Crew {
            decoder: Decoder::new(checksum),
            splitter: Splitter::default(),
            workers: workers?,
            turn: 0,
            piece: Vec::new(),
            begin: None,
            awaited: VecDeque::new(),
            db: 0,
            is_selected: false,
            ready: VecDeque::new(),
            taken: 0,
            spare_pieces: Vec::new(),
            spare_room: Vec::new(),
            counts: Counts::default(),
            broken_keys: Vec::new(),
            last_key: (0, Vec::new()),
            losses: vec![Vec::new(); threads.max(1)],
            failed: None,
        })
    }

    /// Hands over what was gathered of the piece.
    fn send(&mut self, ends: bool) {
        let next = self.spare_pieces.pop().unwrap_or_default();
        let bytes = std::mem::replace(&mut self.piece, next);
        let room = self.spare_room.pop().unwrap_or_default();
        if let Some(worker) = self.workers.get(self.turn) {
            worker.order(Order { begin: self.begin.take(), bytes, ends, room });
        }
        self.awaited.push_back(self.turn);
        if ends {
            self.turn = (self.turn + 1) % self.workers.len();
        }
    }

    /// Takes the oldest result that is not there yet, if it is there by now or must be waited for.
    fn collect(&mut self, wait: bool) -> bool {
        let Some(&who) = self.awaited.front() else { return false };
        let Some(made) = self.workers.get_mut(who).and_then(|worker| worker.made(wait)) else { return false };
        self.awaited.pop_front();
        self.merge(who, made);
        true
    }

    fn merge(&mut self, who: usize, made: Made) {
        self.spare_pieces.push(made.piece);
        if self.failed.is_some() {
            return;
        }
        if let Some((first, last)) = made.span {
            if !self.is_selected && first != self.db {
                self.ready.push_back(J::select(first));
            }
            self.is_selected = true;
            self.db = last;
        }
        if made.out.is_empty() {
            self.spare(made.out);
        } else {
            self.ready.push_back(made.out);
        }
        self.counts.wanted += made.counts.wanted;
        self.counts.refused += made.counts.refused;
        self.counts.broken += made.counts.broken;
        let room = BROKEN_KEYS_MAX.saturating_sub(self.broken_keys.len());
        self.broken_keys.extend(made.broken_keys.into_iter().take(room));
        self.last_key = made.last_key.unwrap_or(std::mem::take(&mut self.last_key));
        if let Some(losses) = self.losses.get_mut(who) {
            *losses = made.losses;
        }
        self.failed = made.error;
        if made.ends {
            self.is_selected = false;
        }
    }

    fn spare(&mut self, mut room: Vec<u8>) {
        room.clear();
        if room.capacity() > 0 && room.capacity() <= ROOM_MAX && self.spare_room.len() < ORDERS_MAX {
            self.spare_room.push(room);
        }
    }

    /// All that was handed over is seen to.
    fn settle(&mut self) -> Result<(), Error> {
        while self.collect(true) {}
        self.outcome()
    }

    fn outcome(&self) -> Result<(), Error> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Cuts the piece where the last key of the chunk ended, if one did.
    fn cut(&mut self, chunk: &[u8], chunk_at: u64) {
        let cut = usize::try_from(self.splitter.keys_end.saturating_sub(chunk_at)).unwrap_or(0);
        let (head, tail) = chunk.split_at(cut.min(chunk.len()));
        self.piece.extend_from_slice(head);
        if !head.is_empty() {
            self.send(true);
            if let Some(version) = self.decoder.version() {
                self.begin =
                    Some(Begin { version, offset: self.splitter.keys_end, db: self.splitter.keys_db });
            }
        }
        self.piece.extend_from_slice(tail);
        if self.piece.len() >= PART_BYTES {
            self.send(false);
        }
    }
}

impl<J: Shared + Send + 'static> AnyScan for Crew<J> {
    fn push(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.outcome()?;
        let at = self.decoder.bytes();
        match self.decoder.push(chunk, &mut self.splitter) {
            Ok(progress) => {
                let (taken, behind) = chunk.split_at(progress.taken.min(chunk.len()));
                self.cut(taken, at);
                while self.collect(self.awaited.len() > ORDERS_MAX) {}
                if behind.is_empty() {
                    return self.outcome();
                }
                self.send(true);
                self.settle()?;
                self.failed = Some(Error { kind: ErrorKind::TrailingBytes, offset: self.decoder.bytes() });
            }
            Err(error) => {
                // Whoever looks into the values may have met another before it, and tells which key it is in.
                self.piece.extend_from_slice(chunk);
                self.send(true);
                self.settle()?;
                self.failed = Some(error);
            }
        }
        self.outcome()
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.outcome()?;
        if !self.piece.is_empty() {
            self.send(true);
        }
        self.settle()?;
        self.failed = self.decoder.finish().err();
        self.outcome()?;
        let mut jobs = self.workers.iter_mut().filter_map(Worker::dismiss);
        if let Some(mut job) = jobs.next() {
            jobs.for_each(|other| job.absorb(other));
            let offset = self.decoder.bytes();
            let made = job.finish().map_err(|wrong| Error { kind: ErrorKind::Corrupt(wrong.0), offset })?;
            self.ready.push_back(made);
        }
        Ok(())
    }

    fn take(&mut self, into: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(first) = self.ready.front() {
            let rest = first.get(self.taken..).unwrap_or_default();
            let room = into.get_mut(filled..).unwrap_or_default();
            let count = rest.len().min(room.len());
            if let (Some(room), Some(from)) = (room.get_mut(..count), rest.get(..count)) {
                room.copy_from_slice(from);
            }
            filled += count;
            self.taken += count;
            if count < rest.len() {
                break;
            }
            self.taken = 0;
            if let Some(room) = self.ready.pop_front() {
                self.spare(room);
            }
        }
        filled
    }

    fn bytes(&self) -> u64 {
        self.decoder.bytes()
    }

    fn is_done(&self) -> bool {
        self.decoder.finish().is_ok()
    }

    fn counts(&self) -> Counts {
        self.counts
    }

    fn broken_keys(&self) -> &[BrokenKey] {
        &self.broken_keys
    }

    fn last_key(&self) -> (u64, Vec<u8>) {
        self.last_key.clone()
    }

    fn losses(&self) -> Vec<(&'static str, u64)> {
        let mut sums: Vec<(&'static str, u64)> = Vec::new();
        for &(what, count) in self.losses.iter().flatten() {
            match sums.iter_mut().find(|(name, _)| *name == what) {
                Some((_, sum)) => *sum += count,
                None => sums.push((what, count)),
            }
        }
        sums
    }
}
