//! The request parser: one command at a time out of a slice that may end anywhere.
//!
//! Limits and error texts are those of Redis 7.0 (processMultibulkBuffer, processInlineBuffer), including what it
//! does not check: the two bytes behind a bulk are skipped unseen.

use crate::{parse_i64, split_arguments};
use std::ops::Range;

/// Longest line with a count, and longest inline command.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Longer bulks are not plain. No limit is below this: one who has not authenticated may send 16 KiB.
const PLAIN_BYTES_MAX: i64 = 999;

/// What a request may be at most. Depends on the session: one that has not authenticated gets little.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Longest bulk (config proto-max-bulk-len), in bytes.
    pub bulk_bytes_max: i64,
    /// The session still has to authenticate: at most 10 arguments of at most 16 KiB.
    pub unauthenticated: bool,
}

/// The request is not RESP; Redis answers with this text (behind "ERR Protocol error: ") and closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolError(pub String);

/// How far the parser came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// A command of so many bytes; its arguments are in `Parser::arguments`.
    Complete(usize),
    /// So many bytes that mean nothing: an empty line, `*0`, `*-1`.
    Empty(usize),
    /// More bytes are needed. The next slice must begin with the same bytes.
    Incomplete,
}

/// Room for this many words is kept from one command to the next.
const WORDS_KEPT_MAX: usize = 1024;

/// Remembers how far an incomplete command has been read. One per session.
#[derive(Debug)]
pub struct Parser {
    ranges: Vec<Range<usize>>,
    words: Vec<Vec<u8>>,
    inline: bool,
    /// Next byte to look at, from the start of the command.
    at: usize,
    /// Bulks still to come; 0 between commands.
    left: usize,
    /// Length of the bulk whose data is next; -1 when its header is next.
    bulk: i64,
    started: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Parser::new()
    }
}

impl Parser {
    /// A parser at the start of a command.
    pub const fn new() -> Self {
        Parser {
            ranges: Vec::new(),
            words: Vec::new(),
            inline: false,
            at: 0,
            left: 0,
            bulk: -1,
            started: false,
        }
    }

    /// Forgets a half-read command.
    pub fn reset(&mut self) {
        self.started = false;
    }

    /// Between commands: gives back the memory that a command of very many words took.
    #[inline]
    pub fn trim(&mut self) {
        if !self.started && self.ranges.capacity() > WORDS_KEPT_MAX {
            self.ranges = Vec::new();
        }
    }

    /// Was the last complete command an inline one, whose words are `take_words`?
    #[inline]
    pub fn is_inline(&self) -> bool {
        self.inline
    }

    /// The words of the last complete command, when it was an inline one.
    pub fn take_words(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.words)
    }

    /// Appends the arguments of the last complete command to `into`, as slices of `bytes` (the slice given to
    /// `next`). An inline command has none there: see `take_words`.
    #[inline]
    pub fn append_arguments<'a>(&self, bytes: &'a [u8], into: &mut Vec<&'a [u8]>) {
        into.extend(self.ranges.iter().map(|range| bytes.get(range.clone()).unwrap_or_default()));
    }

    /// Bytes that the half-read bulk still lacks, for sizing the buffer it is gathered in; 0 when unknown.
    pub fn wanted(&self, have: usize) -> usize {
        if self.started && self.bulk >= 0 {
            self.at.saturating_add(self.bulk as usize).saturating_add(2).saturating_sub(have)
        } else {
            0
        }
    }

    /// Reads a command in its plainest form: all of it there, at most nine arguments, each below a thousand bytes. Its
    /// arguments are appended to `into`; gives its bytes. None leaves both as they were: whatever it is, `next` reads it.
    ///
    /// Nearly every command is of this form, and nothing has to be remembered about it.
    #[inline]
    pub fn take_plain<'a>(
        &self,
        bytes: &'a [u8],
        limits: &RequestLimits,
        into: &mut Vec<&'a [u8]>,
    ) -> Option<usize> {
        let &[b'*', count @ b'1'..=b'9', b'\r', _, ref rest @ ..] = bytes else { return None };
        if self.started || limits.bulk_bytes_max < PLAIN_BYTES_MAX {
            return None;
        }
        let begun = into.len();
        let mut rest = rest;
        for _ in b'0'..count {
            let Some((argument, behind)) = plain_bulk(rest) else {
                into.truncate(begun);
                return None;
            };
            into.push(argument);
            rest = behind;
        }
        Some(bytes.len() - rest.len())
    }

    /// Reads one command from the start of `bytes`. O(new bytes).
    #[inline]
    pub fn next(&mut self, bytes: &[u8], limits: &RequestLimits) -> Result<Status, ProtocolError> {
        if !self.started {
            match bytes.first() {
                None => return Ok(Status::Incomplete),
                Some(b'*') => {
                    self.inline = false;
                    let Some((count, after)) = count_line(bytes, 0, "too big mbulk count string")? else {
                        return Ok(Status::Incomplete);
                    };
                    let count = match parse_i64(count) {
                        Some(count) if count <= i64::from(i32::MAX) => count,
                        _ => return error("invalid multibulk length"),
                    };
                    if count > 10 && limits.unauthenticated {
                        return error("unauthenticated multibulk length");
                    }
                    if count <= 0 {
                        return Ok(Status::Empty(after));
                    }
                    self.ranges.clear();
                    self.left = count as usize;
                    self.at = after;
                    self.bulk = -1;
                    self.started = true;
                }
                Some(_) => return self.next_inline(bytes),
            }
        }
        self.next_bulks(bytes, limits)
    }

    fn next_bulks(&mut self, bytes: &[u8], limits: &RequestLimits) -> Result<Status, ProtocolError> {
        while self.left > 0 {
            if self.bulk < 0 {
                let Some((count, after)) = count_line(bytes, self.at, "too big bulk count string")? else {
                    return Ok(Status::Incomplete);
                };
                let kind = bytes.get(self.at).copied().unwrap_or(0);
                if kind != b'$' {
                    return Err(ProtocolError(format!("expected '$', got '{}'", kind as char)));
                }
                self.bulk = match parse_i64(count) {
                    Some(size) if (0..=limits.bulk_bytes_max).contains(&size) => size,
                    _ => return error("invalid bulk length"),
                };
                if self.bulk > 16384 && limits.unauthenticated {
                    return error("unauthenticated bulk length");
                }
                self.at = after;
            }
            let end = self.at.saturating_add(self.bulk as usize);
            if bytes.len() < end.saturating_add(2) {
                return Ok(Status::Incomplete);
            }
            self.ranges.push(self.at..end);
            self.at = end + 2;
            self.bulk = -1;
            self.left -= 1;
        }
        self.started = false;
        Ok(Status::Complete(self.at))
    }

    fn next_inline(&mut self, bytes: &[u8]) -> Result<Status, ProtocolError> {
        // Redis looks for the end as C does: behind a zero byte it finds none.
        let end = memchr::memchr2(b'\n', 0, bytes).filter(|&end| bytes.get(end) == Some(&b'\n'));
        let Some(end) = end else {
            return if bytes.len() > LINE_BYTES_MAX {
                error("too big inline request")
            } else {
                Ok(Status::Incomplete)
            };
        };
        let line = bytes.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match split_arguments(line) {
            None => error("unbalanced quotes in request"),
            Some(words) if words.is_empty() => Ok(Status::Empty(end + 1)),
            // Inline words are unquoted, so they are copies.
            Some(words) => {
                self.inline = true;
                self.words = words;
                Ok(Status::Complete(end + 1))
            }
        }
    }
}

fn error<T>(text: &str) -> Result<T, ProtocolError> {
    Err(ProtocolError(text.to_string()))
}

/// The first argument of the command at the start of `bytes`, which is its key more often than not; None where that cannot be
/// told at a glance. For guesses only: nothing is checked that `Parser` would check.
#[inline]
pub fn glance_at_key(bytes: &[u8]) -> Option<&[u8]> {
    let &[b'*', b'2'..=b'9', b'\r', _, ref rest @ ..] = bytes else { return None };
    let (_, rest) = plain_bulk(rest)?;
    plain_bulk(rest).map(|(key, _)| key)
}

/// The bulk of one to three digits of length at the start of `bytes`, and what is behind it; None for any other, or when
/// not all of it is there.
#[inline]
fn plain_bulk(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let digit = |byte: &u8| usize::from(byte - b'0');
    let (size, data) = match bytes {
        [b'$', a @ b'0'..=b'9', b'\r', _, data @ ..] => (digit(a), data),
        [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', _, data @ ..] => (digit(a) * 10 + digit(b), data),
        [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'\r', _, data @ ..] => {
            (digit(a) * 100 + digit(b) * 10 + digit(c), data)
        }
        _ => return None,
    };
    let (argument, behind) = data.split_at_checked(size)?;
    // The line's end is skipped unseen, as everywhere.
    Some((argument, behind.get(2..)?))
}

/// The digits of `X<digits>\r\n` at `at`, and the place behind the line; None when the line has not ended yet.
#[inline]
fn count_line<'a>(
    bytes: &'a [u8],
    at: usize,
    too_long: &str,
) -> Result<Option<(&'a [u8], usize)>, ProtocolError> {
    let line = bytes.get(at..).unwrap_or_default();
    // Counts are short: a plain loop beats a call to a searcher.
    let end = match line.iter().take(24).position(|&b| b == b'\r') {
        Some(end) => Some(end),
        None => memchr::memchr(b'\r', line),
    };
    match end {
        Some(end) if end + 1 < line.len() => Ok(Some((line.get(1..end).unwrap_or_default(), at + end + 2))),
        None if line.len() > LINE_BYTES_MAX => error(too_long),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RequestLimits = RequestLimits { bulk_bytes_max: 512 * 1024 * 1024, unauthenticated: false };

    fn owned(parser: &mut Parser, bytes: &[u8]) -> Vec<Vec<u8>> {
        if parser.is_inline() {
            return parser.take_words();
        }
        let mut list = Vec::new();
        parser.append_arguments(bytes, &mut list);
        list.iter().map(|a| a.to_vec()).collect()
    }

    /// The first command as `take_plain` gives it, with its size.
    fn plain<'a>(parser: &Parser, bytes: &'a [u8], limits: &RequestLimits) -> Option<(usize, Vec<&'a [u8]>)> {
        let mut list = vec![&b"before"[..]];
        let size = parser.take_plain(bytes, limits, &mut list);
        assert_eq!(list.remove(0), b"before");
        assert!(size.is_some() || list.is_empty());
        size.map(|size| (size, list))
    }

    /// All commands of `bytes`, with the input growing by `step` bytes at a time.
    fn read(bytes: &[u8], step: usize) -> Result<Vec<Vec<Vec<u8>>>, ProtocolError> {
        let (mut parser, mut start, mut have, mut commands) = (Parser::new(), 0, 0, Vec::new());
        loop {
            let slice = &bytes[start..have];
            match parser.next(slice, &LIMITS)? {
                Status::Complete(size) => {
                    commands.push(owned(&mut parser, slice));
                    start += size;
                }
                Status::Empty(size) => start += size,
                Status::Incomplete if have == bytes.len() => return Ok(commands),
                Status::Incomplete => have = (have + step).min(bytes.len()),
            }
        }
    }

    #[test]
    fn commands_in_one_chunk_and_byte_by_byte() {
        let bytes =
            b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n\r\n*0\r\n*-1\r\nset k \"a b\"\r\n*1\r\n$0\r\n\r\n";
        let one = read(bytes, bytes.len()).unwrap();
        assert_eq!(one.len(), 4);
        assert_eq!(one[0], [b"GET".to_vec(), b"k".to_vec()]);
        assert_eq!(one[2], [b"set".to_vec(), b"k".to_vec(), b"a b".to_vec()]);
        for step in 1..8 {
            assert_eq!(read(bytes, step).unwrap(), one);
        }
    }

    #[test]
    fn refuses_in_the_words_of_redis() {
        for (bytes, text) in [
            (&b"*abc\r\n"[..], "invalid multibulk length"),
            (b"*3000000000\r\n", "invalid multibulk length"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$2000000000\r\n", "invalid bulk length"),
            (b"*1\r\nfoo\r\n", "expected '$', got 'f'"),
            (b"set 'a\r\n", "unbalanced quotes in request"),
        ] {
            assert_eq!(read(bytes, 1), Err(ProtocolError(text.to_string())));
        }
        let long = vec![b'x'; 70_000];
        assert_eq!(read(&long, 4096), Err(ProtocolError("too big inline request".into())));
        let stars = [b"*".to_vec(), vec![b'1'; 70_000]].concat();
        assert_eq!(read(&stars, 4096), Err(ProtocolError("too big mbulk count string".into())));
    }

    #[test]
    fn the_unauthenticated_get_little() {
        let limits = RequestLimits { unauthenticated: true, ..LIMITS };
        assert_eq!(
            Parser::new().next(b"*11\r\n", &limits),
            Err(ProtocolError("unauthenticated multibulk length".into()))
        );
        assert_eq!(
            Parser::new().next(b"*1\r\n$16385\r\n", &limits),
            Err(ProtocolError("unauthenticated bulk length".into()))
        );
    }

    #[test]
    fn only_whole_short_commands_are_plain() {
        let parser = Parser::new();
        let long = format!("*1\r\n$999\r\n{}\r\n", "x".repeat(999));
        for bytes in ["*1\r\n$4\r\nPING\r\n", "*2\r\n$0\r\n\r\n$12\r\n123456789012\r\n", &long] {
            assert_eq!(plain(&parser, bytes.as_bytes(), &LIMITS).map(|found| found.0), Some(bytes.len()));
            for end in 0..bytes.len() {
                assert_eq!(plain(&parser, &bytes.as_bytes()[..end], &LIMITS), None, "{end}");
            }
        }
        for other in
            ["PING\r\n", "*0\r\n", "*10\r\n", "*1\r\n$04\r\nPING\r\n", "*1\r\n$-1\r\n", "*1\r\n$1000\r\n"]
        {
            assert_eq!(plain(&parser, format!("{other}{long}").as_bytes(), &LIMITS), None, "{other}");
        }
        let midway = Parser { started: true, ..Parser::new() };
        assert_eq!(plain(&midway, b"*1\r\n$4\r\nPING\r\n", &LIMITS), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, step in 1usize..9) {
            let _ = read(&bytes, step);
            let _ = plain(&Parser::new(), &bytes, &LIMITS);
        }

        #[test]
        fn what_is_plain_is_read_alike(text in "\\*[0-3]\r\n(\\$[0-5]\r\n[a-c$]{0,5}\r\n){0,3}") {
            if let Some((size, arguments)) = plain(&Parser::new(), text.as_bytes(), &LIMITS) {
                let mut parser = Parser::new();
                proptest::prop_assert_eq!(parser.next(text.as_bytes(), &LIMITS), Ok(Status::Complete(size)));
                proptest::prop_assert_eq!(owned(&mut parser, text.as_bytes()), arguments);
            }
        }

        #[test]
        fn chunking_does_not_matter(commands: Vec<Vec<Vec<u8>>>, step in 1usize..50) {
            let mut bytes = Vec::new();
            for command in commands.iter().filter(|c| !c.is_empty()) {
                bytes.extend(format!("*{}\r\n", command.len()).bytes());
                for argument in command {
                    bytes.extend(format!("${}\r\n", argument.len()).bytes());
                    bytes.extend(argument);
                    bytes.extend(b"\r\n");
                }
            }
            let expected: Vec<_> = commands.into_iter().filter(|c| !c.is_empty()).collect();
            proptest::prop_assert_eq!(read(&bytes, step).unwrap(), expected);
        }
    }
}
