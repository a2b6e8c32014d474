//! The set: distinct byte strings without an order.
//!
//! ```text
//! Ints    an intset          OBJECT ENCODING intset      integers only, up to set-max-intset-entries
//! Packed  one listpack       OBJECT ENCODING hashtable   up to 64 short members: looked through from the front
//! Table   buckets of them    OBJECT ENCODING hashtable   everything else
//! ```
//!
//! Redis 7.0 makes a hash table of every set that is not an intset; `Packed` is our own saving (a set of ten members
//! takes a sixth), and clients cannot tell. A set that became a hash table never turns back, as in Redis.

mod members;

use crate::buckets::Buckets;
use crate::intset::Intset;
use crate::limits::Limits;
use crate::listpack::{self, Distinct, Listpack, Value};
use crate::number::parse_i64;
pub use members::Members;
use smallvec::SmallVec;

/// Members that are looked for at once.
pub const BATCH: usize = 16;

const PACKED_ENTRIES_MAX: usize = 64;
const PACKED_MEMBER_BYTES_MAX: usize = 64;

/// A set of byte strings.
#[derive(Clone)]
pub struct Set(Repr);

#[derive(Clone)]
enum Repr {
    Ints(Intset),
    Packed(Listpack),
    Table(Box<Buckets>),
}

impl Default for Set {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Set {
    /// The empty set: an intset.
    pub fn new() -> Self {
        Set(Repr::Ints(Intset::new()))
    }

    /// A set that will hold `member` first: an intset only if that is an integer.
    pub fn for_member(member: &[u8]) -> Self {
        match parse_i64(member) {
            Some(_) => Self::new(),
            None => Set(Repr::Packed(Listpack::new())),
        }
    }

    /// Takes over an intset, turned into a hash table if it is larger than the limits allow.
    pub fn from_intset(ints: Intset, limits: &Limits) -> Self {
        let mut set = Set(Repr::Ints(ints));
        if set.len() > limits.set_max_intset_entries {
            set.leave_ints();
        }
        set
    }

    /// Asks for what leads to this member, no more than a hint; `prefetch` takes the next step, when that may have come.
    pub fn aim(&self, member: &[u8]) -> usize {
        match &self.0 {
            Repr::Packed(pack) => {
                pack.prefetch();
                0
            }
            Repr::Table(table) => table.aim(member),
            Repr::Ints(_) => 0,
        }
    }

    /// Asks for the memory that a look-up goes through last, going by what `aim` gave.
    pub fn prefetch(&self, aim: usize) {
        if let Repr::Table(table) = &self.0 {
            table.prefetch(aim);
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Ints(ints) => ints.len(),
            Repr::Packed(pack) => pack.len(),
            Repr::Table(table) => table.len(),
        }
    }

    /// True without members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// "intset" or "hashtable", as Redis 7.0 calls it.
    pub fn encoding(&self) -> &'static str {
        if self.as_intset().is_some() { "intset" } else { "hashtable" }
    }

    /// The intset, while it is one: it goes into an RDB as it is.
    pub fn as_intset(&self) -> Option<&Intset> {
        match &self.0 {
            Repr::Ints(ints) => Some(ints),
            _ => None,
        }
    }

    /// Whether `member` is in the set.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Repr::Ints(ints) => parse_i64(member).is_some_and(|v| ints.contains(v)),
            Repr::Packed(pack) => pack.first().is_some_and(|first| pack.find(member, first, 1).is_some()),
            Repr::Table(table) => table.find(member).is_some(),
        }
    }

    /// Adds a member; false when it was there.
    pub fn insert(&mut self, member: &[u8], limits: &Limits) -> bool {
        match &mut self.0 {
            Repr::Ints(ints) => {
                let Some(value) = parse_i64(member) else {
                    self.leave_ints();
                    return self.insert(member, limits);
                };
                if !ints.insert(value) {
                    return false;
                }
                // Redis holds that no intset needs more than 2^30 members, whatever the limit says.
                if ints.len() > limits.set_max_intset_entries.min(1 << 30) {
                    self.leave_ints();
                }
                true
            }
            Repr::Packed(pack) => {
                if pack.first().is_some_and(|first| pack.find(member, first, 1).is_some()) {
                    return false;
                }
                if pack.len() < PACKED_ENTRIES_MAX && member.len() <= PACKED_MEMBER_BYTES_MAX {
                    pack.push(member);
                } else {
                    let mut table = Buckets::from_listpack(pack, 1);
                    table.insert(&[Value::of(member)]);
                    self.0 = Repr::Table(Box::new(table));
                }
                true
            }
            Repr::Table(table) => {
                let new = table.find(member).is_none();
                if new {
                    table.insert(&[Value::of(member)]);
                }
                new
            }
        }
    }

    /// Removes a member; false when it was not there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Repr::Ints(ints) => parse_i64(member).is_some_and(|v| ints.remove(v)),
            Repr::Packed(pack) => {
                let found = pack.first().and_then(|first| pack.find(member, first, 1));
                found.inspect(|position| pack.delete(*position, 1)).is_some()
            }
            Repr::Table(table) => table.find(member).inspect(|slot| table.remove(*slot)).is_some(),
        }
    }

    /// The member that `random` chooses, each with the same probability; None when empty.
    pub fn random(&self, random: u64) -> Option<Value<'_>> {
        let index = |len: usize| (random % len.max(1) as u64) as usize;
        match &self.0 {
            Repr::Ints(ints) => ints.get(index(ints.len())).map(Value::Int),
            Repr::Packed(pack) => pack.get(index(pack.len())),
            Repr::Table(table) => table.random(random).map(|record| record.key()),
        }
    }

    /// All members, in no order that means anything (ascending for an intset).
    #[inline]
    pub fn iter(&self) -> Members<'_> {
        match &self.0 {
            Repr::Ints(ints) => Members::of_ints(ints),
            Repr::Packed(pack) => Members::of_pack(pack),
            Repr::Table(table) => Members::of_table(table),
        }
    }

    /// Keeps those of `members` that are in this set, too; they stay in their order. Up to `BATCH` of them: the memory
    /// of all is asked for before any is looked for.
    pub fn retain_common(&self, members: &mut SmallVec<[Value<'_>; BATCH]>) {
        let digits = &mut itoa::Buffer::new();
        let Repr::Table(table) = &self.0 else {
            return members.retain(|member| self.contains(member.as_bytes(digits)));
        };
        let mut aims = [0; BATCH];
        for (aim, member) in aims.iter_mut().zip(members.iter()) {
            *aim = table.aim(member.as_bytes(digits));
        }
        aims.iter().take(members.len()).for_each(|aim| table.prefetch(*aim));
        let mut aims = aims.iter();
        members.retain(|member| {
            let member = member.as_bytes(digits);
            aims.next().map_or_else(|| table.find(member), |aim| table.find_in(*aim, member)).is_some()
        });
    }

    /// Hands over some members and gives the cursor to go on with, 0 at the end; small sets come at once.
    pub fn scan<'a>(&'a self, cursor: u64, mut emit: impl FnMut(Value<'a>)) -> u64 {
        match &self.0 {
            Repr::Table(table) => table.scan(cursor, |record| emit(record.key())),
            _ => {
                self.iter().for_each(emit);
                0
            }
        }
    }

    /// Bytes on the heap. O(number of buckets).
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Repr::Ints(ints) => ints.as_bytes().len(),
            Repr::Packed(pack) => pack.size_bytes(),
            Repr::Table(table) => size_of::<Buckets>() + table.memory_bytes(),
        }
    }

    /// Turns an intset into what follows it.
    fn leave_ints(&mut self) {
        let Repr::Ints(ints) = &self.0 else { return };
        if ints.len() <= PACKED_ENTRIES_MAX {
            let mut pack = Listpack::new();
            let values: Vec<Value<'_>> = ints.iter().map(Value::Int).collect();
            pack.insert(pack.end(), &values);
            self.0 = Repr::Packed(pack);
        } else {
            let mut table = Buckets::new(1);
            ints.iter().for_each(|value| table.insert(&[Value::Int(value)]));
            self.0 = Repr::Table(Box::new(table));
        }
    }
}

/// The first members of a set that comes member by member: gathered in one buffer for all sets, so that a small one is
/// made with a single allocation, of its size.
#[derive(Debug, Default)]
pub struct FirstMembers {
    pack: listpack::Builder,
}

impl FirstMembers {
    /// Takes a member; false when it has no room in a small set. Then `take` what is here and go on with `Set::insert`.
    pub fn push(&mut self, member: &[u8]) -> bool {
        let fits = self.pack.len() < PACKED_ENTRIES_MAX && member.len() <= PACKED_MEMBER_BYTES_MAX;
        if fits {
            self.pack.push(member);
        }
        fits
    }

    /// Forgets what was gathered.
    pub fn clear(&mut self) {
        self.pack.clear();
    }

    /// The set of what was gathered, and the next one begins. None when a member came twice.
    pub fn take(&mut self, limits: &Limits) -> Option<Set> {
        let pack = self.pack.take();
        let mut seen = Distinct::with_capacity(pack.len());
        let distinct = pack.iter().all(|member| seen.insert(member));
        drop(seen);
        if !distinct {
            return None;
        }
        if !pack.iter().all(|member| matches!(member, Value::Int(_))) {
            return Some(Set(Repr::Packed(pack)));
        }
        let mut set = Set::new();
        for member in pack.iter() {
            set.insert(member.as_bytes(&mut itoa::Buffer::new()), limits);
        }
        Some(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn equals_an_ordered_set(
            numbers in any::<bool>(),
            steps in proptest::collection::vec((0u8..4, 0i64..300), 0..800),
            max in 1usize..100,
        ) {
            let limits = Limits { set_max_intset_entries: max, ..Limits::default() };
            let mut set = Set::new();
            let mut twin = BTreeSet::new();
            for (step, n) in steps {
                let member = if numbers || n % 3 == 0 { n.to_string() } else { format!("member {n}") }.into_bytes();
                if step > 0 {
                    prop_assert_eq!(set.insert(&member, &limits), twin.insert(member.clone()));
                } else {
                    prop_assert_eq!(set.remove(&member), twin.remove(&member));
                }
                prop_assert_eq!(set.len(), twin.len());
                prop_assert_eq!(set.contains(&member), twin.contains(&member));
                if set.encoding() == "intset" {
                    prop_assert!(set.len() <= max);
                }
            }
            let mut all: Vec<_> = set.iter().map(|v| v.to_vec()).collect();
            all.sort();
            prop_assert!(all.iter().eq(twin.iter()));
            let (mut cursor, mut seen) = (0, BTreeSet::new());
            loop {
                cursor = set.scan(cursor, |v| { seen.insert(v.to_vec()); });
                if cursor == 0 { break }
            }
            prop_assert_eq!(&seen, &twin);
            prop_assert_eq!(set.random(steps_seed(&twin)).map(|v| twin.contains(&v.to_vec())), (!twin.is_empty()).then_some(true));
        }
    }

    fn steps_seed(twin: &BTreeSet<Vec<u8>>) -> u64 {
        twin.len() as u64 * 7919
    }

    proptest! {
        #[test]
        fn gathered_members_make_the_same_set(
            members in proptest::collection::vec("[a-c]{0,2}|[0-9]{1,2}", 0..80),
            long in 0usize..90,
            max in 1usize..40,
        ) {
            let limits = Limits { set_max_intset_entries: max, ..Limits::default() };
            let mut first = FirstMembers::default();
            let mut gathered = None;
            let members: Vec<String> =
                members.into_iter().enumerate().map(|(at, m)| if at == long { "x".repeat(70) } else { m }).collect();
            let mut new = true;
            for member in &members {
                match &mut gathered {
                    None if first.push(member.as_bytes()) => {}
                    None => {
                        let Some(mut set) = first.take(&limits) else { new = false; break };
                        new &= set.insert(member.as_bytes(), &limits);
                        gathered = Some(set);
                    }
                    Some(set) => new &= set.insert(member.as_bytes(), &limits),
                }
            }
            let set = if new { gathered.or_else(|| first.take(&limits)) } else { None };
            let distinct: BTreeSet<_> = members.iter().collect();
            prop_assert_eq!(set.is_some(), distinct.len() == members.len());
            if let Some(set) = set {
                prop_assert_eq!(set.len(), members.len());
                prop_assert!(members.iter().all(|member| set.contains(member.as_bytes())));
                let mut twin = Set::new();
                members.iter().for_each(|member| { twin.insert(member.as_bytes(), &limits); });
                prop_assert_eq!(set.encoding(), twin.encoding());
            }
            // What was left of a refused one does not show up in the next.
            let mut next = FirstMembers::default();
            prop_assert!(next.push(b"1") && next.take(&limits).is_some() && next.push(b"1"));
            prop_assert_eq!(next.take(&limits).map(|set| set.len()), Some(1));
        }
    }

    #[test]
    fn one_large_member_leaves_the_listpack() {
        let mut set = Set::for_member(b"a");
        let limits = Limits::default();
        assert_eq!(set.encoding(), "hashtable");
        assert!(set.insert(b"a", &limits));
        assert!(set.insert(&[b'x'; 100_000], &limits));
        assert!(!set.insert(&[b'x'; 100_000], &limits));
        assert_eq!(set.len(), 2);
        assert!(set.memory_bytes() > 100_000);
    }
}
