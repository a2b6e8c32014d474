//! The feed: one offset-addressed log of blocks.
//!
//! Every write command is appended once. Whoever reads it (a replica's link, an AOF writer, a change reader) is
//! an offset into it, so memory does not grow with the number of readers. The log keeps at least `capacity` bytes
//! for those who come back; a pinned offset keeps more, up to what its owner allows.
//!
//! ```text
//!        start                         pin                  end
//!          |      block      |      block    |     block     |
//!          '------------- at least capacity bytes -----------'
//! ```
//!
//! It knows neither RESP nor replicas.
#![deny(missing_docs)]

use std::collections::VecDeque;

/// Blocks are as long as this, but for the last, which is being filled.
const BLOCK_BYTES: usize = 16 * 1024;

/// The log. Offsets count bytes since the history began; `end` is the offset after the last byte.
#[derive(Debug)]
pub struct Backlog {
    blocks: VecDeque<Vec<u8>>,
    start: u64,
    end: u64,
    capacity: u64,
    pin: Option<u64>,
    /// The block that was given up last, empty, for the next one: a steady feed takes no memory and gives none back.
    spare: Option<Vec<u8>>,
}

impl Backlog {
    /// An empty log at offset 0 that keeps `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        Backlog { blocks: VecDeque::new(), start: 0, end: 0, capacity, pin: None, spare: None }
    }

    /// Offset after the last byte.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Offset of the oldest byte kept; equals `end` when nothing is.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Bytes that the blocks take.
    pub fn memory_bytes(&self) -> usize {
        self.blocks.iter().chain(&self.spare).map(Vec::capacity).sum()
    }

    /// Changes how much is kept. Shrinking frees at once.
    pub fn resize(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.trim();
        self.spare = None;
    }

    /// Keeps everything from this offset on, whatever the capacity; None lets go.
    pub fn pin(&mut self, offset: Option<u64>) {
        self.pin = offset;
        self.trim();
    }

    /// Forgets all bytes and goes on at `offset`.
    pub fn restart(&mut self, offset: u64) {
        self.blocks.clear();
        self.spare = None;
        self.start = offset;
        self.end = offset;
    }

    /// Appends bytes. O(bytes), amortised.
    pub fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = match self.blocks.back() {
                Some(block) if block.len() < BLOCK_BYTES => BLOCK_BYTES - block.len(),
                _ => {
                    // The first block grows as needed: an idle server should not pay for a whole one.
                    let first = if self.blocks.is_empty() { 0 } else { BLOCK_BYTES };
                    let block = self.spare.take().unwrap_or_else(|| Vec::with_capacity(first));
                    self.blocks.push_back(block);
                    BLOCK_BYTES
                }
            };
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            if let Some(block) = self.blocks.back_mut() {
                block.extend_from_slice(now);
            }
            self.end += now.len() as u64;
            bytes = later;
        }
        self.trim();
    }

    fn trim(&mut self) {
        let keep_from = self.end.saturating_sub(self.capacity).min(self.pin.unwrap_or(u64::MAX));
        while let Some(first) = self.blocks.front() {
            let after = self.start + first.len() as u64;
            if after > keep_from || self.blocks.len() == 1 {
                break;
            }
            self.start = after;
            self.spare = self.blocks.pop_front();
            self.spare.iter_mut().for_each(Vec::clear);
        }
    }

    /// Copies up to `max` bytes from `offset` on into `into`. False when the offset is not kept (or lies ahead).
    pub fn read(&self, offset: u64, max: usize, into: &mut Vec<u8>) -> bool {
        self.parts(offset, max, |part| into.extend_from_slice(part)).is_some()
    }

    /// Fills `into` from `offset` on, as far as there is something. The bytes copied; None when the offset is not kept (or lies
    /// ahead).
    pub fn read_into(&self, offset: u64, into: &mut [u8]) -> Option<usize> {
        let (max, mut rest) = (into.len(), into);
        self.parts(offset, max, |part| {
            if let Some((place, behind)) = std::mem::take(&mut rest).split_at_mut_checked(part.len()) {
                place.copy_from_slice(part);
                rest = behind;
            }
        })
    }

    /// Shows up to `max` bytes from `offset` on, in pieces; how many there were.
    fn parts(&self, offset: u64, max: usize, mut show: impl FnMut(&[u8])) -> Option<usize> {
        if offset < self.start || offset > self.end {
            return None;
        }
        // All blocks but the last are full, so the place is known without walking.
        let from = (offset - self.start) as usize;
        let mut skip = from % BLOCK_BYTES;
        let mut left = max;
        for block in self.blocks.iter().skip(from / BLOCK_BYTES) {
            if left == 0 {
                break;
            }
            let rest = block.get(skip..).unwrap_or_default();
            let part = rest.get(..left).unwrap_or(rest);
            show(part);
            left -= part.len();
            skip = 0;
        }
        Some(max - left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(log: &Backlog, offset: u64, max: usize) -> Option<Vec<u8>> {
        let mut into = Vec::new();
        log.read(offset, max, &mut into).then_some(into)
    }

    #[test]
    fn keeps_the_last_bytes_and_what_is_pinned() {
        let mut log = Backlog::new(100_000);
        let bytes: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
        log.append(&bytes[..300_000]);
        log.pin(Some(300_000));
        log.append(&bytes[300_000..]);
        assert_eq!(read(&log, 300_000, usize::MAX).unwrap(), &bytes[300_000..]);
        log.pin(None);
        assert_eq!(read(&log, 300_000, 1), None);
        assert!(log.end() - log.start() >= 100_000 && log.end() - log.start() < 100_000 + BLOCK_BYTES as u64);
        assert_eq!(read(&log, 1_000_000, 10), Some(vec![]));
        assert_eq!(read(&log, 1_000_001, 10), None);
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_a_plain_vector(parts: Vec<Vec<u8>>, offset in 0u64..200, max in 0usize..200) {
            let mut log = Backlog::new(1 << 20);
            log.restart(7);
            let all: Vec<u8> = parts.concat();
            parts.iter().for_each(|part| log.append(part));
            let expected = offset.checked_sub(7).and_then(|at| all.get(at as usize..))
                .map(|rest| rest[..rest.len().min(max)].to_vec());
            proptest::prop_assert_eq!(read(&log, offset, max), expected.clone());
            let mut into = vec![0; max];
            let copied = log.read_into(offset, &mut into);
            proptest::prop_assert_eq!(copied.map(|bytes| into[..bytes].to_vec()), expected);
        }
    }
}
