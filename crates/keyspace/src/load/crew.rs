//! The threads of a load: each half on one of its own, both fed with the same chunks.
//!
//! ```text
//! write() --> 128 KiB gathered --> queue of 24 --> thread 0 (Half 0) --+
//!                             \--> queue of 24 --> thread 1 (Half 1) --+--> join() gives the halves back
//!    '<-- spare buffers <-- whoever let a chunk go last <--------------'
//! ```
//!
//! Its one idea: threads decide nothing. What is made, and which error is told, is the same as if the halves had taken
//! turns; only when it is known differs. A full queue makes `write` wait, so memory stays bounded for an endless file.

use super::half::Half;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Bytes that are handed over together: enough to make the hand-over cheap, and still in the cache when they are read.
const CHUNK_BYTES: usize = 128 * 1024;
/// Chunks that may wait: 3 MiB.
const CHUNKS_MAX: usize = 24;

/// What the threads tell while they work.
#[derive(Debug, Default)]
struct Shared {
    /// Bytes that each has looked at.
    done: [AtomicU64; 2],
    failed: AtomicBool,
    /// Nobody wants the result any more.
    given_up: AtomicBool,
    /// Empty buffers, to be used again: fresh memory costs more than the copy into it.
    spare: Mutex<Vec<Vec<u8>>>,
}

/// Two threads at work.
#[derive(Debug)]
pub(super) struct Crew {
    shared: Arc<Shared>,
    /// Empty once no more will be sent: then the threads end.
    queues: Vec<SyncSender<Arc<Vec<u8>>>>,
    threads: Vec<JoinHandle<Option<Box<Half>>>>,
    gathered: Vec<u8>,
    sent_bytes: u64,
}

impl Crew {
    /// Starts the threads, each with a call of `at_start`, or gives the halves back when the system has none.
    pub(super) fn start(halves: [Box<Half>; 2], at_start: fn()) -> Result<Crew, [Box<Half>; 2]> {
        let mut crew = Crew {
            shared: Arc::default(),
            queues: Vec::new(),
            threads: Vec::new(),
            gathered: Vec::with_capacity(CHUNK_BYTES),
            sent_bytes: 0,
        };
        let mut starts = Vec::new();
        for which in 0..halves.len() {
            // The half follows when both threads are there, so that it is not lost with one that is not.
            let (start, begins) = sync_channel(1);
            let (queue, chunks) = sync_channel(CHUNKS_MAX);
            let shared = Arc::clone(&crew.shared);
            let thread = Builder::new().name("redtwin-load".into()).spawn(move || {
                at_start();
                begins.recv().ok().map(|half| work(which, half, &chunks, &shared))
            });
            let Ok(thread) = thread else { return Err(halves) };
            starts.push(start);
            crew.queues.push(queue);
            crew.threads.push(thread);
        }
        for (start, half) in starts.iter().zip(halves) {
            // Cannot fail: the other end waits for it.
            let _ = start.send(half);
        }
        Ok(crew)
    }

    /// Takes a chunk; waits while the queues are full.
    pub(super) fn write(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            let room = CHUNK_BYTES.saturating_sub(self.gathered.len());
            let (now, later) = chunk.split_at(room.min(chunk.len()));
            self.gathered.extend_from_slice(now);
            chunk = later;
            if self.gathered.len() >= CHUNK_BYTES {
                self.send();
            }
        }
    }

    fn send(&mut self) {
        let spare = self.shared.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let next = spare.unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES));
        let chunk = Arc::new(std::mem::replace(&mut self.gathered, next));
        self.sent_bytes += chunk.len() as u64;
        for queue in &self.queues {
            // Fails only when the thread has panicked, and `join` passes that on.
            if queue.send(Arc::clone(&chunk)).is_err() {
                self.shared.failed.store(true, Relaxed);
            }
        }
    }

    /// Has one of them met an error? Which of their errors is the first is known after `join`.
    pub(super) fn has_failed(&self) -> bool {
        self.shared.failed.load(Relaxed)
    }

    /// Bytes handed over that one of them has not looked at.
    pub(super) fn pending_bytes(&self) -> u64 {
        let done = self.shared.done.iter().map(|done| done.load(Relaxed)).min().unwrap_or(0);
        self.sent_bytes.saturating_sub(done)
    }

    /// Waits until all is looked at and gives the halves back. A panic of a thread goes on here.
    pub(super) fn join(mut self) -> [Box<Half>; 2] {
        if !self.gathered.is_empty() {
            self.send();
        }
        self.queues.clear();
        let halves: Vec<Box<Half>> = std::mem::take(&mut self.threads)
            .into_iter()
            .filter_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        halves.try_into().expect("both threads were given a half")
    }
}

impl Drop for Crew {
    /// Does not wait: the threads see it at their next chunk, and drop what they made themselves.
    fn drop(&mut self) {
        self.shared.given_up.store(true, Relaxed);
    }
}

/// What a thread does.
fn work(which: usize, mut half: Box<Half>, chunks: &Receiver<Arc<Vec<u8>>>, shared: &Shared) -> Box<Half> {
    for chunk in chunks {
        if !shared.given_up.load(Relaxed) {
            half.write(&chunk);
        }
        if half.error().is_some() {
            shared.failed.store(true, Relaxed);
        }
        shared.done[which].fetch_add(chunk.len() as u64, Relaxed);
        if let Some(mut buffer) = Arc::into_inner(chunk) {
            buffer.clear();
            shared.spare.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }
    half
}
