//! The listpack against a vector of byte strings, and its validation against noise.
//!
//! No bytes whatever may make it panic or read past its end.

use super::*;
use proptest::prelude::*;

fn texts(pack: &Listpack) -> Vec<Vec<u8>> {
    pack.iter().map(|v| v.to_vec()).collect()
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<i64>().prop_map(|v| v.to_string().into_bytes()),
        (-5000i64..5000).prop_map(|v| v.to_string().into_bytes()),
        (-9_000_000i64..9_000_000).prop_map(|v| v.to_string().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..70),
        (4090usize..4100).prop_map(|n| vec![b'x'; n]),
        (16370usize..16390).prop_map(|n| vec![b'y'; n]),
    ]
}

#[test]
fn bytes_are_those_of_redis() {
    let mut pack = Listpack::new();
    for text in [&b"a"[..], b"1", b"-1", b"1000", b"70000", b"-9223372036854775808", b"01"] {
        pack.push(text);
    }
    let expected: &[u8] = &[
        0x2a, 0, 0, 0, 7, 0, 0x81, b'a', 2, 1, 1, 0xdf, 0xff, 2, 0xc3, 0xe8, 2, 0xf2, 0x70, 0x11, 1, 4, 0xf4,
        0, 0, 0, 0, 0, 0, 0, 0x80, 9, 0x82, b'0', b'1', 3, 0xff,
    ];
    let mut expected = expected.to_vec();
    expected[0] = expected.len() as u8;
    assert_eq!(pack.as_bytes(), &expected[..]);
    assert_eq!(validate(pack.as_bytes()), Ok(7));
}

#[test]
fn all_ways_to_be_empty_are_one() {
    let mut emptied = Listpack::new();
    emptied.push(b"a");
    emptied.delete(HEADER_BYTES, 1);
    let seven = [7, 0, 0, 0, 0, 0, END];
    let taken = Listpack::from_bytes(seven.to_vec()).unwrap();
    for pack in [Listpack::new(), emptied, taken, Builder::default().finish(), Builder::default().take()] {
        assert_eq!((pack.as_bytes(), pack.len(), pack.is_empty()), (&seven[..], 0, true));
        assert_eq!((pack.first(), pack.last(), pack.end(), pack.seek(0)), (None, None, HEADER_BYTES, None));
        assert_eq!(pack, Listpack::new());
    }
}

#[test]
fn a_count_beyond_the_header_is_walked_and_found_again() {
    let mut builder = Builder::default();
    for i in 0..65_536 {
        builder.push_value(Value::Int(i % 100));
    }
    let mut pack = builder.finish();
    assert_eq!(&pack.as_bytes()[4..6], &[0xff, 0xff]);
    assert_eq!(pack.len(), 65_536);
    assert_eq!(validate(pack.as_bytes()), Ok(65_536));
    pack.delete(pack.seek(10).unwrap(), 3);
    assert_eq!(pack.len(), 65_533);
    assert_eq!(&pack.as_bytes()[4..6], &65_533u16.to_le_bytes());
}

#[test]
fn broken_bytes_are_refused() {
    let mut pack = Listpack::new();
    pack.push(b"hello");
    let good = pack.as_bytes().to_vec();
    for cut in 0..good.len() {
        assert!(validate(&good[..cut]).is_err());
    }
    for (at, value) in [(0, 1u8), (4, 9), (6, 0xf5), (6, 0xbf), (12, 0), (12, 5), (12, 0x86), (13, 0)] {
        let mut bad = good.clone();
        bad[at] = value;
        assert!(validate(&bad).is_err(), "byte {at} as {value}");
    }
}

proptest! {
    #[test]
    fn edits_equal_those_of_a_vector(
        steps in proptest::collection::vec((0u8..6, any::<prop::sample::Index>(), element(), 1usize..4), 1..40)
    ) {
        let mut pack = Listpack::new();
        let mut twin: Vec<Vec<u8>> = Vec::new();
        for (step, index, text, count) in steps {
            let at = if twin.is_empty() { None } else { Some(index.index(twin.len())) };
            match (step, at) {
                (0, _) | (_, None) => { pack.push(&text); twin.push(text); }
                (1, _) => { pack.prepend(&text); twin.insert(0, text); }
                (2, Some(i)) => {
                    pack.insert(pack.seek(i).unwrap(), &[Value::of(&text), Value::Int(7)]);
                    twin.splice(i..i, [text, b"7".to_vec()]);
                }
                (3, Some(i)) => { pack.replace(pack.seek(i).unwrap(), Value::of(&text)); twin[i] = text; }
                (4, Some(i)) => {
                    pack.delete(pack.seek(i).unwrap(), count);
                    twin.drain(i..(i + count).min(twin.len()));
                }
                (_, Some(i)) => {
                    let wanted = twin[i].clone();
                    let first = twin.iter().position(|t| *t == wanted).unwrap();
                    prop_assert_eq!(pack.find(&wanted, HEADER_BYTES, 1), pack.seek(first));
                }
            }
            prop_assert_eq!(validate(pack.as_bytes()), Ok(twin.len()));
            prop_assert_eq!(pack.len(), twin.len());
        }
        prop_assert_eq!(texts(&pack), twin.clone());
        let mut backwards: Vec<_> = pack.iter().rev().map(|v| v.to_vec()).collect();
        backwards.reverse();
        prop_assert_eq!(&backwards, &twin);
        let mut builder = Builder::default();
        twin.iter().for_each(|t| builder.push(t));
        prop_assert_eq!(builder.finish(), pack);
    }

    #[test]
    fn noise_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), honest in any::<bool>()) {
        if honest && bytes.len() > 7 {
            let total = bytes.len() as u32;
            bytes[..4].copy_from_slice(&total.to_le_bytes());
            *bytes.last_mut().unwrap() = END;
        }
        for at in 0..bytes.len() {
            prop_assert_eq!(encoded_size(&bytes, at), decode(&bytes, at).map(|(_, size)| size));
        }
        let valid = validate(&bytes);
        let walked = Iter::new(&bytes).count();
        let back = Iter::new(&bytes).rev().count();
        if let Ok(count) = valid {
            prop_assert_eq!((walked, back), (count, count));
        }
    }

    #[test]
    fn a_flipped_byte_is_survived(texts in proptest::collection::vec(element(), 1..8), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut builder = Builder::default();
        texts.iter().for_each(|t| builder.push(t));
        let mut bytes = builder.finish().as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(count) = validate(&bytes) {
            prop_assert_eq!(Iter::new(&bytes).count(), count);
            prop_assert_eq!(Iter::new(&bytes).rev().count(), count);
        }
    }
}
