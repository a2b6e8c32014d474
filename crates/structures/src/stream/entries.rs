//! Walking over a stream's entries between two IDs, oldest or newest first.
//! One cursor: an index of a node and a position inside its listpack. Deleted entries are stepped over, unless wanted.

use super::StreamId;
use super::node::{Head, Node, Slot};
use crate::listpack::{self, Value};
use std::collections::VecDeque;

/// Which end of the range comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

/// An entry of a stream.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its ID.
    pub id: StreamId,
    node: &'a Node,
    head: Head,
    slot: Slot,
}

impl<'a> Entry<'a> {
    /// Its fields and values, in the order they were added.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        let elements = listpack::Iter::new(self.node.bytes());
        Fields {
            names: self.slot.same_fields.then(|| elements.clone().starting_at(self.head.names_at)),
            body: elements.starting_at(self.slot.body_at),
            left: self.slot.field_count,
        }
    }
}

/// Fields and values of an entry.
#[derive(Clone)]
pub struct Fields<'a> {
    /// The master's names, when the entry leaves them out.
    names: Option<listpack::Iter<'a>>,
    body: listpack::Iter<'a>,
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Value<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let field = match &mut self.names {
            Some(names) => names.next()?,
            None => self.body.next()?,
        };
        Some((field, self.body.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// Entries between two IDs.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    nodes: &'a VecDeque<Node>,
    start: StreamId,
    end: StreamId,
    direction: Direction,
    with_deleted: bool,
    /// The node to enter next, or the one we are in when `inside` is set. Wraps below 0 to a node that is not there.
    index: usize,
    inside: Option<(&'a Node, Head, usize)>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(
        nodes: &'a VecDeque<Node>,
        start: StreamId,
        end: StreamId,
        direction: Direction,
    ) -> Self {
        let first_wanted = if direction == Direction::Forward { start } else { end };
        let index = nodes.partition_point(|node| node.master <= first_wanted);
        let index =
            if direction == Direction::Forward { index.saturating_sub(1) } else { index.wrapping_sub(1) };
        Entries { nodes, start, end, direction, with_deleted: false, index, inside: None }
    }

    /// Gives the deleted entries too, as long as they are stored.
    #[must_use]
    pub fn with_deleted(mut self) -> Self {
        self.with_deleted = true;
        self
    }

    /// The next slot in the direction of the walk, whatever its ID.
    fn step(&mut self) -> Option<(&'a Node, Head, Slot)> {
        loop {
            let (node, head, at) = match self.inside {
                Some(inside) => inside,
                None => {
                    let node = self.nodes.get(self.index)?;
                    let head = node.head()?;
                    let at = if self.direction == Direction::Forward { head.entries_at } else { node.end() };
                    (node, head, at)
                }
            };
            let found = match self.direction {
                Direction::Forward => {
                    node.slot(&head, at).and_then(|slot| Some((slot, node.after_slot(&slot)?)))
                }
                Direction::Backward => {
                    node.slot_before(&head, at).and_then(|at| Some((node.slot(&head, at)?, at)))
                }
            };
            if let Some((slot, next)) = found {
                self.inside = Some((node, head, next));
                return Some((node, head, slot));
            }
            self.inside = None;
            self.index = match self.direction {
                Direction::Forward => self.index.wrapping_add(1),
                Direction::Backward => self.index.wrapping_sub(1),
            };
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        while let Some((node, head, slot)) = self.step() {
            let (too_early, too_late) = (slot.id < self.start, slot.id > self.end);
            let (not_yet, over) = match self.direction {
                Direction::Forward => (too_early, too_late),
                Direction::Backward => (too_late, too_early),
            };
            if over {
                self.index = usize::MAX;
                self.inside = None;
                return None;
            }
            if !not_yet && (self.with_deleted || !slot.deleted) {
                return Some(Entry { id: slot.id, node, head, slot });
            }
        }
        None
    }
}
