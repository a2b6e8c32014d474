//! Every job over every golden RDB of test/vectors: the same whatever the chunks, and no job chokes on a damaged one.

use redtwin_rdb::format::Version;
use redtwin_toolkit::batch::{BatchOptions, Entries};
use redtwin_toolkit::check::Check;
use redtwin_toolkit::commands::{Commands, Target};
use redtwin_toolkit::copy::{Copy, CopyOptions};
use redtwin_toolkit::json::{Json, Layout};
use redtwin_toolkit::scan::{AnyScan, Scan};
use redtwin_toolkit::sieve::{Filter, Job};
use redtwin_toolkit::table::{Columns, Table};
use redtwin_toolkit::tally::{Tally, TallyOptions};
use redtwin_toolkit::writer::RecordWriter;

fn vectors() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/vectors/rdb");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_string(), std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    assert!(files.len() > 40);
    files
}

/// Those that hold what a server could have written.
fn sound_vectors() -> impl Iterator<Item = (String, Vec<u8>)> {
    let doubled = |name: &str| name.starts_with("duplicate-key") || name.starts_with("empty-");
    vectors()
        .into_iter()
        .filter(move |(name, file)| !doubled(name) && run(Check::default(), file, 1000).is_ok())
}

fn copying(version: Option<Version>, careful: bool) -> Copy {
    let options = CopyOptions { version, compress: true, checksum: true, keeps_hints: !careful, careful };
    Copy::new(options).unwrap()
}

/// What was made, through a buffer that is too small.
fn taken(scan: &mut impl AnyScan) -> Vec<u8> {
    let (mut out, mut buffer) = (Vec::new(), [0; 100]);
    loop {
        match scan.take(&mut buffer) {
            0 => return out,
            count => out.extend_from_slice(&buffer[..count]),
        }
    }
}

/// What a job says of a file in chunks of this size, or the error. Some of it is taken late.
fn run<J: Job + Send>(job: J, file: &[u8], chunk: usize) -> Result<Vec<u8>, redtwin_rdb::Error> {
    let mut scan = Scan::new(job, Filter::default(), true);
    let mut out = Vec::new();
    for (index, part) in file.chunks(chunk).enumerate() {
        scan.push(part)?;
        if index % 3 > 0 {
            out.extend(taken(&mut scan));
        }
    }
    scan.finish()?;
    out.extend(taken(&mut scan));
    Ok(out)
}

fn same_in_all_chunks<J: Job + Send>(name: &str, file: &[u8], job: impl Fn() -> J) {
    let whole = run(job(), file, usize::MAX);
    for chunk in [1, 7, 100] {
        let pieces = run(job(), file, chunk);
        match (&whole, &pieces) {
            (Ok(a), Ok(b)) => {
                assert_eq!(String::from_utf8_lossy(a), String::from_utf8_lossy(b), "{name} by {chunk}");
            }
            (a, b) => assert_eq!(a.is_ok(), b.is_ok(), "{name} by {chunk}: {a:?} {b:?}"),
        }
    }
}

#[test]
fn every_job_says_the_same_whatever_the_chunks() {
    let tally = || Tally::new(TallyOptions { top: 3, separators: b":".to_vec(), depth: 3, now_ms: 0 });
    for (name, file) in vectors() {
        same_in_all_chunks(&name, &file, || Json::new(Layout::Lines));
        same_in_all_chunks(&name, &file, || Json::new(Layout::RdbTools));
        same_in_all_chunks(&name, &file, || Commands::new(Target(7, 4)));
        same_in_all_chunks(&name, &file, || Commands::new(Target(2, 8)));
        same_in_all_chunks(&name, &file, || Table::new(Columns::Memory));
        same_in_all_chunks(&name, &file, || copying(None, false));
        same_in_all_chunks(&name, &file, || copying(None, true));
        same_in_all_chunks(&name, &file, tally);
        same_in_all_chunks(&name, &file, Check::default);
    }
}

#[test]
fn a_copy_of_everything_is_the_file() {
    let mut copied = 0;
    for (name, file) in sound_vectors() {
        let json = run(Json::new(Layout::Lines), &file, 1000).unwrap();
        for careful in [false, true] {
            let copy = run(copying(None, careful), &file, 50).unwrap();
            let again = run(Json::new(Layout::Lines), &copy, 1000).unwrap();
            // Redis 8.6's stream tails have no place in a version that can be written.
            assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&json), "{name}");
            copied += 1;
        }
    }
    assert!(copied > 20);
}

#[test]
fn a_conversion_says_the_same_of_every_key() {
    for (name, file) in sound_vectors() {
        let json = run(Json::new(Layout::Lines), &file, 1000).unwrap();
        let holds_expiring_fields = String::from_utf8_lossy(&json).contains("{\"value\":");
        for number in [9, 10, 11, 12, 80] {
            let version = Version::of_number(number);
            let Ok(copy) = run(copying(Some(version), false), &file, 64) else {
                panic!("{name} cannot be written as {number}")
            };
            assert_eq!(copy.get(..9), Some(&version.magic()[..]), "{name} {number}");
            let again = run(Json::new(Layout::Lines), &copy, 1000).unwrap();
            let keeps = version.has_field_expiry() || !holds_expiring_fields;
            // Before 7.0 the counters of streams, before 7.2 when a consumer was active, are not written.
            if keeps && !String::from_utf8_lossy(&json).contains("\"stream\"") {
                assert_eq!(
                    String::from_utf8_lossy(&again),
                    String::from_utf8_lossy(&json),
                    "{name} {number}"
                );
            }
            assert_eq!(json.split(|b| *b == b'\n').count(), again.split(|b| *b == b'\n').count());
        }
    }
}

#[test]
fn records_can_be_written_again() {
    for (name, file) in sound_vectors() {
        let json = run(Json::new(Layout::Lines), &file, 1000).unwrap();
        let options = BatchOptions { values: true, sizes: true, part_bytes: 0 };
        let mut scan = Scan::new(Entries::new(options), Filter::default(), true);
        let mut writer = RecordWriter::new(Version::redis(12), true, true).unwrap();
        let mut out = Vec::new();
        for part in file.chunks(30) {
            scan.push(part).unwrap();
            let batch = scan.sieve.job.take_batch();
            writer.records(&batch.records, &batch.heap).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
            out.extend(writer.take());
        }
        writer.finish();
        out.extend(writer.take());
        let again = run(Json::new(Layout::Lines), &out, 1000).unwrap();
        // What an older version did not say of a stream (its counters, when a consumer was active) is said afterwards.
        let without_streams = |json: &[u8]| {
            let mut lines = sorted(json);
            let streams = json
                .split(|&byte| byte == b'\n')
                .map(|line| String::from_utf8_lossy(line).contains("\"stream\""));
            let mut is_stream = streams;
            lines.retain(|_| !is_stream.next().unwrap_or(false));
            lines
        };
        assert_eq!(without_streams(&again), without_streams(&json), "{name}");
    }
}

/// Each line as the multiset of its bytes: a set is not written in the order in which it was read.
fn sorted(json: &[u8]) -> Vec<Vec<u8>> {
    let line = |line: &[u8]| {
        let mut bytes = line.to_vec();
        bytes.sort_unstable();
        bytes
    };
    json.split(|&byte| byte == b'\n').map(line).collect()
}

#[test]
fn what_is_complete_can_be_saved() {
    let (_, file) = vectors().into_iter().find(|(name, _)| name == "redis-0010-listpacks.rdb").unwrap();
    let whole = String::from_utf8(run(Json::new(Layout::Lines), &file, 1000).unwrap()).unwrap();
    for cut in 0..file.len() {
        for chunk in [11, 1000] {
            let mut scan = Scan::new(copying(None, true), Filter::default(), true).tolerant();
            let mut out = Vec::new();
            for part in file[..cut].chunks(chunk) {
                scan.push(part).unwrap();
                out.extend(taken(&mut scan));
            }
            assert!(scan.finish().is_err());
            let salvage = scan.sieve.job.salvage();
            out.truncate(salvage.keep_bytes as usize);
            out.extend(salvage.tail);
            if cut >= 9 {
                let saved = run(Json::new(Layout::Lines), &out, 1000).unwrap();
                assert!(whole.starts_with(std::str::from_utf8(&saved).unwrap()), "cut at {cut} by {chunk}");
            }
        }
    }
}

/// A key too large to be held back is given out before it is known to be sound, and taken back when it is not.
#[test]
fn a_large_broken_key_is_taken_back() {
    let field =
        |number: u32| [&[9][..], format!("{number:09}").as_bytes(), &[0x40, 100], &[b'v'; 100]].concat();
    let count = 150_000u32;
    for broken in [false, true] {
        let mut file = b"REDIS0010\xfe\x00\x00\x05first\x01v\xfe\x01\x04\x03big\x80".to_vec();
        file.extend(count.to_be_bytes());
        (0..count - 1).for_each(|number| file.extend(field(number)));
        file.extend(field(if broken { 7 } else { count }));
        file.extend(b"\x00\x04last\x01v\xff\0\0\0\0\0\0\0\0");
        let mut scan = Scan::new(copying(None, true), Filter::default(), true).tolerant();
        let (mut out, mut held_max) = (Vec::new(), 0);
        for part in file.chunks(100_000) {
            scan.push(part).unwrap();
            if let Some(keep) = scan.sieve.job.retracted() {
                assert!(out.len() > 8 << 20);
                out.truncate(keep as usize);
            }
            let made = taken(&mut scan);
            held_max = held_max.max(made.len());
            out.extend(made);
        }
        scan.finish().unwrap();
        out.extend(taken(&mut scan));
        assert!(held_max < 9 << 20);
        // Its checksum is right too.
        let names = String::from_utf8(run(Table::new(Columns::Keys), &out, 1 << 20).unwrap()).unwrap();
        assert_eq!(names, if broken { "first\nlast\n" } else { "first\nbig\nlast\n" });
        assert_eq!(scan.counts().broken, u64::from(broken));
    }
}
