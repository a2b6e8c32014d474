//! Commands of one chunk, parsed ahead of their execution.
//!
//! At a million keys a command waits longer for memory than it computes. Knowing a few dozen commands in advance
//! lets their keys be fetched together: the misses overlap instead of following one another.

use crate::table::Table;
use redtwin_resp::{Parser, ProtocolError, RequestLimits, Status};

/// As many as are worth knowing in advance: more would push one another out of the cache.
const COMMANDS_MAX: usize = 48;
/// Long commands are not gathered beyond this many arguments.
const ARGUMENTS_MAX: usize = 1024;

/// Why a batch ended.
#[derive(Debug)]
pub enum End {
    /// It is full, or the next command is an inline one and comes alone.
    More,
    /// The bytes that follow are a part of a command.
    Incomplete,
    /// The bytes that follow are no RESP.
    Error(ProtocolError),
}

/// Some complete commands, as slices of the chunk.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    arguments: Vec<&'a [u8]>,
    /// For each command: where its arguments end, and where its bytes end.
    ends: Vec<(usize, usize)>,
    /// The words of an inline command, when the batch is one.
    pub inline: Option<Vec<Vec<u8>>>,
    /// Where the bytes end that were looked at and are of no further use.
    pub used: usize,
}

impl<'a> Batch<'a> {
    /// Number of commands.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Arguments of a command, and where its bytes end.
    #[inline]
    pub fn command(&self, index: usize) -> (&[&'a [u8]], usize) {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].0);
        let (end, bytes_end) = self.ends[index];
        (&self.arguments[start..end], bytes_end)
    }

    /// Fills itself with the next commands of `bytes` from `used` on.
    pub fn fill(&mut self, parser: &mut Parser, bytes: &'a [u8], used: usize, limits: &RequestLimits) -> End {
        self.arguments.clear();
        self.ends.clear();
        self.inline = None;
        self.used = used;
        while self.ends.len() < COMMANDS_MAX && self.arguments.len() < ARGUMENTS_MAX {
            let rest = bytes.get(self.used..).unwrap_or_default();
            if !self.ends.is_empty() && rest.first().is_some_and(|&first| first != b'*') {
                return End::More;
            }
            match parser.next(rest, limits) {
                Ok(Status::Incomplete) => return End::Incomplete,
                Ok(Status::Empty(size)) => self.used += size,
                Ok(Status::Complete(size)) => {
                    self.used += size;
                    if parser.is_inline() {
                        self.inline = Some(parser.take_words());
                        return End::More;
                    }
                    parser.append_arguments(rest, &mut self.arguments);
                    self.ends.push((self.arguments.len(), self.used));
                }
                Err(error) => return End::Error(error),
            }
        }
        End::More
    }

    /// Asks for the memory of the commands' first arguments, which are keys more often than not.
    pub fn prefetch(&self, table: &Table) {
        if self.len() < 2 {
            return;
        }
        let mut start = 0;
        for &(end, _) in &self.ends {
            if let Some(key) = self.arguments.get(start + 1).filter(|_| end > start + 1) {
                table.prefetch(table.hash(key));
            }
            start = end;
        }
    }
}
