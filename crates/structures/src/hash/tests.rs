//! The hash against an ordered map, in all its forms.
//!
//! Expiring fields included; random operations shrink to the few that matter.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn equals_an_ordered_map(
        steps in proptest::collection::vec((0u8..8, 0u32..300, 0usize..6, 1i64..50), 0..600),
        entries in 0usize..100,
        expiring in any::<bool>(),
    ) {
        let limits = Limits { hash_max_listpack_entries: entries, ..Limits::default() };
        let mut hash = Hash::new();
        let mut twin: BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)> = BTreeMap::new();
        for (step, name, kind, time) in steps {
            let name = if name % 3 == 0 { name.to_string() } else { format!("field {name}") }.into_bytes();
            let value = match kind {
                0 => Vec::new(),
                1 => b"12345".to_vec(),
                2 => vec![b'v'; 70],
                3 => vec![b'w'; BUCKET_VALUE_BYTES_MAX + 5],
                _ => format!("value {time}").into_bytes(),
            };
            match step {
                0 => prop_assert_eq!(hash.remove(&name), twin.remove(&name).is_some()),
                1 | 2 if expiring => {
                    let at = (step == 1).then_some(time);
                    prop_assert_eq!(hash.set_expiry(&name, at), twin.get_mut(&name).map(|e| e.1 = at).is_some());
                }
                3 => {
                    let at = twin.get(&name).and_then(|e| e.1);
                    prop_assert_eq!(hash.insert_keeping_expiry(&name, &value, &limits), !twin.contains_key(&name));
                    twin.insert(name.clone(), (value, at));
                }
                4 if expiring => {
                    let mut gone = hash.take_expired(time / 2, usize::MAX);
                    gone.sort();
                    let twins: Vec<_> = twin.iter().filter(|(_, e)| e.1.is_some_and(|at| at < time / 2)).map(|(n, _)| n.clone()).collect();
                    twins.iter().for_each(|n| { twin.remove(n); });
                    prop_assert_eq!(gone, twins);
                }
                _ => {
                    prop_assert_eq!(hash.insert(&name, &value, &limits), !twin.contains_key(&name));
                    twin.insert(name.clone(), (value, None));
                }
            }
            prop_assert_eq!(hash.len(), twin.len());
            prop_assert_eq!(hash.expiring_len(), twin.values().filter(|e| e.1.is_some()).count());
            let earliest = twin.values().filter_map(|e| e.1).min();
            prop_assert!(earliest.is_none() == hash.earliest_expiry_ms().is_none() && hash.earliest_expiry_ms() <= earliest);
            for now in [LOOK_AT_ALL, time] {
                let seen = hash.get(&name, now).map(|f| (f.value.to_vec(), f.expires_ms));
                let expected = twin.get(&name).filter(|e| e.1.is_none_or(|at| at >= now)).cloned();
                prop_assert_eq!(seen, expected);
            }
        }
        let all: BTreeMap<_, _> = hash.iter().map(|f| (f.name.to_vec(), (f.value.to_vec(), f.expires_ms))).collect();
        prop_assert_eq!(&all, &twin);
        let (mut cursor, mut seen) = (0, BTreeMap::new());
        loop {
            cursor = hash.scan(cursor, |f| { seen.insert(f.name.to_vec(), (f.value.to_vec(), f.expires_ms)); });
            if cursor == 0 { break }
        }
        prop_assert_eq!(&seen, &twin);
        let copied = Hash::from_listpack(hash.to_listpack(), &limits).unwrap();
        prop_assert_eq!(copied.len(), twin.len());
        prop_assert_eq!(hash.random(7).is_some(), !twin.is_empty());
    }
}

#[test]
fn encodings_change_where_those_of_redis_do() {
    let limits = Limits::default();
    let mut hash = Hash::new();
    for i in 0..512 {
        hash.insert(format!("f{i}").as_bytes(), b"v", &limits);
    }
    assert_eq!(hash.encoding(), "listpack");
    hash.insert(b"f512", b"v", &limits);
    assert_eq!(hash.encoding(), "hashtable");
    let mut hash = Hash::new();
    hash.insert(b"f", &[b'v'; 64], &limits);
    assert_eq!(hash.encoding(), "listpack");
    hash.insert(b"f", &[b'v'; 65], &limits);
    assert_eq!(hash.encoding(), "hashtable");
    let mut hash = Hash::new();
    hash.insert(b"f", b"v", &limits);
    hash.set_expiry(b"f", Some(5));
    assert_eq!(hash.encoding(), "listpackex");
}
