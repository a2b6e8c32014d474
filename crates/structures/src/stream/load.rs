//! Building a stream from the parts of an RDB, in the file's order, each part checked.
//!
//! ```text
//!   Stream::default() -> load_node()* -> load_meta() -> per group: load_group(), and on what it gives:
//!   load_pending()*, per consumer: load_consumer(), load_owned()* -> at the end check_loaded()
//! ```
//!
//! Nothing here allocates by a length that the file only claims.

use super::group::{ConsumerId, Group};
use super::node::Node;
use super::{Stream, StreamId};
use crate::limits::Malformed;

/// What an RDB says of a stream beside its nodes. The Options are None for types older than STREAM_2, which did not
/// store them; they are then worked out as Redis 7 does.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// Entries that are not deleted.
    pub length: u64,
    /// Greatest ID ever used.
    pub last_id: StreamId,
    /// ID of the first entry.
    pub first_id: Option<StreamId>,
    /// Greatest ID ever deleted by XDEL.
    pub max_deleted_id: Option<StreamId>,
    /// Entries ever added.
    pub entries_added: Option<u64>,
}

impl Stream {
    /// Adds a node: the ID of its master and its listpack, whose whole structure is checked. O(bytes).
    pub fn load_node(&mut self, master: StreamId, listpack: Vec<u8>) -> Result<(), Malformed> {
        let node = Node::from_bytes(master, listpack)?;
        let index = self.nodes.partition_point(|other| other.master < master);
        if self.nodes.get(index).is_some_and(|other| other.master == master) {
            return Err(Malformed("stream with two nodes of the same ID"));
        }
        self.nodes.insert(index, node);
        Ok(())
    }

    /// Sets what is known of the whole. Call it after all nodes.
    pub fn load_meta(&mut self, meta: Meta) -> Result<(), Malformed> {
        if meta.length > 0 && self.nodes.is_empty() {
            return Err(Malformed("stream with a length but without nodes"));
        }
        self.length = meta.length;
        self.last_id = meta.last_id;
        self.max_deleted_id = meta.max_deleted_id.unwrap_or(StreamId::MIN);
        self.entries_added = meta.entries_added.unwrap_or(meta.length);
        match meta.first_id {
            Some(first_id) => self.first_id = first_id,
            None => self.find_first_id(),
        }
        Ok(())
    }

    /// Adds a group. `entries_read` is None for types older than STREAM_2, which did not store it, and `u64::MAX` where
    /// the writer did not know it.
    pub fn load_group(
        &mut self,
        name: &[u8],
        last_id: StreamId,
        entries_read: Option<u64>,
    ) -> Result<&mut Group, Malformed> {
        let entries_read = match entries_read {
            None => self.entries_added_until(last_id),
            Some(u64::MAX) => None,
            Some(read) => Some(read as i64),
        };
        if !self.create_group(name, last_id, entries_read) {
            return Err(Malformed("stream with two groups of the same name"));
        }
        self.group_mut(name).ok_or(Malformed("stream without the group it was given"))
    }

    /// Checks what only shows when everything is there: every pending entry has an owner.
    pub fn check_loaded(&self) -> Result<(), Malformed> {
        match self.groups.values().all(Group::every_pending_is_owned) {
            true => Ok(()),
            false => Err(Malformed("stream group with a pending entry that no consumer has")),
        }
    }
}

impl Group {
    /// Adds an entry of the group's pending list. Its owner follows with the consumers.
    pub fn load_pending(
        &mut self,
        id: StreamId,
        delivered_ms: i64,
        deliveries: u64,
    ) -> Result<(), Malformed> {
        match self.insert_orphan(id, delivered_ms, deliveries) {
            true => Ok(()),
            false => Err(Malformed("stream group with the same pending entry twice")),
        }
    }

    /// Adds a consumer.
    pub fn load_consumer(
        &mut self,
        name: &[u8],
        seen_ms: i64,
        active_ms: i64,
    ) -> Result<ConsumerId, Malformed> {
        let id = self
            .create_consumer(name, seen_ms)
            .ok_or(Malformed("stream group with the same consumer twice"))?;
        self.set_active(id, active_ms);
        Ok(id)
    }

    /// Makes `consumer` the owner of a pending entry.
    pub fn load_owned(&mut self, consumer: ConsumerId, id: StreamId) -> Result<(), Malformed> {
        match self.adopt_orphan(consumer, id) {
            true => Ok(()),
            false => {
                Err(Malformed("stream consumer with an entry that its group does not hold pending for it"))
            }
        }
    }
}
