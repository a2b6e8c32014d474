//! Listpack: Redis's packed list of strings and integers in one block of bytes, byte-exact.
//!
//! ```text
//! +-------------+------------+---------+-----+---------+------+
//! | total bytes | elements   | entry   | ... | entry   | 0xFF |
//! | u32 LE      | u16 LE (*) |         |     |         |      |
//! +-------------+------------+---------+-----+---------+------+
//!                             \
//!                              encoding | data | backlen     backlen = bytes of encoding + data,
//!                                                            readable from its right end
//! (*) 65535 = more than fit: walk to count them.
//! ```
//!
//! Its one idea: an entry can be stepped over in both directions without an index. Text that is a canonical
//! integer is stored as one. This file is the owner and its edits; `entry.rs` knows the encodings.
//! A position is the byte offset of an entry; every edit makes positions at or behind it stale.

mod distinct;
mod entry;
mod short_text;

use crate::limits::Malformed;
use crate::prefetch;
pub(crate) use distinct::Distinct;
pub use entry::Value;
pub(crate) use entry::{BACKLEN_ONE_BYTE_MAX, Encoded, backlen_size, decode, encoded_size, previous};
use short_text::ShortText;

/// Bytes that are asked for ahead at most; what follows them the processor guesses.
const PREFETCH_BYTES_MAX: usize = 512;
pub(crate) const HEADER_BYTES: usize = 6;

/// The listpack without elements.
const EMPTY: [u8; HEADER_BYTES + 1] = [HEADER_BYTES as u8 + 1, 0, 0, 0, 0, 0, END];
pub(crate) const END: u8 = 0xFF;
/// The count of the header when the elements are more than it can say.
const COUNT_UNKNOWN: u16 = u16::MAX;

/// Checks bytes that nobody vouches for: the header, every entry's length in both directions and the end mark.
/// Gives the number of elements. O(bytes), allocates nothing.
///
/// # Errors
/// What is wrong, for a log line.
pub fn validate(bytes: &[u8]) -> Result<usize, Malformed> {
    let total = bytes.first_chunk::<4>().ok_or(Malformed("listpack shorter than its header"))?;
    if u32::from_le_bytes(*total) as usize != bytes.len() {
        return Err(Malformed("listpack has another size than its header says"));
    }
    if bytes.len() <= HEADER_BYTES || bytes.last() != Some(&END) {
        return Err(Malformed("listpack without an end mark"));
    }
    let end = bytes.len() - 1;
    let mut position = HEADER_BYTES;
    let mut count = 0usize;
    while position < end {
        let size = encoded_size(bytes, position).ok_or(Malformed("listpack entry with a bad encoding"))?;
        let next = position + size + backlen_size(size);
        if next > end {
            return Err(Malformed("listpack entry reaches beyond the end"));
        }
        // A back length of one byte, as nearly all are, is the size itself.
        let is_right = if size <= BACKLEN_ONE_BYTE_MAX {
            bytes.get(next - 1).is_some_and(|&byte| usize::from(byte) == size)
        } else {
            previous(bytes, next) == Some(position)
        };
        if !is_right {
            return Err(Malformed("listpack entry with a wrong back length"));
        }
        position = next;
        count += 1;
    }
    let said = u16::from_le_bytes([bytes[4], bytes[5]]);
    if said != COUNT_UNKNOWN && said as usize != count {
        return Err(Malformed("listpack has another number of elements than its header says"));
    }
    Ok(count)
}

/// An owned, valid listpack. 16 bytes in place; its block is exactly as large as its content. One without elements has no block:
/// a new collection gets its first elements next, and asks for memory once.
#[derive(Clone, PartialEq, Eq)]
pub struct Listpack(Box<[u8]>);

impl Default for Listpack {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Listpack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Listpack {
    /// The empty listpack: seven bytes where it is shown, none where it lies.
    pub fn new() -> Self {
        Listpack(Box::default())
    }

    /// Takes bytes from outside, after `validate`.
    ///
    /// # Errors
    /// Those of `validate`.
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Result<Self, Malformed> {
        let bytes = bytes.into();
        validate(&bytes)?;
        Ok(if bytes.len() == EMPTY.len() { Self::new() } else { Listpack(bytes) })
    }

    /// The whole block, as it stands in an RDB.
    pub fn as_bytes(&self) -> &[u8] {
        if self.0.is_empty() { &EMPTY } else { &self.0 }
    }

    /// Size of the block.
    pub fn size_bytes(&self) -> usize {
        self.as_bytes().len()
    }

    /// Number of elements. O(1) below 65535, a walk from there on.
    pub fn len(&self) -> usize {
        len(self.as_bytes())
    }

    /// True without elements.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All elements, from either end.
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(self.as_bytes())
    }

    /// Position of the first element.
    pub fn first(&self) -> Option<usize> {
        (!self.is_empty()).then_some(HEADER_BYTES)
    }

    /// Position of the last element.
    pub fn last(&self) -> Option<usize> {
        previous(self.as_bytes(), self.as_bytes().len() - 1)
    }

    /// Position of the element behind the one at `position`.
    pub fn next(&self, position: usize) -> Option<usize> {
        let next = self.after(position)?;
        (next < self.as_bytes().len() - 1).then_some(next)
    }

    /// Position of the `count`-th element behind the one at `position`; None when that is behind the last one.
    pub(crate) fn skip(&self, position: usize, count: usize) -> Option<usize> {
        (0..count).try_fold(position, |position, _| self.next(position))
    }

    /// Position of the element before the one at `position`.
    pub fn previous(&self, position: usize) -> Option<usize> {
        previous(self.as_bytes(), position)
    }

    /// The element at `position`; None when no element starts there that could be decoded.
    pub fn value(&self, position: usize) -> Option<Value<'_>> {
        decode(self.as_bytes(), position).map(|(value, _)| value)
    }

    /// Position of the element with this index, from the nearer end. O(len).
    pub fn seek(&self, index: usize) -> Option<usize> {
        seek(self.as_bytes(), index)
    }

    /// The element with this index. O(len).
    pub fn get(&self, index: usize) -> Option<Value<'_>> {
        self.value(self.seek(index)?)
    }

    /// Position of the first element equal to `needle`, looking from `from` at every `stride`-th element.
    pub fn find(&self, needle: &[u8], from: usize, stride: usize) -> Option<usize> {
        find(self.as_bytes(), needle, from, stride)
    }

    /// Appends an element; text that is a canonical integer is stored as one.
    pub fn push(&mut self, bytes: &[u8]) {
        self.push_value(Value::of(bytes));
    }

    /// Appends an integer.
    pub fn push_int(&mut self, value: i64) {
        self.push_value(Value::Int(value));
    }

    /// Appends a value as it is.
    pub fn push_value(&mut self, value: Value<'_>) {
        self.splice(self.as_bytes().len() - 1, 0, &[value], 1);
    }

    /// Puts an element before all others.
    pub fn prepend(&mut self, bytes: &[u8]) {
        self.splice(HEADER_BYTES, 0, &[Value::of(bytes)], 1);
    }

    /// Puts `values` before the element at `position`; with `end()` as position, behind all.
    pub fn insert(&mut self, position: usize, values: &[Value<'_>]) {
        self.splice(position, 0, values, values.len() as isize);
    }

    /// Asks for the first lines of memory, for somebody who will look through it soon.
    #[inline]
    pub(crate) fn prefetch(&self) {
        for at in (0..self.0.len().min(PREFETCH_BYTES_MAX)).step_by(64) {
            prefetch::line(self.0.as_ptr().wrapping_add(at));
        }
    }

    /// The position behind the last element: where `insert` appends.
    pub fn end(&self) -> usize {
        self.as_bytes().len() - 1
    }

    /// Replaces the element at `position`; its position stays the same.
    pub fn replace(&mut self, position: usize, value: Value<'_>) {
        let Some(next) = self.after(position) else { return };
        if value.entry_bytes() == next - position {
            // A value of the same size (nearly always, where values are alike) moves nothing.
            Encoded::of(&value).write(&mut self.0, position);
        } else {
            self.splice(position, next - position, &[value], 0);
        }
    }

    /// The encoded elements from `from` to before `to`, both of them positions.
    pub(crate) fn entries(&self, from: usize, to: usize) -> &[u8] {
        self.as_bytes().get(from..to).unwrap_or_default()
    }

    /// Deletes up to `count` elements from `position` on. What follows them is then at `position`.
    pub fn delete(&mut self, position: usize, count: usize) {
        let mut until = position;
        let mut deleted = 0;
        while deleted < count && until < self.as_bytes().len() - 1 {
            let Some(next) = self.after(until) else { break };
            until = next;
            deleted += 1;
        }
        self.splice(position, until - position, &[], -(deleted as isize));
    }

    /// Where the entry at `position` ends.
    fn after(&self, position: usize) -> Option<usize> {
        after(self.as_bytes(), position)
    }

    /// Every edit: the block grows by exactly what is needed.
    fn splice(&mut self, position: usize, old_bytes: usize, values: &[Value<'_>], more: isize) {
        let new_bytes: usize = values.iter().map(Value::entry_bytes).sum();
        let mut block = std::mem::take(&mut self.0).into_vec();
        if block.is_empty() {
            block.reserve_exact(EMPTY.len() + new_bytes);
            block.extend_from_slice(&EMPTY);
        } else {
            block.reserve_exact(new_bytes.saturating_sub(old_bytes));
        }
        splice(&mut block, 0, position, old_bytes, values, more);
        if block.len() > EMPTY.len() {
            self.0 = block.into_boxed_slice();
        }
    }
}

/// Makes a listpack of many elements at once, without moving the end mark for each.
#[derive(Debug)]
pub struct Builder {
    block: Vec<u8>,
    count: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Self::with_capacity(64)
    }
}

impl Builder {
    /// A builder that expects about this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut block = Vec::with_capacity(bytes.max(HEADER_BYTES + 1));
        block.extend_from_slice(&[0; HEADER_BYTES]);
        Builder { block, count: 0 }
    }

    /// Appends text, as an integer when it is a canonical one.
    pub fn push(&mut self, bytes: &[u8]) {
        self.push_value(Value::of(bytes));
    }

    /// Appends a value as it is.
    pub fn push_value(&mut self, value: Value<'_>) {
        let at = self.block.len();
        self.block.resize(at + value.entry_bytes(), 0);
        Encoded::of(&value).write(&mut self.block, at);
        self.count += 1;
    }

    /// Appends `count` entries as they stand in another listpack.
    pub(crate) fn push_entries(&mut self, entries: &[u8], count: usize) {
        self.block.extend_from_slice(entries);
        self.count += count;
    }

    /// Elements so far.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True before the first push.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the listpack if it were finished now.
    pub fn size_bytes(&self) -> usize {
        self.block.len() + 1
    }

    /// The elements so far as bytes of a listpack.
    fn close(&mut self) -> &[u8] {
        self.block.push(END);
        let total = self.block.len();
        write_header(&mut self.block, total, Some(self.count));
        &self.block
    }

    /// The listpack, and the builder is as new but keeps its memory.
    pub fn take(&mut self) -> Listpack {
        let pack = if self.is_empty() { Listpack::new() } else { Listpack(self.close().into()) };
        self.clear();
        pack
    }

    /// Forgets all elements; the memory stays.
    pub fn clear(&mut self) {
        self.block.truncate(HEADER_BYTES);
        self.count = 0;
    }

    /// The listpack.
    pub fn finish(mut self) -> Listpack {
        if self.is_empty() {
            return Listpack::new();
        }
        let total = self.close().len();
        // A copy rather than a shrunk block: allocators leave a block where it is while half of it is used.
        Listpack(if self.block.capacity() > total {
            self.block[..].into()
        } else {
            self.block.into_boxed_slice()
        })
    }
}

/// Elements of a valid listpack, from either end. On bytes that are not valid it ends early; it never panics.
#[derive(Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    front: usize,
    back: usize,
}

impl<'a> Iter<'a> {
    /// Over a whole listpack.
    pub fn new(bytes: &'a [u8]) -> Self {
        Iter { bytes, front: HEADER_BYTES, back: bytes.len().saturating_sub(1) }
    }

    /// Leaves out what is before `position`.
    pub fn starting_at(mut self, position: usize) -> Self {
        self.front = position;
        self
    }

    /// Leaves out what is at and behind `position`.
    pub fn ending_at(mut self, position: usize) -> Self {
        self.back = position;
        self
    }

    /// Position of the element that `next` gives next.
    pub fn position(&self) -> usize {
        self.front
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (value, size) = decode(self.bytes, self.front)?;
        self.front += size + backlen_size(size);
        Some(value)
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back = previous(self.bytes, self.back)?;
        decode(self.bytes, self.back).map(|(value, _)| value)
    }
}

/// Where the entry at `position` ends.
#[inline]
pub(crate) fn after(bytes: &[u8], position: usize) -> Option<usize> {
    encoded_size(bytes, position).map(|size| position + size + backlen_size(size))
}

/// Puts `values` in the place of `old_bytes` bytes at `position` of the listpack that is `block[base..]`, and keeps its
/// header true; `more` is by how many elements it grows. Positions count from `base`.
pub(crate) fn splice(
    block: &mut Vec<u8>,
    base: usize,
    position: usize,
    old_bytes: usize,
    values: &[Value<'_>],
    more: isize,
) {
    let count = header_count(&block[base..]);
    let new_bytes: usize = values.iter().map(Value::entry_bytes).sum();
    let old_end = block.len();
    let end = old_end - old_bytes + new_bytes;
    if end > old_end {
        block.resize(end, 0);
    }
    let mut at = base + position;
    block.copy_within(at + old_bytes..old_end, at + new_bytes);
    block.truncate(end);
    for value in values {
        at = Encoded::of(value).write(block, at);
    }
    let count = match count {
        Some(count) => Some(count.saturating_add_signed(more)),
        // An unknown count becomes known again when a walk finds it small enough; only deletions can do that.
        None if more < 0 => Some(Iter::new(&block[base..]).count()),
        None => None,
    };
    write_header(&mut block[base..], end - base, count);
}

/// The number of elements, where the header can say it.
pub(crate) fn header_count(bytes: &[u8]) -> Option<usize> {
    let said = u16::from_le_bytes([bytes[4], bytes[5]]);
    (said != COUNT_UNKNOWN).then_some(said as usize)
}

/// Number of elements of a valid listpack.
pub(crate) fn len(bytes: &[u8]) -> usize {
    header_count(bytes).unwrap_or_else(|| Iter::new(bytes).count())
}

/// Position of an element by index in a valid listpack, from the nearer end.
pub(crate) fn seek(bytes: &[u8], index: usize) -> Option<usize> {
    let count = len(bytes);
    if index >= count {
        return None;
    }
    if index <= count / 2 {
        let mut position = HEADER_BYTES;
        for _ in 0..index {
            let (_, size) = decode(bytes, position)?;
            position += size + backlen_size(size);
        }
        Some(position)
    } else {
        let mut position = bytes.len() - 1;
        for _ in index..count {
            position = previous(bytes, position)?;
        }
        Some(position)
    }
}

/// Position of the first element equal to `needle`, from `from` on, looking at every `stride`-th element.
pub(crate) fn find(bytes: &[u8], needle: &[u8], from: usize, stride: usize) -> Option<usize> {
    let needle_int = match Value::of(needle) {
        Value::Int(value) => Some(value),
        Value::Bytes(_) => None,
    };
    let short = ShortText::of(needle);
    let end = bytes.len() - 1;
    let mut position = from;
    while position < end {
        let after = if let Some(text_end) = ShortText::end_at(bytes, position) {
            if short.is_at(bytes, position, text_end) {
                return Some(position);
            }
            text_end + 1
        } else {
            let (value, size) = decode(bytes, position)?;
            let equal = match value {
                Value::Bytes(text) => text == needle,
                Value::Int(value) => needle_int == Some(value),
            };
            if equal {
                return Some(position);
            }
            position + size + backlen_size(size)
        };
        position = after;
        for _ in 1..stride {
            let size = encoded_size(bytes, position)?;
            position += size + backlen_size(size);
        }
    }
    None
}

/// Writes the header; a count of None or beyond 65534 is written as unknown.
pub(crate) fn write_header(block: &mut [u8], total: usize, count: Option<usize>) {
    // Listpacks that leave the process stay below 1 GiB, as in Redis. A bucket of huge members may be larger; nothing
    // reads this field of a bucket.
    block[..4].copy_from_slice(&u32::try_from(total).unwrap_or(u32::MAX).to_le_bytes());
    let count = count.and_then(|c| u16::try_from(c).ok()).unwrap_or(COUNT_UNKNOWN);
    block[4..6].copy_from_slice(&count.to_le_bytes());
}

#[cfg(test)]
mod tests;
