//! Every type and opcode of the format, built byte by byte, decoded in chunks of every kind.
//!
//! Each case is one body behind one magic and the lines that a sink must be told. It is decoded whole, byte by byte and
//! in chunks of 2 to 19 bytes; cut at every byte it must wait and never fail; and stepped over, it must end at the
//! same place.

mod common;

use common::cases::{Case, bytes, cases, expected};
use common::{Journal, decode, file};
use proptest::prelude::*;
use redtwin_rdb::format::Version;
use redtwin_rdb::{Decoder, ErrorKind};

#[test]
fn every_case_in_every_chunking() {
    for case in cases() {
        let bytes = bytes(&case);
        for size in [usize::MAX, 1, 2, 3, 5, 7, 8, 11, 19] {
            let mut journal = Journal::default();
            let result = decode(&bytes, size, &mut journal);
            assert_eq!(journal.lines, expected(&case), "{} in chunks of {size}: {result:?}", case.name);
            assert_eq!(result, Ok(()), "{} in chunks of {size}", case.name);
        }
    }
}

#[test]
fn every_case_cut_at_every_byte_waits() {
    for case in cases() {
        let bytes = bytes(&case);
        for cut in 0..bytes.len() {
            for size in [usize::MAX, 1] {
                let error = decode(&bytes[..cut], size, &mut Journal::default()).unwrap_err();
                assert_eq!(
                    (error.kind, error.offset),
                    (ErrorKind::Truncated, cut as u64),
                    "{} cut at {cut}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn every_case_stepped_over_ends_at_the_same_place() {
    for case in cases() {
        let bytes = bytes(&case);
        for (size, first) in [(usize::MAX, b'k'), (1, b'k'), (3, b's'), (1, b's')] {
            let mut journal = Journal { skips: Some(first), ..Journal::default() };
            assert_eq!(decode(&bytes, size, &mut journal), Ok(()), "{}", case.name);
            let kept: Vec<&str> = journal
                .lines
                .iter()
                .map(String::as_str)
                .filter(|l| l.starts_with("key") || l.ends_with("bytes") || *l == "end")
                .collect();
            let all = expected(&case);
            let wanted: Vec<&str> = all
                .iter()
                .map(String::as_str)
                .filter(|l| l.starts_with("key") || l.ends_with("bytes") || *l == "end")
                .collect();
            assert_eq!(kept, wanted, "{}", case.name);
        }
    }
}

#[test]
fn many_cases_in_one_file_of_each_magic() {
    for magic in ["REDIS0013", "VALKEY080"] {
        let cases: Vec<Case> = cases()
            .into_iter()
            .filter(|c| c.magic == magic || (!c.magic.starts_with("VALKEY") && c.magic < "REDIS0012"))
            .collect();
        let body: Vec<u8> = cases.iter().flat_map(|c| c.body.clone()).collect();
        let lines: Vec<String> = cases.iter().flat_map(|c| c.lines.clone()).collect();
        for size in [usize::MAX, 1, 13, 64] {
            let mut journal = Journal::default();
            decode(&file(magic, &body), size, &mut journal).unwrap();
            assert_eq!(journal.lines[1..journal.lines.len() - 1], lines);
        }
    }
}

fn failure(bytes: &[u8]) -> (ErrorKind, u64) {
    let whole = decode(bytes, usize::MAX, &mut Journal::default()).unwrap_err();
    let by_byte = decode(bytes, 1, &mut Journal::default()).unwrap_err();
    assert_eq!(whole, by_byte);
    (whole.kind, whole.offset)
}

#[test]
fn wrong_files_are_refused_with_the_place() {
    assert_eq!(failure(b"PSYNC"), (ErrorKind::BadMagic, 0));
    assert_eq!(failure(b"REDIS00x1"), (ErrorKind::BadMagic, 8));
    for magic in [b"REDIS0016", b"VALKEY082", b"REDIS0000", b"REDIS0080", b"VALKEY011"] {
        let (kind, offset) = failure(magic);
        assert!(matches!(kind, ErrorKind::UnsupportedVersion(_)), "{magic:?}");
        assert_eq!(offset, 8);
    }
    for (version, byte) in [(13, 8), (13, 107), (12, 243), (80, 24), (80, 28)] {
        let version = Version::of_number(version);
        let magic = String::from_utf8(version.magic()).unwrap();
        assert_eq!(failure(&file(&magic, &[byte])), (ErrorKind::UnknownType(byte, version), 9));
    }
    for (magic, byte) in
        [("REDIS0010", 246), ("REDIS0010", 6), ("REDIS0014", 27), ("REDIS0014", 28), ("VALKEY081", 23)]
            .into_iter()
            .chain([29, 30, 31, 32, 33, 242].map(|byte| ("REDIS0015", byte)))
            .chain([("VALKEY081", 242)])
    {
        let (kind, offset) = failure(&file(magic, &[byte]));
        assert!(matches!(kind, ErrorKind::Refused(..)) && offset == 9, "{magic} {byte}: {kind:?}");
        // Whoever reads it learns what it is and where it stood.
        let said = kind.to_string();
        assert!(said.contains(&byte.to_string()) && said.contains(magic), "{said}");
    }
    assert!(matches!(failure(&file("REDIS0010", b"\0\x01k\xc5")), (ErrorKind::Corrupt(_), 12)));
    assert!(matches!(failure(&file("REDIS0010", b"\x12\x01k\x01\x03")), (ErrorKind::Corrupt(_), 13)));
}

#[test]
fn the_checksum_is_compared_unless_it_is_zero_or_not_wanted() {
    let mut bytes = file("REDIS0010", b"\0\x01k\x01v");
    let at = bytes.len() - 8;
    let right = u64::from_le_bytes(bytes[at..].try_into().unwrap());
    bytes[at] ^= 1;
    assert_eq!(failure(&bytes), (ErrorKind::Checksum { expected: right ^ 1, actual: right }, at as u64));
    let mut decoder = Decoder::new(false);
    assert!(decoder.push(&bytes, &mut Journal::default()).unwrap().done);
    bytes[at..].fill(0);
    assert_eq!(decode(&bytes, 4, &mut Journal::default()), Ok(()));
}

#[test]
fn what_follows_the_end_is_not_taken() {
    let mut bytes = file("REDIS0010", b"");
    let size = bytes.len();
    bytes.extend(b"*1\r\n");
    let mut decoder = Decoder::new(true);
    let progress = decoder.push(&bytes, &mut Journal::default()).unwrap();
    assert_eq!((progress.taken, progress.done), (size, true));
    let progress = decoder.push(b"more", &mut Journal::default()).unwrap();
    assert_eq!((progress.taken, progress.done), (0, true));
    assert_eq!(decoder.bytes(), size as u64);
}

#[test]
fn an_error_stays() {
    let mut decoder = Decoder::new(true);
    let error = decoder.push(b"REDIS0010\x08", &mut Journal::default()).unwrap_err();
    assert_eq!(decoder.push(b"\xff", &mut Journal::default()), Err(error.clone()));
    assert_eq!(decoder.finish(), Err(error));
}

/// The journal and the result of bytes that may be anything.
fn journal(bytes: &[u8], size: usize) -> (Vec<String>, Result<(), redtwin_rdb::Error>) {
    let mut journal = Journal::default();
    let result = decode(bytes, size, &mut journal);
    (journal.lines, result)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_files_give_the_same_in_every_chunking(
        which: prop::sample::Index,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        size in 1usize..40,
    ) {
        let cases = cases();
        let mut bytes = bytes(which.get(&cases));
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        prop_assert_eq!(journal(&bytes, size), journal(&bytes, usize::MAX));
    }

    #[test]
    fn garbage_behind_a_magic_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200), valkey: bool, size in 1usize..40) {
        let bytes = [if valkey { b"VALKEY080" } else { b"REDIS0013" }, &body[..]].concat();
        prop_assert_eq!(journal(&bytes, size), journal(&bytes, usize::MAX));
    }
}
