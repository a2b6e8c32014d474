//! How fast an RDB becomes a keyspace, without Node around it: `cargo bench -p redtwin-keyspace --bench load -- FILE...`

use redtwin_keyspace::keyspace::Keyspace;
use redtwin_keyspace::load::{LoadOptions, Loader};
use std::time::Instant;

#[path = "../../../native/src/allocator.rs"]
mod allocator;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

fn resident_megabytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) / 256
}

fn main() {
    for path in std::env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        let Ok(bytes) = std::fs::read(&path) else {
            println!("{path}: cannot be read");
            continue;
        };
        let before = resident_megabytes();
        let keys = Keyspace::new(16, 1);
        let start = Instant::now();
        let mut loader = Loader::new(
            &keys,
            LoadOptions { now_ms: 1, drop_expired: false, tell_expired: false, checksum: true },
        );
        for chunk in bytes.chunks(1 << 20) {
            if let Err(error) = loader.write(chunk) {
                println!("{path}: {error}");
                break;
            }
        }
        match loader.finish() {
            Ok(loaded) => {
                let seconds = start.elapsed().as_secs_f64();
                let megabytes = resident_megabytes() - before;
                let used = allocator::used_bytes() >> 20;
                println!(
                    "{path}: {} keys in {seconds:.2} s, {megabytes} MB resident, {used} MB in use",
                    loaded.report.keys
                );
                // Taking millions of keys apart would only blur a profile.
                std::mem::forget(loaded);
            }
            Err(error) => println!("{path}: {error}"),
        }
    }
}
