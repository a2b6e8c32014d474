//! The long form of a list: an array of nodes.
//!
//! Its rules are those of Redis's quicklist: when a node is full, where it splits, which element stands by itself. What it is
//! not: a chain. The nodes' handles lie side by side with their counts, so an index is found without visiting a node.

use super::End;
use super::node::Node;
use crate::limits::Limits;
use crate::listpack::Value;
use std::collections::VecDeque;

/// Redis's allowance for what an element adds besides its own bytes.
pub(super) const ENTRY_OVERHEAD_ESTIMATE: usize = 8;
/// With a limit on elements, nodes still stay below this many bytes.
const SAFETY_BYTES_MAX: usize = 8192;
/// Elements from this size on are kept without a listpack around them.
pub(super) const PLAIN_BYTES_MIN: usize = 1 << 30;

/// Nodes, none of them empty, and the number of elements in all of them.
#[derive(Clone, Default)]
pub(super) struct Quick {
    pub(super) nodes: VecDeque<Node>,
    pub(super) len: usize,
}

/// Whether a node of `bytes` bytes and `count` elements may take another element.
pub(super) fn has_room(bytes: usize, count: usize, element_bytes: usize, limits: &Limits) -> bool {
    let new_bytes = bytes.saturating_add(element_bytes).saturating_add(ENTRY_OVERHEAD_ESTIMATE);
    match limits.list_max_listpack_size {
        size @ ..0 => {
            let bytes_max = 4096usize << (size.saturating_neg().clamp(1, 5) - 1);
            new_bytes <= bytes_max
        }
        count_max => new_bytes <= SAFETY_BYTES_MAX && count < count_max.max(1) as usize,
    }
}

impl Quick {
    /// Node and index within it of an element; from the nearer end.
    pub(super) fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index < self.len / 2 {
            let mut left = index;
            for (n, node) in self.nodes.iter().enumerate() {
                let len = node.len();
                if left < len {
                    return Some((n, left));
                }
                left -= len;
            }
        } else {
            // Elements from this one to the end, itself included.
            let mut left = self.len - index;
            for (n, node) in self.nodes.iter().enumerate().rev() {
                let len = node.len();
                if left <= len {
                    return Some((n, len - left));
                }
                left -= len;
            }
        }
        None
    }

    pub(super) fn push(&mut self, end: End, element: &[u8], limits: &Limits) {
        self.len += 1;
        let last = match end {
            End::Front => self.nodes.front_mut(),
            End::Back => self.nodes.back_mut(),
        };
        if element.len() < PLAIN_BYTES_MIN
            && let Some(node) = &last
            && !node.is_plain()
            && has_room(node.bytes().len(), node.len(), element.len(), limits)
            && let Some(node) = last
        {
            return match end {
                End::Front => node.push_front(Value::of(element)),
                End::Back => node.push_back(Value::of(element)),
            };
        }
        if let Some(node) = last {
            node.settle();
        }
        let node = single(element);
        match end {
            End::Front => self.nodes.push_front(node),
            End::Back => self.nodes.push_back(node),
        }
    }

    pub(super) fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        let n = if end == End::Front { 0 } else { self.nodes.len().checked_sub(1)? };
        let node = self.nodes.get_mut(n)?;
        let index = if end == End::Front { 0 } else { node.len().checked_sub(1)? };
        let element = node.get(index)?.to_vec();
        self.delete_in(n, index, 1);
        Some(element)
    }

    /// Deletes elements of one node, and the node with its last.
    pub(super) fn delete_in(&mut self, n: usize, index: usize, count: usize) {
        let Some(node) = self.nodes.get_mut(n) else { return };
        let len = node.len();
        let count = count.min(len.saturating_sub(index));
        self.len -= count;
        if count == len {
            self.nodes.remove(n);
        } else {
            node.delete(index, count);
        }
    }

    pub(super) fn insert(&mut self, index: usize, element: &[u8], limits: &Limits) {
        let Some((n, at)) = self.locate(index) else { return self.push(End::Back, element, limits) };
        let fits = |node: &Node| {
            element.len() < PLAIN_BYTES_MIN
                && !node.is_plain()
                && has_room(node.bytes().len(), node.len(), element.len(), limits)
        };
        self.len += 1;
        let value = Value::of(element);
        if fits(&self.nodes[n]) {
            return self.nodes[n].insert(at, value);
        }
        if at == 0 {
            match n.checked_sub(1) {
                Some(before) if fits(&self.nodes[before]) => self.nodes[before].push_back(value),
                _ => self.nodes.insert(n, single(element)),
            }
            return;
        }
        // In the middle of a full node: it becomes two, and the smaller part's side takes the element if it can.
        let mut right = self.nodes[n].split_off(at);
        if fits(&self.nodes[n]) {
            self.nodes[n].push_back(value);
        } else if fits(&right) {
            right.push_front(value);
        } else {
            self.nodes.insert(n + 1, single(element));
            self.nodes.insert(n + 2, right);
            return;
        }
        self.nodes.insert(n + 1, right);
    }
}

/// A node for one element.
fn single(element: &[u8]) -> Node {
    if element.len() >= PLAIN_BYTES_MIN {
        return Node::plain(element.to_vec());
    }
    let mut node = Node::new();
    node.push_back(Value::of(element));
    node
}
