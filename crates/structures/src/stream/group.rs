//! A consumer group: where it has got to, and which delivered entries wait for an acknowledgement from whom.
//!
//! ```text
//!   pending    id -> owner, when delivered, how often        all of the group, ordered by ID
//!   consumers  slot -> name, times, { ids it owns }          the sum of the ids is exactly `pending`
//!   names      name -> slot                                  ordered by name, as clients list them
//! ```
//!
//! Both sides of that relation change together, only in here. Times are Unix milliseconds.

use super::StreamId;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

/// A consumer's number inside its group: valid until the consumer is removed, then perhaps used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

/// While loading: the owner is not known yet.
const ORPHAN: ConsumerId = ConsumerId(u32::MAX);

/// A delivered entry that waits for its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Who has it.
    pub consumer: ConsumerId,
    /// When it was delivered last.
    pub delivered_ms: i64,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// A consumer of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When a command named it last.
    pub seen_ms: i64,
    /// When it last got or claimed something; -1 for never. Redis 7.2 stores it; 7.0 does not show it.
    pub active_ms: i64,
    owned: BTreeSet<StreamId>,
}

impl Consumer {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// IDs of the entries it has, rising.
    #[must_use]
    pub fn owned(&self) -> &BTreeSet<StreamId> {
        &self.owned
    }
}

/// A group. See the file's head.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The last ID delivered to any consumer: `>` reads on from here.
    pub last_id: StreamId,
    /// How many entries were read up to `last_id`, counted from the stream's beginning; None when not known.
    pub entries_read: Option<i64>,
    pending: BTreeMap<StreamId, Pending>,
    names: BTreeMap<Box<[u8]>, ConsumerId>,
    consumers: Vec<Option<Consumer>>,
}

impl Group {
    /// A group without consumers.
    #[must_use]
    pub fn new(last_id: StreamId, entries_read: Option<i64>) -> Group {
        Group { last_id, entries_read, ..Group::default() }
    }

    /// The pending entries by ID.
    #[must_use]
    pub fn pending(&self) -> &BTreeMap<StreamId, Pending> {
        &self.pending
    }

    /// Pending entries with IDs in `range`, rising.
    pub fn pending_in(
        &self,
        range: impl RangeBounds<StreamId>,
    ) -> impl Iterator<Item = (StreamId, &Pending)> {
        self.pending.range(range).map(|(id, pending)| (*id, pending))
    }

    /// The consumers in the order of their names.
    pub fn consumers(&self) -> impl Iterator<Item = (ConsumerId, &Consumer)> {
        self.names.values().filter_map(|&id| Some((id, self.consumer(id)?)))
    }

    /// Number of consumers.
    #[must_use]
    pub fn consumer_count(&self) -> usize {
        self.names.len()
    }

    /// The number of the consumer with this name.
    #[must_use]
    pub fn find_consumer(&self, name: &[u8]) -> Option<ConsumerId> {
        self.names.get(name).copied()
    }

    /// A consumer by number.
    #[must_use]
    pub fn consumer(&self, id: ConsumerId) -> Option<&Consumer> {
        self.consumers.get(id.0 as usize)?.as_ref()
    }

    fn consumer_mut(&mut self, id: ConsumerId) -> Option<&mut Consumer> {
        self.consumers.get_mut(id.0 as usize)?.as_mut()
    }

    /// Makes a consumer; None when there is one of that name. O(log consumers), or a look at each place when a
    /// removed one left a gap.
    pub fn create_consumer(&mut self, name: &[u8], seen_ms: i64) -> Option<ConsumerId> {
        if self.names.contains_key(name) {
            return None;
        }
        let consumer = Consumer { name: name.into(), seen_ms, active_ms: -1, owned: BTreeSet::new() };
        let gap = (self.names.len() < self.consumers.len())
            .then(|| self.consumers.iter().position(Option::is_none))
            .flatten();
        let index = gap.unwrap_or(self.consumers.len());
        let id = ConsumerId(u32::try_from(index).ok().filter(|&index| index != ORPHAN.0)?);
        match self.consumers.get_mut(index) {
            Some(place) => *place = Some(consumer),
            None => self.consumers.push(Some(consumer)),
        }
        self.names.insert(name.into(), id);
        Some(id)
    }

    /// Removes a consumer with its pending entries and says how many those were; None when there is none.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let id = self.names.remove(name)?;
        let consumer = self.consumers.get_mut(id.0 as usize)?.take()?;
        for owned in &consumer.owned {
            self.pending.remove(owned);
        }
        Some(consumer.owned.len())
    }

    /// Notes that a command named the consumer.
    pub fn set_seen(&mut self, id: ConsumerId, now_ms: i64) {
        if let Some(consumer) = self.consumer_mut(id) {
            consumer.seen_ms = now_ms;
        }
    }

    /// Notes that the consumer got or claimed something.
    pub fn set_active(&mut self, id: ConsumerId, now_ms: i64) {
        if let Some(consumer) = self.consumer_mut(id) {
            consumer.active_ms = now_ms;
        }
    }

    /// Makes an entry pending with this owner, time and count, whoever had it before.
    pub fn assign(&mut self, id: StreamId, pending: Pending) {
        if self.consumer(pending.consumer).is_none() {
            return;
        }
        let before = self.pending.insert(id, pending).map(|before| before.consumer);
        if before != Some(pending.consumer) {
            if let Some(former) = before.and_then(|former| self.consumer_mut(former)) {
                former.owned.remove(&id);
            }
            if let Some(owner) = self.consumer_mut(pending.consumer) {
                owner.owned.insert(id);
            }
        }
    }

    /// Takes an entry from the pending ones (XACK); false when it was not among them.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(&id) else { return false };
        if let Some(owner) = self.consumer_mut(pending.consumer) {
            owner.owned.remove(&id);
        }
        true
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        // A B-tree's nodes are on average two thirds full.
        let tree = |count: usize, element: usize| count * element * 3 / 2;
        let consumers: usize = self
            .consumers()
            .map(|(_, consumer)| 2 * consumer.name.len() + tree(consumer.owned.len(), size_of::<StreamId>()))
            .sum();
        size_of::<Self>()
            + tree(self.pending.len(), size_of::<StreamId>() + size_of::<Pending>())
            + tree(self.names.len(), size_of::<Box<[u8]>>() + size_of::<ConsumerId>())
            + self.consumers.capacity() * size_of::<Option<Consumer>>()
            + consumers
    }

    pub(super) fn insert_orphan(&mut self, id: StreamId, delivered_ms: i64, deliveries: u64) -> bool {
        self.pending.insert(id, Pending { consumer: ORPHAN, delivered_ms, deliveries }).is_none()
    }

    pub(super) fn adopt_orphan(&mut self, consumer: ConsumerId, id: StreamId) -> bool {
        let Some(pending) = self.pending.get_mut(&id).filter(|pending| pending.consumer == ORPHAN) else {
            return false;
        };
        pending.consumer = consumer;
        self.consumer_mut(consumer).is_some_and(|owner| owner.owned.insert(id))
    }

    pub(super) fn every_pending_is_owned(&self) -> bool {
        self.pending.values().all(|pending| pending.consumer != ORPHAN)
    }
}
