//! Sorting only the part of a list that will be shown, exactly as Redis does where it answers with the first few of many
//! (GEOSEARCH with COUNT, SORT with LIMIT).
//!
//! The idea: quicksort that does not descend into a side without a wanted place. It is not stable, and among equals
//! clients see the order in which it leaves them; so it is the very algorithm of Bentley and McIlroy ("Engineering a sort
//! function", 1993), with their choice of the pivot and their partition into less, equal and greater:
//!
//! ```text
//!   | equal | less |  not yet seen  | greater | equal |      then the equal ends are swapped into the middle
//!          a      b                c         d
//! ```

use std::cmp::Ordering;
use std::ops::Range;

/// Up to this many items are sorted by insertion.
const FEW: usize = 7;
/// From more than this on, the pivot is a median of medians.
const MANY: usize = 40;

/// Sorts `items` so that the places in `wanted` hold what they would hold in the sorted list. `compare` must not lie, but
/// if it does, only the order suffers. O(n log n), O(n) when few are wanted.
pub fn sort_part<T>(items: &mut [T], wanted: Range<usize>, compare: &impl Fn(&T, &T) -> Ordering) {
    let (mut low, mut high) = (0, items.len());
    loop {
        let part = &mut items[low..high];
        if part.len() < FEW {
            sort_few(part, compare);
            return;
        }
        let (less, greater) = partition(part, compare);
        let length = part.len();
        if less > 1 && overlaps(low..low + less, &wanted) {
            let inside = wanted.start.saturating_sub(low)..wanted.end.saturating_sub(low);
            sort_part(&mut part[..less], inside, compare);
        }
        low += length - greater;
        high = low + greater;
        if greater < 2 || !overlaps(low..high, &wanted) {
            return;
        }
    }
}

fn overlaps(part: Range<usize>, wanted: &Range<usize>) -> bool {
    part.start < wanted.end && wanted.start < part.end
}

fn sort_few<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && compare(&items[at - 1], &items[at]) == Ordering::Greater {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Index of the middle one of three.
fn median<T>(items: &[T], [a, b, c]: [usize; 3], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let order = |one: usize, other: usize| compare(&items[one], &items[other]);
    if order(a, b) == Ordering::Less {
        if order(b, c) == Ordering::Less {
            b
        } else if order(a, c) == Ordering::Less {
            c
        } else {
            a
        }
    } else if order(b, c) == Ordering::Greater {
        b
    } else if order(a, c) == Ordering::Less {
        a
    } else {
        c
    }
}

fn pivot<T>(items: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let length = items.len();
    let (mut first, mut middle, mut last) = (0, length / 2, length - 1);
    if length == FEW {
        return middle;
    }
    if length > MANY {
        let step = length / 8;
        first = median(items, [first, first + step, first + 2 * step], compare);
        middle = median(items, [middle - step, middle, middle + step], compare);
        last = median(items, [last - 2 * step, last - step, last], compare);
    }
    median(items, [first, middle, last], compare)
}

/// Parts the items around a pivot: gives how many are less (in front) and how many are greater (behind).
fn partition<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) -> (usize, usize) {
    let length = items.len();
    items.swap(0, pivot(items, compare));
    // Both ends of what is not yet seen are open: [b, c) and everything from d on is equal.
    let (mut a, mut b, mut c, mut d) = (1, 1, length, length);
    loop {
        while b < c {
            match compare(&items[b], &items[0]) {
                Ordering::Greater => break,
                Ordering::Equal => {
                    items.swap(a, b);
                    a += 1;
                }
                Ordering::Less => {}
            }
            b += 1;
        }
        while b < c {
            match compare(&items[c - 1], &items[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    items.swap(c - 1, d - 1);
                    d -= 1;
                }
                Ordering::Greater => {}
            }
            c -= 1;
        }
        if b >= c {
            // Only an order that contradicts itself lets them cross.
            c = b;
            break;
        }
        items.swap(b, c - 1);
        b += 1;
        // Only an order that contradicts itself lets the two pass each other.
        c = (c - 1).max(b);
    }
    let (less, greater) = (b - a, d - c);
    swap_blocks(items, 0, b, a.min(less));
    swap_blocks(items, b, length, greater.min(length - d));
    (less, greater)
}

/// Swaps the `count` items from `front` on with the `count` items that end before `back`.
fn swap_blocks<T>(items: &mut [T], front: usize, back: usize, count: usize) {
    for index in 0..count {
        items.swap(front + index, back - count + index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_wanted_places_are_right(
            mut items in prop::collection::vec(0..50_u32, 0..300),
            start in 0..300_usize,
            count in 0..50_usize,
        ) {
            let mut sorted = items.clone();
            sorted.sort_unstable();
            let start = start.min(items.len());
            let end = (start + count).min(items.len());
            sort_part(&mut items, start..end, &|one, other| one.cmp(other));
            prop_assert_eq!(&items[start..end], &sorted[start..end]);
            items.sort_unstable();
            prop_assert_eq!(items, sorted);
        }

        #[test]
        fn a_lying_order_does_no_harm(mut items in prop::collection::vec(any::<u8>(), 0..200), lies: u64) {
            let count = items.len();
            let calls = std::cell::Cell::new(lies);
            sort_part(&mut items, 0..count, &|_, _| {
                calls.set(calls.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                [Ordering::Less, Ordering::Equal, Ordering::Greater][(calls.get() >> 33) as usize % 3]
            });
            prop_assert_eq!(items.len(), count);
        }
    }
}
