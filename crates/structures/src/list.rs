//! The list: elements in order, quick at both ends.
//!
//! ```text
//! Packed   one listpack of up to 1 KiB, exactly as large as its content
//! Quick    [ node | node | ... | node ]      nodes are listpacks (list/node.rs) of a limited size
//! ```
//!
//! Its one idea is Redis's quicklist with an array of nodes in place of a chain: an index is found by adding up counters
//! that lie side by side. Nodes split where those of Redis split, so a list that was only pushed to has the same
//! nodes, and the same RDB. Both forms are "quicklist" to OBJECT ENCODING (Redis 7.0). It never shrinks back to Packed.

mod node;
mod quick;

use crate::limits::{Limits, Malformed};
use crate::listpack::{Builder, Listpack, Value};
use node::{Node, NodeIter};
use quick::{ENTRY_OVERHEAD_ESTIMATE, PLAIN_BYTES_MIN, Quick, has_room};
use std::collections::VecDeque;

/// Up to this size a list is one exact block.
const PACKED_BYTES_MAX: usize = 1024;

/// Which end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The left end, index 0.
    Front,
    /// The right end, index -1.
    Back,
}

/// A node as an RDB stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeBytes<'a> {
    /// A listpack (container 2).
    Packed(&'a [u8]),
    /// One element by itself (container 1).
    Plain(&'a [u8]),
}

/// A list of byte strings.
#[derive(Clone)]
pub struct List(Repr);

#[derive(Clone)]
enum Repr {
    Packed(Listpack),
    Quick(Box<Quick>),
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl List {
    /// The empty list.
    pub fn new() -> Self {
        List(Repr::Packed(Listpack::new()))
    }

    /// Asks for the memory of a short list; no more than a hint.
    pub fn prefetch(&self) {
        if let Repr::Packed(pack) = &self.0 {
            pack.prefetch();
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(pack) => pack.len(),
            Repr::Quick(quick) => quick.len,
        }
    }

    /// True without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// "quicklist", as Redis 7.0 calls every list.
    pub fn encoding(&self) -> &'static str {
        "quicklist"
    }

    /// Appends a node from an RDB: a listpack, validated here.
    ///
    /// # Errors
    /// What is wrong with the listpack.
    pub fn push_packed_node(&mut self, bytes: Vec<u8>) -> Result<(), Malformed> {
        if self.is_empty() && bytes.len() <= PACKED_BYTES_MAX {
            self.0 = Repr::Packed(Listpack::from_bytes(bytes)?);
            return Ok(());
        }
        let node = Node::from_bytes(bytes)?;
        let quick = self.quick();
        let len = node.len();
        if len > 0 {
            quick.len += len;
            quick.nodes.push_back(node);
        }
        Ok(())
    }

    /// Appends a node from an RDB: one element by itself.
    pub fn push_plain_node(&mut self, element: Vec<u8>) {
        let quick = self.quick();
        quick.len += 1;
        quick.nodes.push_back(Node::plain(element));
    }

    /// The nodes, for an RDB. None of them is empty.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeBytes<'_>> {
        let (packed, quick) = match &self.0 {
            Repr::Packed(pack) => (Some(pack), None),
            Repr::Quick(quick) => (None, Some(quick)),
        };
        let count = packed.map_or(0, |_| 1) + quick.map_or(0, |q| q.nodes.len());
        (0..count).map(move |n| match (packed, quick) {
            (Some(pack), _) => NodeBytes::Packed(pack.as_bytes()),
            (None, Some(quick)) if quick.nodes[n].is_plain() => NodeBytes::Plain(quick.nodes[n].bytes()),
            (None, Some(quick)) => NodeBytes::Packed(quick.nodes[n].bytes()),
            (None, None) => NodeBytes::Packed(&[]),
        })
    }

    /// Adds an element at an end.
    pub fn push(&mut self, end: End, element: &[u8], limits: &Limits) {
        if let Some(pack) = self.packed_for(element, limits) {
            return match end {
                End::Front => pack.prepend(element),
                End::Back => pack.push(element),
            };
        }
        self.quick().push(end, element, limits);
    }

    /// Takes an element from an end; None when empty.
    pub fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        match &mut self.0 {
            Repr::Packed(pack) => {
                let position = if end == End::Front { pack.first()? } else { pack.last()? };
                let element = pack.value(position)?.to_vec();
                pack.delete(position, 1);
                Some(element)
            }
            Repr::Quick(quick) => quick.pop(end),
        }
    }

    /// The element with this index. O(number of nodes).
    pub fn get(&self, index: usize) -> Option<Value<'_>> {
        match &self.0 {
            Repr::Packed(pack) => pack.get(index),
            Repr::Quick(quick) => {
                let (n, at) = quick.locate(index)?;
                quick.nodes[n].get(at)
            }
        }
    }

    /// Replaces an element; false when there is none with this index.
    pub fn set(&mut self, index: usize, element: &[u8], limits: &Limits) -> bool {
        if index >= self.len() {
            return false;
        }
        if let Some(pack) = self.packed_for(element, limits) {
            let position = pack.seek(index);
            position.into_iter().for_each(|at| pack.replace(at, Value::of(element)));
            return true;
        }
        let quick = self.quick();
        let Some((n, at)) = quick.locate(index) else { return false };
        let node = &mut quick.nodes[n];
        let roomy = node.len() == 1 || has_room(node.bytes().len(), 0, element.len(), limits);
        if !node.is_plain() && element.len() < PLAIN_BYTES_MIN && roomy {
            node.replace(at, Value::of(element));
        } else {
            quick.delete_in(n, at, 1);
            quick.insert(index, element, limits);
        }
        true
    }

    /// Puts an element before the one with this index; at the end when the index is the length.
    pub fn insert(&mut self, index: usize, element: &[u8], limits: &Limits) {
        if let Some(pack) = self.packed_for(element, limits) {
            let position = pack.seek(index).unwrap_or(pack.end());
            return pack.insert(position, &[Value::of(element)]);
        }
        self.quick().insert(index, element, limits);
    }

    /// Removes up to `count` elements from `start` on; how many there were.
    pub fn remove_range(&mut self, start: usize, count: usize) -> usize {
        let count = count.min(self.len().saturating_sub(start));
        match &mut self.0 {
            Repr::Packed(pack) => {
                if let Some(position) = pack.seek(start) {
                    pack.delete(position, count);
                }
            }
            Repr::Quick(quick) => {
                let Some((n, mut at)) = quick.locate(start) else { return 0 };
                let mut left = count;
                let mut n = n;
                while left > 0 && n < quick.nodes.len() {
                    let len = quick.nodes[n].len();
                    let here = left.min(len - at);
                    let whole = here == len;
                    quick.delete_in(n, at, here);
                    left -= here;
                    n += !whole as usize;
                    at = 0;
                }
            }
        }
        count
    }

    /// Removes up to `max` elements equal to `element`, looking from an end; how many there were. O(len).
    pub fn remove_equal(&mut self, from: End, element: &[u8], max: usize) -> usize {
        let len = self.len();
        let matches = |value: &Value<'_>| value.is(element);
        let gone: Vec<usize> = match from {
            End::Front => {
                self.iter().enumerate().filter(|(_, v)| matches(v)).map(|(i, _)| i).take(max).collect()
            }
            End::Back => {
                let found = self.iter_back(0).enumerate().filter(|(_, v)| matches(v));
                found.map(|(i, _)| len - 1 - i).take(max).collect()
            }
        };
        if gone.len() > 64 {
            self.rebuild_without(&gone);
        } else {
            // From the back, so that the other indexes stay true.
            let mut gone = gone.clone();
            gone.sort_unstable();
            gone.iter().rev().for_each(|index| {
                self.remove_range(*index, 1);
            });
        }
        gone.len()
    }

    /// Many removals at once: one pass over the elements, node by node.
    fn rebuild_without(&mut self, gone: &[usize]) {
        let mut gone = gone.to_vec();
        gone.sort_unstable();
        let mut gone = gone.into_iter().peekable();
        let mut index = 0;
        let quick = self.quick();
        for node in &mut quick.nodes {
            let len = node.len();
            if gone.peek().is_some_and(|next| *next < index + len) {
                let mut kept = Builder::with_capacity(node.bytes().len());
                for value in node.iter(0, usize::MAX) {
                    if gone.next_if_eq(&index).is_none() {
                        kept.push_value(value);
                    } else {
                        quick.len -= 1;
                    }
                    index += 1;
                }
                *node = Node::from_listpack(&kept.finish());
            } else {
                index += len;
            }
        }
        quick.nodes.retain(|node| node.len() > 0);
    }

    /// All elements.
    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(0)
    }

    /// Elements from an index on.
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        match &self.0 {
            Repr::Packed(pack) => {
                let position = pack.seek(index).unwrap_or(pack.end());
                Iter { quick: None, n: 0, inner: NodeIter::Packed(pack.iter().starting_at(position)) }
            }
            Repr::Quick(quick) => {
                let (n, at) = quick.locate(index).unwrap_or((quick.nodes.len(), 0));
                let inner =
                    quick.nodes.get(n).map_or(NodeIter::Plain(None), |node| node.iter(at, usize::MAX));
                Iter { quick: Some(quick), n, inner }
            }
        }
    }

    /// Elements backwards, leaving out the last `skip` ones.
    pub fn iter_back(&self, skip: usize) -> IterBack<'_> {
        let left = self.len().saturating_sub(skip);
        match &self.0 {
            Repr::Packed(pack) => {
                let position = pack.seek(left).unwrap_or(pack.end());
                IterBack { quick: None, n: 0, inner: NodeIter::Packed(pack.iter().ending_at(position)) }
            }
            Repr::Quick(quick) => match left.checked_sub(1).and_then(|last| quick.locate(last)) {
                Some((n, at)) => IterBack { quick: Some(quick), n, inner: quick.nodes[n].iter(0, at + 1) },
                None => IterBack { quick: None, n: 0, inner: NodeIter::Plain(None) },
            },
        }
    }

    /// Bytes on the heap. O(number of nodes).
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Repr::Packed(pack) => pack.size_bytes(),
            Repr::Quick(quick) => {
                let nodes: usize = quick.nodes.iter().map(Node::capacity_bytes).sum();
                size_of::<Quick>() + quick.nodes.capacity() * size_of::<Node>() + nodes
            }
        }
    }

    /// The one listpack, when it is the form and another element fits.
    fn packed_for(&mut self, element: &[u8], limits: &Limits) -> Option<&mut Listpack> {
        match &mut self.0 {
            Repr::Packed(pack)
                if pack.size_bytes() + element.len() + ENTRY_OVERHEAD_ESTIMATE <= PACKED_BYTES_MAX
                    && has_room(pack.size_bytes(), pack.len(), element.len(), limits) =>
            {
                Some(pack)
            }
            _ => None,
        }
    }

    /// The long form, made when it is not there yet.
    fn quick(&mut self) -> &mut Quick {
        if let Repr::Packed(pack) = &self.0 {
            let mut quick = Quick { nodes: VecDeque::new(), len: pack.len() };
            if !pack.is_empty() {
                quick.nodes.push_back(Node::from_listpack(pack));
            }
            self.0 = Repr::Quick(Box::new(quick));
        }
        match &mut self.0 {
            Repr::Quick(quick) => quick,
            Repr::Packed(_) => unreachable!("made above"),
        }
    }
}

/// Elements of a list, forwards.
#[derive(Clone)]
pub struct Iter<'a> {
    quick: Option<&'a Quick>,
    n: usize,
    inner: NodeIter<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        loop {
            if let Some(value) = self.inner.next() {
                return Some(value);
            }
            self.n += 1;
            self.inner = self.quick?.nodes.get(self.n)?.iter(0, usize::MAX);
        }
    }
}

/// Elements of a list, backwards.
#[derive(Clone)]
pub struct IterBack<'a> {
    quick: Option<&'a Quick>,
    n: usize,
    inner: NodeIter<'a>,
}

impl<'a> Iterator for IterBack<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        loop {
            if let Some(value) = self.inner.next_back() {
                return Some(value);
            }
            self.n = self.n.checked_sub(1)?;
            self.inner = self.quick?.nodes.get(self.n)?.iter(0, usize::MAX);
        }
    }
}

#[cfg(test)]
mod tests;
