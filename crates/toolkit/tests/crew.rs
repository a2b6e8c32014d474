//! A crew says what one scan says: over every golden RDB, sound, damaged and cut off, whatever the chunks and the filter.

use proptest::prelude::*;
use redtwin_rdb::Error;
use redtwin_rdb::format::Class;
use redtwin_toolkit::check::Check;
use redtwin_toolkit::commands::{Commands, Target};
use redtwin_toolkit::crew::{Crew, Shared};
use redtwin_toolkit::json::{Json, Layout};
use redtwin_toolkit::scan::{AnyScan, Scan};
use redtwin_toolkit::sieve::{BrokenKey, Counts, Filter};
use redtwin_toolkit::table::{Columns, Table};
use redtwin_toolkit::tally::{Tally, TallyOptions};

fn vectors() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/vectors/rdb");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_string(), std::fs::read(path).unwrap())
    };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(read).collect();
    files.sort();
    files
}

/// All that a scan tells.
#[derive(Debug, PartialEq)]
struct Told {
    out: String,
    error: Option<Error>,
    counts: Counts,
    broken_keys: Vec<BrokenKey>,
    last_key: (u64, Vec<u8>),
    losses: Vec<(&'static str, u64)>,
}

fn drain(scan: &mut dyn AnyScan, out: &mut Vec<u8>) {
    let mut buffer = [0; 1000];
    loop {
        match scan.take(&mut buffer) {
            0 => return,
            count => out.extend_from_slice(&buffer[..count]),
        }
    }
}

fn told(scan: &mut dyn AnyScan, file: &[u8], chunk: usize) -> Told {
    let mut out = Vec::new();
    let mut error = None;
    for part in file.chunks(chunk) {
        error = scan.push(part).err();
        drain(scan, &mut out);
        if error.is_some() {
            break;
        }
    }
    // After an error it comes again.
    let error = scan.finish().err().or(error);
    drain(scan, &mut out);
    Told {
        out: String::from_utf8_lossy(&out).into_owned(),
        error,
        counts: scan.counts(),
        broken_keys: scan.broken_keys().to_vec(),
        last_key: scan.last_key(),
        losses: scan.losses().into_iter().filter(|&(_, count)| count > 0).collect(),
    }
}

fn same<J: Shared + Send + 'static>(
    what: &str,
    file: &[u8],
    chunk: usize,
    filter: &Filter,
    tolerant: bool,
    job: impl Fn() -> J,
) {
    let scan = Scan::new(job(), filter.clone(), true);
    let alone = told(&mut if tolerant { scan.tolerant() } else { scan }, file, chunk);
    for threads in [1, 3] {
        let mut crew = Crew::start(threads, &job, filter, true, tolerant).unwrap();
        assert_eq!(told(&mut crew, file, chunk), alone, "{what} in chunks of {chunk}, {threads} threads");
    }
}

fn all_jobs(name: &str, file: &[u8], chunk: usize, filter: &Filter) {
    same(name, file, chunk, filter, true, Check::default);
    same(name, file, chunk, filter, false, || Json::new(Layout::Lines));
    same(name, file, chunk, filter, false, || Commands::new(Target(4, 0)));
    same(name, file, chunk, filter, false, || Commands::new(Target(7, 4)));
    same(name, file, chunk, filter, false, || Table::new(Columns::Memory));
    same(name, file, chunk, filter, false, || {
        Tally::new(TallyOptions { top: 3, separators: b":".to_vec(), depth: 2, now_ms: 1 << 40 })
    });
}

#[test]
fn sound_files() {
    for (name, file) in vectors() {
        for chunk in [1, 23, 300, usize::MAX] {
            all_jobs(&name, &file, chunk, &Filter::default());
        }
        all_jobs(&name, &file, 50, &Filter { memory_min: 150, ..Filter::default() });
        all_jobs(
            &name,
            &file,
            50,
            &Filter { classes: vec![Class::Hash, Class::Stream], ..Filter::default() },
        );
    }
}

#[test]
fn files_that_are_cut_off_or_go_on_behind_their_end() {
    for (name, file) in vectors().into_iter().filter(|(_, file)| file.len() < 2000) {
        for cut in (0..file.len()).step_by(7) {
            all_jobs(&name, &file[..cut], 64, &Filter::default());
        }
        all_jobs(&name, &[&file[..], b"more"].concat(), 64, &Filter::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn damaged_files(which: prop::sample::Index, at: prop::sample::Index, byte: u8, chunk in 1usize..600) {
        let files = vectors();
        let (name, file) = which.get(&files);
        let mut file = file.clone();
        if let Some(place) = file.len().checked_sub(1).map(|_| at.index(file.len())) {
            file[place] = byte;
        }
        all_jobs(name, &file, chunk, &Filter::default());
    }
}
