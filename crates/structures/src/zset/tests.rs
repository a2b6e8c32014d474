//! The sorted set against a sorted vector, in both of its forms.
//!
//! Ties in the score, infinities and both zeros are drawn often, because the order hangs on them.

use super::*;
use proptest::prelude::*;

type Twin = Vec<(f64, Vec<u8>)>;

fn twin_cut(twin: &Twin, cut: &Cut<'_>) -> usize {
    twin.iter().filter(|(score, member)| cut.is_after(*score, || Some(Value::of(member)))).count()
}

fn check(zset: &Zset, twin: &Twin) {
    assert_eq!(zset.len(), twin.len());
    let seen: Twin = zset.range(0, usize::MAX).map(|(m, s)| (s, m.to_vec())).collect();
    assert_eq!(&seen, twin);
    let mut back: Twin = zset.range_back(0, usize::MAX).map(|(m, s)| (s, m.to_vec())).collect();
    back.reverse();
    assert_eq!(&back, twin);
}

fn insert(twin: &mut Twin, score: f64, member: &[u8]) -> Option<f64> {
    let old = twin.iter().position(|(_, m)| m == member).map(|i| twin.remove(i).0);
    let at = twin.partition_point(|(s, m)| (*s, &m[..]) < (score, member));
    twin.insert(at, (score, member.to_vec()));
    old
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn equals_a_sorted_vector(
        steps in proptest::collection::vec((0u8..5, 0u32..400, 0i32..40), 0..600),
        small in 0usize..200,
        from in 0usize..400, size in 0usize..100,
    ) {
        let limits = Limits { zset_max_listpack_entries: small, ..Limits::default() };
        let mut zset = Zset::new();
        let mut twin = Twin::new();
        for (step, member, score) in steps {
            let parts = if member % 2 == 0 { 4.0 } else { 10.0 };
            let member = if member % 3 == 0 { member.to_string() } else { format!("m:{member}") }.into_bytes();
            let score = f64::from(score) / parts;
            if step > 0 {
                prop_assert_eq!(zset.insert(&member, score, &limits), insert(&mut twin, score, &member));
            } else {
                let old = twin.iter().position(|(_, m)| *m == member).map(|i| twin.remove(i).0);
                prop_assert_eq!(zset.remove(&member), old);
            }
            prop_assert_eq!(zset.score(&member), twin.iter().find(|(_, m)| *m == member).map(|(s, _)| *s));
            prop_assert_eq!(zset.rank(&member).map(|r| r.0), twin.iter().position(|(_, m)| *m == member));
            let cuts = [Cut::Start, Cut::End, Cut::BeforeScore(score), Cut::AfterScore(score), Cut::At(score, b"m:2")];
            for cut in cuts {
                prop_assert_eq!(zset.rank_of(cut), twin_cut(&twin, &cut));
            }
        }
        check(&zset, &twin);
        let end = (from + size).min(twin.len());
        let part: Twin = zset.range(from, from + size).map(|(m, s)| (s, m.to_vec())).collect();
        prop_assert_eq!(&part[..], twin.get(from..end).unwrap_or_default());
        let mut back: Twin = zset.range_back(from, from + size).map(|(m, s)| (s, m.to_vec())).collect();
        back.reverse();
        prop_assert_eq!(&back[..], twin.get(from..end).unwrap_or_default());
        if let Some(pack) = zset.listpack() {
            let loaded = Zset::from_listpack(pack.into_owned(), &limits).unwrap();
            check(&loaded, &twin);
            prop_assert_eq!(loaded.memory_bytes(), zset.memory_bytes());
        }
        let mut packed = zset.clone();
        packed.pack(&limits);
        check(&packed, &twin);
        prop_assert_eq!(packed.encoding() == "listpack", twin.len() <= small);
        zset.remove_range(from, from + size);
        if from < end { twin.drain(from..end); }
        check(&zset, &twin);
    }
}

#[test]
fn members_of_one_score_are_in_byte_order() {
    for limits in [Limits::default(), Limits { zset_max_listpack_entries: 0, ..Limits::default() }] {
        let mut zset = Zset::new();
        for i in (0..3000).rev() {
            zset.insert(format!("{i:04}").as_bytes(), 0.0, &limits);
        }
        assert_eq!(zset.rank_of(Cut::BeforeMember(b"0100")), 100);
        assert_eq!(zset.rank_of(Cut::AfterMember(b"0100")), 101);
        assert_eq!(zset.rank_of(Cut::BeforeMember(b"01005")), 101);
        assert_eq!(zset.encoding(), "skiplist");
    }
}

#[test]
fn a_clone_stays_as_it_was() {
    let limits = Limits::default();
    let mut zset = Zset::new();
    let mut twin = Twin::new();
    for i in 0..5000 {
        let member = format!("member:{i:05}");
        zset.insert(member.as_bytes(), (i % 700) as f64, &limits);
        insert(&mut twin, (i % 700) as f64, member.as_bytes());
    }
    let before = zset.clone();
    zset.remove_range(100, 3000);
    for i in 0..500 {
        zset.insert(format!("member:{i:05}").as_bytes(), -1.0, &limits);
        zset.insert(format!("new:{i:05}").as_bytes(), 350.0, &limits);
    }
    check(&before, &twin);
    assert_eq!(before.score(b"member:00001"), Some(1.0));
}

#[test]
fn ordered_arrival_fills_the_leaves() {
    let limits = Limits::default();
    let (mut up, mut down) = (Zset::new(), Zset::new());
    for i in 0..20_000 {
        up.insert(format!("member:{i:09}").as_bytes(), i as f64, &limits);
        down.insert(format!("member:{i:09}").as_bytes(), -(i as f64), &limits);
    }
    for zset in [&up, &down] {
        assert!(zset.memory_bytes() < 20_000 * 70, "{}", zset.memory_bytes());
    }
    assert_eq!(up.rank(b"member:000012345"), Some((12_345, 12_345.0)));
    assert_eq!(down.rank(b"member:000012345"), Some((19_999 - 12_345, -12_345.0)));
}

#[test]
fn packed_bytes_are_those_of_redis() {
    let limits = Limits::default();
    let mut zset = Zset::new();
    zset.insert(b"b", 1.5, &limits);
    zset.insert(b"a", 3.0, &limits);
    zset.insert(b"c", -0.0, &limits);
    let texts: Vec<_> = zset.listpack().unwrap().iter().map(|v| v.to_vec()).collect();
    assert_eq!(texts, [&b"c"[..], b"0", b"b", b"1.5", b"a", b"3"]);
}

#[test]
fn broken_listpacks_are_refused() {
    for bad in [&["a"][..], &["a", "x"], &["a", "2", "b", "1"], &["a", "1", "a", "2"], &["b", "1", "a", "1"]]
    {
        let mut pack = Listpack::new();
        bad.iter().for_each(|text| pack.push(text.as_bytes()));
        assert!(Zset::from_listpack(pack, &Limits::default()).is_none(), "{bad:?}");
    }
}
