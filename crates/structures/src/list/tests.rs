//! The list against a deque, at every node size.
//!
//! Random operations on both must agree after every step, and so must their walks in both directions.

use super::*;
use crate::listpack::validate;
use proptest::prelude::*;

fn texts(list: &List) -> Vec<Vec<u8>> {
    list.iter().map(|v| v.to_vec()).collect()
}

/// Everything a list must be true to.
fn check(list: &List, twin: &[Vec<u8>]) {
    assert_eq!(list.len(), twin.len());
    assert_eq!(texts(list), twin);
    let mut back: Vec<_> = list.iter_back(0).map(|v| v.to_vec()).collect();
    back.reverse();
    assert_eq!(back, twin);
    let mut loaded = List::new();
    for node in list.nodes() {
        match node {
            NodeBytes::Packed(bytes) => {
                assert!(twin.is_empty() || validate(bytes).unwrap() > 0);
                loaded.push_packed_node(bytes.to_vec()).unwrap();
            }
            NodeBytes::Plain(bytes) => loaded.push_plain_node(bytes.to_vec()),
        }
    }
    assert_eq!(texts(&loaded), twin);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn equals_a_vector(
        steps in proptest::collection::vec((0u8..10, any::<prop::sample::Index>(), 0usize..5, 1usize..30), 0..250),
        size in prop_oneof![Just(-2i64), Just(-1), Just(3), Just(1), Just(0), Just(128)],
    ) {
        let limits = Limits { list_max_listpack_size: size, ..Limits::default() };
        let mut list = List::new();
        let mut twin: Vec<Vec<u8>> = Vec::new();
        for (step, index, kind, count) in steps {
            let element = match kind {
                0 => count.to_string().into_bytes(),
                1 => vec![b'x'; 300],
                2 => vec![b'y'; 5000],
                _ => format!("element {}", count % 3).into_bytes(),
            };
            let at = index.index(twin.len() + 1);
            match step {
                0 | 1 => { list.push(End::Front, &element, &limits); twin.insert(0, element); }
                2 | 3 => { list.push(End::Back, &element, &limits); twin.push(element); }
                4 => prop_assert_eq!(list.pop(End::Front), (!twin.is_empty()).then(|| twin.remove(0))),
                5 => prop_assert_eq!(list.pop(End::Back), twin.pop()),
                6 => { list.insert(at, &element, &limits); twin.insert(at, element); }
                7 => {
                    let there = at < twin.len();
                    prop_assert_eq!(list.set(at, &element, &limits), there);
                    if there { twin[at] = element; }
                }
                8 => {
                    let end = (at + count / 4).min(twin.len());
                    prop_assert_eq!(list.remove_range(at, count / 4), end - at);
                    twin.drain(at..end);
                }
                _ => {
                    let from = if kind % 2 == 0 { End::Front } else { End::Back };
                    let mut found: Vec<usize> = (0..twin.len()).filter(|i| twin[*i] == element).collect();
                    if from == End::Back { found.reverse(); }
                    found.truncate(count);
                    prop_assert_eq!(list.remove_equal(from, &element, count), found.len());
                    found.sort_unstable();
                    found.iter().rev().for_each(|i| { twin.remove(*i); });
                }
            }
            prop_assert_eq!(list.len(), twin.len());
            prop_assert_eq!(list.get(at).map(|v| v.to_vec()), twin.get(at).cloned());
        }
        check(&list, &twin);
        for from in [0, twin.len() / 3, twin.len()] {
            let part: Vec<_> = list.iter_from(from).map(|v| v.to_vec()).collect();
            prop_assert_eq!(&part[..], &twin[from..]);
            let mut part: Vec<_> = list.iter_back(from).map(|v| v.to_vec()).collect();
            part.reverse();
            prop_assert_eq!(&part[..], &twin[..twin.len() - from]);
        }
    }
}

#[test]
fn many_equal_elements_go_in_one_pass() {
    let limits = Limits::default();
    let mut list = List::new();
    for i in 0..10_000 {
        list.push(End::Back, if i % 2 == 0 { b"even" } else { b"odd" }, &limits);
    }
    assert_eq!(list.remove_equal(End::Back, b"even", 4000), 4000);
    assert_eq!(list.len(), 6000);
    assert_eq!(list.iter().filter(|v| v.is(b"even")).count(), 1000);
    assert!(list.iter().take(2000).enumerate().all(|(i, v)| v.is(if i % 2 == 0 { b"even" } else { b"odd" })));
}

#[test]
fn pushes_at_the_front_take_little_more_than_the_elements() {
    let limits = Limits::default();
    let mut list = List::new();
    for i in 0..100_000 {
        list.push(End::Front, format!("element:{i:06}").as_bytes(), &limits);
    }
    // Fourteen bytes of text, and two of the entry's own.
    assert!(list.memory_bytes() < 100_000 * 17, "{}", list.memory_bytes());
    assert!(list.get(12_345).unwrap().is(b"element:087654"));
}

#[test]
fn a_clone_stays_as_it_was() {
    let limits = Limits::default();
    let mut list = List::new();
    for i in 0..5000 {
        list.push(End::Back, format!("element:{i:06}").as_bytes(), &limits);
    }
    let before = list.clone();
    list.push(End::Front, b"new", &limits);
    list.set(2500, b"changed", &limits);
    list.remove_range(1000, 500);
    list.insert(3000, b"in", &limits);
    for _ in 0..1000 {
        list.pop(End::Back);
        list.pop(End::Front);
    }
    assert_eq!(before.len(), 5000);
    assert!(before.iter().enumerate().all(|(i, v)| v.is(format!("element:{i:06}").as_bytes())));
}

#[test]
fn a_huge_element_may_stand_by_itself() {
    let mut list = List::new();
    list.push_plain_node(b"1234".to_vec());
    list.push(End::Back, b"after", &Limits::default());
    list.push(End::Front, b"before", &Limits::default());
    assert_eq!(texts(&list), [&b"before"[..], b"1234", b"after"]);
    assert_eq!(list.nodes().filter(|n| matches!(n, NodeBytes::Plain(_))).count(), 1);
    assert!(list.set(1, b"x", &Limits::default()));
    assert_eq!(list.pop(End::Front).as_deref(), Some(&b"before"[..]));
    assert_eq!(list.pop(End::Front).as_deref(), Some(&b"x"[..]));
    assert_eq!(list.len(), 1);
}
