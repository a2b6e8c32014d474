//! Commands of one chunk, parsed ahead of their execution.
//!
//! At a million keys a command waits longer for memory than it computes. Knowing a few dozen commands in advance
//! lets their keys be fetched together: the misses overlap instead of following one another.

use crate::entry::Value;
use crate::object::Object;
use crate::table::{Hash, Table};
use redtwin_resp::{Parser, ProtocolError, RequestLimits, Status};
use redtwin_structures::prefetch;
use smallvec::SmallVec;

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

/// A key that a look-up is expected for.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    /// Its place among the arguments.
    at: usize,
    hash: Hash,
}

/// Some complete commands, as slices of the chunk.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    arguments: Vec<&'a [u8]>,
    /// For each command: where its arguments end, and where its bytes end.
    ends: Vec<(usize, usize)>,
    /// The keys that were asked for, in a vector that is used again.
    keys: Vec<Ahead>,
    /// The words of an inline command, when the batch is one.
    pub inline: Option<Vec<Vec<u8>>>,
    /// Where the bytes end that were looked at and are of no further use.
    pub used: usize,
}

impl Batch<'_> {
    /// Its memory, for the next chunk's.
    pub fn emptied(self) -> Batch<'static> {
        let Batch { mut arguments, mut ends, mut keys, .. } = self;
        arguments.clear();
        if arguments.capacity() > 2 * ARGUMENTS_MAX {
            arguments = Vec::new();
        }
        ends.clear();
        keys.clear();
        // Nothing is in it, so nothing is mapped: this turns a vector of one lifetime into one of another where it lies.
        let arguments = arguments.into_iter().map(|_| -> &'static [u8] { &[] }).collect();
        Batch { arguments, ends, keys, inline: None, used: 0 }
    }
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
            if let Some(size) = parser.take_plain(rest, limits, &mut self.arguments) {
                self.used += size;
                self.ends.push((self.arguments.len(), self.used));
                continue;
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

    /// Asks for what the commands will look at: their first arguments, which are keys more often than not, and where
    /// members and fields are in their collections. Comes before any of them runs.
    pub fn prefetch(&mut self, table: &Table) {
        if self.len() < 2 {
            return;
        }
        let mut keys = std::mem::take(&mut self.keys);
        keys.clear();
        keys.reserve(COMMANDS_MAX);
        let mut start = 0;
        for &(end, _) in &self.ends {
            if let Some(key) = self.arguments.get(start + 1).filter(|_| end > start + 1) {
                // Commands on one collection come in rows; it is looked up once.
                if keys.last().is_none_or(|last| self.arguments.get(last.at) != Some(key)) {
                    keys.push(Ahead { at: start + 1, hash: table.hash(key) });
                }
            }
            start = end;
        }
        keys.iter().for_each(|key| table.prefetch_segment(key.hash));
        keys.iter().for_each(|key| table.prefetch_group(key.hash));
        keys.iter().for_each(|key| table.prefetch_entry(key.hash));
        self.prefetch_members(table, &keys);
        self.keys = keys;
    }

    /// The way to a member has three steps more: the collection, what leads to a bucket of it, the bucket. Costs commands on
    /// strings a look at their names.
    fn prefetch_members(&self, table: &Table, keys: &[Ahead]) {
        let mut keys = keys.iter().peekable();
        let mut members: SmallVec<[(&Object, &[u8]); 64]> = SmallVec::new();
        let mut object = None;
        let mut start = 0;
        for &(end, _) in &self.ends {
            let at = start + 1;
            let is_new = keys.next_if(|key| key.at == at);
            if let Some([name, key, rest @ ..]) = self.arguments.get(start..end)
                && let Some(member) = member_of(name, rest)
            {
                if let Some(ahead) = is_new {
                    object = match table.get(ahead.hash, key).map(|entry| entry.value()) {
                        Some(Value::Object(object)) => {
                            prefetch::line::<Object>(object);
                            Some(object)
                        }
                        _ => None,
                    };
                }
                members.extend(object.map(|object| (object, member)));
            } else if is_new.is_some() {
                object = None;
            }
            start = end;
        }
        let aims: SmallVec<[usize; 64]> = members.iter().map(|(object, member)| object.aim(member)).collect();
        members.iter().zip(aims).for_each(|((object, _), aim)| object.prefetch(aim));
    }
}

/// The argument that is a member or a field, going by the command's first letters: a guess that costs next to nothing, and
/// nothing more where it is wrong. Empty for commands on lists, None for those on strings.
#[inline]
fn member_of<'a>(name: &[u8], rest: &[&'a [u8]]) -> Option<&'a [u8]> {
    let letter = |at: usize| name.get(at).map_or(0, |letter| letter | 0x20);
    match (letter(0), letter(1)) {
        (b'h', _) | (b's', b'a' | b'r' | b'i' | b'm') => rest.first().copied(),
        // ZADD and ZINCRBY have a number before it.
        (b'z', _) => rest.get(1).or(rest.first()).copied(),
        (b'l', _) | (b'r', b'p') => Some(b""),
        _ => None,
    }
}
