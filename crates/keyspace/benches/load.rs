//! How fast an RDB becomes a keyspace, without Node around it: `cargo bench -p redtwin-keyspace --bench load -- FILE...`

use redtwin_keyspace::keyspace::Keyspace;
use redtwin_keyspace::load::{LoadOptions, Loader};
use std::time::Instant;

fn main() {
    for path in std::env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        let Ok(bytes) = std::fs::read(&path) else {
            println!("{path}: cannot be read");
            continue;
        };
        let keys = Keyspace::new(16, 1);
        let start = Instant::now();
        let mut loader = Loader::new(&keys, LoadOptions { now_ms: 1, drop_expired: false, checksum: true });
        for chunk in bytes.chunks(1 << 20) {
            if let Err(error) = loader.write(chunk) {
                println!("{path}: {error}");
                break;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        match loader.finish() {
            Ok(loaded) => println!("{path}: {} keys in {seconds:.2} s", loaded.report.keys),
            Err(error) => println!("{path}: {error}"),
        }
    }
}
