//! The stream: an append-only log of entries with rising IDs, and the groups of consumers that read it.
//!
//! The idea: entries live in nodes, each a listpack named by the ID of its first entry (its master). A node states the
//! master's field names once, and entries with the same names leave them out. Nodes are byte for byte those of Redis,
//! so saving a stream copies them.
//!
//! ```text
//!  nodes    [1-0: listpack] [7-3: listpack] [9-0: listpack]      a queue: trim in front, append behind, search by ID
//!                                                 ^ last_id
//!  groups   "g" -> last_id, entries_read, pending { id -> consumer, when, how often }, consumers { name -> { ids } }
//! ```
//!
//! `node` knows the format, `entries` walks over it, `trim` shortens, `group` is what consumers read, `radix` counts what
//! Redis's index would need, `load` takes parts from an RDB. No clock in here: times are parameters, in Unix
//! milliseconds. A `Stream` takes some 200 bytes where it stands: hold it in a box.
//! Source: behaviour of Redis 7.0.15.

mod entries;
mod group;
mod id;
mod load;
mod node;
mod radix;
mod trim;

pub use entries::{Direction, Entries, Entry, Fields};
pub use group::{Consumer, ConsumerId, Group, Pending};
pub use id::{ID_TEXT_MAX, StreamId};
pub use load::Meta;
pub use trim::Trim;

use crate::limits::Limits;
use node::Node;
use std::collections::{BTreeMap, VecDeque};

/// The most bytes that one entry's fields and values may have together, and the most for a node.
pub const NODE_BYTES_MAX: usize = 1 << 30;

/// A stream. See the file's head.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    nodes: VecDeque<Node>,
    /// Entries that are not deleted.
    length: u64,
    first_id: StreamId,
    /// The greatest ID ever used; the next must be greater. XSETID may raise it.
    pub last_id: StreamId,
    /// The greatest ID ever deleted by XDEL (or set by XSETID); 0-0 when none was.
    pub max_deleted_id: StreamId,
    /// Entries ever added (or what XSETID says).
    pub entries_added: u64,
    groups: BTreeMap<Box<[u8]>, Group>,
    idempotence: Option<Box<[u8]>>,
}

/// Why an entry was not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// The ID is not greater than the last one.
    IdTooSmall,
    /// Fields and values have more than `NODE_BYTES_MAX` bytes.
    TooLarge,
}

impl Stream {
    /// Number of entries. O(1).
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// True without entries; such a stream may still have groups and a last ID.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// ID of the first entry; 0-0 when there is none. O(1).
    #[must_use]
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// What OBJECT ENCODING says.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        "stream"
    }

    /// Appends an entry. `pairs` are field, value, field, value...; an odd one at the end is left out.
    /// The node that it would overfill (`stream_node_max_bytes`, `stream_node_max_entries`) is left as it is and a new
    /// one begun. O(bytes of the entry).
    pub fn append<B: AsRef<[u8]>>(
        &mut self,
        id: StreamId,
        pairs: &[B],
        limits: &Limits,
    ) -> Result<(), AppendError> {
        if id <= self.last_id {
            return Err(AppendError::IdTooSmall);
        }
        let bytes: usize = pairs.iter().map(|part| part.as_ref().len()).sum();
        if bytes > NODE_BYTES_MAX {
            return Err(AppendError::TooLarge);
        }
        let pairs = pairs.as_chunks::<2>().0;
        match self.nodes.back_mut() {
            Some(node) if node.has_room(bytes, limits) => node.append(id, pairs),
            last => {
                // The next node will be about as large as the last one: it need not grow by doubling.
                let expected_bytes = last.map_or(0, |full| {
                    full.settle();
                    full.bytes().len() + full.bytes().len() / 16
                });
                let mut node = Node::new(id, pairs, expected_bytes);
                node.append(id, pairs);
                self.nodes.push_back(node);
            }
        }
        self.length += 1;
        self.entries_added = self.entries_added.wrapping_add(1);
        self.last_id = id;
        if self.length == 1 {
            self.first_id = id;
        }
        Ok(())
    }

    /// The entries from `start` to `end`, both included, in either direction. Finding the first is O(log nodes) and a
    /// walk inside one node.
    #[must_use]
    pub fn entries(&self, start: StreamId, end: StreamId, direction: Direction) -> Entries<'_> {
        Entries::new(&self.nodes, start, end, direction)
    }

    /// All entries, oldest first.
    #[must_use]
    pub fn iter(&self) -> Entries<'_> {
        self.entries(StreamId::MIN, StreamId::MAX, Direction::Forward)
    }

    /// The entry with this ID, if it exists and was not deleted.
    #[must_use]
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.entries(id, id, Direction::Forward).next()
    }

    /// ID of the last entry that is still there; 0-0 when there is none.
    #[must_use]
    pub fn last_entry_id(&self) -> StreamId {
        self.entries(StreamId::MIN, StreamId::MAX, Direction::Backward)
            .next()
            .map_or(StreamId::MIN, |entry| entry.id)
    }

    /// ID of the first slot that is still stored, deleted or not; the greatest ID when nothing is stored. This is what
    /// Redis writes into its feed for MINID.
    #[must_use]
    pub fn first_stored_id(&self) -> StreamId {
        self.iter().with_deleted().next().map_or(StreamId::MAX, |entry| entry.id)
    }

    /// Deletes the entry with this ID, as XDEL: true when it was there. The entry is only flagged until its whole
    /// node is dead. Remembers the greatest deleted ID and finds the new first one. O(log nodes + node).
    pub fn delete(&mut self, id: StreamId) -> bool {
        let index = self.nodes.partition_point(|node| node.master <= id).wrapping_sub(1);
        let Some(node) = self.nodes.get_mut(index) else { return false };
        let Some(at) = node.find(id) else { return false };
        if node.live() == 1 {
            self.nodes.remove(index);
        } else {
            node.mark_deleted(&[at]);
        }
        self.length = self.length.saturating_sub(1);
        self.max_deleted_id = self.max_deleted_id.max(id);
        if id == self.first_id {
            self.find_first_id();
        }
        true
    }

    /// Sets the first ID anew after entries went away in front.
    fn find_first_id(&mut self) {
        self.first_id = match self.length {
            0 => StreamId::MIN,
            _ => self.iter().next().map_or(StreamId::MAX, |entry| entry.id),
        };
    }

    /// Was an entry from `from` on deleted with XDEL, so that counting entries by IDs is not possible there?
    #[must_use]
    pub fn has_gap_from(&self, from: StreamId) -> bool {
        self.length > 0
            && self.max_deleted_id != StreamId::MIN
            && self.first_id <= self.max_deleted_id
            && from <= self.max_deleted_id
    }

    /// How many entries were added up to and including `id`, since the stream began; None when that cannot be told
    /// without counting (Redis does not count either).
    #[must_use]
    pub fn entries_added_until(&self, id: StreamId) -> Option<i64> {
        let added = self.entries_added as i64;
        if added == 0 {
            return Some(0);
        }
        if id == self.last_id || self.length == 0 && id < self.last_id {
            return Some(added);
        }
        if id > self.last_id {
            return None;
        }
        if self.max_deleted_id != StreamId::MIN && self.max_deleted_id >= self.first_id {
            return None;
        }
        let before_first = added.wrapping_sub(self.length as i64);
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less => Some(before_first),
            std::cmp::Ordering::Equal => Some(before_first.wrapping_add(1)),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// How many entries a group has still before it (XINFO's `lag`); None when that cannot be told.
    #[must_use]
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let added = self.entries_added as i64;
        if added == 0 {
            return Some(0);
        }
        match group.entries_read {
            Some(read) if !self.has_gap_from(group.last_id) => Some(added.wrapping_sub(read)),
            _ => self.entries_added_until(group.last_id).map(|read| added.wrapping_sub(read)),
        }
    }

    /// The groups by name, in the order of their names.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, group))
    }

    /// A group by name.
    #[must_use]
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// A group by name, to change it.
    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.groups.get_mut(name)
    }

    /// Makes a group; false when there is one of that name.
    pub fn create_group(&mut self, name: &[u8], last_id: StreamId, entries_read: Option<i64>) -> bool {
        if self.groups.contains_key(name) {
            return false;
        }
        self.groups.insert(name.into(), Group::new(last_id, entries_read));
        true
    }

    /// Destroys a group; false when there is none of that name.
    pub fn remove_group(&mut self, name: &[u8]) -> bool {
        self.groups.remove(name).is_some()
    }

    /// Marks that `id` was delivered to the group `name` as new: raises the group's last ID and keeps count of what
    /// it has read, as far as that can be known. True when `id` was beyond the last ID.
    pub fn advance_group(&mut self, name: &[u8], id: StreamId) -> bool {
        let gap = self.has_gap_from(id);
        let estimate = (self.entries_added > 0).then(|| self.entries_added_until(id));
        let Some(group) = self.groups.get_mut(name) else { return false };
        if id <= group.last_id {
            return false;
        }
        match group.entries_read.as_mut() {
            Some(read) if !gap => *read = read.wrapping_add(1),
            _ => group.entries_read = estimate.unwrap_or(group.entries_read),
        }
        group.last_id = id;
        true
    }

    /// The nodes as an RDB stores them: ID of the master and listpack.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (StreamId, &[u8])> {
        self.nodes.iter().map(|node| (node.master, node.bytes()))
    }

    /// How many nodes Redis's radix tree would have for this stream (XINFO shows it). O(nodes).
    #[must_use]
    pub fn radix_tree_nodes(&self) -> usize {
        let keys: Vec<[u8; 16]> = self.nodes.iter().map(|node| node.master.to_bytes()).collect();
        radix::node_count(&keys)
    }

    /// The producers' bookkeeping for idempotent adds that Redis 8.6 stores with a stream (RDB type 26), as it stood in
    /// the file. Nothing here reads it; it is kept for writing.
    #[must_use]
    pub fn idempotence(&self) -> Option<&[u8]> {
        self.idempotence.as_deref()
    }

    /// Keeps that tail. None drops it.
    pub fn set_idempotence(&mut self, tail: Option<Box<[u8]>>) {
        self.idempotence = tail;
    }

    /// Bytes on the heap, as well as can be told without asking the allocator.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let nodes: usize = self.nodes.iter().map(Node::memory_bytes).sum();
        let groups: usize = self.groups.iter().map(|(name, group)| name.len() + group.memory_bytes()).sum();
        size_of::<Self>() + nodes + groups + self.idempotence.as_ref().map_or(0, |tail| tail.len())
    }
}

#[cfg(test)]
mod tests;
