//! A node of a long list: one listpack with room at both of its ends, or one huge element.
//!
//! ```text
//! block:  [ gap | header | entries ... | 0xFF | spare capacity ]
//!               ^ start
//! ```
//!
//! Its one idea: a push or pop at the front moves the six header bytes instead of all entries, so LPUSH costs what RPUSH
//! does. `settle` gives the room back once the node no longer is at an end of the list.

use crate::limits::Malformed;
use crate::listpack::{self, END, Encoded, HEADER_BYTES, Listpack, Value};
use std::sync::Arc;

/// A node. Never empty while it is in a list.
#[derive(Clone)]
pub(super) struct Node {
    /// Shared with clones until one side changes it, so that a snapshot of a long list costs a counter per node.
    block: Arc<Vec<u8>>,
    start: u32,
    /// Number of elements, here so that a search for an index need not follow the pointer.
    len: u32,
    /// The block is one element, without a listpack around it (Redis's PLAIN container).
    plain: bool,
}

impl Node {
    pub(super) fn new() -> Self {
        Node::packed(vec![HEADER_BYTES as u8 + 1, 0, 0, 0, 0, 0, END], 0)
    }

    fn packed(block: Vec<u8>, len: usize) -> Self {
        Node { block: Arc::new(block), start: 0, len: len as u32, plain: false }
    }

    pub(super) fn plain(element: Vec<u8>) -> Self {
        Node { block: Arc::new(element), start: 0, len: 1, plain: true }
    }

    pub(super) fn from_listpack(pack: &Listpack) -> Self {
        Node::packed(pack.as_bytes().to_vec(), pack.len())
    }

    /// Checked bytes of a listpack, as they come from an RDB.
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let len = listpack::validate(&bytes)?;
        Ok(Node::packed(bytes, len))
    }

    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// The listpack, or the one element.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.block[self.start as usize..]
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn capacity_bytes(&self) -> usize {
        self.block.capacity()
    }

    pub(super) fn get(&self, index: usize) -> Option<Value<'_>> {
        if self.plain {
            return (index == 0).then_some(Value::Bytes(self.bytes()));
        }
        listpack::decode(self.bytes(), listpack::seek(self.bytes(), index)?).map(|(value, _)| value)
    }

    /// Elements from `from` to before `to`.
    pub(super) fn iter(&self, from: usize, to: usize) -> NodeIter<'_> {
        if self.plain {
            return NodeIter::Plain((from == 0 && to > 0).then_some(self.bytes()));
        }
        let bytes = self.bytes();
        let end = bytes.len() - 1;
        let mut iter = listpack::Iter::new(bytes);
        if from > 0 {
            iter = iter.starting_at(listpack::seek(bytes, from).unwrap_or(end));
        }
        if to < self.len() {
            iter = iter.ending_at(listpack::seek(bytes, to).unwrap_or(end));
        }
        NodeIter::Packed(iter)
    }

    pub(super) fn push_back(&mut self, value: Value<'_>) {
        let end = self.bytes().len() - 1;
        self.splice(end, 0, &[value], 1);
    }

    fn splice(&mut self, position: usize, old_bytes: usize, values: &[Value<'_>], more: isize) {
        let block = Arc::make_mut(&mut self.block);
        listpack::splice(block, self.start as usize, position, old_bytes, values, more);
        self.len = self.len.saturating_add_signed(more as i32);
    }

    pub(super) fn push_front(&mut self, value: Value<'_>) {
        let size = value.entry_bytes();
        if (self.start as usize) < size {
            // Up to a power of two, so that pushes copy each byte about once, and a full node of 8 KiB fits its block.
            let content = self.bytes().len();
            let room = (content + size).next_power_of_two() - content;
            let mut block = Vec::with_capacity(room + content);
            block.resize(room, 0);
            block.extend_from_slice(self.bytes());
            self.block = Arc::new(block);
            self.start = room as u32;
        }
        let entry_at = self.start as usize + HEADER_BYTES - size;
        self.start -= size as u32;
        self.len += 1;
        let (start, len) = (self.start as usize, self.len as usize);
        let block: &mut Vec<u8> = Arc::make_mut(&mut self.block);
        Encoded::of(&value).write(block, entry_at);
        let total = block.len() - start;
        listpack::write_header(&mut block[start..], total, Some(len));
    }

    /// Removes elements; the node may be empty afterwards.
    pub(super) fn delete(&mut self, index: usize, count: usize) {
        if self.plain {
            *self = Node::new();
            return;
        }
        let Some(from) = listpack::seek(self.bytes(), index) else { return };
        let len = self.len();
        let count = count.min(len - index);
        let to = listpack::seek(self.bytes(), index + count).unwrap_or(self.bytes().len() - 1);
        if index == 0 {
            // At the front the gap grows.
            self.start += (to - from) as u32;
            self.len -= count as u32;
            self.write_header();
        } else {
            self.splice(from, to - from, &[], -(count as isize));
        }
    }

    pub(super) fn insert(&mut self, index: usize, value: Value<'_>) {
        let position = listpack::seek(self.bytes(), index).unwrap_or(self.bytes().len() - 1);
        self.splice(position, 0, &[value], 1);
    }

    pub(super) fn replace(&mut self, index: usize, value: Value<'_>) {
        let Some(position) = listpack::seek(self.bytes(), index) else { return };
        let Some(next) = listpack::after(self.bytes(), position) else { return };
        self.splice(position, next - position, &[value], 0);
    }

    /// Moves the elements from `index` on into a new node.
    pub(super) fn split_off(&mut self, index: usize) -> Node {
        let mut right = Node::new();
        let moved: Vec<Value<'_>> = self.iter(index, usize::MAX).collect();
        right.splice(HEADER_BYTES, 0, &moved, moved.len() as isize);
        let count = moved.len();
        self.delete(index, count);
        right
    }

    /// Gives back the room that pushes had made.
    pub(super) fn settle(&mut self) {
        // A copy rather than a shrunk block: allocators leave a block where it is while half of it is used. A little room is less than
        // what the allocator would round up by.
        let content = self.bytes().len();
        if self.block.capacity() - content > content / 64 {
            self.block = Arc::new(self.bytes().to_vec());
            self.start = 0;
        }
    }

    fn write_header(&mut self) {
        let (start, len) = (self.start as usize, self.len as usize);
        let block = Arc::make_mut(&mut self.block);
        let total = block.len() - start;
        listpack::write_header(&mut block[start..], total, Some(len));
    }
}

/// Elements of a node.
#[derive(Clone)]
pub(super) enum NodeIter<'a> {
    Plain(Option<&'a [u8]>),
    Packed(listpack::Iter<'a>),
}

impl<'a> Iterator for NodeIter<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        match self {
            NodeIter::Plain(element) => element.take().map(Value::Bytes),
            NodeIter::Packed(iter) => iter.next(),
        }
    }
}

impl DoubleEndedIterator for NodeIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            NodeIter::Plain(element) => element.take().map(Value::Bytes),
            NodeIter::Packed(iter) => iter.next_back(),
        }
    }
}
