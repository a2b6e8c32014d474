//! One node of a stream: a listpack that starts with the master entry and goes on with the entries.
//!
//! ```text
//!  master   | live | deleted | field count | field ... | 0 |
//!  entry    | flags | ms - master ms | seq - master seq | value ... | parts |                      flags & 2: same fields
//!  entry    | flags | ms - master ms | seq - master seq | field count | field | value | ... | parts |
//! ```
//!
//! `parts` is the number of listpack elements before it that belong to the entry: how a reader that comes from behind
//! finds its beginning. flags & 1: deleted. The node grows at its end inside a vector with room to spare; everything
//! else is an edit in place. Positions are byte offsets into the listpack.
//!
//! Clones of a stream (a snapshot under way) share its nodes; the first edit of a shared one copies that node alone.

use super::StreamId;
use crate::limits::{Limits, Malformed};
use crate::listpack::{self, Encoded, Value, backlen_size, decode, previous};
use std::sync::Arc;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;
const HEADER_BYTES: usize = 6;
const END_BYTES: usize = 1;
/// No more room than this is made before there is something to put in it.
const EXPECTED_BYTES_MAX: usize = 16 * 1024;
const END: u8 = 0xff;
/// Elements of an entry that are neither field nor value, without and with a field count: flags, two differences.
const PARTS_FIXED: i64 = 3;

/// See the file's head.
#[derive(Clone, Debug)]
pub struct Node {
    /// The ID the entries' IDs are differences to: that of the first entry ever put in here.
    pub master: StreamId,
    pack: Arc<Vec<u8>>,
}

/// What the master entry says.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub field_count: usize,
    /// Where the first field name stands.
    pub names_at: usize,
    /// Where the first entry begins.
    pub entries_at: usize,
}

/// Where an entry is and what it starts with.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub id: StreamId,
    pub deleted: bool,
    /// Its field names are the master's and not repeated.
    pub same_fields: bool,
    pub field_count: usize,
    /// Where its fields or values begin.
    pub body_at: usize,
}

impl Slot {
    /// Listpack elements between the beginning of the body and the count of parts.
    pub fn body_elements(&self) -> usize {
        if self.same_fields { self.field_count } else { self.field_count.saturating_mul(2) }
    }
}

impl Node {
    /// A node for `master` with the names of its fields, without entries yet, and with room for what is expected of it.
    pub fn new<B: AsRef<[u8]>>(master: StreamId, pairs: &[[B; 2]], expected_bytes: usize) -> Node {
        let expected_bytes = expected_bytes.min(EXPECTED_BYTES_MAX);
        let mut pack = Vec::with_capacity(expected_bytes.max(HEADER_BYTES + END_BYTES));
        pack.extend_from_slice(&[0; HEADER_BYTES]);
        pack.push(END);
        let mut node = Node { master, pack: Arc::new(pack) };
        node.extend(|push| {
            push(Value::Int(0));
            push(Value::Int(0));
            push(Value::Int(pairs.len() as i64));
            for [field, _] in pairs {
                push(Value::of(field.as_ref()));
            }
            push(Value::Int(0));
        });
        node
    }

    /// Takes a node from outside after checking its whole structure, so that walks over it meet no surprise.
    pub fn from_bytes(master: StreamId, pack: Vec<u8>) -> Result<Node, Malformed> {
        listpack::validate(&pack)?;
        let node = Node { master, pack: Arc::new(pack) };
        node.check()?;
        Ok(node)
    }

    fn check(&self) -> Result<(), Malformed> {
        const BROKEN: Malformed = Malformed("stream node whose entries are not what its head says");
        let int = |at| self.int(at).filter(|&number| number >= 0).ok_or(BROKEN);
        let live = int(HEADER_BYTES)?;
        let deleted = int(self.after(HEADER_BYTES).ok_or(BROKEN)?)?;
        let head = self.head().ok_or(BROKEN)?;
        let mut at = head.entries_at;
        for _ in 0..live.saturating_add(deleted) {
            let slot = self.slot(&head, at).ok_or(BROKEN)?;
            let parts_at = self.skip(slot.body_at, slot.body_elements()).ok_or(BROKEN)?;
            let names = if slot.same_fields { 0 } else { 1 };
            let parts = slot.body_elements() as i64 + PARTS_FIXED + names;
            if self.int(parts_at) != Some(parts) || slot.id < self.master {
                return Err(BROKEN);
            }
            at = self.after(parts_at).ok_or(BROKEN)?;
        }
        if at == self.end() { Ok(()) } else { Err(BROKEN) }
    }

    /// The listpack.
    pub fn bytes(&self) -> &[u8] {
        &self.pack
    }

    pub fn memory_bytes(&self) -> usize {
        size_of::<Node>() + self.pack.capacity()
    }

    /// Gives back the room at the end: nothing will be appended any more.
    pub fn settle(&mut self) {
        // A copy rather than a shrunk block: allocators leave a block where it is while half of it is used.
        if self.pack.capacity() > self.pack.len() {
            self.pack = Arc::new(self.pack.to_vec());
        }
    }

    /// Entries that are not deleted.
    pub fn live(&self) -> i64 {
        self.int(HEADER_BYTES).unwrap_or(0)
    }

    fn deleted(&self) -> i64 {
        self.after(HEADER_BYTES).and_then(|at| self.int(at)).unwrap_or(0)
    }

    /// May an entry with this many bytes of fields and values still come in here?
    pub fn has_room(&self, bytes: usize, limits: &Limits) -> bool {
        let bytes_max = match limits.stream_node_max_bytes {
            0 => super::NODE_BYTES_MAX,
            max => max.min(super::NODE_BYTES_MAX),
        };
        let entries_max = limits.stream_node_max_entries;
        self.pack.len() + bytes < bytes_max
            && (entries_max == 0 || self.live().saturating_add(self.deleted()) < entries_max as i64)
    }

    /// Appends an entry. The caller sees to it that `id` is greater than all before.
    pub fn append<B: AsRef<[u8]>>(&mut self, id: StreamId, pairs: &[[B; 2]]) {
        let live = self.live();
        self.set_int(HEADER_BYTES, live + 1);
        let same_fields = self.names_are(pairs);
        let master = self.master;
        self.extend(|push| {
            push(Value::Int(if same_fields { SAME_FIELDS } else { 0 }));
            push(Value::Int(id.ms.wrapping_sub(master.ms) as i64));
            push(Value::Int(id.seq.wrapping_sub(master.seq) as i64));
            let count = pairs.len() as i64;
            if same_fields {
                pairs.iter().for_each(|[_, value]| push(Value::of(value.as_ref())));
                push(Value::Int(count + PARTS_FIXED));
            } else {
                push(Value::Int(count));
                for [field, value] in pairs {
                    push(Value::of(field.as_ref()));
                    push(Value::of(value.as_ref()));
                }
                push(Value::Int(2 * count + PARTS_FIXED + 1));
            }
        });
    }

    fn names_are<B: AsRef<[u8]>>(&self, pairs: &[[B; 2]]) -> bool {
        let Some(mut at) = self.nth(HEADER_BYTES, 2) else { return false };
        if self.int(at) != Some(pairs.len() as i64) {
            return false;
        }
        for [field, _] in pairs {
            let Some(next) = self.after(at) else { return false };
            at = next;
            if !decode(&self.pack, at).is_some_and(|(name, _)| name.is(field.as_ref())) {
                return false;
            }
        }
        true
    }

    /// Reads the master entry. None only when the node is broken.
    pub fn head(&self) -> Option<Head> {
        let count_at = self.nth(HEADER_BYTES, 2)?;
        let field_count = usize::try_from(self.int(count_at)?).ok()?;
        let names_at = self.after(count_at)?;
        let zero_at = self.skip(names_at, field_count)?;
        (self.int(zero_at)? == 0).then_some(Head { field_count, names_at, entries_at: self.after(zero_at)? })
    }

    /// Reads the beginning of the entry whose flags stand at `at`. None at the end.
    pub fn slot(&self, head: &Head, at: usize) -> Option<Slot> {
        if at >= self.end() {
            return None;
        }
        let ms_at = self.after(at)?;
        let seq_at = self.after(ms_at)?;
        let mut body_at = self.after(seq_at)?;
        let flags = self.int(at)?;
        let same_fields = flags & SAME_FIELDS != 0;
        let mut field_count = head.field_count;
        if !same_fields {
            field_count = usize::try_from(self.int(body_at)?).ok()?;
            body_at = self.after(body_at)?;
        }
        let id = StreamId {
            ms: self.master.ms.wrapping_add(self.int(ms_at)? as u64),
            seq: self.master.seq.wrapping_add(self.int(seq_at)? as u64),
        };
        Some(Slot { id, deleted: flags & DELETED != 0, same_fields, field_count, body_at })
    }

    /// Where the entry after this one begins.
    pub fn after_slot(&self, slot: &Slot) -> Option<usize> {
        self.after(self.skip(slot.body_at, slot.body_elements())?)
    }

    /// Where the entry begins that ends right before `end`; None when there is none any more.
    pub fn slot_before(&self, head: &Head, end: usize) -> Option<usize> {
        if end <= head.entries_at {
            return None;
        }
        let mut at = previous(&self.pack, end)?;
        for _ in 0..self.int(at)? {
            at = previous(&self.pack, at)?;
        }
        (at >= head.entries_at).then_some(at)
    }

    /// Where the end mark stands: the end of the last entry.
    pub fn end(&self) -> usize {
        self.pack.len().saturating_sub(END_BYTES)
    }

    /// Where the flags of the entry with this ID stand, if it is there and not deleted.
    pub fn find(&self, id: StreamId) -> Option<usize> {
        let head = self.head()?;
        let mut at = head.entries_at;
        loop {
            let slot = self.slot(&head, at)?;
            if slot.id >= id {
                return (slot.id == id && !slot.deleted).then_some(at);
            }
            at = self.after_slot(&slot)?;
        }
    }

    /// The greatest ID in here, deleted or not.
    pub fn last_id(&self) -> Option<StreamId> {
        let head = self.head()?;
        let at = self.slot_before(&head, self.end())?;
        self.slot(&head, at).map(|slot| slot.id)
    }

    /// Flags the entries at these positions (rising) as deleted and counts them.
    pub fn mark_deleted(&mut self, slots: &[usize]) {
        // From behind, because an edit could move what follows it.
        for &at in slots.iter().rev() {
            let flags = self.int(at).unwrap_or(0);
            self.set_int(at, flags | DELETED);
        }
        let (live, deleted, count) = (self.live(), self.deleted(), slots.len() as i64);
        if let Some(deleted_at) = self.after(HEADER_BYTES) {
            self.set_int(deleted_at, deleted.saturating_add(count));
        }
        self.set_int(HEADER_BYTES, live - count);
    }

    fn int(&self, at: usize) -> Option<i64> {
        match decode(&self.pack, at)? {
            (Value::Int(number), _) => Some(number),
            (Value::Bytes(_), _) => None,
        }
    }

    /// Position after the element at `at`.
    fn after(&self, at: usize) -> Option<usize> {
        let (_, size) = decode(&self.pack, at)?;
        Some(at + size + backlen_size(size))
    }

    /// Position of the element `count` elements after the one at `at`; not the end mark.
    fn nth(&self, at: usize, count: usize) -> Option<usize> {
        let position = self.skip(at, count)?;
        (position < self.end()).then_some(position)
    }

    fn skip(&self, mut at: usize, count: usize) -> Option<usize> {
        for _ in 0..count {
            at = self.after(at)?;
        }
        Some(at)
    }

    /// Replaces the element at `at` by an integer.
    fn set_int(&mut self, at: usize, number: i64) {
        let Some(end) = self.after(at) else { return };
        let value = Value::Int(number);
        let bytes = value.entry_bytes();
        let mut entry = [0; 10];
        Encoded::of(&value).write(&mut entry, 0);
        let pack = Arc::make_mut(&mut self.pack);
        match pack.get_mut(at..end) {
            Some(old) if old.len() == bytes => old.copy_from_slice(&entry[..bytes]),
            _ => {
                pack.splice(at..end, entry[..bytes].iter().copied());
                write_size(pack);
            }
        }
    }

    /// Appends the elements that `write` pushes.
    fn extend(&mut self, write: impl FnOnce(&mut dyn FnMut(Value<'_>))) {
        let pack = Arc::make_mut(&mut self.pack);
        pack.pop();
        let mut pushed = 0;
        write(&mut |value| {
            let at = pack.len();
            pack.resize(at + value.entry_bytes(), 0);
            Encoded::of(&value).write(pack, at);
            pushed += 1;
        });
        pack.push(END);
        write_size(pack);
        let count = u16::from_le_bytes([pack[4], pack[5]]);
        // 65,535 means that the count is not known, and it never becomes known again.
        let count = usize::from(count).saturating_add(pushed).min(usize::from(u16::MAX)) as u16;
        pack[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
    }
}

/// Makes the header say how long the listpack is.
fn write_size(pack: &mut [u8]) {
    let size = (pack.len() as u32).to_le_bytes();
    pack[..4].copy_from_slice(&size);
}
