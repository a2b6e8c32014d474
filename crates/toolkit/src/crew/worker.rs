//! One thread of a crew.
//!
//! ```text
//! order (bytes of a piece) --> decoder, sieve, job --> made (output, counts, what was broken) and the room, to be used again
//! ```
//!
//! Its one idea: it takes one order after the other and answers each with one result, in that order; it knows nothing of the others.

use super::Shared;
use crate::sieve::{BrokenKey, Counts, Sieve};
use redtwin_rdb::format::Version;
use redtwin_rdb::{Decoder, Error};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

/// Where a piece begins that is not the first.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) version: Version,
    /// Position in the file.
    pub(super) offset: u64,
    pub(super) db: u64,
}

/// A piece of the file, or a part of one.
#[derive(Debug)]
pub(super) struct Order {
    /// None: it goes on where the last order ended.
    pub(super) begin: Option<Begin>,
    pub(super) bytes: Vec<u8>,
    /// The piece is complete with it.
    pub(super) ends: bool,
    /// Empty: to write into.
    pub(super) room: Vec<u8>,
}

/// What was made of an order.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) out: Vec<u8>,
    /// See `Shared::span`.
    pub(super) span: Option<(u64, u64)>,
    pub(super) counts: Counts,
    pub(super) broken_keys: Vec<BrokenKey>,
    /// The last key begun, if one was.
    pub(super) last_key: Option<(u64, Vec<u8>)>,
    pub(super) error: Option<Error>,
    /// The order's.
    pub(super) ends: bool,
    /// The order's room for bytes, empty, to be used again.
    pub(super) piece: Vec<u8>,
    /// What the thread has had no place for so far.
    pub(super) losses: Vec<(&'static str, u64)>,
}

/// The caller's end of a thread.
#[derive(Debug)]
pub(super) struct Worker<J> {
    /// None when nothing more is ordered: then the thread ends, and gives its job back.
    orders: Option<Sender<Order>>,
    made: Receiver<Made>,
    thread: Option<JoinHandle<J>>,
}

impl<J: Shared + Send + 'static> Worker<J> {
    /// None when the system has no thread to give.
    pub(super) fn start(sieve: Sieve<J>) -> Option<Self> {
        let (orders, ordered) = channel();
        let (makes, made) = channel();
        let work = move || work(sieve, &ordered, &makes);
        let thread = Builder::new().name("redtwin-rdb".into()).spawn(work).ok()?;
        Some(Worker { orders: Some(orders), made, thread: Some(thread) })
    }

    pub(super) fn order(&self, order: Order) {
        // Fails only when the thread has panicked, which `made` passes on.
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }

    /// What was made of the oldest order that was not asked for yet. None: it is not there, and nobody wants to wait.
    pub(super) fn made(&mut self, wait: bool) -> Option<Made> {
        let made = if wait { self.made.recv().ok() } else { self.made.try_recv().ok() };
        if made.is_none() && wait {
            self.dismiss();
        }
        made
    }

    /// Ends the thread when it has done what was ordered, and gives its job. Its panic goes on here.
    pub(super) fn dismiss(&mut self) -> Option<J> {
        self.orders = None;
        self.thread.take()?.join().map_or_else(|panic| std::panic::resume_unwind(panic), Some)
    }
}

/// What the thread does, until nobody orders any more.
fn work<J: Shared>(mut sieve: Sieve<J>, orders: &Receiver<Order>, makes: &Sender<Made>) -> J {
    // The checksum is looked at by who sees all pieces.
    let mut decoder = Decoder::new(false);
    for Order { begin, bytes: mut piece, ends, room } in orders {
        if let Some(Begin { version, offset, db }) = begin {
            decoder = Decoder::resumed(version, offset);
            sieve.resume(db);
        }
        if room.capacity() > 0 {
            sieve.job.reuse(room);
        }
        let error = decoder.push(&piece, &mut sieve).err();
        piece.clear();
        let (db, name) = sieve.last_key();
        let last_key = sieve.has_begun_a_key().then(|| (db, name.to_vec()));
        let made = Made {
            span: sieve.job.span(),
            out: sieve.job.take(),
            counts: std::mem::take(&mut sieve.counts),
            broken_keys: std::mem::take(&mut sieve.broken_keys),
            last_key,
            error,
            ends,
            piece,
            losses: sieve.job.losses(),
        };
        if makes.send(made).is_err() {
            break;
        }
    }
    sieve.job
}
