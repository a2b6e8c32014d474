//! Members in the order of (score, member), with ranks: a tree of fixed height three.
//!
//! ```text
//! Ordered   [ branch | branch | ... ]          each knows how many members are below it
//! Branch    [ leaf | leaf | ... ]              up to 128 leaves
//! Leaf      scores  [ 1.0 | 1.0 | 2.5 | ... ]  up to 32, one array, so that a search touches one line of memory
//!           members listpack [ a | b | c ... ] in the same order
//! ```
//!
//! Its one idea: a rank is a sum over a few hundred counters that lie side by side, so no node needs a parent, a level or a
//! pointer to its neighbours. Every question (range by score, by member, by rank) becomes a range of ranks, by way
//! of a `Cut`: a place between two members. Heights do not grow; ten million members make some two thousand branches.

use super::Cut;
use crate::listpack::{self, Builder, Listpack, Value};
use std::sync::Arc;

const LEAF_MAX: usize = 32;
const BRANCH_MAX: usize = 128;

#[derive(Clone, Default)]
struct Leaf {
    /// The highest score, here so that a search need not follow the pointer of `scores`.
    last: f64,
    scores: Vec<f64>,
    members: Listpack,
}

#[derive(Clone)]
struct Branch {
    /// The highest score below it.
    last: f64,
    len: usize,
    /// Shared with clones until one side changes it, so that a snapshot of a large set costs a counter per branch.
    leaves: Arc<Vec<Leaf>>,
}

impl Branch {
    fn new(leaves: Vec<Leaf>) -> Self {
        let len = leaves.iter().map(Leaf::len).sum();
        let mut this = Branch { last: 0.0, len, leaves: Arc::new(leaves) };
        this.note_last();
        this
    }

    fn note_last(&mut self) {
        self.last = self.leaves.last().map_or(0.0, |leaf| leaf.last);
    }

    fn last_is_before(&self, cut: &Cut<'_>) -> bool {
        cut.is_after(self.last, || self.leaves.last()?.members.iter().next_back())
    }
}

/// The tree. No leaf and no branch is empty.
#[derive(Clone, Default)]
pub(super) struct Ordered {
    branches: Vec<Branch>,
    len: usize,
}

/// Where a member stands: branch, leaf, index.
#[derive(Clone, Copy)]
struct Place(usize, usize, usize);

impl Leaf {
    fn len(&self) -> usize {
        self.scores.len()
    }

    fn insert(&mut self, index: usize, score: f64, member: Value<'_>) {
        if self.scores.len() == self.scores.capacity() {
            self.scores.reserve_exact(8);
        }
        self.scores.insert(index, score);
        let position = self.members.seek(index).unwrap_or(self.members.end());
        self.members.insert(position, &[member]);
        self.note_last();
    }

    fn note_last(&mut self) {
        self.last = self.scores.last().copied().unwrap_or(0.0);
    }

    fn remove(&mut self, index: usize) {
        self.scores.remove(index);
        if let Some(position) = self.members.seek(index) {
            self.members.delete(position, 1);
        }
        self.note_last();
    }

    /// Moves the members from `index` on into a new leaf. Both get blocks of their own size.
    fn split_off(&mut self, index: usize) -> Leaf {
        let old = std::mem::take(self);
        let mut values = old.members.iter();
        let mut part = |scores: &[f64]| {
            let mut members = Builder::with_capacity(old.members.size_bytes());
            values.by_ref().take(scores.len()).for_each(|member| members.push_value(member));
            let mut leaf = Leaf { last: 0.0, scores: scores.to_vec(), members: members.finish() };
            leaf.note_last();
            leaf
        };
        let (left, right) = old.scores.split_at(index);
        *self = part(left);
        part(right)
    }

    fn append(&mut self, other: &Leaf) {
        self.scores.extend_from_slice(&other.scores);
        let moved: Vec<Value<'_>> = other.members.iter().collect();
        self.members.insert(self.members.end(), &moved);
        self.note_last();
    }

    fn last_is_before(&self, cut: &Cut<'_>) -> bool {
        cut.is_after(self.last, || self.members.iter().next_back())
    }

    /// How many members are before the cut.
    fn count_before(&self, cut: &Cut<'_>) -> usize {
        let (sure, maybe) = match *cut {
            Cut::Start => (0, 0),
            Cut::End => (self.len(), self.len()),
            Cut::BeforeScore(score) => {
                let n = self.scores.partition_point(|s| *s < score);
                (n, n)
            }
            Cut::AfterScore(score) => {
                let n = self.scores.partition_point(|s| *s <= score);
                (n, n)
            }
            Cut::At(score, _) => {
                (self.scores.partition_point(|s| *s < score), self.scores.partition_point(|s| *s <= score))
            }
            Cut::BeforeMember(_) | Cut::AfterMember(_) => (0, self.len()),
        };
        if sure == maybe {
            return sure;
        }
        let Some(position) = self.members.seek(sure) else { return sure };
        let mut members = self.members.iter().starting_at(position);
        sure + (sure..maybe).take_while(|i| cut.is_after(self.scores[*i], || members.next())).count()
    }
}

impl Ordered {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Number of members before the cut: the rank of the first one behind it. O(log) steps and a sum.
    pub(super) fn rank(&self, cut: &Cut<'_>) -> usize {
        self.rank_of(self.place(cut))
    }

    pub(super) fn insert(&mut self, score: f64, member: &[u8]) {
        let Place(mut b, mut l, mut i) = self.place(&Cut::At(score, member));
        self.len += 1;
        if b == self.branches.len() {
            // Behind all: that is the end of the last leaf.
            if self.branches.is_empty() {
                self.branches.push(Branch::new(vec![Leaf::default()]));
            }
            b = self.branches.len() - 1;
            l = self.branches[b].leaves.len() - 1;
            i = self.branches[b].leaves[l].len();
        }
        let branch = &mut self.branches[b];
        branch.len += 1;
        let leaves = Arc::make_mut(&mut branch.leaves);
        let leaf = &mut leaves[l];
        if leaf.len() < LEAF_MAX {
            leaf.insert(i, score, Value::of(member));
            return branch.note_last();
        }
        // Members that arrive in order, from either side, leave full leaves behind.
        let half = if i == LEAF_MAX {
            LEAF_MAX
        } else if i == 0 {
            0
        } else {
            LEAF_MAX / 2
        };
        let mut right = leaf.split_off(half);
        if i < half || i == 0 {
            leaf.insert(i, score, Value::of(member));
        } else {
            right.insert(i - half, score, Value::of(member));
        }
        leaves.insert(l + 1, right);
        let right = (leaves.len() > BRANCH_MAX).then(|| Branch::new(leaves.split_off(BRANCH_MAX / 2)));
        branch.len -= right.as_ref().map_or(0, |right| right.len);
        branch.note_last();
        if let Some(right) = right {
            self.branches.insert(b + 1, right);
        }
    }

    /// Removes the member, which must be there with this score; false when it is not.
    pub(super) fn remove(&mut self, score: f64, member: &[u8]) -> bool {
        let place = self.place(&Cut::At(score, member));
        let found = self.at(place).is_some_and(|(m, s)| s == score && m.is(member));
        if found {
            self.remove_at(place);
        }
        found
    }

    /// Members from the rank `from` on.
    pub(super) fn iter_from(&self, from: usize) -> Forward<'_> {
        let place = self.place_of(from);
        let mut iter = Forward { tree: self, place, members: listpack::Iter::new(&[]) };
        iter.enter();
        iter
    }

    /// Members before the rank `from`, backwards.
    pub(super) fn iter_back_from(&self, from: usize) -> Backward<'_> {
        // Stands on the last member to give, so that "behind it" is inside its leaf.
        let place = from.checked_sub(1).map(|rank| self.place_of(rank));
        let mut iter =
            Backward { tree: self, place: Place(0, 0, 0), left: 0, members: listpack::Iter::new(&[]) };
        if let Some(Place(b, l, i)) = place {
            iter.place = Place(b, l, i + 1);
            iter.left = from;
            iter.enter();
        }
        iter
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let leaf = |l: &Leaf| l.scores.capacity() * size_of::<f64>() + l.members.size_bytes();
        let branch =
            |b: &Branch| b.leaves.capacity() * size_of::<Leaf>() + b.leaves.iter().map(leaf).sum::<usize>();
        self.branches.capacity() * size_of::<Branch>() + self.branches.iter().map(branch).sum::<usize>()
    }

    /// The place of the first member behind the cut; one branch too far when there is none.
    fn place(&self, cut: &Cut<'_>) -> Place {
        let b = self.branches.partition_point(|branch| branch.last_is_before(cut));
        let Some(branch) = self.branches.get(b) else { return Place(b, 0, 0) };
        let l = branch.leaves.partition_point(|leaf| leaf.last_is_before(cut));
        Place(b, l, branch.leaves.get(l).map_or(0, |leaf| leaf.count_before(cut)))
    }

    fn rank_of(&self, Place(b, l, i): Place) -> usize {
        let branches: usize = self.branches[..b].iter().map(|branch| branch.len).sum();
        let leaves: usize =
            self.branches.get(b).map_or(0, |branch| branch.leaves[..l].iter().map(Leaf::len).sum());
        branches + leaves + i
    }

    fn place_of(&self, rank: usize) -> Place {
        let mut left = rank;
        for (b, branch) in self.branches.iter().enumerate() {
            if left < branch.len {
                for (l, leaf) in branch.leaves.iter().enumerate() {
                    if left < leaf.len() {
                        return Place(b, l, left);
                    }
                    left -= leaf.len();
                }
            }
            left -= branch.len;
        }
        Place(self.branches.len(), 0, 0)
    }

    fn at(&self, Place(b, l, i): Place) -> Option<(Value<'_>, f64)> {
        let leaf = self.branches.get(b)?.leaves.get(l)?;
        Some((leaf.members.get(i)?, *leaf.scores.get(i)?))
    }

    fn remove_at(&mut self, Place(b, l, i): Place) {
        self.len -= 1;
        let branch = &mut self.branches[b];
        branch.len -= 1;
        let leaves = Arc::make_mut(&mut branch.leaves);
        let leaf = &mut leaves[l];
        leaf.remove(i);
        let len = leaf.len();
        if len == 0 {
            leaves.remove(l);
        } else if len < LEAF_MAX / 4 {
            // Join the thin leaf with a neighbour that leaves room for more.
            let left = l.saturating_sub(1);
            if let [a, b, ..] = &mut leaves[left..]
                && a.len() + b.len() <= LEAF_MAX / 2
            {
                a.append(b);
                leaves.remove(left + 1);
            }
        }
        branch.note_last();
        if branch.leaves.is_empty() {
            self.branches.remove(b);
        }
    }
}

/// Walks up from a rank.
#[derive(Clone)]
pub(super) struct Forward<'a> {
    tree: &'a Ordered,
    place: Place,
    members: listpack::Iter<'a>,
}

impl<'a> Forward<'a> {
    /// Opens the leaf of the present place.
    fn enter(&mut self) {
        let Place(b, l, i) = self.place;
        let leaf = self.tree.branches.get(b).and_then(|branch| branch.leaves.get(l));
        let Some(leaf) = leaf else { return };
        let position = leaf.members.seek(i).unwrap_or(leaf.members.end());
        self.members = leaf.members.iter().starting_at(position);
    }
}

impl<'a> Iterator for Forward<'a> {
    type Item = (Value<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        let Place(b, l, i) = self.place;
        let branch = self.tree.branches.get(b)?;
        let leaf = branch.leaves.get(l)?;
        if let (Some(member), Some(score)) = (self.members.next(), leaf.scores.get(i)) {
            self.place.2 += 1;
            return Some((member, *score));
        }
        self.place = if l + 1 < branch.leaves.len() { Place(b, l + 1, 0) } else { Place(b + 1, 0, 0) };
        self.enter();
        self.next()
    }
}

/// Walks down from a rank.
#[derive(Clone)]
pub(super) struct Backward<'a> {
    tree: &'a Ordered,
    /// The index is one more than that of the next member.
    place: Place,
    left: usize,
    members: listpack::Iter<'a>,
}

impl Backward<'_> {
    /// Opens the leaf of the present place.
    fn enter(&mut self) {
        let Place(b, l, i) = self.place;
        let leaf = self.tree.branches.get(b).and_then(|branch| branch.leaves.get(l));
        let Some(leaf) = leaf else { return };
        let position = leaf.members.seek(i).unwrap_or(leaf.members.end());
        self.members = leaf.members.iter().ending_at(position);
    }
}

impl<'a> Iterator for Backward<'a> {
    type Item = (Value<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let Place(b, l, i) = self.place;
        if i == 0 {
            let (b, l) = match l.checked_sub(1) {
                Some(l) => (b, l),
                None => {
                    let b = b.checked_sub(1)?;
                    (b, self.tree.branches.get(b)?.leaves.len().checked_sub(1)?)
                }
            };
            self.place = Place(b, l, self.tree.branches.get(b)?.leaves.get(l)?.len());
            self.enter();
        }
        let Place(b, l, i) = self.place;
        self.place.2 = i.checked_sub(1)?;
        let score = self.tree.branches.get(b)?.leaves.get(l)?.scores.get(i - 1)?;
        Some((self.members.next_back()?, *score))
    }
}
