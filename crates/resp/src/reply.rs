//! The reply writer: RESP2 or RESP3 into one growing buffer.
//!
//! Where the two differ (maps, sets, doubles, nulls, pushes) a command says what it means and the writer picks the form.

/// Which RESP a session speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// What every client speaks until it says HELLO 3.
    #[default]
    Resp2,
    /// Maps, sets, doubles, nulls and pushes have forms of their own.
    Resp3,
}

/// A place in the reply where a length will be written once it is known.
#[derive(Clone, Copy, Debug)]
pub struct ReplyMark(usize);

/// Replies of one or many commands, in order.
#[derive(Debug, Default)]
pub struct Reply {
    bytes: Vec<u8>,
    errors: Vec<Option<Vec<u8>>>,
    /// Form of what is written from now on.
    pub protocol: Protocol,
}

impl Reply {
    /// An empty reply.
    pub const fn new(protocol: Protocol) -> Self {
        Reply { bytes: Vec::new(), errors: Vec::new(), protocol }
    }

    /// Everything written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of bytes written so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Nothing written yet?
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets everything; keeps a small buffer for the next time, gives back a big one.
    pub fn clear(&mut self) {
        self.errors.clear();
        self.bytes.clear();
        if self.bytes.capacity() > 1024 * 1024 {
            self.bytes = Vec::new();
        }
    }

    /// Forgets what was written after `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Takes the first bytes out, from the front.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    /// Bytes that are RESP already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// `+text`.
    pub fn simple(&mut self, text: &str) {
        self.bytes.push(b'+');
        self.raw(text.as_bytes());
        self.raw(b"\r\n");
    }

    /// `-text`. Line breaks in it would break the protocol: they become spaces, as in Redis.
    pub fn error(&mut self, text: &str) {
        self.error_bytes(text.as_bytes());
    }

    /// The same, for a text that quotes what a client sent.
    pub fn error_bytes(&mut self, text: &[u8]) {
        self.errors.push(Some(text.to_vec()));
        self.write_error(text);
    }

    /// An error that statistics know of already: a command in a script has failed, and now the script says so.
    pub fn told_error_bytes(&mut self, text: &[u8]) {
        self.errors.push(None);
        self.write_error(text);
    }

    /// Were errors written since they were last taken?
    #[inline]
    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Texts of the errors written since the last time; None for one that is counted already.
    pub fn take_errors(&mut self) -> Vec<Option<Vec<u8>>> {
        std::mem::take(&mut self.errors)
    }

    fn write_error(&mut self, text: &[u8]) {
        self.bytes.push(b'-');
        self.bytes.extend(text.iter().copied().map(|b| if b == b'\r' || b == b'\n' { b' ' } else { b }));
        self.raw(b"\r\n");
    }

    #[inline]
    fn header(&mut self, kind: u8, count: i64) {
        if (0..=9).contains(&count) {
            self.raw(&[kind, b'0' + count as u8, b'\r', b'\n']);
        } else if (10..=99).contains(&count) {
            let count = count as u8;
            self.raw(&[kind, b'0' + count / 10, b'0' + count % 10, b'\r', b'\n']);
        } else {
            self.bytes.push(kind);
            self.raw(itoa::Buffer::new().format(count).as_bytes());
            self.raw(b"\r\n");
        }
    }

    /// `:value`.
    #[inline]
    pub fn int(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// A count as an integer reply.
    #[inline]
    pub fn count(&mut self, value: usize) {
        self.int(value as i64);
    }

    /// A yes or no as `:1` or `:0`, in both protocols.
    pub fn flag(&mut self, value: bool) {
        self.int(i64::from(value));
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        self.header(b'$', value.len() as i64);
        self.raw(value);
        self.raw(b"\r\n");
    }

    /// An integer as a bulk string.
    pub fn bulk_int(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A bulk string, or null.
    pub fn bulk_or_null(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.bulk(value),
            None => self.null(),
        }
    }

    /// Null where a string was asked for: `$-1`, or `_`.
    #[inline]
    pub fn null(&mut self) {
        if self.resp3() { self.raw(b"_\r\n") } else { self.raw(b"$-1\r\n") }
    }

    /// Null where an array was asked for: `*-1`, or `_`.
    pub fn null_array(&mut self) {
        if self.resp3() { self.raw(b"_\r\n") } else { self.raw(b"*-1\r\n") }
    }

    /// The head of an array of `count` replies, which follow.
    #[inline]
    pub fn array(&mut self, count: usize) {
        self.header(b'*', count as i64);
    }

    /// The head of a map of `pairs` pairs; in RESP2 an array of twice as many.
    pub fn map(&mut self, pairs: usize) {
        if self.resp3() { self.header(b'%', pairs as i64) } else { self.header(b'*', 2 * pairs as i64) }
    }

    /// The head of a set; in RESP2 an array.
    pub fn set(&mut self, count: usize) {
        self.header(if self.resp3() { b'~' } else { b'*' }, count as i64);
    }

    /// The head of a push; in RESP2 an array.
    pub fn push(&mut self, count: usize) {
        self.header(if self.resp3() { b'>' } else { b'*' }, count as i64);
    }

    /// A double whose text is given: `,text`, in RESP2 a bulk string.
    pub fn double_text(&mut self, text: &[u8]) {
        if self.resp3() {
            self.bytes.push(b',');
            self.raw(text);
            self.raw(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    /// A truth value: `#t` / `#f`, in RESP2 `:1` / `:0`.
    pub fn boolean(&mut self, value: bool) {
        if self.resp3() { self.raw(if value { b"#t\r\n" } else { b"#f\r\n" }) } else { self.flag(value) }
    }

    /// Digits of a number that fits no integer: `(`, in RESP2 a bulk string.
    pub fn big_number(&mut self, digits: &str) {
        if self.resp3() {
            self.bytes.push(b'(');
            self.raw(digits.as_bytes());
            self.raw(b"\r\n");
        } else {
            self.bulk(digits.as_bytes());
        }
    }

    /// Text with a three-letter format: `=`, in RESP2 a bulk string.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        if self.resp3() {
            self.header(b'=', text.len() as i64 + 4);
            self.raw(format.as_bytes());
            self.bytes.push(b':');
            self.raw(text);
            self.raw(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    /// Remembers this place for a head whose count is not known yet.
    pub fn mark(&self) -> ReplyMark {
        ReplyMark(self.bytes.len())
    }

    fn insert_header(&mut self, mark: ReplyMark, write: impl FnOnce(&mut Reply)) {
        let end = self.bytes.len();
        write(self);
        let header_bytes = self.bytes.len() - end;
        if let Some(tail) = self.bytes.get_mut(mark.0.min(end)..) {
            tail.rotate_right(header_bytes);
        }
    }

    /// Writes an array head at the mark. O(bytes since the mark).
    pub fn array_at(&mut self, mark: ReplyMark, count: usize) {
        self.insert_header(mark, |reply| reply.array(count));
    }

    /// Writes a set head at the mark.
    pub fn set_at(&mut self, mark: ReplyMark, count: usize) {
        self.insert_header(mark, |reply| reply.set(count));
    }

    /// Writes a map head at the mark.
    pub fn map_at(&mut self, mark: ReplyMark, pairs: usize) {
        self.insert_header(mark, |reply| reply.map(pairs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Reply)) -> (String, String) {
        let text = |protocol| {
            let mut reply = Reply::new(protocol);
            write(&mut reply);
            String::from_utf8_lossy(reply.bytes()).into_owned()
        };
        (text(Protocol::Resp2), text(Protocol::Resp3))
    }

    #[test]
    fn forms_of_both_protocols() {
        let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
        assert_eq!(both(|r| r.null()), pair("$-1\r\n", "_\r\n"));
        assert_eq!(both(|r| r.null_array()), pair("*-1\r\n", "_\r\n"));
        assert_eq!(both(|r| r.map(2)), pair("*4\r\n", "%2\r\n"));
        assert_eq!(both(|r| r.set(12)), pair("*12\r\n", "~12\r\n"));
        assert_eq!(both(|r| r.double_text(b"1.5")), pair("$3\r\n1.5\r\n", ",1.5\r\n"));
        assert_eq!(both(|r| r.boolean(true)), pair(":1\r\n", "#t\r\n"));
        assert_eq!(both(|r| r.verbatim("txt", b"hi")), pair("$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"));
        assert_eq!(both(|r| r.error("ERR a\r\nb")), pair("-ERR a  b\r\n", "-ERR a  b\r\n"));
    }

    #[test]
    fn a_head_can_come_later() {
        let mut reply = Reply::new(Protocol::Resp2);
        reply.ok();
        let mark = reply.mark();
        reply.int(-7);
        reply.array_at(mark, 1);
        assert_eq!(reply.bytes(), b"+OK\r\n*1\r\n:-7\r\n");
    }
}
