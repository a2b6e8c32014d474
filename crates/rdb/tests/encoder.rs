//! What the encoder writes, the decoder reads: every kind of value in every version, and what a version cannot hold.

mod common;

use common::{Journal, decode, text};
use redtwin_rdb::format::Version;
use redtwin_rdb::{Attributes, EncodeOptions, Encoder, LeftOut, Source, dump, is_behind_keys};
use redtwin_structures::hash::Hash;
use redtwin_structures::limits::Limits;
use redtwin_structures::list::{End, List};
use redtwin_structures::set::Set;
use redtwin_structures::stream::{Pending, Stream, StreamId};
use redtwin_structures::zset::Zset;

const VERSIONS: [u16; 5] = [9, 10, 11, 12, 80];

fn encoder(version: u16, compress: bool, checksum: bool) -> Encoder {
    Encoder::new(EncodeOptions { version: Version::of_number(version), compress, checksum }).unwrap()
}

/// One key in a file of this version, decoded again.
fn lines(version: u16, value: Source<'_>) -> (Vec<String>, LeftOut) {
    let mut encoder = encoder(version, false, true);
    encoder.key(b"k", &Attributes::default(), value);
    encoder.finish();
    let mut journal = Journal::default();
    decode(&encoder.take(), 7, &mut journal).unwrap();
    let count = journal.lines.len();
    (journal.lines[1..count - 2].to_vec(), encoder.left_out())
}

fn small_hash() -> Hash {
    let mut hash = Hash::new();
    hash.insert(b"f", b"v", &Limits::default());
    hash.insert(b"g", b"7", &Limits::default());
    hash
}

#[test]
fn strings_and_lists() {
    for version in VERSIONS {
        assert_eq!(lines(version, Source::Text(b"hello")).0, ["key k String", "string hello"]);
        assert_eq!(lines(version, Source::Integer(-70000)).0, ["key k String", "string -70000"]);
        assert_eq!(lines(version, Source::Integer(i64::MIN)).0[1], "string -9223372036854775808");
    }
    let mut list = List::new();
    list.push(End::Back, b"a", &Limits::default());
    list.push(End::Back, b"7", &Limits::default());
    assert_eq!(
        lines(9, Source::List(&list)).0,
        [
            "key k ListQuicklist",
            "count 1",
            "packed Ziplist \\x10\\x00\\x00\\x00\\r\\x00\\x00\\x00\\x02\\x00\\x00\\x01a\\x03\\xf8\\xff"
        ]
    );
    for version in [10, 11, 12, 80] {
        let (lines, _) = lines(version, Source::List(&list));
        assert_eq!(lines[..2], ["key k ListQuicklist2", "count 1"]);
        assert!(lines[2].starts_with("packed Listpack"));
    }
}

#[test]
fn packed_and_large_collections() {
    let small = Limits {
        hash_max_listpack_entries: 0,
        zset_max_listpack_entries: 0,
        set_max_intset_entries: 512,
        ..Limits::default()
    };
    let mut set = Set::new();
    set.insert(b"5", &small);
    let mut names = Set::new();
    names.insert(b"m", &small);
    let hash = small_hash();
    let mut large = Hash::new();
    large.insert(b"f", b"v", &small);
    let (mut zset, mut large_zset) = (Zset::new(), Zset::new());
    for (member, score) in [(b"a", 1.5), (b"b", f64::INFINITY)] {
        zset.insert(member, score, &Limits::default());
        large_zset.insert(member, score, &small);
    }
    for version in VERSIONS {
        let old = version == 9;
        let first = |value| lines(version, value).0.swap_remove(0);
        assert_eq!(first(Source::Set(&set)), "key k SetIntset");
        assert_eq!(lines(version, Source::Set(&names)).0, ["key k Set", "count 1", "element m"]);
        assert_eq!(first(Source::Hash(&hash)), if old { "key k HashZiplist" } else { "key k HashListpack" });
        assert_eq!(lines(version, Source::Hash(&large)).0, ["key k Hash", "count 1", "field f=v None"]);
        assert_eq!(first(Source::Zset(&zset)), if old { "key k ZsetZiplist" } else { "key k ZsetListpack" });
        assert_eq!(
            lines(version, Source::Zset(&large_zset)).0,
            ["key k Zset2", "count 2", "member b inf", "member a 1.5"]
        );
    }
}

#[test]
fn field_expiries_where_the_version_has_them_and_counted_where_not() {
    let mut hash = small_hash();
    hash.insert(b"h", b"w", &Limits::default());
    hash.set_expiry(b"f", Some(2_000));
    hash.set_expiry(b"h", Some(1_500));
    for (version, kind) in [(12, "HashExpiring"), (80, "HashExpiringValkey")] {
        let (mut lines, left_out) = lines(version, Source::Hash(&hash));
        lines.sort();
        assert_eq!(
            lines,
            [
                "count 3",
                "field f=v Some(2000)",
                "field g=7 None",
                "field h=w Some(1500)",
                &format!("key k {kind}")
            ]
        );
        assert_eq!(left_out, LeftOut::default());
    }
    for version in [9, 10, 11] {
        let (mut lines, left_out) = lines(version, Source::Hash(&hash));
        lines.sort();
        assert_eq!(lines, ["count 3", "field f=v None", "field g=7 None", "field h=w None", "key k Hash"]);
        assert_eq!(left_out.field_expiries, 2);
    }
}

#[test]
fn streams_with_groups() {
    let mut stream = Stream::default();
    for seq in 1..4 {
        stream.append(StreamId::new(5, seq), &["f", "v"], &Limits::default()).unwrap();
    }
    stream.delete(StreamId::new(5, 2));
    stream.create_group(b"g", StreamId::new(5, 3), None);
    let group = stream.group_mut(b"g").unwrap();
    let consumer = group.create_consumer(b"c", 77).unwrap();
    group.set_active(consumer, 88);
    group.assign(StreamId::new(5, 1), Pending { consumer, delivered_ms: 66, deliveries: 2 });
    for (version, kind, read, active, added) in [
        (9, "Stream1", "None", "None", "None"),
        (10, "Stream2", "Some(18446744073709551615)", "None", "Some(3)"),
        (11, "Stream3", "Some(18446744073709551615)", "Some(88)", "Some(3)"),
        (80, "Stream3", "Some(18446744073709551615)", "Some(88)", "Some(3)"),
    ] {
        let (lines, _) = lines(version, Source::Stream(&stream));
        assert_eq!(lines[..2], [format!("key k {kind}"), "count 1".into()]);
        assert!(lines[2].starts_with("node 5-1 "));
        assert!(
            lines[3].contains("length: 2") && lines[3].ends_with(&format!("entries_added: {added} }}")),
            "{}",
            lines[3]
        );
        assert_eq!(
            lines[4..],
            [
                format!("group g 5-3 {read}"),
                "pending 5-1 66 2".into(),
                format!("consumer c 77 {active}"),
                "owned 5-1".into()
            ]
        );
    }
}

#[test]
fn attributes_and_what_belongs_to_no_key() {
    let module =
        [&common::long_length(common::module_id(b"test-type", 1))[..], b"\x02\x02\x01\x05\0"].concat();
    assert!(is_behind_keys(&module) && !is_behind_keys(b"\x01\x02\x01") && !is_behind_keys(b""));
    let mut encoder = encoder(10, true, true);
    encoder.aux(b"redis-ver", b"7.0.15");
    encoder.module_aux(&module);
    encoder.function(b"#!lua name=x\n");
    encoder.select_db(3);
    encoder.resize_db(300, 1);
    encoder.key(
        b"a",
        &Attributes { expire_at_ms: Some(-5), idle_seconds: Some(70), frequency: None },
        Source::Text(&[b'x'; 100]),
    );
    encoder.key(
        b"12",
        &Attributes { frequency: Some(9), ..Attributes::default() },
        Source::Module { id: common::module_id(b"ReJSON-RL", 3), body: b"\x02\x05\0" },
    );
    let mut file = encoder.take();
    encoder.finish();
    file.extend(encoder.take());
    let mut journal = Journal::default();
    decode(&file, 5, &mut journal).unwrap();
    let mut expected = vec![
        "header REDIS0010".to_string(),
        "aux redis-ver=7.0.15".into(),
        format!("module-aux test-type {}", text(&module)),
        "function #!lua name=x\\n".into(),
        "db 3".into(),
        "resize 300 1".into(),
        "key a String expire=-5 idle=70".into(),
        format!("string {}", "x".repeat(100)),
    ];
    expected.push(journal.lines[8].clone());
    expected.extend([
        "key 12 Module2 freq=9".to_string(),
        "module ReJSON-RL \\x02\\x05\\x00".into(),
        journal.lines[11].clone(),
        "end".into(),
    ]);
    assert_eq!(journal.lines, expected);
    assert!(file.len() < 170, "compressed");
}

#[test]
fn the_checksum_is_zero_when_it_is_not_wanted_and_some_versions_are_not_written() {
    let mut encoder = encoder(11, false, false);
    encoder.finish();
    assert_eq!(encoder.take(), [&b"REDIS0011\xff"[..], &[0; 8]].concat());
    for version in [8, 13, 14, 81] {
        let options = EncodeOptions { version: Version::of_number(version), compress: true, checksum: true };
        assert!(Encoder::new(options).is_none());
    }
}

#[test]
fn dump_payloads() {
    // DUMP of a string of forty 'a', as redis-server 7.0.15 gave it.
    let real = b"\x00\xc3\x09\x28\x01aa\xe0\x1b\x00\x01aa\x0a\x00\xcf\x09\x2f\xaa\xae\x25\x83\x1d";
    let mut journal = Journal::default();
    dump::open(real).unwrap().read(&mut journal).unwrap();
    assert_eq!(journal.lines, [format!("string {}", "a".repeat(40))]);
    for at in 0..real.len() {
        let mut bad = real.to_vec();
        bad[at] ^= 0x10;
        assert_eq!(dump::open(&bad).unwrap_err(), dump::DumpError::VersionOrChecksum, "byte {at}");
        assert_eq!(dump::open(&real[..at]).unwrap_err(), dump::DumpError::VersionOrChecksum);
    }
    for version in VERSIONS {
        let payload = dump::encode(Source::Hash(&small_hash()), Version::of_number(version), false);
        let opened = dump::open(&payload).unwrap();
        assert_eq!(opened.version.number, version);
        let mut journal = Journal::default();
        opened.read(&mut journal).unwrap();
        assert_eq!(journal.lines.len(), 1);
    }
}

#[test]
fn a_dump_that_is_right_outside_and_wrong_inside() {
    let seal = |value: &[u8]| {
        let mut payload = [value, &[10, 0]].concat();
        let crc = redtwin_checksum::crc64(0, &payload);
        payload.extend(crc.to_le_bytes());
        payload
    };
    assert!(matches!(dump::open(&seal(b"\x63abc")), Err(dump::DumpError::Value(_))));
    assert!(matches!(dump::open(&seal(b"")), Err(dump::DumpError::Value(_))));
    let short = seal(b"\x01\x05\x01a");
    assert!(dump::open(&short).unwrap().read(&mut Journal::default()).is_err());
}
